//! Zone transfers and NOTIFY on real sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use dns_server::{
    AppliedPlans, NameServer, Outcome, Secondary, Server, ServerConfig, TransferCounts, Zone, Zones,
};
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use plan_store::{
    EndpointName, Generation, MemoryStore, Pin, Plan, PlanStore, RecordSet, Retention, Rrset,
    StaticRecords, Target,
};
use socket2::{Domain, Socket, Type};

use crate::server::{PATIENCE, ask_udp, framed, is_closed, loopback, tcp, udp};
use crate::signing::{Signing, key};
use crate::world::{apply, ask, name, publish, query};

/// A server of the zone `shop.example` and what its store's plan names.
struct Primary {
    store: MemoryStore,
    endpoints: BTreeMap<EndpointName, Vec<Target>>,
    applied: AppliedPlans<<MemoryStore as PlanStore>::Reader>,
    server: Server,
}

fn target(address: &str, weight: u8) -> Target {
    Target::new(address.parse().unwrap(), weight)
}

fn numbered(net: u8, number: u16) -> Target {
    let [high, low] = number.to_be_bytes();
    Target::new([10, net, high, low].into(), 1)
}

fn zone(apex: &str, servers: &[(&str, &str)]) -> Zone {
    let servers = servers.iter().map(|(server, address)| NameServer {
        name: name(server),
        addresses: address.parse().into_iter().collect(),
    });
    Zone::new(name(apex), servers).unwrap()
}

fn shop(secondaries: impl IntoIterator<Item = Secondary>) -> Zone {
    zone("shop.example", &[("ns1.shop.example", "192.0.2.53")]).with_secondaries(secondaries)
}

/// A secondary at the loopback address, which gets no NOTIFY.
fn local() -> Secondary {
    Secondary {
        notify: false,
        ..Secondary::new(IpAddr::from([127, 0, 0, 1]), None)
    }
}

impl Primary {
    fn start(zones: impl IntoIterator<Item = Zone>) -> Self {
        Self::with(zones, &loopback())
    }

    fn with(zones: impl IntoIterator<Item = Zone>, config: &ServerConfig) -> Self {
        let store = MemoryStore::new(Retention::newest(2));
        let zones = Zones::new(zones).unwrap();
        let server = Server::start(&store, zones, config).unwrap();
        let mut primary = Self {
            applied: AppliedPlans::new(store.reader()),
            store,
            endpoints: BTreeMap::new(),
            server,
        };
        primary.serve(
            "db.shop.example",
            [target("192.0.2.1", 3), target("2001:db8::1", 1)],
        );
        primary
    }

    /// Serves an endpoint from a new plan, which secondaries can have.
    fn serve(&mut self, endpoint: &str, targets: impl IntoIterator<Item = Target>) {
        self.endpoints
            .insert(name(endpoint), targets.into_iter().collect());
        self.apply();
    }

    fn withdraw(&mut self, endpoint: &str) {
        self.endpoints.remove(&name(endpoint)).unwrap();
        self.apply();
    }

    fn apply(&mut self) {
        apply(&self.store, &self.endpoints);
        let newest = || latest(&self.store);
        let (generation, plan) = self.applied.look(newest).unwrap();
        self.server.plan_is_applied(generation, &plan);
    }

    fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    fn transfer(&self, packet: &[u8]) -> Vec<Message> {
        messages(&mut sent(self.address(), packet))
    }

    /// The records of a whole transfer.
    fn whole(&self, zone: &str) -> Vec<Record> {
        records(&self.transfer(&ask(zone, RecordType::AXFR)))
    }

    /// The records of an incremental transfer.
    fn since(&self, serial: u32) -> Vec<Record> {
        records(&self.transfer(&ixfr(serial)))
    }

    fn counts(&self) -> TransferCounts {
        self.server.transfer_counts()
    }
}

fn latest(store: &MemoryStore) -> Option<(Generation, Arc<Plan>)> {
    let pin = store.latest().unwrap()?;
    Some((pin.generation(), Arc::clone(pin.plan())))
}

/// A connection on which this was asked.
fn sent(server: SocketAddr, packet: &[u8]) -> TcpStream {
    let mut stream = tcp(server);
    stream.write_all(&framed(packet)).unwrap();
    stream
}

fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

/// The messages of a transfer: up to the second SOA record of the newest serial number, or of an
/// incremental transfer the third one, or the first if there is nothing more; or to an error.
fn messages(stream: &mut TcpStream) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        messages.push(Message::from_vec(&read(stream)).unwrap());
        if messages[0].metadata.response_code != ResponseCode::NoError || is_whole(&messages) {
            return messages;
        }
    }
}

