//! Connections of checks, and which errors of them are the target's.
//!
//! # Rules
//! 1. A connection is reset when it is dropped (`SO_LINGER` of zero), so no socket waits in
//!    `TIME_WAIT`, on neither side. A server that
//!    takes the connection late gets an error, as from a client that has gone.
//! 2. What fails before a packet has left is the checker's own fault: no descriptor, no
//!    port, no memory, no route. What comes back later is the target's answer, or that of a
//!    router on the way to it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use crate::finding::{Trouble, reason};

/// Connects to a target.
pub(crate) async fn connect(target: SocketAddr) -> Result<TcpStream, Trouble> {
    let stream = begin(target)?;
    stream.writable().await.map_err(|error| own(&error))?;
    match stream.take_error() {
        Ok(None) => Ok(stream),
        Ok(Some(error)) => Err(Trouble::of_connection(&error)),
        Err(error) => Err(own(&error)),
    }
}

/// Sends the first packet.
fn begin(target: SocketAddr) -> Result<TcpStream, Trouble> {
    let domain = Domain::for_address(target);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP));
    let socket = socket.map_err(|error| own(&error))?;
    let set = socket.set_nonblocking(true);
    let set = set.and_then(|()| socket.set_linger(Some(Duration::ZERO)));
    set.map_err(|error| own(&error))?;
    match socket.connect(&target.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        // On loopback, the target's answer is there at once.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            return Err(Trouble::of_connection(&error));
        }
        Err(error) => return Err(own(&error)),
    }
    TcpStream::from_std(socket.into()).map_err(|error| own(&error))
}

fn own(error: &io::Error) -> Trouble {
    Trouble::checker(format!("cannot connect: {}", reason(error)))
}
