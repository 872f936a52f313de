//! Static records: beside endpoints, aliases, delegations, wildcards.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::sync::Arc;

use dns_server::{Client, Counters, NameServer, Outcome, Responder, Transport, Zone, Zones};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, MX, NS, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType, RecordType as T};
use hickory_proto::serialize::binary::BinEncodable;
use plan_store::{
    EndpointName, MemoryStore, Pin, Plan, PlanStore, RecordSet, Retention, Rrset, StaticRecords,
    Target,
};

use crate::world::{Reply, ask, name, query, zones};

/// The TTL of static records. Those of targets have 5 seconds.
const TTL: u32 = 300;

/// Owner and record.
type Line = (&'static str, RData);

fn absolute(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

fn a(octet: u8) -> RData {
    RData::A(A::from(Ipv4Addr::new(192, 0, 2, octet)))
}

fn txt(text: &str) -> RData {
    RData::TXT(TXT::new(vec![text.into()]))
}

fn cname(target: &str) -> RData {
    RData::CNAME(CNAME(absolute(target)))
}

fn ns(target: &str) -> RData {
    RData::NS(NS(absolute(target)))
}

fn mx(target: &str) -> RData {
    RData::MX(MX::new(10, absolute(target)))
}

/// The plan of these static records, and of these endpoints with a target each.
fn plan(lines: &[Line], endpoints: &[(&str, u8)]) -> Plan {
    let mut names: BTreeMap<EndpointName, BTreeMap<u16, Vec<Vec<u8>>>> = BTreeMap::new();
    for (owner, data) in lines {
        let types = names.entry(name(owner)).or_default();
        let records = types.entry(data.record_type().into()).or_default();
        records.push(data.to_bytes().unwrap());
    }
    let mut sets: BTreeMap<EndpointName, RecordSet> = BTreeMap::new();
    for &(endpoint, octet) in endpoints {
        let target = Target::new([10, 0, 0, octet].into(), 1);
        sets.insert(name(endpoint), RecordSet::new(5, [target]).unwrap());
    }
    for (name, types) in names {
        let rrsets = types
            .into_iter()
            .map(|(code, data)| Rrset::new(code, TTL, data).unwrap());
        let records = StaticRecords::new(rrsets).unwrap();
        let set = match sets.remove(&name) {
            Some(targets) => targets.with_static_records(records),
            None => RecordSet::without_targets(records),
        };
        sets.insert(name, set.unwrap());
    }
    Plan::new(sets).unwrap()
}

/// A server of the zone `shop.example`.
struct Served {
    store: MemoryStore,
    responder: Responder<<MemoryStore as PlanStore>::Reader>,
}

impl Served {
    fn new(lines: &[Line], endpoints: &[(&str, u8)]) -> Self {
        let mut served = Self::empty(zones());
        served.apply(lines, endpoints);
        served
    }

    fn empty(zones: Zones) -> Self {
        let store = MemoryStore::new(Retention::newest(2));
        let (reader, counters) = (store.reader(), Arc::new(Counters::default()));
        let responder = Responder::new(reader, Arc::new(zones), 8, 7, counters).unwrap();
        Self { store, responder }
    }

    fn publish(&self, lines: &[Line], endpoints: &[(&str, u8)]) -> impl Pin + use<> {
        let generation = self.store.publish(Arc::new(plan(lines, endpoints)));
        self.store.pin(generation.unwrap()).unwrap()
    }

    /// Publishes a plan and makes it active everywhere.
    fn apply(&mut self, lines: &[Line], endpoints: &[(&str, u8)]) {
        let generation = self.publish(lines, endpoints).generation();
        let pin = self.store.pin(generation).unwrap();
        assert!(
            self.store
                .activate_all(&pin)
                .all(|(_, outcome)| outcome.is_ok())
        );
        for endpoint in self.store.stale_endpoints(&pin).unwrap() {
            let _ = self.store.withdraw(&pin, &endpoint).unwrap();
        }
    }

    /// Makes the newest plan active at one name.
    fn activate(&self, endpoint: &str) {
        let pin = self.store.latest().unwrap().unwrap();
        let _ = self.store.activate(&pin, &name(endpoint)).unwrap();
    }

    fn over(&mut self, packet: &[u8], transport: Transport) -> Reply {
        let mut bytes = Vec::new();
        let outcome = self.responder.respond(packet, transport, &mut bytes);
        Reply { outcome, bytes }
    }

    fn ask(&mut self, name: &str, record_type: RecordType) -> Message {
        self.over(&ask(name, record_type), Transport::Udp).message()
    }

    /// The answer section, and the response code if it is not NOERROR; `no data` if there is
    /// nothing but a SOA record.
    fn short(&mut self, name: &str, record_type: RecordType) -> String {
        let message = self.ask(name, record_type);
        let code = message.metadata.response_code;
        let mut parts: Vec<_> = message.answers.iter().map(line).collect();
        if code != ResponseCode::NoError {
            parts.push(format!("{code:?}"));
        } else if message.authorities.iter().any(is_soa) {
            parts.push("no data".into());
        }
        parts.join(", ")
    }
}

fn is_soa(record: &Record) -> bool {
    record.record_type() == RecordType::SOA
}

fn line(record: &Record) -> String {
    let text = format!("{} {} {}", record.name, record.record_type(), record.data);
    text.replace(".shop.example.", "").replace('"', "")
}

fn shown(records: &[Record]) -> Vec<String> {
    let mut lines: Vec<_> = records.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn static_records_stand_beside_an_endpoint() {
    let lines = [
        ("api.shop.example", txt("hello")),
        ("api.shop.example", mx("mail.shop.example")),
        ("shop.example", txt("apex")),
        ("ns1.shop.example", txt("a name server")),
        ("mail.shop.example", a(25)),
        ("mail.shop.example", a(26)),
    ];
    let mut served = Served::new(&lines, &[("api.shop.example", 1)]);
    let message = served.ask("API.shop.example", RecordType::TXT);
    assert!(message.metadata.authoritative);
    assert_eq!(lines_of(&message), ["API TXT hello"]);
    assert_eq!(message.answers[0].ttl, TTL);
    assert_eq!(
        served.short("api.shop.example", RecordType::MX),
        "api MX 10 mail"
    );
    assert_eq!(
        served.short("api.shop.example", RecordType::A),
        "api A 10.0.0.1"
    );
    assert_eq!(
        served.short("api.shop.example", RecordType::AAAA),
        "no data"
    );
    assert_eq!(served.short("api.shop.example", RecordType::SRV), "no data");
    let both = "mail A 192.0.2.25, mail A 192.0.2.26";
    assert_eq!(served.short("mail.shop.example", RecordType::A), both);
    assert_eq!(
        served.short("mail.shop.example", RecordType::AAAA),
        "no data"
    );
    assert_eq!(
        served.short("shop.example", RecordType::TXT),
        "shop.example. TXT apex"
    );
    assert_eq!(
        served.short("ns1.shop.example", RecordType::TXT),
        "ns1 TXT a name server"
    );
    assert_eq!(
        served.short("ns1.shop.example", RecordType::A),
        "ns1 A 192.0.2.53"
    );
    assert_eq!(
        served.short("ns1.shop.example", RecordType::AAAA),
        "no data"
    );
}

fn lines_of(message: &Message) -> Vec<String> {
    shown(&message.answers)
}

#[test]
fn an_endpoint_can_become_static_and_an_endpoint_again() {
    let (endpoint, fixed) = ([("api.shop.example", 1)], [("api.shop.example", a(7))]);
    let mut served = Served::new(&[], &endpoint);
    for _ in 0..2 {
        assert_eq!(
            served.short("api.shop.example", RecordType::A),
            "api A 10.0.0.1"
        );
        served.apply(&fixed, &[]);
        assert_eq!(
            served.short("api.shop.example", RecordType::A),
            "api A 192.0.2.7"
        );
        assert_eq!(
            served.short("api.shop.example", RecordType::AAAA),
            "no data"
        );
        served.apply(&[], &endpoint);
    }
}

#[test]
fn aliases_are_followed_inside_the_zone() {
    let lines = [
        ("www.shop.example", cname("web.shop.example")),
        ("web.shop.example", cname("api.shop.example")),
        ("out.shop.example", cname("elsewhere.test")),
        ("gone.shop.example", cname("nobody.shop.example")),
        ("one.shop.example", cname("two.shop.example")),
        ("two.shop.example", cname("ONE.shop.example")),
        ("self.shop.example", cname("self.shop.example")),
    ];
    let mut served = Served::new(&lines, &[("api.shop.example", 1)]);
    let chain = "www CNAME web., web CNAME api.";
    let chain = chain.replace("., ", ", ").replace("api.", "api");
    let of = |served: &mut Served, name: &str, record_type| {
        served.short(&format!("{name}.shop.example"), record_type)
    };
    assert_eq!(
        of(&mut served, "www", T::A),
        format!("{chain}, api A 10.0.0.1")
    );
    assert_eq!(of(&mut served, "www", T::AAAA), format!("{chain}, no data"));
    assert_eq!(of(&mut served, "www", T::CNAME), "www CNAME web");
    assert_eq!(of(&mut served, "out", T::A), "out CNAME elsewhere.test.");
    assert_eq!(of(&mut served, "gone", T::A), "gone CNAME nobody, NXDomain");
    assert_eq!(of(&mut served, "one", T::A), "one CNAME two, two CNAME ONE");
    assert_eq!(of(&mut served, "self", T::A), "self CNAME self");
}

/// `WholeAnswer`: a chain does not go from one plan to another.
#[test]
fn a_chain_of_aliases_is_from_one_plan() {
    let lines = [("www.shop.example", cname("api.shop.example"))];
    let mut served = Served::new(&lines, &[("api.shop.example", 1)]);
    let whole = |octet| format!("www CNAME api, api A 10.0.0.{octet}");
    assert_eq!(served.short("www.shop.example", RecordType::A), whole(1));
    served.publish(&lines, &[("api.shop.example", 2)]);
    served.activate("api.shop.example");
    assert_eq!(
        served.short("www.shop.example", RecordType::A),
        "www CNAME api"
    );
    assert_eq!(
        served.short("api.shop.example", RecordType::A),
        "api A 10.0.0.2"
    );
    served.activate("www.shop.example");
    assert_eq!(served.short("www.shop.example", RecordType::A), whole(2));
    // A new name that is not active yet.
    let lines = [("www.shop.example", cname("zed.shop.example"))];
    served.publish(&lines, &[("api.shop.example", 2), ("zed.shop.example", 3)]);
    served.activate("www.shop.example");
    assert_eq!(
        served.short("www.shop.example", RecordType::A),
        "www CNAME zed"
    );
}

/// `WholeAnswer`: an alias of one plan does not lead to a denial of a later one.
#[test]
fn a_chain_of_aliases_does_not_end_in_a_denial_from_another_plan() {
    let www = ("www.shop.example", cname("api.shop.example"));
    for left in [&[][..], &[("api.shop.example", txt("no address"))]] {
        let endpoints = [("api.shop.example", 1), ("db.shop.example", 2)];
        let mut served = Served::new(std::slice::from_ref(&www), &endpoints);
        let lines: Vec<Line> = [std::slice::from_ref(&www), left].concat();
        served.publish(&lines, &[("db.shop.example", 3)]);
        let pin = served.store.latest().unwrap().unwrap();
        // The server learns of the later plan here.
        served.activate("db.shop.example");
        assert_eq!(served.short("db.shop.example", T::A), "db A 10.0.0.3");
        if left.is_empty() {
            let _ = served
                .store
                .withdraw(&pin, &name("api.shop.example"))
                .unwrap();
        } else {
            served.activate("api.shop.example");
        }
        assert_eq!(served.short("www.shop.example", T::A), "www CNAME api");
        served.activate("www.shop.example");
        let denied = if left.is_empty() {
            "NXDomain"
        } else {
            "no data"
        };
        let whole = format!("www CNAME api, {denied}");
        assert_eq!(served.short("www.shop.example", T::A), whole);
    }
}

/// `WholeAnswer`: nor in a referral from another plan.
#[test]
fn a_chain_of_aliases_does_not_end_in_a_referral_from_another_plan() {
    let lines = |server| {
        [
            ("www.shop.example", cname("x.sub.shop.example")),
            ("sub.shop.example", ns(server)),
        ]
    };
    let mut served = Served::new(&lines("ns1.elsewhere.test"), &[]);
    served.publish(&lines("ns2.elsewhere.test"), &[]);
    served.activate("sub.shop.example");
    let message = served.ask("www.shop.example", T::A);
    assert_eq!(lines_of(&message), ["www CNAME x.sub"]);
    assert_eq!(shown(&message.authorities), [""; 0]);
    served.activate("www.shop.example");
    let message = served.ask("www.shop.example", T::A);
    assert_eq!(lines_of(&message), ["www CNAME x.sub"]);
    let referral = ["sub NS ns2.elsewhere.test."];
    assert_eq!(shown(&message.authorities), referral);
}

/// Neither the plan before nor the new one denies a name below the new delegation.
#[test]
fn a_name_below_a_new_one_is_not_denied() {
    let wildcard = ("*.shop.example", txt("a wildcard"));
    let new = [
        ("sub.shop.example", ns("ns.sub.shop.example")),
        ("ns.sub.shop.example", a(54)),
        ("alone.shop.example", txt("new")),
    ];
    let mut served = Served::new(std::slice::from_ref(&wildcard), &[]);
    let lines = [&[wildcard][..], &new].concat();
    served.publish(&lines, &[]);
    assert_eq!(served.short("x.sub.shop.example", T::TXT), "ServFail");
    // Nobody tells this server which plan is active everywhere, so `*` may be on a plan that
    // delegates `alone`.
    assert_eq!(served.short("x.alone.shop.example", T::TXT), "ServFail");
    served.apply(&lines, &[]);
    assert_eq!(served.short("x.sub.shop.example", T::TXT), "");
    assert_eq!(served.short("x.alone.shop.example", T::TXT), "NXDomain");
}

/// An attacker that asks for random names gets no more than one that asks for the same one.
#[test]
fn the_rate_limit_counts_the_answers_of_a_wildcard_together() {
    let lines = [
        ("*.txt.shop.example", txt("a wildcard")),
        ("*.alias.shop.example", cname("api.shop.example")),
        ("api.shop.example", txt("api")),
    ];
    for (record_type, outcome) in [(T::TXT, Outcome::Answer), (T::MX, Outcome::NoData)] {
        for wildcard in ["txt", "alias"] {
            let mut served = Served::new(&lines, &[]);
            served.responder = served.responder.with_rate_limit(NonZeroU32::new(1));
            let client = Client {
                transport: Transport::Udp,
                address: Some([192, 0, 2, 7].into()),
            };
            let mut outcome_of = |name: &str| {
                let packet = ask(&format!("{name}.shop.example"), record_type);
                let mut reply = Vec::new();
                served.responder.respond(&packet, client, &mut reply)
            };
            let random = (0..20).map(|n| outcome_of(&format!("r{n}.{wildcard}")));
            let outcomes: Vec<_> = random.collect();
            assert_eq!(outcomes[0], outcome);
            assert!(outcomes.contains(&Outcome::Limited), "{outcomes:?}");
            assert_eq!(outcome_of("api"), outcome, "another kind");
        }
    }
}

#[test]
fn a_delegation_is_referred_to_with_its_glue() {
    let lines = [
        ("sub.shop.example", ns("ns.sub.shop.example")),
        ("sub.shop.example", ns("ns1.shop.example")),
        ("sub.shop.example", ns("ns.elsewhere.test")),
        ("ns.sub.shop.example", a(53)),
        ("to.shop.example", cname("x.sub.shop.example")),
    ];
    let mut served = Served::new(&lines, &[("api.shop.example", 1)]);
    for asked in ["sub", "a.sub", "b.a.sub", "ns.sub", "*.sub"] {
        for record_type in [
            RecordType::A,
            RecordType::NS,
            RecordType::SOA,
            RecordType::ANY,
        ] {
            let packet = ask(&format!("{asked}.shop.example"), record_type);
            let reply = served.over(&packet, Transport::Udp);
            assert_eq!(reply.outcome, Outcome::Referral, "{asked} {record_type}");
            let message = reply.message();
            let head = message.metadata;
            assert!(!head.authoritative && head.response_code == ResponseCode::NoError);
            assert_eq!(lines_of(&message), [""; 0]);
            let servers = ["sub NS ns.elsewhere.test.", "sub NS ns.sub", "sub NS ns1"];
            assert_eq!(shown(&message.authorities), servers);
            let glue = ["ns.sub A 192.0.2.53", "ns1 A 192.0.2.53"];
            assert_eq!(shown(&message.additionals), glue);
        }
    }
    let message = served.ask("to.shop.example", RecordType::A);
    assert!(message.metadata.authoritative, "the alias is ours");
    assert_eq!(lines_of(&message), ["to CNAME x.sub"]);
    assert_eq!(message.authorities.len(), 3);
}

#[test]
fn the_ds_records_of_a_delegation_are_the_parents() {
    let digest = RData::Unknown {
        code: RecordType::DS,
        rdata: hickory_proto::rr::rdata::NULL::with(vec![0, 1, 13, 2, 0xab]),
    };
    let lines = [
        ("sub.shop.example", ns("ns.elsewhere.test")),
        ("sub.shop.example", digest),
        ("bare.shop.example", ns("ns.elsewhere.test")),
    ];
    let mut served = Served::new(&lines, &[]);
    let message = served.ask("sub.shop.example", RecordType::DS);
    assert!(message.metadata.authoritative);
    assert_eq!(message.answers.len(), 1);
    assert_eq!(message.answers[0].record_type(), RecordType::DS);
    let message = served.ask("bare.shop.example", RecordType::DS);
    assert!(message.metadata.authoritative && message.authorities.iter().all(is_soa));
    let message = served.ask("x.sub.shop.example", RecordType::DS);
    assert!(!message.metadata.authoritative);
}

/// The zone with the DS records is the one that was delegated in between, elsewhere.
#[test]
fn the_ds_records_of_a_zone_below_a_delegation_are_not_denied() {
    let zone = |apex: &str| {
        let name_server = NameServer {
            name: name("ns.elsewhere.test"),
            addresses: Vec::new(),
        };
        Zone::new(name(apex), [name_server]).unwrap()
    };
    let both = || Zones::new([zone("shop.example"), zone("low.sub.shop.example")]).unwrap();
    // Before the first plan, nobody knows whether there is a delegation in between.
    let mut served = Served::empty(both().without_denials());
    let message = served.ask("low.sub.shop.example", T::DS);
    assert_eq!(message.metadata.response_code, ResponseCode::ServFail);
    assert!(!message.metadata.authoritative);
    let mut served = Served::empty(both());
    served.apply(&[("sub.shop.example", ns("ns.elsewhere.test"))], &[]);
    let message = served.ask("low.sub.shop.example", T::DS);
    assert!(!message.metadata.authoritative);
    let referral = ["sub NS ns.elsewhere.test."];
    assert_eq!(shown(&message.authorities), referral);
    served.apply(&[("beside.shop.example", txt("no delegation"))], &[]);
    let message = served.ask("low.sub.shop.example", T::DS);
    assert!(message.metadata.authoritative);
    assert_eq!(message.authorities[0].name, absolute("shop.example"));
}

/// RFC 9471: a referral without the glue that a resolver needs is truncated.
#[test]
fn glue_that_does_not_fit_sets_tc() {
    let servers: Vec<_> = (0..20)
        .map(|n| format!("a-name-server-with-a-long-name-{n}.sub.shop.example"))
        .collect();
    let mut lines = Vec::new();
    for (server, octet) in servers.iter().zip(0..) {
        let server: &'static str = server.clone().leak();
        lines.push(("sub.shop.example", ns(server)));
        lines.push((server, a(octet)));
    }
    let mut served = Served::new(&lines, &[]);
    let packet = ask("x.sub.shop.example", RecordType::A);
    let reply = served.over(&packet, Transport::Udp);
    assert_eq!(reply.outcome, Outcome::Truncated);
    let message = served.over(&packet, Transport::Tcp).message();
    assert_eq!(message.additionals.len(), 20);
    // Addresses outside of the delegated zone are left out instead.
    let elsewhere: Vec<_> = lines
        .into_iter()
        .map(|(owner, data)| match data {
            RData::NS(NS(host)) => {
                let host = host.to_ascii().replace(".sub.", ".");
                (owner, ns(&host))
            }
            data => (&*owner.replace(".sub.", ".").leak(), data),
        })
        .collect();
    served.apply(&elsewhere, &[]);
    let mut packet = query("x.sub.shop.example", RecordType::A);
    let mut edns = hickory_proto::op::Edns::new();
    edns.set_max_payload(1232);
    packet.set_edns(edns);
    let reply = served.over(&packet.to_vec().unwrap(), Transport::Udp);
    assert_eq!(reply.outcome, Outcome::Referral);
    let message = reply.message();
    assert_eq!(message.authorities.len(), 20);
    assert!((1..20).contains(&message.additionals.len()));
}

/// The example of RFC 4592, 2.2.1, as far as names can be endpoints.
#[test]
fn wildcards_are_those_of_rfc_4592() {
    let lines = [
        ("*.shop.example", txt("this is a wildcard")),
        ("*.shop.example", mx("host1.shop.example")),
        ("sub.*.shop.example", txt("")),
        ("host1.shop.example", a(1)),
        ("_ssh._tcp.host1.shop.example", txt("srv")),
        ("_ssh._tcp.host2.shop.example", txt("srv")),
        ("subdel.shop.example", ns("ns.elsewhere.test")),
    ];
    // `sub.*` is not a name that a plan can have.
    let lines: Vec<_> = lines
        .into_iter()
        .filter(|(n, _)| !n.contains(".*"))
        .collect();
    let mut served = Served::new(&lines, &[]);
    let mut of = |name: &str, record_type| {
        let name = format!("{name}.shop.example");
        served.short(&name, record_type)
    };
    assert_eq!(of("host3", T::MX), "host3 MX 10 host1");
    assert_eq!(of("HosT3", T::MX), "HosT3 MX 10 host1");
    assert_eq!(of("host3", T::A), "no data");
    assert_eq!(of("foo.bar", T::TXT), "foo.bar TXT this is a wildcard");
    assert_eq!(of("host1", T::MX), "no data");
    assert_eq!(of("ghost.*", T::MX), "NXDomain");
    assert_eq!(of("_telnet._tcp.host1", T::SRV), "NXDomain");
    assert_eq!(of("host2", T::TXT), "no data");
    assert_eq!(of("_tcp.host2", T::TXT), "no data");
    assert_eq!(of("*", T::TXT), "* TXT this is a wildcard");
    assert_eq!(of("x.ns1", T::TXT), "NXDomain");
    assert_eq!(of("ns1", T::TXT), "no data");
    assert_eq!(of("host.subdel", T::TXT), "");
    // A name that no plan can have.
    let mut packet = ask("a-b.shop.example", T::TXT);
    let hyphen = packet.iter().position(|&byte| byte == b'-').unwrap();
    packet[hyphen] = b' ';
    let reply = served.over(&packet, Transport::Udp);
    assert_eq!(reply.outcome, Outcome::Answer);
}

#[test]
fn a_wildcard_may_be_an_endpoint_or_an_alias() {
    let lines = [("*.alias.shop.example", cname("api.shop.example"))];
    let endpoints = [
        ("*.any.shop.example", 1),
        ("api.shop.example", 2),
        ("own.any.shop.example", 3),
    ];
    let mut served = Served::new(&lines, &endpoints);
    for _ in 0..2 {
        let of = |served: &mut Served, name: &str| {
            served.short(&format!("{name}.shop.example"), RecordType::A)
        };
        assert_eq!(of(&mut served, "x.any"), "x.any A 10.0.0.1");
        assert_eq!(of(&mut served, "*.any"), "*.any A 10.0.0.1");
        assert_eq!(of(&mut served, "own.any"), "own.any A 10.0.0.3");
        assert_eq!(of(&mut served, "x.own.any"), "NXDomain");
        assert_eq!(of(&mut served, "any"), "no data");
        assert_eq!(
            of(&mut served, "x.alias"),
            "x.alias CNAME api, api A 10.0.0.2"
        );
        served.apply(&lines, &endpoints);
    }
}

#[test]
fn no_wildcard_stands_for_a_name_before_a_plan_is_active() {
    let lines = [("*.shop.example", a(1)), ("b.shop.example", a(2))];
    let mut served = Served::empty(zones().without_denials());
    served.publish(&lines, &[]);
    assert_eq!(served.short("x.shop.example", RecordType::A), "ServFail");
    served.activate("*.shop.example");
    assert_eq!(served.short("b.shop.example", RecordType::A), "ServFail");
    assert_eq!(served.short("x.shop.example", RecordType::A), "ServFail");
    let mut served = Served::empty(zones());
    served.publish(&lines, &[]);
    served.activate("*.shop.example");
    assert_eq!(served.short("b.shop.example", RecordType::A), "ServFail");
    assert_eq!(
        served.short("x.shop.example", RecordType::A),
        "x A 192.0.2.1"
    );
}

#[test]
fn data_that_is_no_name_breaks_nothing() {
    let broken = |code: u16| RData::Unknown {
        code: code.into(),
        rdata: hickory_proto::rr::rdata::NULL::with(vec![200, 1]),
    };
    let lines = [
        ("alias.shop.example", broken(5)),
        ("sub.shop.example", broken(2)),
        ("text.shop.example", broken(16)),
    ];
    let mut served = Served::new(&lines, &[]);
    for (name, outcome) in [
        ("alias.shop.example", Outcome::NoData),
        ("x.sub.shop.example", Outcome::Referral),
    ] {
        let packet = ask(name, RecordType::A);
        let reply = served.over(&packet, Transport::Udp);
        assert_eq!(reply.outcome, outcome, "{name}");
    }
    let packet = ask("text.shop.example", RecordType::TXT);
    let reply = served.over(&packet, Transport::Udp);
    assert_eq!(reply.outcome, Outcome::Answer);
    assert!(reply.bytes.ends_with(&[0, 2, 200, 1]), "{:?}", reply.bytes);
}