fn is_whole(messages: &[Message]) -> bool {
    let records = records(messages);
    let newest = serial(&records[0]);
    let times = records.iter().filter(|r| serial(r) == newest).count();
    let is_incremental = records.len() > 1 && serial(&records[1]).is_some();
    match messages[0].queries[0].query_type() {
        RecordType::IXFR if records.len() == 1 => true,
        _ if is_incremental => times == 3,
        _ => times == 2,
    }
}

fn records(messages: &[Message]) -> Vec<Record> {
    let answers = messages.iter().flat_map(|message| &message.answers);
    answers.cloned().collect()
}

fn serial(record: &Record) -> Option<u32> {
    match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    }
}

/// Records as text, without the SOA records' data but for the serial number.
fn texts(records: &[Record]) -> Vec<String> {
    let text = |record: &Record| match serial(record) {
        Some(serial) => format!("SOA {serial}"),
        None => format!(
            "{} {} {} {}",
            record.name,
            record.ttl,
            record.record_type(),
            record.data
        ),
    };
    records.iter().map(text).collect()
}

/// A request for what has changed since this serial number.
fn ixfr(serial: u32) -> Vec<u8> {
    let mut message = query("shop.example", RecordType::IXFR);
    let root = Name::root();
    let soa = SOA::new(root.clone(), root, serial, 0, 0, 0, 0);
    let apex = Name::from_ascii("shop.example.").unwrap();
    message.add_authority(Record::from_rdata(apex, 0, RData::SOA(soa)));
    message.to_vec().unwrap()
}

#[test]
fn a_whole_transfer_has_all_of_a_plan_between_two_soa_records() {
    let mut primary = Primary::start([shop([local()]), zone("other.test", &[("ns.x", "")])]);
    let drained = [target("192.0.2.2", 0), target("192.0.2.3", 1)];
    primary.serve("a.b.shop.example", drained);
    primary.serve("www.other.test", [target("192.0.2.4", 1)]);
    assert_eq!(
        texts(&primary.whole("shop.example")),
        [
            "SOA 3",
            "ns1.shop.example. 3600 A 192.0.2.53",
            "shop.example. 3600 NS ns1.shop.example.",
            "a.b.shop.example. 5 A 192.0.2.3",
            "db.shop.example. 5 A 192.0.2.1",
            "db.shop.example. 5 AAAA 2001:db8::1",
            "SOA 3",
        ]
    );
    let counts = primary.counts();
    assert_eq!(
        (counts.whole, counts.incremental, counts.up_to_date),
        (1, 0, 0)
    );
    assert_eq!(counts.generation, Generation::new(3));
    assert_eq!(primary.server.counts().of(Outcome::Transfer), 1);
}

#[test]
fn static_records_are_transferred_as_they_are() {
    let primary = Primary::start([shop([local()])]);
    let rrset = |code, data: &[&[u8]]| Rrset::new(code, 60, data.iter().copied()).unwrap();
    let txt = rrset(16, &[b"\x03one", b"\x03two"]);
    let unknown = rrset(65_280, &[&[1, 2, 3]]);
    let beside = RecordSet::new(5, [target("192.0.2.1", 1)]).unwrap();
    let alone = StaticRecords::new([txt.clone(), unknown]).unwrap();
    let plan = Plan::new([
        (
            name("db.shop.example"),
            beside
                .with_static_records(StaticRecords::new([txt]).unwrap())
                .unwrap(),
        ),
        (
            name("*.shop.example"),
            RecordSet::without_targets(alone).unwrap(),
        ),
    ]);
    let second = Generation::new(2).unwrap();
    primary
        .server
        .plan_is_applied(second, &Arc::new(plan.unwrap()));
    let whole = texts(&primary.whole("shop.example"));
    assert_eq!(
        whole[3..],
        [
            "*.shop.example. 60 TXT one",
            "*.shop.example. 60 TXT two",
            "*.shop.example. 60 Unknown AQID",
            "db.shop.example. 5 A 192.0.2.1",
            "db.shop.example. 60 TXT one",
            "db.shop.example. 60 TXT two",
            "SOA 2",
        ]
    );
    let changed = texts(&primary.since(1));
    assert_eq!(
        changed[2..5],
        ["db.shop.example. 5 AAAA 2001:db8::1", "SOA 2", &whole[3]]
    );
}

