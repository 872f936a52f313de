//! The DNS server on real sockets.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dns_server::{Error, Outcome, Server, ServerConfig};
use hickory_proto::op::Message;
use hickory_proto::rr::{RData, RecordType};
use plan_store::{MemoryStore, PlanStore, Retention, Target};

use crate::world::{apply, ask, name, zones};

/// Nothing here takes as long. A test that waits longer fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A store whose endpoint `db.shop.example` has `count` targets in 10.`plan`.0.0.
fn serve_plan(store: &MemoryStore, plan: u8, count: u8) {
    let targets = (0..count).map(|n| Target::new([10, plan, 0, n].into(), 1));
    apply(
        store,
        &BTreeMap::from([(name("db.shop.example"), targets.collect())]),
    );
}

pub(crate) fn start(config: &ServerConfig) -> (MemoryStore, Server) {
    let store = MemoryStore::new(Retention::newest(2));
    serve_plan(&store, 1, 4);
    let server = Server::start(&store, zones(), config).unwrap();
    (store, server)
}

pub(crate) fn loopback() -> ServerConfig {
    ServerConfig {
        threads: 2,
        ..ServerConfig::on("127.0.0.1:0".parse().unwrap())
    }
}

pub(crate) fn udp(server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((server.ip(), 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(server).unwrap();
    socket
}

pub(crate) fn ask_udp(socket: &UdpSocket, packet: &[u8]) -> Message {
    socket.send(packet).unwrap();
    let mut reply = [0; 2048];
    let length = socket.recv(&mut reply).unwrap();
    Message::from_vec(&reply[..length]).unwrap()
}

pub(crate) fn tcp(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn framed(packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    [&length[..], packet].concat()
}

pub(crate) fn read_tcp(stream: &mut TcpStream) -> Message {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).unwrap();
    Message::from_vec(&reply).unwrap()
}

/// Whether the server has closed the connection.
pub(crate) fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 16]) {
        Ok(length) => length == 0,
        // The read timed out, so the connection is still open.
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn an_idle_connection_does_not_look_closed() {
    let (_store, server) = start(&loopback());
    let mut stream = tcp(server.addresses()[0]);
    let soon = Some(Duration::from_millis(1));
    stream.set_read_timeout(soon).unwrap();
    assert!(!is_closed(&mut stream));
    server.shut_down();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn queries_are_answered_over_udp_and_tcp_in_both_families() {
    let mut config = loopback();
    config.listen.push("[::1]:0".parse().unwrap());
    let (_store, server) = start(&config);
    let packet = ask("db.shop.example", RecordType::A);
    for &address in server.addresses() {
        assert_eq!(ask_udp(&udp(address), &packet).answers.len(), 4);
        let mut stream = tcp(address);
        stream.write_all(&framed(&packet)).unwrap();
        assert_eq!(read_tcp(&mut stream).answers.len(), 4);
    }
    assert!(server.is_serving());
    let counts = server.shut_down();
    assert_eq!(counts.of(Outcome::Answer), 4);
}

#[test]
fn a_datagram_without_a_query_harms_nobody() {
    let (_store, server) = start(&loopback());
    let socket = udp(server.addresses()[0]);
    for junk in [&[][..], &[0; 11], &[0xff; 1500], &[0x80; 4000]] {
        socket.send(junk).unwrap();
    }
    let packet = ask("db.shop.example", RecordType::A);
    assert_eq!(
        ask_udp(&udp(server.addresses()[0]), &packet).answers.len(),
        4
    );
}

#[test]
fn a_burst_from_many_clients_is_answered_to_each() {
    let (_store, server) = start(&loopback());
    let clients: Vec<_> = (0..50).map(|_| udp(server.addresses()[0])).collect();
    for (id, client) in (0_u16..).zip(&clients) {
        let mut packet = ask("db.shop.example", RecordType::A);
        packet[..2].copy_from_slice(&id.to_be_bytes());
        client.send(&packet).unwrap();
    }
    for (id, client) in (0_u16..).zip(&clients) {
        let mut reply = [0; 2048];
        let length = client.recv(&mut reply).unwrap();
        let message = Message::from_vec(&reply[..length]).unwrap();
        assert_eq!(message.metadata.id, id);
        assert_eq!(message.answers.len(), 4);
    }
}

#[test]
fn tcp_queries_need_not_wait_for_each_other() {
    let (_store, server) = start(&loopback());
    let mut stream = tcp(server.addresses()[0]);
    let mut all = Vec::new();
    for id in 0_u16..500 {
        let mut packet = ask("db.shop.example", RecordType::A);
        packet[..2].copy_from_slice(&id.to_be_bytes());
        all.extend(framed(&packet));
    }
    // In pieces that end anywhere.
    let mut writer = stream.try_clone().unwrap();
    let sending = thread::spawn(move || {
        for piece in all.chunks(37) {
            writer.write_all(piece).unwrap();
        }
    });
    for id in 0..500 {
        assert_eq!(read_tcp(&mut stream).metadata.id, id, "in their order");
    }
    sending.join().unwrap();
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let mut config = loopback();
    config.max_targets = 1024;
    config.tcp.idle = PATIENCE;
    let (store, server) = start(&config);
    serve_plan(&store, 2, 255);
    let packet = ask("db.shop.example", RecordType::A);
    let mut greedy = tcp(server.addresses()[0]);
    greedy.set_nonblocking(true).unwrap();
    // Until neither side's buffers take any more.
    let queries = framed(&packet).repeat(1000);
    let mut refused = 0;
    while refused < 100 {
        match greedy.write(&queries) {
            Ok(_) => refused = 0,
            Err(_) => refused += 1,
        }
        let mut other = tcp(server.addresses()[0]);
        other.write_all(&framed(&packet)).unwrap();
        assert_eq!(read_tcp(&mut other).answers.len(), 255);
    }
    // What it asked is answered when it reads at last.
    greedy.set_nonblocking(false).unwrap();
    for _ in 0..100 {
        assert_eq!(read_tcp(&mut greedy).answers.len(), 255);
    }
}

#[test]
fn an_idle_connection_is_closed_and_the_longest_idle_gives_way() {
    let mut config = loopback();
    config.tcp.idle = Duration::from_millis(100);
    let (_store, server) = start(&config);
    // Half a query is none.
    let mut stream = tcp(server.addresses()[0]);
    stream.write_all(&[0, 40, 1, 2, 3]).unwrap();
    assert!(is_closed(&mut stream));

    let mut config = loopback();
    config.tcp.connections = 2;
    config.tcp.idle = PATIENCE;
    let (_store, server) = start(&config);
    let packet = framed(&ask("db.shop.example", RecordType::A));
    let mut streams: Vec<_> = (0..2).map(|_| tcp(server.addresses()[0])).collect();
    for stream in &mut streams {
        stream.write_all(&packet).unwrap();
        read_tcp(stream);
    }
    let mut third = tcp(server.addresses()[0]);
    third.write_all(&packet).unwrap();
    read_tcp(&mut third);
    assert!(is_closed(&mut streams[0]), "idle for the longest time");
    streams[1].write_all(&packet).unwrap();
    read_tcp(&mut streams[1]);
}

#[test]
fn a_query_longer_than_any_closes_the_connection() {
    let (_store, server) = start(&loopback());
    let mut stream = tcp(server.addresses()[0]);
    stream.write_all(&[0xff, 0xff]).unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn a_client_that_says_no_more_still_gets_its_answers() {
    let (_store, server) = start(&loopback());
    let mut stream = tcp(server.addresses()[0]);
    let packet = framed(&ask("db.shop.example", RecordType::A));
    stream.write_all(&packet.repeat(100)).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    for _ in 0..100 {
        read_tcp(&mut stream);
    }
    assert!(is_closed(&mut stream));
}

/// `WholeAnswer`: while plans are activated as fast as can be, every answer comes
/// from one plan alone, and no client's answers go back to an older one.
#[test]
fn every_answer_is_whole_while_plans_change() {
    let (store, server) = start(&loopback());
    let address = server.addresses()[0];
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let socket = udp(address);
                    let packet = ask("db.shop.example", RecordType::A);
                    let mut plans = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let message = ask_udp(&socket, &packet);
                        let octets = message.answers.iter().map(|record| match &record.data {
                            RData::A(address) => address.0.octets()[1],
                            other => panic!("{other}"),
                        });
                        let mut octets: Vec<_> = octets.collect();
                        octets.dedup();
                        assert_eq!(message.answers.len(), 4, "never empty, never part");
                        assert_eq!(octets.len(), 1, "WholeAnswer");
                        plans.push(octets[0]);
                    }
                    plans
                })
            })
            .collect();
        for plan in 2..=250 {
            serve_plan(&store, plan, 4);
            store
                .sweep(store.newest_active().unwrap().unwrap())
                .unwrap();
            // Until somebody has been answered from it.
            let reply = ask_udp(&udp(address), &ask("db.shop.example", RecordType::A));
            let RData::A(first) = &reply.answers[0].data else {
                panic!("{reply}")
            };
            assert_eq!(first.0.octets()[1], plan, "active means answered");
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            let plans = client.join().unwrap();
            assert!(plans.is_sorted(), "Monotonic: {plans:?}");
        }
    });
    assert!(server.shut_down().activations_seen >= 249);
}

