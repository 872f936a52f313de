//! TCP.

use std::collections::HashSet;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use control_plane::{Fleet, HealthSource, TargetState, Watchlist};
use socket2::{Domain, Socket, Type};

use crate::{
    Checked, PATIENCE, at_once, fails, is_not_made, listener, look_again, server, succeeds,
    watchlist,
};

const TCP: &str = "kind = \"tcp\"";

/// Holds a port on which nothing listens.
fn closed() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// A listener that answers no further connection, because its queue is full.
fn full() -> (Socket, Vec<TcpStream>, u16) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([0, 0, 0, 0], 0));
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let wait = Duration::from_millis(200);
    let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&address, wait).ok());
    let waiting = waiting.take(100).collect();
    (socket, waiting, port)
}

/// The second port of the address does not listen.
#[test]
fn an_address_that_two_endpoints_check_on_different_ports_is_up_on_one_and_down_on_the_other() {
    let (_open, open_at) = listener();
    let (_closed, closed_at) = closed();
    assert_eq!(open_at.ip(), closed_at.ip());
    let endpoint = |name: &str, at: SocketAddr| {
        let (address, port) = (at.ip(), at.port());
        format!(
            "[[endpoint]]\nname = \"{name}.example\"\n\
             health_check = {{ port = {port}, fall = 1, interval_ms = 1000 }}\n\
             target = [{{ address = \"{address}\", zone = \"z\", capacity = 1 }}]\n"
        )
    };
    let text = [endpoint("a", open_at), endpoint("b", closed_at)].concat();
    let fleet = Fleet::parse(&text, Path::new("fleet.toml")).unwrap();
    let checked = Checked::of(&Watchlist::of(&fleet));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut all = checked.health.status();
        all.sort_by_key(|status| status.check.port != open_at.port());
        let states: Vec<_> = all.iter().map(|status| status.state).collect();
        if let [TargetState::Up, TargetState::Down { .. }] = states[..] {
            assert_eq!(all[1].check.port, closed_at.port());
            assert_eq!(all[1].error.as_deref(), Some("connection refused"));
            assert_eq!(all[0].error, None);
            return;
        }
        assert!(Instant::now() < deadline, "not as wanted: {all:?}");
        look_again();
    }
}

#[test]
fn a_target_that_listens_is_up_and_one_that_does_not_is_down() {
    let (_open, address) = listener();
    succeeds(address, TCP);
    let (_closed, address) = closed();
    let status = fails(address, TCP, "connection refused");
    assert!(status.error_since.is_some());
}

#[test]
fn a_target_that_falls_and_comes_back_is_followed() {
    let (open, address) = listener();
    let checked = Checked::start([(address, TCP)]);
    checked.until(address, |status| status.state == TargetState::Up);
    drop(open);
    let fallen = checked.until(address, |status| status.state != TargetState::Up);
    assert!(matches!(
        fallen.state,
        TargetState::Down { was_up: true, .. }
    ));
    let _open = TcpListener::bind(address).unwrap();
    checked.until(address, |status| status.state == TargetState::Up);
}

#[test]
fn a_target_with_a_full_queue_times_out() {
    let (_socket, _waiting, port) = full();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let quick = "kind = \"tcp\", interval_ms = 100, timeout_ms = 100";
    fails(address, quick, "timed out");
}

/// The kernel finds no route to this address before it sends anything.
#[test]
fn without_a_route_a_target_is_unknown() {
    let address = SocketAddr::from(([127, 255, 255, 255], 1));
    is_not_made(address, TCP, "cannot connect: network unreachable");
}

/// 400 targets do not answer, and their checks wait for longer than this test. All of them
/// wait at the same time, and the one target beside them is followed meanwhile.
#[test]
fn row_7_black_holes_delay_nobody() {
    let (_socket, _waiting, port) = full();
    let silent = (256_u16..656).map(|number| {
        let [high, low] = number.to_be_bytes();
        let target = SocketAddr::from(([127, 77, high, low], port));
        (
            target,
            "kind = \"tcp\", interval_ms = 600000, timeout_ms = 600000",
        )
    });
    let silent = at_once(watchlist(silent));
    let (open, address) = listener();
    let mut list = watchlist([(
        address,
        "kind = \"tcp\", interval_ms = 100, timeout_ms = 100",
    )]);
    list.targets.extend(silent.targets);
    let checked = Checked::of(&list);
    checked.until(address, |status| status.state == TargetState::Up);
    checked.until(address, |_| checked.health.counts().running >= 400);
    drop(open);
    checked.until(address, |status| status.state != TargetState::Up);
    let health = checked.health.clone().read().unwrap();
    let unknown = health
        .reports()
        .filter(|(_, said)| said.state == TargetState::Unknown);
    assert_eq!(unknown.count(), 400, "no check of them has ended");
}

/// The sockets in `TIME_WAIT` that have this port on one side, by both their addresses.
fn waiting(port: u16) -> HashSet<(String, String)> {
    const TIME_WAIT: &str = "06";
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{port:04X}");
    let with_port = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote) = (words.next().unwrap(), words.next().unwrap());
        let is_here = local.ends_with(&port) || remote.ends_with(&port);
        let is_waiting = is_here && words.next() == Some(TIME_WAIT);
        is_waiting.then(|| (local.to_owned(), remote.to_owned()))
    };
    table.lines().skip(1).filter_map(with_port).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn row_17_no_check_leaves_a_socket_in_time_wait() {
    let address = server(drop);
    // Other processes may have had the same port before.
    let before = waiting(address.port());
    let new = || &waiting(address.port()) - &before;
    let targets = (1..=20).map(|last| SocketAddr::from(([127, 0, 0, last], address.port())));
    // The server answers on one address only; the others are refused.
    let check = "kind = \"tcp\", interval_ms = 100, timeout_ms = 100";
    let checked = Checked::start(targets.map(|target| (target, check)));
    let deadline = Instant::now() + PATIENCE;
    while checked.health.counts().succeeded < 20 {
        assert!(Instant::now() < deadline);
        look_again();
    }
    assert_eq!(new(), HashSet::new());
    // A client that closes its connection in the usual way leaves one.
    let client = TcpStream::connect(address).unwrap();
    client.shutdown(std::net::Shutdown::Both).unwrap();
    drop(client);
    while new().is_empty() {
        assert!(Instant::now() < deadline, "the control shows nothing");
        look_again();
    }
}