/// The addresses of a name server are the zone's own. What else a plan has there travels.
#[test]
fn static_records_beside_a_name_server_are_transferred() {
    let at_apex = [
        ("ns1.shop.example", "192.0.2.53"),
        ("shop.example", "192.0.2.54"),
    ];
    let primary = Primary::start([zone("shop.example", &at_apex).with_secondaries([local()])]);
    let rrset = |code, data: &[u8]| Rrset::new(code, 60, [data]).unwrap();
    let txt = || rrset(16, b"\x03one");
    let own = [rrset(1, &[192, 0, 2, 9]), rrset(2, b"\x01n\0")];
    let alone = |rrsets: Vec<Rrset>| {
        RecordSet::without_targets(StaticRecords::new(rrsets).unwrap()).unwrap()
    };
    let beside = RecordSet::new(5, [target("192.0.2.1", 1)]).unwrap();
    let plan = Plan::new([
        (
            name("ns1.shop.example"),
            alone([vec![txt()], own.into()].concat()),
        ),
        (
            name("shop.example"),
            beside
                .with_static_records(StaticRecords::new([txt()]).unwrap())
                .unwrap(),
        ),
    ]);
    let second = Generation::new(2).unwrap();
    primary
        .server
        .plan_is_applied(second, &Arc::new(plan.unwrap()));
    assert_eq!(
        texts(&primary.whole("shop.example")),
        [
            "SOA 2",
            "ns1.shop.example. 3600 A 192.0.2.53",
            "shop.example. 3600 A 192.0.2.54",
            "shop.example. 3600 NS ns1.shop.example.",
            "shop.example. 3600 NS shop.example.",
            "shop.example. 60 TXT one",
            "ns1.shop.example. 60 TXT one",
            "SOA 2",
        ]
    );
}

#[test]
fn a_zone_in_a_zone_is_a_delegation() {
    let primary = Primary::start([
        zone("example", &[("ns.elsewhere.test", "")]).with_secondaries([local()]),
        shop([]),
        zone(
            "deep.shop.example",
            &[("ns.deep.shop.example", "192.0.2.54")],
        ),
    ]);
    assert_eq!(
        texts(&primary.whole("example")),
        [
            "SOA 1",
            "ns1.shop.example. 3600 A 192.0.2.53",
            "shop.example. 3600 NS ns1.shop.example.",
            "example. 3600 NS ns.elsewhere.test.",
            "SOA 1",
        ]
    );
}

#[test]
fn a_large_zone_comes_in_many_messages_while_others_are_answered() {
    let mut primary = Primary::start([shop([local()])]);
    for n in 0..3_000_u16 {
        let targets = (0..4).map(|at| numbered(at, n));
        primary
            .endpoints
            .insert(name(&format!("e{n}.shop.example")), targets.collect());
    }
    primary.apply();
    let mut stream = sent(primary.address(), &ask("shop.example", RecordType::AXFR));
    // The plan may change while the secondary takes its transfer, one message after another.
    let first = read(&mut stream);
    primary.withdraw("e7.shop.example");
    assert_eq!(primary.whole("shop.example").len(), 2 + 2 + 2 + 4 * 2_999);
    let mut messages = vec![Message::from_vec(&first).unwrap()];
    while !is_whole(&messages) {
        messages.push(Message::from_vec(&read(&mut stream)).unwrap());
    }
    assert!(messages.len() > 5, "{}", messages.len());
    assert!(
        messages
            .iter()
            .skip(1)
            .all(|m| m.queries.is_empty() && !m.answers.is_empty())
    );
    let records = records(&messages);
    assert_eq!(serial(&records[0]), Some(2), "`WholeAnswer`");
    assert_eq!(records.len(), 2 + 2 + 2 + 4 * 3_000);
    let distinct: BTreeSet<_> = texts(&records).into_iter().collect();
    assert_eq!(
        distinct.len(),
        records.len() - 1,
        "only the SOA record is there twice"
    );
}