#[test]
fn a_port_that_is_taken_is_an_error_and_free_again_after_shutting_down() {
    // Another test may be given any port of 127.0.0.1 as soon as it is free. Linux answers
    // on all of 127.0.0.0/8, so there this test has an address to itself.
    let own = if cfg!(target_os = "linux") {
        "127.53.0.1:0"
    } else {
        "127.0.0.1:0"
    };
    let (store, server) = start(&ServerConfig::on(own.parse().unwrap()));
    let address = server.addresses()[0];
    server.shut_down();
    let taken = TcpListener::bind(address).unwrap();
    let config = ServerConfig::on(address);
    let error = Server::start(&store, zones(), &config).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Listen { .. }), "{text}");
    assert!(text.contains(&address.to_string()), "{text}");
    drop(taken);
    let again = Server::start(&store, zones(), &config).unwrap();
    assert_eq!(again.addresses(), [address]);
}

#[test]
fn a_setting_out_of_bounds_is_refused() {
    let store = MemoryStore::new(Retention::newest(2));
    let refused = |change: fn(&mut ServerConfig)| {
        let mut config = loopback();
        change(&mut config);
        let error = Server::start(&store, zones(), &config).unwrap_err();
        error.to_string()
    };
    assert!(refused(|c| c.listen.clear()).contains("no address"));
    assert!(refused(|c| c.threads = 0).contains("1 to 256"));
    assert!(refused(|c| c.max_targets = 0).contains("1 to 1024"));
    assert!(refused(|c| c.max_targets = 1025).contains("1 to 1024"));
}

