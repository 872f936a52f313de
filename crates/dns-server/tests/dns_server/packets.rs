//! Whatever comes in: what holds of every reply.

use std::cell::RefCell;

use dns_server::{Outcome, Transport};
use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::RecordType;
use plan_store::Target;
use proptest::prelude::*;

use crate::check::check;
use crate::world::{Reply, World, query};

/// The world of the other tests, with an endpoint that does not fit over UDP.
fn world() -> World {
    let mut world = World::new(1024);
    let many = (0..200).map(|n| Target::new([10, 0, 0, n].into(), n % 5));
    world.serve("big.shop.example", many);
    world
}

thread_local! {
    /// The world of this thread's test. All cases share it, as queries share a server: making
    /// one takes longer than a case.
    static WORLD: RefCell<World> = RefCell::new(world());
}

fn reply(packet: &[u8], transport: Transport) -> Reply {
    WORLD.with_borrow_mut(|world| world.over(packet, transport))
}

fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "db.shop.example",
        "big.shop.example",
        "v4.shop.example",
        "shop.example",
        "ns1.shop.example",
        "deep.shop.example",
        "nobody.shop.example",
        "elsewhere.test",
        ".",
    ]);
    (known, any::<u64>()).prop_map(|(name, case)| {
        let letters = name.chars().enumerate();
        letters
            .map(|(at, c)| match case >> (at % 64) & 1 {
                0 => c,
                _ => c.to_ascii_uppercase(),
            })
            .collect()
    })
}

/// A well-formed query.
fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    let record_type = prop_oneof![
        Just(1_u16),
        Just(28),
        prop::sample::select(vec![2, 6, 16, 255, 252, 65_280]),
        any::<u16>(),
    ];
    let edns = prop::option::of((any::<u16>(), any::<bool>(), 0_u8..3));
    (name(), record_type, any::<(bool, bool, u16)>(), edns).prop_map(
        |(name, record_type, (rd, cd, id), edns)| {
            let mut message = query(&name, RecordType::from(record_type));
            message.metadata.id = id;
            message.metadata.recursion_desired = rd;
            message.metadata.checking_disabled = cd;
            if let Some((size, dnssec_ok, version)) = edns {
                let mut edns = Edns::new();
                edns.set_max_payload(size).set_dnssec_ok(dnssec_ok);
                edns.set_version(version.saturating_sub(1));
                message.set_edns(edns);
            }
            message.to_vec().unwrap()
        },
    )
}

/// A query with some bytes changed, cut off or put on.
fn spoilt() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let more = prop::collection::vec(any::<u8>(), 0..16);
    (
        well_formed(),
        changes,
        any::<prop::sample::Index>(),
        any::<bool>(),
        more,
    )
        .prop_map(|(mut packet, changes, end, cut, more)| {
            for (at, value) in changes {
                let at = at.index(packet.len());
                packet[at] = value;
            }
            if cut {
                packet.truncate(end.index(packet.len()));
            }
            packet.extend(more);
            packet
        })
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        well_formed(),
        spoilt(),
        prop::collection::vec(any::<u8>(), 0..600),
    ]
}

fn transport() -> impl Strategy<Value = Transport> {
    prop::sample::select(vec![Transport::Udp, Transport::Tcp])
}

/// What of a reply does not depend on the draw.
fn gist(bytes: &[u8]) -> (u16, [u8; 2], usize, usize, Option<(u8, bool)>) {
    let message = Message::from_vec(bytes).unwrap();
    let edns = message.edns.as_ref();
    (
        message.metadata.response_code.into(),
        [bytes[2], bytes[3]],
        message.answers.len(),
        message.authorities.len(),
        edns.map(|edns| (edns.version(), edns.flags().dnssec_ok)),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_packet_has_a_proper_reply_or_none(
        packets in prop::collection::vec((packet(), transport()), 1..20),
    ) {
        for (packet, transport) in packets {
            let reply = reply(&packet, transport);
            check(&packet, transport, reply.outcome, &reply.bytes);
        }
    }

    /// A query with AA set has the same answer as one without, and is not ordinary.
    #[test]
    fn both_ways_to_an_answer_lead_to_the_same(
        packet in well_formed(),
        transport in transport(),
    ) {
        let fast = reply(&packet, transport);
        let mut odd = packet;
        odd[2] |= 0x04;
        let slow = reply(&odd, transport);
        // Compression differs, so near the limit one may fit and one may not.
        let truncated = [fast.outcome, slow.outcome].contains(&Outcome::Truncated);
        if !truncated {
            prop_assert_eq!(gist(&fast.bytes), gist(&slow.bytes));
        }
    }
}