#[test]
fn queries_after_a_transfer_are_answered_after_it() {
    let primary = Primary::start([shop([local()])]);
    let transfer = framed(&ask("shop.example", RecordType::AXFR));
    let packets = [
        transfer.clone(),
        framed(&ask("db.shop.example", RecordType::A)),
        transfer,
    ];
    let mut stream = tcp(primary.address());
    stream.write_all(&packets.concat()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let answers = [(); 3].map(|()| Message::from_vec(&read(&mut stream)).unwrap().answers.len());
    assert_eq!(answers, [6, 1, 6]);
    assert!(is_closed(&mut stream));
}

#[test]
fn an_incremental_transfer_is_the_difference_of_two_plans() {
    let mut primary = Primary::start([shop([local()])]);
    primary.serve("a.shop.example", [target("192.0.2.7", 1)]);
    primary.serve(
        "db.shop.example",
        [target("192.0.2.1", 9), target("192.0.2.2", 1)],
    );
    primary.withdraw("a.shop.example");
    primary.serve("z.shop.example", [target("192.0.2.8", 1)]);
    assert_eq!(
        texts(&primary.since(2)),
        [
            "SOA 5",
            "SOA 2",
            "a.shop.example. 5 A 192.0.2.7",
            "db.shop.example. 5 AAAA 2001:db8::1",
            "SOA 5",
            "db.shop.example. 5 A 192.0.2.2",
            "z.shop.example. 5 A 192.0.2.8",
            "SOA 5",
        ]
    );
    // Only weights differ: the serial number alone travels.
    primary.serve("z.shop.example", [target("192.0.2.8", 77)]);
    assert_eq!(
        texts(&primary.since(5)),
        ["SOA 6", "SOA 5", "SOA 6", "SOA 6"]
    );
    assert_eq!(texts(&primary.since(6)), ["SOA 6"], "up to date");
    assert_eq!(texts(&primary.since(7)), ["SOA 6"], "never back");
    let whole = texts(&primary.whole("shop.example"));
    assert_eq!(texts(&primary.since(0)), whole, "not known");
    assert_eq!(texts(&primary.since(6 + (1 << 31))), whole, "not known");
    let counts = primary.counts();
    assert_eq!(
        (counts.whole, counts.incremental, counts.up_to_date),
        (3, 2, 2)
    );
}

/// Each transfer from each serial number, applied to the zone with that serial number, gives
/// the zone with the newest one.
#[test]
fn incremental_transfers_lead_where_whole_ones_lead() {
    let mut primary = Primary::start([shop([local()])]);
    let mut random = fastrand::Rng::with_seed(18);
    let mut zones = BTreeMap::new();
    for _ in 0..60 {
        let endpoint = format!("e{}.shop.example", random.u8(0..8));
        if primary.endpoints.contains_key(&name(&endpoint)) && random.bool() {
            primary.withdraw(&endpoint);
        } else {
            let targets = (0..4_u8).map(|n| Target::new([10, 0, 0, n + 1].into(), random.u8(0..2)));
            let targets = targets.chain([target("192.0.2.9", 1)]).collect::<Vec<_>>();
            primary.serve(&endpoint, targets);
        }
        let whole = primary.whole("shop.example");
        let newest = serial(&whole[0]).unwrap();
        let content: BTreeSet<_> = texts(&whole[1..whole.len() - 1]).into_iter().collect();
        for (&from, before) in &zones {
            let difference = texts(&primary.since(from));
            let soa = |serial| format!("SOA {serial}");
            assert_eq!(difference[..2], [soa(newest), soa(from)]);
            let mut parts = difference[2..].split(|text| text.starts_with("SOA"));
            let (removed, added) = (parts.next().unwrap(), parts.next().unwrap());
            let mut changed: BTreeSet<String> = BTreeSet::clone(before);
            assert!(removed.iter().all(|record| changed.remove(record)));
            assert!(added.iter().all(|record| changed.insert(record.clone())));
            assert_eq!(changed, content, "from {from} to {newest}");
        }
        zones.insert(newest, content);
    }
}

#[test]
fn an_incremental_transfer_over_udp_is_the_serial_number() {
    let mut primary = Primary::start([shop([local()])]);
    primary.serve("a.shop.example", [target("192.0.2.7", 1)]);
    let socket = udp(primary.address());
    socket.send(&ixfr(1)).unwrap();
    let mut reply = [0; 2048];
    let length = socket.recv(&mut reply).unwrap();
    let message = Message::from_vec(&reply[..length]).unwrap();
    assert_eq!(texts(&message.answers), ["SOA 2"]);
}

/// Each reply over the limit is dropped, or slips: it has no records, and TC set.
#[test]
fn a_reply_over_udp_that_slips_is_well_formed_and_a_signed_one_is_not_limited() {
    let mut config = loopback();
    config.rate_limit = std::num::NonZeroU32::new(1);
    let with_key = Secondary {
        key: Some(key("hmac-sha256")),
        ..local()
    };
    let primary = Primary::with([shop([local(), with_key])], &config);
    let mut packet = [0; 2048];
    for has_edns in [true, false, true] {
        let socket = udp(primary.address());
        let mut request = Message::from_vec(&ixfr(1)).unwrap();
        request.edns = has_edns.then(hickory_proto::op::Edns::new);
        let request = request.to_vec().unwrap();
        let mut slipped = false;
        while !slipped {
            // Of two replies over the limit, at least one is sent.
            socket.send(&request).unwrap();
            socket.send(&request).unwrap();
            let length = socket.recv(&mut packet).unwrap();
            let reply = Message::from_vec(&packet[..length]).unwrap();
            slipped = reply.metadata.truncation;
            assert_eq!(reply.answers.is_empty(), slipped);
            assert_eq!(reply.edns.is_some(), has_edns);
            if slipped {
                let records = reply.to_vec().unwrap().len();
                assert_eq!(length, records, "nothing is behind them");
            }
        }
    }
    let socket = udp(primary.address());
    let signing = Signing::right("hmac-sha256");
    let (request, mac) = signing.sign(&ixfr(1));
    for _ in 0..20 {
        socket.send(&request).unwrap();
        let length = socket.recv(&mut packet).unwrap();
        let (message, _, error) = signing.check(&packet[..length], &mac, true);
        let message = Message::from_vec(&message).unwrap();
        assert_eq!((error, texts(&message.answers)), (0, vec!["SOA 1".into()]));
    }
}

#[test]
fn a_new_zone_has_no_difference_to_the_one_before() {
    let mut primary = Primary::start([shop([local()])]);
    primary
        .server
        .set_zones(Zones::new([shop([local()])]).unwrap());
    primary.serve("a.shop.example", [target("192.0.2.7", 1)]);
    assert_eq!(texts(&primary.since(1)).len(), 5, "the same records");
    let slower = shop([local()]).with_ttl(7);
    primary.server.set_zones(Zones::new([slower]).unwrap());
    assert_eq!(texts(&primary.since(2)), ["SOA 2"]);
    primary.serve("b.shop.example", [target("192.0.2.7", 1)]);
    let whole = texts(&primary.since(2));
    assert!(
        whole.contains(&"shop.example. 7 NS ns1.shop.example.".into()),
        "{whole:?}"
    );
    primary.serve("c.shop.example", [target("192.0.2.7", 1)]);
    assert_eq!(texts(&primary.since(3)).len(), 5);
}

#[test]
fn only_a_secondary_of_the_zone_gets_it() {
    let refused = |primary: &Primary, packet: &[u8]| {
        let messages = primary.transfer(packet);
        assert_eq!(messages[0].metadata.response_code, ResponseCode::Refused);
        assert!(messages[0].answers.is_empty());
    };
    let elsewhere = Secondary::new("192.0.2.9".parse().unwrap(), None);
    let with_key = Secondary {
        key: Some(key("hmac-sha256")),
        ..local()
    };
    for secondaries in [vec![], vec![elsewhere], vec![with_key]] {
        let zone = zone("other.test", &[("ns.x", "")]).with_secondaries([local()]);
        let primary = Primary::start([shop(secondaries), zone]);
        refused(&primary, &ask("shop.example", RecordType::AXFR));
        refused(&primary, &ixfr(0));
        // Below an apex there is no zone.
        refused(&primary, &ask("db.other.test", RecordType::AXFR));
        assert_eq!(primary.whole("other.test").len(), 3);
    }
    // Before the first plan.
    let zones = Zones::new([shop([local()])]).unwrap();
    let store = MemoryStore::new(Retention::newest(2));
    let server = Server::start(&store, zones, &loopback()).unwrap();
    let mut stream = sent(
        server.addresses()[0],
        &ask("shop.example", RecordType::AXFR),
    );
    assert_eq!(
        messages(&mut stream)[0].metadata.response_code,
        ResponseCode::Refused
    );
}

#[test]
fn every_message_of_a_signed_transfer_is_signed() {
    for algorithm in ["hmac-sha256", "hmac-sha512"] {
        let secondary = Secondary {
            key: Some(key(algorithm)),
            ..local()
        };
        let mut primary = Primary::start([shop([secondary])]);
        let many = (0..1_000_u32).map(|n| {
            Target::new(
                IpAddr::from((0x2001_0db8_u128 << 96 | u128::from(n)).to_be_bytes()),
                1,
            )
        });
        primary.serve("many.shop.example", many);
        let signing = Signing::right(algorithm);
        let mut request = query("shop.example", RecordType::AXFR);
        request.edns = Some(hickory_proto::op::Edns::new());
        let (packet, mut mac) = signing.sign(&request.to_vec().unwrap());
        let mut stream = sent(primary.address(), &packet);
        let mut messages = Vec::new();
        while messages.is_empty() || !is_whole(&messages) {
            let (message, next, error) =
                signing.check(&read(&mut stream), &mac, messages.is_empty());
            assert_eq!(error, 0);
            messages.push(Message::from_vec(&message).unwrap());
            mac = next;
        }
        assert!(messages.len() > 1);
        assert!(messages[0].edns.is_some(), "RFC 6891, 6.1.1");
        assert_eq!(records(&messages).len(), 1_006);
    }
}

#[test]
fn the_newest_plan_never_goes_back() {
    let mut primary = Primary::start([shop([local()])]);
    primary.serve("a.shop.example", [target("192.0.2.7", 1)]);
    let whole = texts(&primary.whole("shop.example"));
    assert_eq!(whole[0], "SOA 2");
    let records = RecordSet::new(5, [target("192.0.2.8", 1)]).unwrap();
    let other = Arc::new(Plan::new([(name("b.shop.example"), records)]).unwrap());
    for generation in [2, 1] {
        let generation = Generation::new(generation).unwrap();
        primary.server.plan_is_applied(generation, &other);
        assert_eq!(texts(&primary.whole("shop.example")), whole);
    }
}

/// The first packet after a reload is the transfer itself.
#[test]
fn a_transfer_that_is_signed_with_a_new_key_is_whole() {
    let mut primary = Primary::start([shop([local()])]);
    let targets = |at| (0..1_000).map(move |n| numbered(at, n));
    for at in 0..3 {
        primary.serve(&format!("e{at}.shop.example"), targets(at));
    }
    let secondary = Secondary {
        key: Some(key("hmac-sha256")),
        ..local()
    };
    let zones = Zones::new([shop([secondary])]).unwrap();
    primary.server.set_zones(zones);
    let signing = Signing::right("hmac-sha256");
    let (packet, mut mac) = signing.sign(&ask("shop.example", RecordType::AXFR));
    let mut stream = sent(primary.address(), &packet);
    let mut messages = Vec::new();
    while messages.is_empty() || !is_whole(&messages) {
        let (message, next, error) = signing.check(&read(&mut stream), &mac, messages.is_empty());
        assert_eq!(error, 0);
        messages.push(Message::from_vec(&message).unwrap());
        mac = next;
    }
    assert!(messages.len() > 1);
    assert_eq!(records(&messages).len(), 3_006);
}

/// While a pass is under way, and until it ends, there is the plan before.
#[test]
fn a_plan_is_transferred_once_it_is_active_everywhere() {
    let mut primary = Primary::start([shop([local()])]);
    for at in ["a", "b"] {
        let records = ["a", "b", "db"].map(|endpoint| {
            let target = target(
                if at == "a" {
                    "192.0.2.11"
                } else {
                    "192.0.2.12"
                },
                1,
            );
            let name = name(&format!("{endpoint}.shop.example"));
            (name, RecordSet::new(5, [target]).unwrap())
        });
        let plan = Arc::new(Plan::new(records).unwrap());
        primary.store.publish(Arc::clone(&plan)).unwrap();
        let pin = primary.store.latest().unwrap().unwrap();
        for (endpoint, _) in plan.endpoints() {
            assert_eq!(primary.applied.look(|| latest(&primary.store)), None);
            let _activated = primary.store.activate(&pin, endpoint).unwrap();
        }
        let (generation, plan) = primary.applied.look(|| latest(&primary.store)).unwrap();
        assert_eq!(generation, pin.generation());
        primary.server.plan_is_applied(generation, &plan);
        assert_eq!(primary.whole("shop.example").len(), 2 + 2 + 3);
    }
}

/// The serial number that any client sees is the one that a secondary can have.
#[test]
fn the_serial_number_of_every_answer_is_that_of_a_transfer() {
    let config = ServerConfig {
        serial_offset: u32::MAX - 1,
        ..loopback()
    };
    let mut primary = Primary::with([shop([local()])], &config);
    let seen = |primary: &Primary| {
        let socket = udp(primary.address());
        socket.send(&ask("shop.example", RecordType::SOA)).unwrap();
        let mut reply = [0; 2048];
        let length = socket.recv(&mut reply).unwrap();
        serial(&Message::from_vec(&reply[..length]).unwrap().answers[0]).unwrap()
    };
    assert_eq!(seen(&primary), u32::MAX);
    // A plan that is active here, but that no secondary can have yet.
    primary
        .endpoints
        .insert(name("a.shop.example"), vec![target("192.0.2.7", 1)]);
    apply(&primary.store, &primary.endpoints);
    let packet = ask("a.shop.example", RecordType::A);
    let answer = Message::from_vec(&read(&mut sent(primary.address(), &packet))).unwrap();
    assert_eq!(answer.answers.len(), 1);
    primary.server.plan_is_active(Generation::new(2).unwrap());
    assert_eq!(seen(&primary), u32::MAX);
    primary.apply();
    // The numbers go round (RFC 1982).
    assert_eq!(seen(&primary), 1);
    assert_eq!(serial(&primary.whole("shop.example")[0]), Some(1));
    assert_eq!(
        texts(&primary.since(u32::MAX))[..2],
        ["SOA 1", "SOA 4294967295"]
    );
}

/// A connection on which this was asked, and for which the system keeps little.
fn slow(server: SocketAddr, packet: &[u8]) -> TcpStream {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&server.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&framed(packet)).unwrap();
    stream
}