/// Row 11: a client takes a reply only from the address that it asked.
#[test]
fn a_reply_comes_from_the_address_that_was_asked() {
    let mut config = loopback();
    config.listen = vec!["0.0.0.0:0".parse().unwrap(), "[::]:0".parse().unwrap()];
    if !cfg!(all(target_os = "linux", feature = "batch")) {
        let store = MemoryStore::new(Retention::newest(2));
        let error = Server::start(&store, zones(), &config).unwrap_err();
        assert!(matches!(error, Error::Unspecified { .. }), "{error}");
        return;
    }
    let (_store, server) = start(&config);
    let packet = ask("db.shop.example", RecordType::A);
    // Linux has all of 127.0.0.0/8 on loopback. The client's own address is another one.
    for asked in ["127.0.0.1", "127.0.0.2", "127.99.1.1"] {
        let client = UdpSocket::bind("127.3.3.3:0").unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let asked = SocketAddr::new(asked.parse().unwrap(), server.addresses()[0].port());
        client.send_to(&packet, asked).unwrap();
        let mut reply = [0; 2048];
        let (length, from) = client.recv_from(&mut reply).unwrap();
        assert_eq!(from, asked);
        assert_eq!(
            Message::from_vec(&reply[..length]).unwrap().answers.len(),
            4
        );
    }
    let six = SocketAddr::new("::1".parse().unwrap(), server.addresses()[1].port());
    assert_eq!(ask_udp(&udp(six), &packet).answers.len(), 4);
    let mut stream = tcp(six);
    stream.write_all(&framed(&packet)).unwrap();
    assert_eq!(read_tcp(&mut stream).answers.len(), 4);
}
