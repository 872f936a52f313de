//! Compares our server with NSD on the same zone file: every name in it, above it, below it and
//! beside it, with every type.

use std::collections::BTreeSet;
use std::path::Path;

use control_plane::{DnsZone, Fleet, HealthSource, Planner, ScriptedHealth};
use dns_server::{NameServer, Server, ServerConfig, Zone, Zones};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use plan_store::{MemoryStore, Pin, PlanStore, Retention};

use crate::nsd::{Client, Nsd, Reply};

const FLEET: &str = r#"
    [[dns_zone]]
    apex = "shop.example"
    name_server = [{ name = "ns1.shop.example", addresses = ["192.0.2.253"] }]
    records = "shop.zone"

    [[endpoint]]
    name = "api.shop.example"
    ttl = 60
    target = [
        { address = "192.0.2.1", zone = "z", capacity = 1 },
        { address = "192.0.2.2", zone = "z", capacity = 1 },
        { address = "2001:db8::1", zone = "z", capacity = 1 },
    ]

    [[endpoint]]
    name = "*.ep.shop.example"
    ttl = 60
    target = [{ address = "192.0.2.3", zone = "z", capacity = 1 }]
"#;

const STATIC: &str = include_str!("shop.zone");

/// What our server makes of the fleet file.
const OWN: &str = "
$ORIGIN shop.example.
@ 3600 SOA ns1 hostmaster 1 3600 600 604800 5
@ 3600 NS ns1
ns1 3600 A 192.0.2.253
api 60 A 192.0.2.1
api 60 A 192.0.2.2
api 60 AAAA 2001:db8::1
*.ep 60 A 192.0.2.3
";

/// Serves the fleet with its zone file, by way of the Planner.
fn serve() -> Server {
    let read = |fleet: &Fleet, zone: &DnsZone, path: &Path| {
        zone_file::parse(fleet, zone, STATIC.as_bytes(), path)
    };
    let fleet = Fleet::parse_with(FLEET, "fleet.toml".as_ref(), &read).unwrap();
    let store = MemoryStore::new(Retention::newest(1));
    let health = ScriptedHealth::new(&fleet).read().unwrap();
    Planner::new(store.clone(), fleet).tick(&health).unwrap();
    let pin = store.latest().unwrap().unwrap();
    assert!(store.activate_all(&pin).all(|(_, outcome)| outcome.is_ok()));
    let name_server = NameServer {
        name: "ns1.shop.example".parse().unwrap(),
        addresses: vec!["192.0.2.253".parse().unwrap()],
    };
    let zone = Zone::new("shop.example".parse().unwrap(), [name_server]).unwrap();
    let config = ServerConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        max_targets: dns_server::MAX_TARGETS,
        threads: 1,
        ..ServerConfig::default()
    };
    let server = Server::start(&store, Zones::new([zone]).unwrap(), &config).unwrap();
    server.plan_is_active(pin.generation());
    server
}

/// All owners, the names above them, and names directly below and beside each.
fn names() -> BTreeSet<String> {
    let lines = STATIC.lines().chain(OWN.lines());
    let owners = lines.filter(|line| !line.starts_with([';', '$']));
    let owners = owners.filter_map(|line| line.split_whitespace().next());
    let mut names = BTreeSet::new();
    for owner in owners {
        let mut name = Some(owner);
        while let Some(at) = name {
            let full = match at {
                "@" => "shop.example.".to_owned(),
                labels => format!("{labels}.shop.example."),
            };
            let above = at.split_once('.').map(|(_, above)| above);
            for below in ["", "x.", "*.", "x.y.", "*.x.", "x.*."] {
                names.insert(format!("{below}{full}"));
            }
            names.insert(full.replacen(|c: char| c != '*', "q", 1));
            name = above;
        }
    }
    names
}

const TYPES: [u16; 20] = [
    1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 35, 43, 44, 48, 52, 64, 65, 257, 731, 65_280,
];

fn packet(name: &str, record_type: u16, id: u16, dnssec_ok: bool) -> Vec<u8> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    let name = Name::from_ascii(name).unwrap();
    message.add_query(Query::query(name, RecordType::from(record_type)));
    let mut edns = Edns::new();
    edns.set_max_payload(1232).set_dnssec_ok(dnssec_ok);
    message.set_edns(edns);
    message.to_vec().unwrap()
}

#[test]
fn nsd_answers_a_zone_file_in_the_same_way() {
    let server = serve();
    let nsd = Nsd::start(&format!("{OWN}\n{STATIC}"));
    let (ours, theirs) = (Client::of(server.addresses()[0]), Client::of(nsd.address));
    let mut faults = Vec::new();
    let (mut asked, mut kinds) = (0_u16, BTreeSet::new());
    for name in names() {
        for record_type in TYPES {
            asked += 1;
            let packet = packet(&name, record_type, asked, asked % 2 == 0);
            let [ours, theirs] = [&ours, &theirs].map(|client| {
                let reply = client.ask(&packet, asked % 0x8000).unwrap();
                Reply::read(&reply)
            });
            kinds.insert(ours.sections.each_ref().map(|records| records.len().min(1)));
            if ours != theirs {
                faults.push(format!(
                    "{name} {}\nours:   {ours:?}\ntheirs: {theirs:?}",
                    RecordType::from(record_type)
                ));
            }
        }
    }
    println!("{asked} questions");
    let shown: Vec<_> = faults.iter().take(10).cloned().collect();
    let count = faults.len();
    assert!(
        faults.is_empty(),
        "{count} of {asked} differ:\n{}",
        shown.join("\n\n")
    );
    assert!(kinds.len() >= 4, "too few kinds of answers: {kinds:?}");
}