#[test]
fn a_secondary_that_does_not_read_holds_up_nobody_and_is_closed() {
    const NAMES: usize = 300;
    const BYTES: usize = 59_000;
    let mut config = loopback();
    config.tcp.idle = Duration::from_secs(1);
    let primary = Primary::with([shop([local()])], &config);
    // More than the system keeps for a client that takes nothing.
    let names = (0..NAMES).map(|n| {
        let data = Rrset::new(65_280, 60, [vec![7; BYTES]]).unwrap();
        let records = StaticRecords::new([data]).unwrap();
        let name = name(&format!("e{n}.shop.example"));
        (name, RecordSet::without_targets(records).unwrap())
    });
    let (second, plan) = (Generation::new(2).unwrap(), Plan::new(names).unwrap());
    primary.server.plan_is_applied(second, &Arc::new(plan));
    let request = ask("shop.example", RecordType::AXFR);
    let slow: Vec<_> = (0..5).map(|_| slow(primary.address(), &request)).collect();
    for _ in 0..3 {
        let mut stream = sent(primary.address(), &request);
        let mut bytes = 0;
        while bytes < NAMES * BYTES {
            bytes += read(&mut stream).len();
        }
    }
    // These are idle for less time than the slow ones, and are closed after them.
    for _ in 0..2 {
        assert!(is_closed(&mut tcp(primary.address())));
    }
    for mut stream in slow {
        // What was on its way may be read, and then the end.
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(
            matches!(ended, Ok(_) | Err(ErrorKind::ConnectionReset)),
            "{ended:?}"
        );
        assert!(rest.len() < NAMES * BYTES, "all of it: {}", rest.len());
    }
    primary.server.shut_down();
}

