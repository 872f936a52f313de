//! UDP: each thread has its own socket on the shared port. It receives queries, answers
//! them, and sends the answers.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plan_store::Resolve;
use socket2::{Domain, Protocol, Socket, Type};

use crate::contain::{Failures, contained};
use crate::extras::Client;
use crate::reply::Transport;
use crate::responder::Responder;

#[cfg(not(all(target_os = "linux", feature = "batch")))]
use self::one::Exchange;

#[cfg(all(target_os = "linux", feature = "batch"))]
mod any;
#[cfg(all(target_os = "linux", feature = "batch"))]
mod many;
#[cfg(not(all(target_os = "linux", feature = "batch")))]
mod one;

/// Whether a socket on the unspecified address can reply from the address that was asked.
pub(crate) const REPLIES_FROM_ANY: bool = cfg!(all(target_os = "linux", feature = "batch"));

/// Longest query that is read in full. The system cuts a longer one, which is then
/// malformed.
const MAX_QUERY: usize = 4096;

/// How often an idle thread looks whether it is to stop.
const LOOK_UP: Duration = Duration::from_millis(200);

/// Size of the receive buffer in bytes, for queries that come in while the thread is busy.
/// The system may give less.
const RECEIVE_BUFFER: usize = 1 << 20;

/// A socket on `address` that shares the port with other sockets of this server.
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
    #[cfg(all(target_os = "linux", feature = "batch"))]
    if address.ip().is_unspecified() {
        any::prepare(&socket, address.is_ipv6())?;
    }
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

/// How long a thread that stops answers what has come in at most.
const DRAIN: Duration = Duration::from_millis(100);

/// The buffers of a thread, and the calls that go with its socket.
#[cfg(all(target_os = "linux", feature = "batch"))]
enum Exchange {
    Many(Box<many::Exchange>),
    Any(any::Exchange),
}

#[cfg(all(target_os = "linux", feature = "batch"))]
impl Exchange {
    fn on(socket: &UdpSocket) -> Self {
        if socket
            .local_addr()
            .is_ok_and(|local| local.ip().is_unspecified())
        {
            Self::Any(any::Exchange::new())
        } else {
            Self::Many(Box::new(many::Exchange::new()))
        }
    }

    fn turn<R: Resolve>(
        &mut self,
        socket: &UdpSocket,
        responder: &mut Responder<R>,
    ) -> io::Result<()> {
        match self {
            Self::Many(exchange) => exchange.turn(socket, responder),
            Self::Any(exchange) => exchange.turn(socket, responder),
        }
    }
}

/// A client at this address.
fn from(address: Option<IpAddr>) -> Client {
    Client {
        transport: Transport::Udp,
        address,
    }
}

/// The address in the system's form.
#[cfg(all(target_os = "linux", feature = "batch"))]
fn address(client: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = client.as_sockaddr_in().map(|v4| v4.ip().into());
    v4.or_else(|| client.as_sockaddr_in6().map(|v6| v6.ip().into()))
}

/// Serves until `stop` is set; see [`contain`](crate::contain) for what ends it earlier.
pub(crate) fn serve<R: Resolve>(
    socket: &UdpSocket,
    responder: &mut Responder<R>,
    stop: &AtomicBool,
) {
    let mut exchange = Exchange::on(socket);
    let mut failures = Failures::default();
    while !stop.load(Ordering::Relaxed) {
        let error = match contained(|| exchange.turn(socket, responder)) {
            Some(Ok(())) => {
                failures.succeeded();
                continue;
            }
            Some(Err(error)) if is_passing(&error) => continue,
            Some(Err(error)) => Some(error),
            None => None,
        };
        if !failures.failed() {
            tracing::error!(?error, "a UDP thread gives up");
            return;
        }
        if let Some(error) = error {
            tracing::warn!(%error, "cannot receive");
            std::thread::sleep(LOOK_UP); // So that it does not fill the log.
        } else {
            responder.recover();
            exchange = Exchange::on(socket);
        }
    }
    drain(socket, responder, exchange);
}

/// Answers what the socket has received.
fn drain<R: Resolve>(socket: &UdpSocket, responder: &mut Responder<R>, mut exchange: Exchange) {
    let begin = Instant::now();
    if socket.set_nonblocking(true).is_ok() {
        while begin.elapsed() < DRAIN
            && let Some(Ok(())) = contained(|| exchange.turn(socket, responder))
        {}
    }
}

/// Nothing came, or a client refused an earlier answer.
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
