//! What holds of the reply to any packet whatever. Shared by the property tests
//! and by the fuzz target.

use dns_server::{MAX_UDP, Outcome, Transport};
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

/// Bytes of a message's header.
const HEADER: usize = 12;

/// Panics if this is not a reply that may be given to `packet`.
pub(crate) fn check(packet: &[u8], transport: Transport, outcome: Outcome, reply: &[u8]) {
    let must_be_dropped = packet.len() < HEADER || packet[2] & 0x80 != 0;
    assert_eq!(
        outcome == Outcome::Dropped,
        must_be_dropped,
        "what is dropped"
    );
    if must_be_dropped {
        assert!(reply.is_empty(), "a dropped packet has no reply");
        return;
    }
    let answer = whole(reply).expect("a reply is a message and nothing else");
    let head = answer.metadata;
    assert_eq!(reply[..2], packet[..2], "the id comes back");
    assert!(reply[2] & 0x80 != 0, "a reply is a response");
    assert_eq!(reply[2] & 0x78, packet[2] & 0x78, "the opcode comes back");
    assert!(!head.recursion_available && !head.authentic_data && !head.checking_disabled);
    assert_eq!(head.truncation, outcome == Outcome::Truncated);
    if head.truncation {
        assert_eq!(transport, Transport::Udp, "over TCP all of it is sent");
        assert!(answer.answers.is_empty(), "no part of a record set");
    }
    let query = whole(packet);
    let size = query.as_ref().and_then(|query| query.edns.as_ref());
    let size = size.map_or(512, |edns| edns.max_payload().max(512));
    if transport == Transport::Udp {
        assert!(
            reply.len() <= usize::from(size.min(MAX_UDP)),
            "no longer than allowed"
        );
    }
    // The reply to a request with EDNS has EDNS, whatever is wrong with the request.
    let question = question(packet).filter(|_| packet[4..6] == [0, 1]);
    if let Some(query) = query.as_ref().filter(|_| question.is_some()) {
        assert_eq!(answer.edns.is_some(), query.edns.is_some(), "OPT for OPT");
    }
    let not_understood = matches!(
        head.response_code,
        ResponseCode::FormErr | ResponseCode::NotImp
    );
    if let Some(query) = query.filter(|_| !not_understood) {
        // A signature is looked at first, whatever the opcode (RFC 8945, 5.2).
        let op_code = query.metadata.op_code;
        assert!(op_code == OpCode::Query || head.response_code == ResponseCode::NotAuth);
        assert_eq!(answer.edns.is_some(), query.edns.is_some(), "OPT for OPT");
        // A question without compression comes back byte for byte.
        if let Some(question) = question.filter(|_| op_code == OpCode::Query) {
            assert_eq!(reply.get(HEADER..HEADER + question.len()), Some(question));
        }
    }
}

/// The message that these bytes are, if they are one and nothing else.
pub(crate) fn whole(bytes: &[u8]) -> Option<Message> {
    let mut decoder = BinDecoder::new(bytes);
    let message = Message::read(&mut decoder).ok()?;
    decoder.is_empty().then_some(message)
}

/// The question's bytes, if its name is not compressed.
fn question(packet: &[u8]) -> Option<&[u8]> {
    let mut at = HEADER;
    loop {
        match *packet.get(at)? {
            0 => return packet.get(HEADER..at + 5),
            length @ 1..=63 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}