/// What a name has for A over UDP: a response code, or addresses.
fn addresses(primary: &Primary, name: &str) -> Result<Vec<String>, ResponseCode> {
    let message = ask_udp(&udp(primary.address()), &ask(name, RecordType::A));
    match message.metadata.response_code {
        ResponseCode::NoError => Ok(message
            .answers
            .iter()
            .map(|record| record.data.to_string())
            .collect()),
        code => Err(code),
    }
}

/// Between publish and activation, a wildcard answers for a new name as before.
#[test]
fn a_wildcard_stands_for_a_new_name_until_that_is_active() {
    let mut primary = Primary::start([shop([])]);
    let (wildcard, new) = ("*.dyn.shop.example", "x.dyn.shop.example");
    primary.serve(wildcard, [target("192.0.2.1", 1)]);
    let all = |address: &str| Ok(vec![address.to_owned()]);
    primary
        .endpoints
        .insert(name(new), vec![target("192.0.2.2", 1)]);
    publish(&primary.store, &primary.endpoints);
    for asked in [new, "y.dyn.shop.example", "below.x.dyn.shop.example"] {
        assert_eq!(addresses(&primary, asked), all("192.0.2.1"), "{asked}");
    }
    // The plan that has the new name does not say that the wildcard stands for it.
    let pin = primary.store.latest().unwrap().unwrap();
    let _ = primary.store.activate(&pin, &name(wildcard)).unwrap();
    assert_eq!(addresses(&primary, new), Err(ResponseCode::ServFail));
    assert_eq!(addresses(&primary, "y.dyn.shop.example"), all("192.0.2.1"));
    primary.apply();
    assert_eq!(addresses(&primary, new), all("192.0.2.2"));
    assert_eq!(
        addresses(&primary, "below.x.dyn.shop.example"),
        Err(ResponseCode::NXDomain)
    );
}

