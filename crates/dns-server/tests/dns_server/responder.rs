//! What a packet is answered with, message by message.

use dns_server::{MAX_UDP, Outcome, Transport};
use hickory_proto::op::{Edns, Message, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use plan_store::{PlanStore, Target};

use crate::world::{World, ask, query};

/// The answer section as text, sorted.
fn answers(message: &Message) -> Vec<String> {
    let mut answers: Vec<_> = message.answers.iter().map(|r| r.data.to_string()).collect();
    answers.sort();
    answers
}

#[test]
fn an_endpoint_answers_with_its_targets() {
    let mut world = World::new(8);
    let reply = world.ask(&ask("db.shop.example", RecordType::A));
    assert_eq!(reply.outcome, Outcome::Answer);
    let message = reply.message();
    assert!(message.metadata.authoritative && !message.metadata.recursion_available);
    assert_eq!(answers(&message), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    assert!(message.answers.iter().all(|record| record.ttl == 5));
    assert!(message.edns.is_none(), "none asked for, none given");
    let six = world
        .ask(&ask("db.shop.example", RecordType::AAAA))
        .message();
    assert_eq!(answers(&six), ["2001:db8::1"]);
}

#[test]
fn every_question_of_the_table_has_its_answer() {
    use Outcome::{Answer, NoData, NxDomain, Refused};
    use RecordType as T;
    let cases = [
        ("shop.example", T::SOA, Answer, "one record"),
        ("shop.example", T::NS, Answer, "one record"),
        ("shop.example", T::A, NoData, "nothing at the apex"),
        ("shop.example", T::ANY, Answer, "RFC 8482"),
        ("ns1.shop.example", T::A, Answer, "glue"),
        ("ns1.shop.example", T::AAAA, NoData, "glue, other family"),
        ("db.shop.example", T::TXT, NoData, "another type"),
        ("db.shop.example", T::ANY, Answer, "RFC 8482"),
        (
            "db.shop.example",
            T::Unknown(65_280),
            NoData,
            "unknown type",
        ),
        ("v4.shop.example", T::AAAA, NoData, "another family"),
        ("deep.shop.example", T::A, NoData, "above an endpoint"),
        ("a.deep.shop.example", T::A, NoData, "above an endpoint"),
        ("b.a.deep.shop.example", T::A, Answer, "endpoint"),
        ("c.a.deep.shop.example", T::A, NxDomain, "beside it"),
        ("x.db.shop.example", T::A, NxDomain, "below an endpoint"),
        ("nobody.shop.example", T::A, NxDomain, "no such name"),
        ("nobody.shop.example", T::ANY, NxDomain, "no such name"),
        ("shop.example.org", T::A, Refused, "outside"),
        ("example", T::SOA, Refused, "above the zone"),
        (".", T::NS, Refused, "the root"),
        ("shop.example", T::AXFR, Refused, "a transfer"),
        ("shop.example", T::IXFR, Refused, "a transfer"),
    ];
    let mut world = World::new(8);
    for (name, record_type, outcome, what) in cases {
        let reply = world.ask(&ask(name, record_type));
        assert_eq!(reply.outcome, outcome, "{name} {record_type}: {what}");
        let message = reply.message();
        let code = match outcome {
            NxDomain => ResponseCode::NXDomain,
            Refused => ResponseCode::Refused,
            _ => ResponseCode::NoError,
        };
        assert_eq!(message.metadata.response_code, code, "{name} {record_type}");
        assert_eq!(message.metadata.authoritative, outcome != Refused, "{name}");
        assert_eq!(!message.answers.is_empty(), outcome == Answer, "{name}");
        let negative = matches!(outcome, NoData | NxDomain);
        assert_eq!(message.authorities.len(), usize::from(negative), "{name}");
        if let [soa] = &message.authorities[..] {
            assert_eq!((soa.record_type(), soa.ttl), (RecordType::SOA, 5));
        }
    }
}

#[test]
fn name_servers_come_with_their_addresses() {
    let mut world = World::new(8);
    let message = world.ask(&ask("shop.example", RecordType::NS)).message();
    assert_eq!(answers(&message), ["ns1.shop.example."]);
    let glue = message.additionals.iter().map(|r| r.data.to_string());
    assert_eq!(glue.collect::<Vec<_>>(), ["192.0.2.53"]);
}

#[test]
fn the_questions_case_comes_back() {
    let mut world = World::new(8);
    for (name, record_type) in [
        ("dB.sHOP.eXample", RecordType::A),
        ("dB.sHOP.eXample", RecordType::TXT),
        ("NOBODY.shop.EXAMPLE", RecordType::A),
    ] {
        let packet = ask(name, record_type);
        let reply = world.ask(&packet);
        let question = 12..packet.len();
        assert_eq!(reply.bytes[question.clone()], packet[question], "{name}");
    }
    let message = world.ask(&ask("dB.sHOP.eXample", RecordType::A)).message();
    assert!(
        message.answers[0]
            .name
            .eq_case(&Name::from_ascii("dB.sHOP.eXample.").unwrap())
    );
}

#[test]
fn an_opt_record_is_answered_with_one() {
    let mut world = World::new(8);
    for name in ["db.shop.example", "nobody.shop.example", "elsewhere.test"] {
        for dnssec_ok in [false, true] {
            let mut request = query(name, RecordType::A);
            let mut edns = Edns::new();
            edns.set_max_payload(4096).set_dnssec_ok(dnssec_ok);
            request.set_edns(edns);
            let message = world.ask(&request.to_vec().unwrap()).message();
            let edns = message.edns.unwrap();
            assert_eq!(edns.max_payload(), MAX_UDP);
            assert_eq!(edns.flags().dnssec_ok, dnssec_ok, "DO is copied");
            assert_eq!(edns.version(), 0);
        }
    }
}

#[test]
fn a_later_edns_version_is_told_ours() {
    let mut world = World::new(8);
    let mut request = query("db.shop.example", RecordType::A);
    let mut edns = Edns::new();
    edns.set_version(1);
    request.set_edns(edns);
    let reply = world.ask(&request.to_vec().unwrap());
    assert_eq!(reply.outcome, Outcome::BadVers);
    let message = reply.message();
    // 16 is BADSIG as well, in a TSIG record.
    let code = u16::from(message.metadata.response_code);
    assert_eq!(code, u16::from(ResponseCode::BADVERS));
    assert_eq!(message.edns.unwrap().version(), 0);
    assert!(message.answers.is_empty());
}

#[test]
fn what_is_no_ordinary_query_gets_its_code() {
    use Outcome::{Dropped, FormErr, NotImp, Refused};
    let good = ask("db.shop.example", RecordType::A);
    let changed = |at: usize, value: u8| {
        let mut packet = good.clone();
        packet[at] = value;
        packet
    };
    let mut chaos = query("version.bind", RecordType::TXT);
    chaos.queries[0].set_query_class(DNSClass::CH);
    let mut notify = query("shop.example", RecordType::SOA);
    notify.metadata.op_code = OpCode::Notify;
    let cases = [
        (vec![], Dropped, "nothing"),
        (good[..11].to_vec(), Dropped, "shorter than a header"),
        (changed(2, 0x80), Dropped, "a response"),
        (good[..12].to_vec(), FormErr, "no question"),
        (good[..good.len() - 1].to_vec(), FormErr, "cut short"),
        (changed(5, 2), FormErr, "two questions, one there"),
        (changed(5, 0), FormErr, "no question counted"),
        (changed(7, 1), FormErr, "an answer counted"),
        (changed(11, 1), FormErr, "an additional that is not there"),
        (changed(12, 0xc0), FormErr, "a pointer"),
        ([&good[..], &[0]].concat(), FormErr, "a byte too many"),
        (changed(2, 0x78), NotImp, "opcode 15"),
        (notify.to_vec().unwrap(), NotImp, "notify"),
        (chaos.to_vec().unwrap(), Refused, "class CH"),
    ];
    let mut world = World::new(8);
    for (packet, outcome, what) in cases {
        let reply = world.ask(&packet);
        assert_eq!(reply.outcome, outcome, "{what}");
        assert_eq!(reply.bytes.is_empty(), outcome == Dropped, "{what}");
        if outcome != Dropped {
            assert_eq!(reply.bytes[..2], packet[..2], "{what}: the id");
            let opcode = |bytes: &[u8]| bytes[2] & 0x78;
            assert_eq!(opcode(&reply.bytes), opcode(&packet), "{what}: the opcode");
            assert!(reply.bytes[2] & 0x80 != 0, "{what}: a response");
        }
    }
}

#[test]
fn odd_flags_change_nothing_but_the_way() {
    let mut world = World::new(8);
    for flags in [[0x00, 0x00], [0x01, 0x00], [0x00, 0x30], [0x07, 0xff]] {
        let mut packet = ask("db.shop.example", RecordType::A);
        packet[2..4].copy_from_slice(&flags);
        let reply = world.ask(&packet);
        assert_eq!(reply.outcome, Outcome::Answer, "{flags:?}");
        let recursion_desired = flags[0] & 1;
        // QR and AA are set, RD is copied, all else is clear: RA, AD and CD
        // are not an authority's to set.
        assert_eq!(
            reply.bytes[2..4],
            [0x84 | recursion_desired, 0],
            "{flags:?}"
        );
        assert_eq!(answers(&reply.message()).len(), 3);
    }
}

#[test]
fn what_does_not_fit_goes_without_records_and_whole_over_tcp() {
    let mut world = World::new(1024);
    let many = (0..200).map(|n| Target::new([10, 0, 0, n].into(), 1));
    world.serve("big.shop.example", many);
    for (size, fits) in [
        (None, false),
        (Some(512), false),
        (Some(1232), false),
        (Some(65_535), false),
    ] {
        let mut request = query("big.shop.example", RecordType::A);
        if let Some(size) = size {
            let mut edns = Edns::new();
            edns.set_max_payload(size);
            request.set_edns(edns);
        }
        let packet = request.to_vec().unwrap();
        let reply = world.ask(&packet);
        assert_eq!(reply.outcome == Outcome::Answer, fits, "{size:?}");
        let message = reply.message();
        assert!(message.metadata.truncation && message.answers.is_empty());
        assert_eq!(message.edns.is_some(), size.is_some(), "OPT is never lost");
        let whole = world.over(&packet, Transport::Tcp);
        assert_eq!(whole.outcome, Outcome::Answer);
        assert_eq!(whole.message().answers.len(), 200);
        assert_eq!(whole.message().edns.is_some(), size.is_some());
    }
}

#[test]
fn a_udp_answer_is_as_long_as_it_may_be_and_no_longer() {
    let mut world = World::new(1024);
    for count in 1..=80 {
        let name = format!("e{count}.shop.example");
        let targets = (0..count).map(|n| Target::new([10, 0, 0, n].into(), 1));
        world.serve(&name, targets);
        for size in [512_u16, 700, 1232, 4096] {
            let mut request = query(&name, RecordType::A);
            let mut edns = Edns::new();
            edns.set_max_payload(size);
            request.set_edns(edns);
            let packet = request.to_vec().unwrap();
            let whole = world.over(&packet, Transport::Tcp).bytes.len();
            let reply = world.ask(&packet);
            let limit = usize::from(size.min(MAX_UDP));
            assert!(reply.bytes.len() <= limit);
            assert_eq!(
                reply.outcome == Outcome::Answer,
                whole <= limit,
                "{count}, {size}"
            );
        }
    }
}

#[test]
fn no_more_targets_than_set_and_never_a_drained_one() {
    let mut world = World::new(3);
    let targets = (0..20).map(|n| Target::new([10, 0, 0, n].into(), if n < 5 { 0 } else { 9 }));
    world.serve("many.shop.example", targets);
    let packet = ask("many.shop.example", RecordType::A);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..500 {
        let message = world.ask(&packet).message();
        assert_eq!(message.answers.len(), 3);
        for record in message.answers {
            let RData::A(address) = record.data else {
                panic!("{record}")
            };
            seen.insert(address.0.octets()[3]);
        }
    }
    assert_eq!(seen, (5..20).collect(), "all others are drawn in time");
}

#[test]
fn the_same_seed_draws_the_same() {
    let run = || {
        let mut world = World::new(2);
        let packet = ask("db.shop.example", RecordType::A);
        (0..50)
            .map(|_| world.ask(&packet).bytes)
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn an_endpoint_changes_with_its_plan_and_goes_with_it() {
    let mut world = World::new(8);
    let packet = ask("db.shop.example", RecordType::A);
    assert_eq!(answers(&world.ask(&packet).message()).len(), 3);
    world.serve("db.shop.example", [Target::new([10, 9, 9, 9].into(), 1)]);
    assert_eq!(answers(&world.ask(&packet).message()), ["10.9.9.9"]);
    world.withdraw("db.shop.example");
    assert_eq!(world.ask(&packet).outcome, Outcome::NxDomain);
    world.serve("db.shop.example", [Target::new([10, 9, 9, 8].into(), 1)]);
    assert_eq!(answers(&world.ask(&packet).message()), ["10.9.9.8"]);
}

#[test]
fn an_endpoint_that_is_active_nowhere_yet_is_not_denied() {
    let mut world = World::new(8);
    world.publish("soon.shop.example", [Target::new([10, 0, 0, 1].into(), 1)]);
    let reply = world.ask(&ask("soon.shop.example", RecordType::A));
    assert_eq!(reply.outcome, Outcome::NotReady);
    let code = reply.message().metadata.response_code;
    assert_eq!(
        code,
        ResponseCode::ServFail,
        "or resolvers would remember it"
    );
}

#[test]
fn counters_tell_what_was_done() {
    let mut world = World::new(8);
    let a = ask("db.shop.example", RecordType::A);
    world.ask(&a);
    world.ask(&a);
    world.ask(&ask("nobody.shop.example", RecordType::A));
    world.ask(&[]);
    let counts = world.counts();
    assert_eq!(counts.of(Outcome::Answer), 2);
    assert_eq!(counts.of(Outcome::NxDomain), 1);
    assert_eq!(counts.of(Outcome::Dropped), 1);
    assert_eq!((counts.total(), counts.activations_seen), (4, 1));
    assert_eq!(counts.generation, world.store.newest_active().unwrap());
    // Another plan with the same records is seen too, without being compiled.
    world.republish();
    world.ask(&a);
    assert_eq!(world.counts().activations_seen, 2);
    assert_eq!(
        world.counts().generation,
        world.store.newest_active().unwrap()
    );
}
