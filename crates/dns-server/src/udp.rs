//! UDP: each thread has its own socket on the shared port. It receives queries, answers
//! them, and sends the answers.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::OnceLock;
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
    stop: &OnceLock<Duration>,
) {
    let mut service = Service::new(socket, responder);
    let drain = loop {
        if let Some(&drain) = stop.get() {
            break drain;
        }
        match service.turn(Instant::now) {
            Turn::Served => {}
            // So that it does not fill the log.
            Turn::CannotReceive => std::thread::sleep(LOOK_UP),
            Turn::Hopeless => return,
        }
    };
    service.drain(drain);
}

/// A thread's work on its socket.
struct Service<'s, R> {
    socket: &'s UdpSocket,
    responder: &'s mut Responder<R>,
    exchange: Exchange,
    failures: Failures,
}

/// How a turn ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    /// The thread goes on at once, after a panic too.
    Served,
    /// The thread goes on after a pause.
    CannotReceive,
    /// The thread gives up.
    Hopeless,
}

impl<'s, R: Resolve> Service<'s, R> {
    fn new(socket: &'s UdpSocket, responder: &'s mut Responder<R>) -> Self {
        Self {
            socket,
            responder,
            exchange: Exchange::on(socket),
            failures: Failures::default(),
        }
    }

    /// Receives and answers once. `now` is the time when this is over.
    fn turn(&mut self, now: impl FnOnce() -> Instant) -> Turn {
        let result = self.exchange();
        let is_fine = |result: &io::Result<()>| result.as_ref().err().is_none_or(is_passing);
        if result.as_ref().is_some_and(is_fine) {
            self.failures.succeeded();
            return Turn::Served;
        }
        let error = result.and_then(Result::err);
        if !self.failures.failed(now()) {
            let error = error.map_or_else(|| "it panics".into(), |error| error.to_string());
            tracing::error!(%error, "a UDP thread gives up");
            return Turn::Hopeless;
        }
        if let Some(error) = error {
            tracing::warn!(%error, "cannot receive");
            return Turn::CannotReceive;
        }
        self.responder.recover();
        self.exchange = Exchange::on(self.socket);
        Turn::Served
    }

    fn exchange(&mut self) -> Option<io::Result<()>> {
        contained(|| self.exchange.turn(self.socket, self.responder))
    }

    /// Answers what the socket has received, for `most` at most.
    fn drain(mut self, most: Duration) {
        let begin = Instant::now();
        if self.socket.set_nonblocking(true).is_ok() {
            while begin.elapsed() < most && matches!(self.exchange(), Some(Ok(()))) {}
        }
    }
}

/// Nothing came, or a client refused an earlier answer. The socket works.
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plan_store::{EndpointName, Resolution};

    use super::*;
    use crate::contain::HOPELESS;
    use crate::zone::{NameServer, Zone, Zones};

    /// A reader that panics whatever it is asked for.
    struct Poisoned;

    impl Resolve for Poisoned {
        fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
            panic!("asked for {endpoint}")
        }

        fn has_descendant(&mut self, name: &EndpointName) -> bool {
            panic!("asked for {name}")
        }
    }

    fn responder() -> Responder<Poisoned> {
        let name_server = NameServer {
            name: "ns.elsewhere.test".parse().unwrap(),
            addresses: Vec::new(),
        };
        let zone = Zone::new("shop.example".parse().unwrap(), [name_server]).unwrap();
        let zones = Arc::new(Zones::new([zone]).unwrap());
        Responder::new(Poisoned, zones, 8, 7, Arc::default()).unwrap()
    }

    /// A query for `shop.example`, type A.
    const QUERY: &[u8] = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x04shop\x07example\0\0\x01\0\x01";

    /// The server knows that it is to stop before it has looked at any query.
    #[test]
    fn queries_that_came_before_the_end_are_answered() {
        let socket = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(socket.local_addr().unwrap()).unwrap();
        let answered_within = |drain: Duration| {
            for _ in 0..50 {
                client.send(&QUERY[..12]).unwrap();
            }
            serve(&socket, &mut responder(), &OnceLock::from(drain));
            client.set_nonblocking(true).unwrap();
            let mut reply = [0; 512];
            std::iter::from_fn(|| client.recv(&mut reply).ok()).count()
        };
        assert_eq!(answered_within(Duration::ZERO), 0, "no time");
        assert_eq!(answered_within(Duration::from_mins(1)), 100);
    }

    #[test]
    fn panics_with_silence_between_them_do_not_end_the_thread() {
        let socket = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(socket.local_addr().unwrap()).unwrap();
        let mut responder = responder();
        let mut service = Service::new(&socket, &mut responder);
        let begin = Instant::now();
        let mut panics_at = |after: Duration| {
            client.send(QUERY).unwrap();
            service.turn(|| begin + after)
        };
        assert_eq!(panics_at(Duration::ZERO), Turn::Served);
        assert_eq!(panics_at(HOPELESS / 2), Turn::Served);
        assert_eq!(panics_at(HOPELESS), Turn::Hopeless, "nothing but panics");
        // The wait for a query that does not come times out.
        assert_eq!(service.turn(|| begin + HOPELESS), Turn::Served);
        client.send(QUERY).unwrap();
        assert_eq!(service.turn(|| begin + 2 * HOPELESS), Turn::Served);
        assert!(
            service.failures.failed(begin + 2 * HOPELESS),
            "it did panic"
        );
    }
}
