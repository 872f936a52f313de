//! What a client can do to others, and what a failure or the end of the server costs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Instant;
use std::{env, iter};

use dns_server::{Outcome, Server, ServerConfig};
use hickory_proto::rr::RecordType;
use plan_store::memory::MemoryPin;
use plan_store::{
    EndpointName, Layer, MemoryStore, PlanStore, Reader, Resolution, Resolve, Retention, Target,
};
use socket2::{Domain, Socket, Type};

use crate::server::{PATIENCE, ask_udp, framed, is_closed, loopback, read_tcp, start, tcp, udp};
use crate::world::{apply, ask, name, zones};

/// A store whose readers panic when they are asked for `poison.shop.example`.
struct Poisoned(MemoryStore);

struct PoisonedReader(Reader);

impl Layer for Poisoned {
    type Inner = MemoryStore;
    type Pin = MemoryPin;
    type Reader = PoisonedReader;
    type Error = Infallible;

    fn inner(&self) -> &MemoryStore {
        &self.0
    }

    fn wrap(&self, pin: MemoryPin) -> MemoryPin {
        pin
    }

    fn reader(&self) -> PoisonedReader {
        PoisonedReader(PlanStore::reader(&self.0))
    }
}

impl Resolve for PoisonedReader {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        assert_ne!(endpoint.as_str(), "poison.shop.example");
        self.0.resolve(endpoint)
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        self.0.has_descendant(name)
    }
}

#[test]
fn a_panic_costs_its_query_and_is_counted() {
    let store = MemoryStore::new(Retention::newest(2));
    let target = Target::new([10, 0, 0, 1].into(), 1);
    apply(
        &store,
        &BTreeMap::from([(name("db.shop.example"), vec![target])]),
    );
    let one_thread = ServerConfig {
        threads: 1,
        ..loopback()
    };
    let server = Server::start(&Poisoned(store), zones(), &one_thread).unwrap();
    let address = server.addresses()[0];
    let good = ask("db.shop.example", RecordType::A);
    let poison = ask("poison.shop.example", RecordType::A);
    let socket = udp(address);
    for _ in 0..3 {
        udp(address).send(&poison).unwrap();
        // The panic may take a query with it that came in beside it; a client asks again.
        let mut poisoned = tcp(address);
        let mut other = tcp(address);
        poisoned.write_all(&framed(&poison)).unwrap();
        assert!(is_closed(&mut poisoned));
        other.write_all(&framed(&good)).unwrap();
        assert_eq!(read_tcp(&mut other).answers.len(), 1);
        let begin = Instant::now();
        while !server.counts().panics.is_multiple_of(2) {
            assert!(begin.elapsed() < PATIENCE);
        }
        assert_eq!(ask_udp(&socket, &good).answers.len(), 1);
    }
    assert_eq!(server.counts().panics, 6);
    assert!(server.is_serving());
}

/// Row 9.
#[test]
fn a_client_with_many_connections_takes_no_place_of_another() {
    let mut config = loopback();
    config.tcp.connections = 8;
    config.tcp.per_client = 6;
    config.tcp.idle = PATIENCE;
    let (_store, server) = start(&config);
    let address = server.addresses()[0];
    let packet = framed(&ask("db.shop.example", RecordType::A));
    let from = |host: u8| connect_from(host, address);
    let mut quiet = from(1);
    let mut greedy: Vec<_> = (0..40).map(|_| from(2)).collect();
    // All of them have been taken by now.
    let last = greedy.last_mut().unwrap();
    last.write_all(&packet).unwrap();
    assert_eq!(read_tcp(last).answers.len(), 4);
    let open = |stream: &mut TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let open = stream.read(&mut [0; 1]).is_err();
        stream.set_nonblocking(false).unwrap();
        open
    };
    assert_eq!(
        greedy
            .iter_mut()
            .filter_map(|s| open(s).then_some(()))
            .count(),
        6
    );
    // Two more clients: the second finds all places taken, and the greedy one has most.
    let mut others = [from(3), from(4)];
    for stream in others.iter_mut().chain([&mut quiet]) {
        stream.write_all(&packet).unwrap();
        assert_eq!(read_tcp(stream).answers.len(), 4);
    }
    assert_eq!(
        greedy
            .iter_mut()
            .filter_map(|s| open(s).then_some(()))
            .count(),
        5
    );
}

/// Row 9.
#[test]
fn of_clients_with_equally_many_connections_the_longest_idle_gives_way() {
    let mut config = loopback();
    config.tcp.connections = 4;
    config.tcp.idle = PATIENCE;
    let (_store, server) = start(&config);
    let packet = framed(&ask("db.shop.example", RecordType::A));
    let active = |stream: &mut TcpStream| {
        stream.write_all(&packet).unwrap();
        assert_eq!(read_tcp(stream).answers.len(), 4);
    };
    let connect = |host: u8| {
        let mut stream = connect_from(host, server.addresses()[0]);
        active(&mut stream);
        stream
    };
    let mut streams: Vec<_> = [2, 1, 4, 3].map(connect).into();
    for newcomer in 5..10 {
        streams.push(connect(newcomer));
        assert!(is_closed(&mut streams.remove(0)), "for {newcomer}");
        streams.iter_mut().for_each(active);
    }
}

