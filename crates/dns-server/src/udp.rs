//! UDP: each thread has a socket of its own on the shared port, takes what has
//! come in, answers it, and sends the answers.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plan_store::Resolve;
use socket2::{Domain, Protocol, Socket, Type};

use crate::responder::Responder;

#[cfg(target_os = "linux")]
use self::many::Exchange;
#[cfg(not(target_os = "linux"))]
use self::one::Exchange;

#[cfg(target_os = "linux")]
mod many;
#[cfg(not(target_os = "linux"))]
mod one;

/// Longest query that is looked at in full. What is longer is cut by the system
/// and then found malformed.
const MAX_QUERY: usize = 4096;

/// How often a thread that nobody asks anything looks whether it is to stop.
const LOOK_UP: Duration = Duration::from_millis(200);

/// Room for what comes in while the thread is busy, in bytes. The system may
/// give less.
const RECEIVE_BUFFER: usize = 1 << 20;

/// A socket on `address` that shares the port with its like.
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    share_port(&socket)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(LOOK_UP))?;
    Ok(socket)
}

#[cfg(unix)]
fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

/// Elsewhere a port has one socket, and so one thread.
#[cfg(not(unix))]
fn share_port(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// Serves until `stop` is set.
pub(crate) fn serve<R: Resolve>(
    socket: &UdpSocket,
    responder: &mut Responder<R>,
    stop: &AtomicBool,
) {
    let mut exchange = Exchange::new();
    while !stop.load(Ordering::Relaxed) {
        match exchange.turn(socket, responder) {
            Ok(()) => {}
            Err(error) if is_passing(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot receive");
                std::thread::sleep(LOOK_UP); // Lest it fill the log.
            }
        }
    }
}

/// Nothing came, or a client would not take an earlier answer.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
    )
}
