//! Health checks on real sockets.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use control_plane::{Fleet, HealthSource, TargetState, TcpChecks};
use socket2::{Domain, Socket, Type};

/// Nothing here takes as long. A test that waits in vain fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// Holds this address. Nothing listens there yet, so a connection is refused.
fn hold(address: IpAddr, port: u16) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(address, port).into())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Holds the same port of both addresses. Tries another one if somebody has it at the second.
fn hold_both(first: IpAddr, second: IpAddr) -> (Socket, Socket, u16) {
    let free = (0..100).find_map(|_| {
        let socket = hold(first, 0).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        hold(second, port).ok().map(|same| (socket, same, port))
    });
    free.unwrap()
}

#[test]
fn a_closed_port_is_found_and_an_open_one_too() {
    let [up, down] = ["127.0.0.1", "127.0.0.2"].map(|address| address.parse().unwrap());
    let (open, closed, port) = hold_both(up, down);
    open.listen(128).unwrap();
    let text = format!(
        r#"
        [health_check]
        interval_ms = 100
        fall = 2
        port = {port}
        [[endpoint]]
        name = "db.example"
        target = [
            {{ address = "{up}", zone = "z1", capacity = 1 }},
            {{ address = "{down}", zone = "z2", capacity = 1 }},
        ]
        "#
    );
    let fleet = Fleet::parse(&text, Path::new("test.toml")).unwrap();
    let checks = TcpChecks::start(&fleet, 1).unwrap();
    let mut source = checks.source();
    let patience = Instant::now() + PATIENCE;
    let mut until = |expected: [bool; 2]| loop {
        let health = source.read().unwrap();
        let shown = [up, down].map(|target| match health.of(target).state {
            TargetState::Up => Some(true),
            TargetState::Down { .. } => Some(false),
            TargetState::Unknown | TargetState::Failing => None,
        });
        if shown == expected.map(Some) {
            break;
        }
        assert!(Instant::now() < patience, "never {expected:?}: {health:?}");
        // Another check of the open port, which comes once in each interval.
        open.accept().unwrap();
    };
    until([true, false]);
    closed.listen(128).unwrap();
    until([true, true]);
}