/// What a secondary hears.
struct Listener(UdpSocket);

impl Listener {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn secondary(&self) -> Secondary {
        Secondary {
            notify: true,
            port: self.0.local_addr().unwrap().port(),
            ..local()
        }
    }

    /// The next NOTIFY: packet, sender and serial number.
    fn heard(&self) -> (Vec<u8>, SocketAddr, u32) {
        let mut packet = [0; 2048];
        let (length, from) = self.0.recv_from(&mut packet).unwrap();
        let message = Message::from_vec(&packet[..length]).unwrap();
        assert_eq!(message.metadata.op_code, OpCode::Notify);
        assert!(message.metadata.authoritative);
        assert_eq!(message.queries[0].query_type(), RecordType::SOA);
        assert_eq!(message.queries[0].name().to_ascii(), "shop.example.");
        let serial = serial(&message.answers[0]).unwrap();
        (packet[..length].to_vec(), from, serial)
    }

    fn answer(&self, packet: &[u8], to: SocketAddr, code: u8) {
        let mut answer = packet.to_vec();
        answer[2] |= 0x80;
        answer[3] |= code;
        self.0.send_to(&answer, to).unwrap();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn notify_comes_once_for_each_plan_that_can_be_had() {
    let listener = Listener::new();
    let mut primary = Primary::start([shop([listener.secondary(), local()])]);
    for generation in 1..5_u8 {
        let (packet, from, serial) = listener.heard();
        assert_eq!(serial, u32::from(generation));
        listener.answer(&packet, from, 0);
        until("acknowledged", || {
            primary.counts().notify_acknowledged == u64::from(generation)
        });
        primary.serve("a.shop.example", [target("192.0.2.7", generation)]);
    }
    let (_, _, serial) = listener.heard();
    assert_eq!(serial, 5);
    until("counted", || primary.counts().notify_sent == 5);
    assert_eq!(primary.counts().notify_failing, 0);
}

#[test]
fn notify_is_repeated_until_it_is_acknowledged_and_skips_plans_between() {
    let listener = Listener::new();
    let mut primary = Primary::start([shop([listener.secondary()])]);
    let (first, from, serial) = listener.heard();
    assert_eq!(serial, 1);
    for weight in 1..5 {
        primary.serve("a.shop.example", [target("192.0.2.7", weight)]);
    }
    // An answer to another message, one from another secondary, and a refusal count for nothing.
    let mut other = first.clone();
    other[0] ^= 1;
    listener.answer(&other, from, 0);
    Listener::new().answer(&first, from, 0);
    listener.answer(&first, from, 5);
    let (second, from, serial) = listener.heard();
    assert_eq!(serial, 5, "what is newest when it is sent");
    assert_eq!(primary.counts().notify_acknowledged, 0);
    listener.answer(&second, from, 0);
    until("acknowledged", || primary.counts().notify_acknowledged == 1);
    assert_eq!(primary.counts().notify_sent, 2);
}

#[test]
fn notify_is_signed_and_so_is_its_answer() {
    let listener = Listener::new();
    let secondary = Secondary {
        key: Some(key("hmac-sha256")),
        ..listener.secondary()
    };
    let primary = Primary::start([shop([secondary])]);
    let (packet, from, _) = listener.heard();
    let signing = Signing {
        key: b"\x03key\x04test\0",
        ..Signing::right("hmac-sha256")
    };
    let start = packet.len() - (10 + 16 + 32 + 13 + signing.key.len());
    let unsigned = {
        let mut unsigned = packet[..start].to_vec();
        unsigned[11] -= 1;
        unsigned
    };
    // Signed by the server as the client here would sign it, at the same time.
    let time_at = start + signing.key.len() + 10 + 13;
    let mut time = [0; 8];
    time[2..].copy_from_slice(&packet[time_at..time_at + 6]);
    let at_that_time = Signing {
        time: u64::from_be_bytes(time),
        ..signing.clone()
    };
    let (signed, mac) = at_that_time.sign(&unsigned);
    assert_eq!(signed, packet);
    // Unsigned, it is no answer.
    listener.answer(&unsigned, from, 0);
    let mut answer = unsigned;
    answer[2] |= 0x80;
    listener
        .0
        .send_to(&signing.sign_reply(&answer, &mac), from)
        .unwrap();
    until("acknowledged", || primary.counts().notify_acknowledged == 1);
    assert_eq!(primary.counts().notify_sent, 1);
}