/// Runs a test in a process of its own with few file descriptors, since other tests need some.
#[cfg(unix)]
fn with_few_descriptors(test: &str, run: impl FnOnce()) {
    const INSIDE: &str = "DNS_SERVER_TEST_WITH_FEW_DESCRIPTORS";
    if env::var_os(INSIDE).is_some() {
        return run();
    }
    let script = r#"ulimit -n 64 && exec "$0" --exact "$1" --nocapture"#;
    let mut process = Command::new("sh");
    process
        .args(["-c", script])
        .arg(env::current_exe().unwrap());
    process.arg(format!("hardening::{test}")).env(INSIDE, "");
    let output = process.output().unwrap();
    let outcome = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(outcome.contains("1 passed"), "{outcome}{errors}");
}

/// All file descriptors that the process may still have.
#[cfg(unix)]
fn all_descriptors() -> Vec<UdpSocket> {
    let taken: Vec<_> = iter::from_fn(|| UdpSocket::bind("127.0.0.1:0").ok()).collect();
    assert!(!taken.is_empty());
    taken
}

#[cfg(unix)]
#[test]
fn without_a_descriptor_the_client_with_the_most_connections_gives_way() {
    let test = "without_a_descriptor_the_client_with_the_most_connections_gives_way";
    with_few_descriptors(test, || {
        let mut config = loopback();
        config.tcp.idle = PATIENCE;
        let (_store, server) = start(&config);
        let packet = framed(&ask("db.shop.example", RecordType::A));
        let active = |stream: &mut TcpStream| {
            stream.write_all(&packet).unwrap();
            assert_eq!(read_tcp(stream).answers.len(), 4);
        };
        let mut streams = [1, 2, 2, 2].map(|host| connect_from(host, server.addresses()[0]));
        streams.iter_mut().for_each(active);
        let newcomer = socket_of(3);
        let _taken = all_descriptors();
        active(&mut connect(newcomer, server.addresses()[0]));
        // The server may close one more connection: Linux needs a descriptor even to say that no
        // client waits.
        let [quiet, oldest, _, newest] = &mut streams;
        assert!(is_closed(oldest));
        active(quiet);
        active(newest);
    });
}

#[cfg(unix)]
#[test]
fn a_client_that_came_without_a_descriptor_left_is_served_once_there_is_one() {
    let test = "a_client_that_came_without_a_descriptor_left_is_served_once_there_is_one";
    with_few_descriptors(test, || {
        let (_store, server) = start(&loopback());
        let client = socket_of(1);
        let taken = all_descriptors();
        let mut stream = connect(client, server.addresses()[0]);
        let begin = Instant::now();
        while server.counts().tcp_failures == 0 {
            assert!(begin.elapsed() < PATIENCE);
        }
        drop(taken);
        let packet = framed(&ask("db.shop.example", RecordType::A));
        stream.write_all(&packet).unwrap();
        assert_eq!(read_tcp(&mut stream).answers.len(), 4);
    });
}

/// Connects as the client with this number.
fn connect_from(host: u8, server: SocketAddr) -> TcpStream {
    connect(socket_of(host), server)
}

/// A socket of the client with this number. Linux answers on all of 127.0.0.0/8, so these are
/// different clients.
fn socket_of(host: u8) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let local = SocketAddr::from(([127, 53, 9, host], 0));
    socket.bind(&local.into()).unwrap();
    socket
}

fn connect(socket: Socket, server: SocketAddr) -> TcpStream {
    socket.connect(&server.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Row 14.
#[test]
fn queries_before_one_that_is_too_long_are_answered() {
    let (_store, server) = start(&loopback());
    let packet = framed(&ask("db.shop.example", RecordType::A));
    let mut stream = tcp(server.addresses()[0]);
    let too_long = [&[0x10, 0x01][..], &[0xff; 3000]].concat();
    let all = [&packet[..], &packet, &too_long].concat();
    stream.write_all(&all).unwrap();
    for _ in 0..2 {
        assert_eq!(read_tcp(&mut stream).answers.len(), 4);
    }
    assert!(is_closed(&mut stream));
    // What it sends after that is nothing to anybody.
    let _ = stream.write_all(&packet);
    let mut other = tcp(server.addresses()[0]);
    other.write_all(&packet).unwrap();
    assert_eq!(read_tcp(&mut other).answers.len(), 4);
}

#[test]
fn what_has_come_in_is_answered_before_the_end() {
    let (_store, server) = start(&loopback());
    let address = server.addresses()[0];
    let packet = ask("db.shop.example", RecordType::A);
    let clients: Vec<_> = (0..50).map(|_| udp(address)).collect();
    let mut stream = tcp(address);
    stream.write_all(&framed(&packet).repeat(50)).unwrap();
    for client in &clients {
        client.send(&packet).unwrap();
    }
    // However slow the machine is.
    let counts = server.shut_down_within(PATIENCE);
    for client in &clients {
        let mut reply = [0; 512];
        assert!(client.recv(&mut reply).unwrap() > 12);
    }
    for _ in 0..50 {
        assert_eq!(read_tcp(&mut stream).answers.len(), 4);
    }
    assert_eq!(counts.of(Outcome::Answer), 100);
    assert!(!server.is_serving());
}
