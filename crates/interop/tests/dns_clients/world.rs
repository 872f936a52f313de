//! A DNS server with a fixed plan, and clients that run against it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

use dns_server::{NameServer, Server, ServerConfig, Zone, Zones};
use interop::started;
use plan_store::{
    Activation, EndpointName, MemoryStore, Pin, Plan, PlanStore, RecordSet, Retention, Target,
};

/// The zone that is served.
pub(crate) const ZONE: &str = "shop.example";

/// The endpoints: their names, how many IPv4 and how many IPv6 targets.
pub(crate) const ENDPOINTS: &[(&str, u8, u8)] = &[
    ("db.shop.example", 3, 1),
    ("v4.shop.example", 2, 0),
    ("v6.shop.example", 0, 2),
    ("big.shop.example", 100, 50),
    ("under_score.shop.example", 1, 1),
    ("b.a.deep.shop.example", 1, 0),
    ("c.a.deep.shop.example", 4, 4),
    ("x.db.shop.example", 1, 0),
];

/// The TTL of every endpoint, in seconds.
pub(crate) const TTL: u32 = 60;

/// The IPv4 targets of the endpoint at this index.
pub(crate) fn v4(at: usize) -> impl Iterator<Item = Ipv4Addr> {
    let net = u8::try_from(at).unwrap();
    (0..ENDPOINTS[at].1).map(move |n| Ipv4Addr::new(192, 0, 2 + net, n))
}

/// The IPv6 targets of the endpoint at this index.
pub(crate) fn v6(at: usize) -> impl Iterator<Item = Ipv6Addr> {
    let net = u16::try_from(at).unwrap();
    (0..ENDPOINTS[at].2).map(move |n| Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, n.into()))
}

/// Serves the endpoints on IPv4 and IPv6 loopback addresses. Every answer has all targets.
pub(crate) fn serve() -> Server {
    let store = MemoryStore::new(Retention::newest(1));
    let endpoints = ENDPOINTS.iter().enumerate().map(|(at, (name, ..))| {
        let name: EndpointName = name.parse().unwrap();
        let v4 = v4(at).map(|address| Target::new(address.into(), 1));
        let v6 = v6(at).map(|address| Target::new(address.into(), 1));
        let records = RecordSet::new(TTL, v4.chain(v6)).unwrap();
        (name, records)
    });
    let plan = Arc::new(Plan::new(endpoints).unwrap());
    store.publish(Arc::clone(&plan)).unwrap();
    let pin = store.latest().unwrap().unwrap();
    for (name, _) in plan.endpoints() {
        let activated = store.activate(&pin, name).unwrap();
        assert!(matches!(activated, Activation::Activated { .. }));
    }
    let name_server = NameServer {
        name: "ns1.shop.example".parse().unwrap(),
        addresses: vec!["192.0.2.253".parse().unwrap()],
    };
    let zone = Zone::new(ZONE.parse().unwrap(), [name_server]).unwrap();
    let config = ServerConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()],
        max_targets: dns_server::MAX_TARGETS,
        threads: 1,
        ..ServerConfig::default()
    };
    let server = Server::start(&store, Zones::new([zone]).unwrap(), &config).unwrap();
    server.plan_is_active(pin.generation());
    server
}

/// Runs a client against this server and returns what it prints.
pub(crate) fn run(program: &str, server: SocketAddr, arguments: &str) -> String {
    let mut command = Command::new(program);
    command.arg(format!("@{}", server.ip()));
    command.args(["-p", &server.port().to_string()]);
    command.args(arguments.split_whitespace());
    let output = started(program, command.output());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text + &String::from_utf8_lossy(&output.stderr)
}
