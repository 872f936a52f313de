//! TCP: one thread, many connections, none of which can hold up another.
//!
//! # A connection
//! ```text
//!            read                    a whole query                write
//!   client ───────► bytes received ─────────────────► replies ───────────► client
//!                   at most MAX_QUERY + 2             at most MAX_UNSENT, then
//!                                                     no more is read
//! ```
//! Queries may follow each other without waiting (RFC 7766, 6.2.1.1); their
//! replies come in the same order. A connection is closed by its client, after a
//! query longer than `MAX_QUERY`, or when no query has been completed and no
//! reply taken for the idle time.
//!
//! A zone transfer is a reply of many messages. They are made while there is room for them. Each
//! counts as a query in the rules below. A try that makes no message ends the turn. The queries
//! after the transfer wait. So a secondary that takes its transfer slowly costs no more memory than
//! another client that does not read.
//!
//! # Places
//! A client is an IPv4 address, or an IPv6 network of 64 bits. When a client has
//! all the connections that one client may have, the one of them that has been
//! idle for the longest time gives way to the new one (RFC 7766, 6.2.2). When all
//! places are taken, or the process has no file descriptor left, a connection of a
//! client with the most of them gives way; if several clients have the most, it is
//! the one of theirs that has been idle for the longest time. So a client with few
//! connections loses none to a client with many.
//!
//! # Rules
//! 1. Nothing here waits but the poll.
//! 2. The poll tells of a change once. So a turn of a connection ends only when
//!    its socket would block, when it is closed, or when the turn has been long
//!    enough; in the last case it is put on the list for another turn.
//! 3. For the same reason the server accepts clients until none waits. If it
//!    cannot accept one and has no connection to close, it tries again after a
//!    pause.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use plan_store::Resolve;
use std::sync::OnceLock;

use crate::contain::{Failures, contained};
use crate::counters::Counters;
use crate::extras::Client;
use crate::reply::Transport;
use crate::responder::Responder;
#[cfg(feature = "transfer")]
use crate::transfer::{Made, Stream};

/// Longest query in bytes. Real ones have a few hundred.
const MAX_QUERY: usize = 4096;
/// Most bytes of replies that wait for a client to take them, give or take the
/// last reply.
const MAX_UNSENT: usize = 64 * 1024;
/// Most connections that are taken before the others have their turn.
const ACCEPTS: usize = 64;
/// How long the server waits if it cannot wait for clients or cannot accept one.
const PAUSE: Duration = Duration::from_millis(200);
/// Most queries that a connection gets answered in one turn.
const TURN: usize = 32;
/// Bytes of the length before each message (RFC 1035, 4.2.2).
const PREFIX: usize = 2;
const WAKE: Token = Token(0);
const LISTENER: Token = Token(1);

/// Limits on what clients may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpLimits {
    /// Most connections at a time, on each address.
    pub connections: usize,
    /// Most connections of one client at a time, on each address. A client is an IPv4 address
    /// or an IPv6 network of 64 bits.
    pub per_client: usize,
    /// How long a connection may go without a query completed or a reply taken.
    pub idle: Duration,
}

impl Default for TcpLimits {
    /// 256 connections, 32 of one client, 10 seconds.
    fn default() -> Self {
        Self {
            connections: 256,
            per_client: 32,
            idle: Duration::from_secs(10),
        }
    }
}

/// A listener with its connections.
pub(crate) struct TcpServer {
    poll: Poll,
    listener: TcpListener,
    connections: BTreeMap<Token, Connection>,
    next: usize,
    /// When to accept clients that may wait and that the poll says nothing of.
    retry_at: Option<Instant>,
    limits: TcpLimits,
}

impl TcpServer {
    /// Listens; also returns what ends the poll's waiting.
    pub(crate) fn bind(address: SocketAddr, limits: TcpLimits) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let mut listener = listen(address)?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let server = Self {
            poll,
            listener,
            connections: BTreeMap::new(),
            next: LISTENER.0 + 1,
            retry_at: None,
            limits,
        };
        Ok((server, waker))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is set and the poll is woken; see [`contain`](crate::contain) for
    /// what ends it earlier.
    pub(crate) fn serve<R: Resolve>(
        &mut self,
        responder: &mut Responder<R>,
        stop: &OnceLock<Duration>,
    ) {
        let mut events = Events::with_capacity(256);
        let mut again: Vec<Token> = Vec::new();
        let mut failures = Failures::default();
        let drain = loop {
            if let Some(&drain) = stop.get() {
                break drain;
            }
            let wait = if again.is_empty() {
                self.until_due()
            } else {
                Some(Duration::ZERO)
            };
            match self.poll.poll(&mut events, wait) {
                Ok(()) => failures.succeeded(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if failures.failed(Instant::now()) => {
                    tracing::warn!(%error, "cannot wait for TCP clients");
                    std::thread::sleep(PAUSE); // So that it does not fill the log.
                }
                Err(error) => {
                    tracing::error!(%error, "TCP is not served any more");
                    return;
                }
            }
            let mut ready = std::mem::take(&mut again);
            ready.extend(events.iter().map(mio::event::Event::token));
            let retry = self.retry_at.take_if(|at| *at <= Instant::now());
            ready.extend(retry.map(|_| LISTENER));
            for token in ready {
                match token {
                    WAKE => {}
                    LISTENER => again.extend(self.accept(responder.counters())),
                    token => again.extend(self.turn(token, responder)),
                }
            }
            self.close_idle();
        };
        self.drain(responder, drain);
    }

    /// Answers what has been received, from clients that wait for their connection too, for
    /// `most` at most.
    fn drain<R: Resolve>(&mut self, responder: &mut Responder<R>, most: Duration) {
        let begin = Instant::now();
        while self.accept(responder.counters()).is_some() && begin.elapsed() < most {}
        let mut left: Vec<Token> = self.connections.keys().copied().collect();
        while !left.is_empty() && begin.elapsed() < most {
            left.retain(|&token| self.turn(token, responder).is_some());
        }
        self.connections.clear();
    }

    /// A turn of a connection; its token again if it needs another at once.
    fn turn<R: Resolve>(&mut self, token: Token, responder: &mut Responder<R>) -> Option<Token> {
        let connection = self.connections.get_mut(&token)?;
        let turn = contained(|| connection.turn(responder)).unwrap_or_else(|| {
            responder.recover();
            Turn::Closed
        });
        match turn {
            Turn::Blocked => None,
            Turn::Again => Some(token),
            Turn::Closed => {
                self.connections.remove(&token);
                None
            }
        }
    }

    /// Takes the clients that wait, at most so many that the others are not kept waiting;
    /// the listener's token again if more may wait.
    fn accept(&mut self, counters: &Counters) -> Option<Token> {
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok((stream, address)) => {
                    if self.add(stream, address.ip()).is_err() {
                        counters.tcp_failed();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // Of one client, gone before it was accepted.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Out of descriptors, likely: make room, and try again.
                    tracing::debug!(%error, "cannot accept a connection");
                    counters.tcp_failed();
                    if self.make_room() {
                        return Some(LISTENER);
                    }
                    self.retry_at = Some(Instant::now() + PAUSE);
                    return None;
                }
            }
        }
        Some(LISTENER)
    }

    fn add(&mut self, mut stream: TcpStream, address: IpAddr) -> io::Result<()> {
        let client = Place::of(address);
        let of_client = self.connections.values().filter(|c| c.client == client);
        if of_client.count() >= self.limits.per_client {
            self.close_longest_idle(|other| other == client);
        } else if self.connections.len() >= self.limits.connections {
            self.make_room();
        }
        stream.set_nodelay(true)?;
        let token = Token(self.next);
        self.next += 1;
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, token, both)?;
        self.connections
            .insert(token, Connection::new(stream, address));
        Ok(())
    }

    /// Closes a connection of a client with the most connections. Returns whether there was one.
    fn make_room(&mut self) -> bool {
        let mut counts = BTreeMap::new();
        for connection in self.connections.values() {
            *counts.entry(connection.client).or_insert(0) += 1;
        }
        let most = counts.values().copied().max();
        self.close_longest_idle(|client| counts.get(&client).copied() == most)
    }

    /// Closes the connection that has been idle for the longest time, among those of these
    /// clients. Returns whether there was one.
    fn close_longest_idle(&mut self, is_among: impl Fn(Place) -> bool) -> bool {
        let connections = self.connections.iter();
        let idle = connections
            .filter(|(_, c)| is_among(c.client))
            .min_by_key(|(_, c)| c.active);
        let token = idle.map(|(&token, _)| token);
        token.is_some_and(|token| self.connections.remove(&token).is_some())
    }

    fn close_idle(&mut self) {
        let idle = self.limits.idle;
        self.connections.retain(|_, c| c.active.elapsed() < idle);
    }

    /// How long until some connection has been idle for too long, or clients are to be accepted
    /// again.
    fn until_due(&self) -> Option<Duration> {
        let first = self.connections.values().map(|c| c.active).min();
        let idle = first.map(|active| self.limits.idle.saturating_sub(active.elapsed()));
        let retry = self
            .retry_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        idle.into_iter().chain(retry).min()
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    const WAITING: i32 = 128;
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A port that an earlier run has just left can be taken again.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(WAITING)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// Whom a connection counts for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(IpAddr);

impl Place {
    fn of(address: IpAddr) -> Self {
        const HOST: u128 = u64::MAX as u128;
        Self(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !HOST).into(),
        })
    }
}

struct Connection {
    stream: TcpStream,
    address: IpAddr,
    client: Place,
    received: Vec<u8>,
    /// Replies with their lengths before them.
    unsent: Vec<u8>,
    /// When a query was last completed, or a reply taken.
    active: Instant,
    /// What the client sends from now on.
    input: Input,
    /// The transfer that is under way.
    #[cfg(feature = "transfer")]
    transfer: Option<Stream>,
}

/// What a client sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Queries,
    /// Nothing that is read: it sent a query that is too long. To close the connection at
    /// once would destroy the replies that are on their way, so the server says that it sends
    /// no more, and waits for the client to close.
    Ignored,
    /// No more.
    Ended,
}

/// How a turn ended.
enum Turn {
    Blocked,
    Again,
    Closed,
}

impl Connection {
    fn new(stream: TcpStream, address: IpAddr) -> Self {
        Self {
            stream,
            address,
            client: Place::of(address),
            received: Vec::new(),
            unsent: Vec::new(),
            active: Instant::now(),
            input: Input::Queries,
            #[cfg(feature = "transfer")]
            transfer: None,
        }
    }

    /// Reads, answers and writes as far as it goes.
    fn turn<R: Resolve>(&mut self, responder: &mut Responder<R>) -> Turn {
        let mut answered = 0;
        loop {
            let was_full = self.unsent.len() >= MAX_UNSENT; // Then nothing is answered.
            let queries = self.answer(responder, TURN - answered);
            answered += queries;
            match self.send() {
                Ok(true) => {}
                Ok(false) => return Turn::Blocked,
                Err(_) => return Turn::Closed,
            }
            if answered >= TURN {
                return Turn::Again;
            }
            if queries > 0 || was_full {
                continue; // More of them may be there.
            }
            match self.input {
                Input::Queries => {}
                Input::Ended => return Turn::Closed,
                Input::Ignored => {
                    if self.stream.shutdown(Shutdown::Write).is_err() {
                        return Turn::Closed;
                    }
                    answered += 1; // So that a client that goes on and on has no endless turn.
                }
            }
            match self.receive() {
                Ok(true) => {}
                Ok(false) => return Turn::Blocked,
                Err(_) => return Turn::Closed,
            }
        }
    }

    /// Whether a transfer is under way, so that the queries after it wait.
    #[cfg_attr(
        not(feature = "transfer"),
        expect(
            clippy::unused_self,
            reason = "a connection transfers only with the feature"
        )
    )]
    fn is_transferring(&self) -> bool {
        #[cfg(feature = "transfer")]
        return self.transfer.is_some();
        #[cfg(not(feature = "transfer"))]
        false
    }

    /// Goes on with the transfer, by at most so many steps. Returns by how many. A step that
    /// makes nothing has looked at many records, so it counts as all of them and ends the turn.
    #[cfg(feature = "transfer")]
    fn go_on(&mut self, most: usize) -> usize {
        let mut message = Vec::new();
        let mut steps = 0;
        while let Some(transfer) = &mut self.transfer
            && steps < most
            && self.unsent.len() < MAX_UNSENT
        {
            steps += 1;
            match transfer.next(&mut message) {
                Made::Message => self.reply(&message),
                Made::Nothing => return most,
                Made::End => self.transfer = None,
            }
        }
        steps
    }

    /// Sends this message after all others.
    fn reply(&mut self, message: &[u8]) {
        let length = u16::try_from(message.len()).unwrap_or(0);
        self.unsent.extend_from_slice(&length.to_be_bytes());
        self.unsent.extend_from_slice(message);
    }

    /// Answers the whole queries that have been received, at most so many. Returns how many.
    fn answer<R: Resolve>(&mut self, responder: &mut Responder<R>, most: usize) -> usize {
        let client = Client {
            transport: Transport::Tcp,
            address: Some(self.address),
        };
        let mut reply = Vec::new();
        let mut done = 0;
        let mut queries = 0;
        #[cfg(feature = "transfer")]
        {
            queries += self.go_on(most);
        }
        while queries < most && self.unsent.len() < MAX_UNSENT && !self.is_transferring() {
            let rest = &self.received[done..];
            let Some(length) = rest.first_chunk::<PREFIX>() else {
                break;
            };
            let length = usize::from(u16::from_be_bytes(*length));
            if length > MAX_QUERY {
                self.input = Input::Ignored;
                done = self.received.len();
                break;
            }
            let Some(query) = rest.get(PREFIX..PREFIX + length) else {
                break;
            };
            done += PREFIX + length;
            queries += 1;
            #[cfg(feature = "transfer")]
            if let Some(transfer) = responder.begin_transfer(query, client) {
                self.transfer = Some(transfer);
                continue;
            }
            responder.respond(query, client, &mut reply);
            if !reply.is_empty() {
                self.reply(&reply);
            }
        }
        self.received.drain(..done);
        if queries > 0 {
            self.active = Instant::now();
        }
        queries
    }

    /// Sends what is unsent. False if the client must first take some of it.
    fn send(&mut self) -> io::Result<bool> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => {
                    self.unsent.drain(..sent);
                    self.active = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Receives once. False if nothing is there.
    fn receive(&mut self) -> io::Result<bool> {
        let mut buffer = [0; PREFIX + MAX_QUERY];
        let room = buffer.len() - self.received.len().min(buffer.len());
        match self.stream.read(&mut buffer[..room]) {
            Ok(0) => self.input = Input::Ended,
            Ok(_) if self.input == Input::Ignored => {}
            Ok(length) => self.received.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::net;
    use std::sync::Arc;

    use plan_store::{EndpointName, MemoryStore, PlanStore, Retention};

    use super::*;
    use crate::zone::{NameServer, Zone, Zones};

    fn responder() -> Responder<<MemoryStore as PlanStore>::Reader> {
        let name = |text: &str| -> EndpointName { text.parse().unwrap() };
        let name_server = NameServer {
            name: name("ns.elsewhere.test"),
            addresses: Vec::new(),
        };
        let zone = Zone::new(name("shop.example"), [name_server]).unwrap();
        let zones = Arc::new(Zones::new([zone]).unwrap());
        let reader = PlanStore::reader(&MemoryStore::new(Retention::newest(2)));
        Responder::new(reader, zones, 8, 7, Arc::default()).unwrap()
    }

    /// The two ends of a connection. The server's end does not block, and has room for all
    /// replies that may be unsent.
    fn pair() -> (net::TcpStream, Connection) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, from) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        let room = 4 * MAX_UNSENT;
        let buffer = socket2::SockRef::from(&server);
        buffer.set_send_buffer_size(room).unwrap();
        let connection = Connection::new(TcpStream::from_std(server), from.ip());
        (client, connection)
    }

    /// Other clients have their turns between the tries.
    #[cfg(feature = "transfer")]
    #[test]
    fn a_turn_ends_once_a_transfer_makes_no_message() {
        let (_client, mut connection) = pair();
        let mut responder = responder();
        connection.transfer = Some(crate::transfer::slow_stream());
        for turn in 1..=crate::transfer::SLOW_TURNS {
            let ended = connection.turn(&mut responder);
            assert!(matches!(ended, Turn::Again), "turn {turn}");
            assert!(connection.is_transferring() && connection.unsent.is_empty());
        }
        let _ended = connection.turn(&mut responder);
        assert!(!connection.is_transferring());
    }

    /// The server knows that it is to stop before it has looked at any client.
    #[test]
    fn queries_that_came_before_the_end_are_answered() {
        let query = [&[0, 12, 1, 2][..], &[0; 10]].concat();
        for (drain, answered) in [(Duration::ZERO, 0), (Duration::from_mins(1), 50)] {
            let limits = TcpLimits::default();
            let (mut server, _waker) =
                TcpServer::bind("127.0.0.1:0".parse().unwrap(), limits).unwrap();
            let mut client = net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
            client.write_all(&query.repeat(50)).unwrap();
            server.serve(&mut responder(), &OnceLock::from(drain));
            drop(server);
            let mut sent = Vec::new();
            // Without an answer the connection is reset.
            let _ = client.read_to_end(&mut sent);
            assert_eq!(sent.len(), answered * query.len(), "{drain:?}");
        }
    }

    /// The poll tells nothing of queries that the server has read already.
    #[test]
    fn queries_received_before_the_client_took_its_replies_are_answered_after() {
        // A query of a header alone. The reply to it is a header too.
        let query = [&[0, 12, 1, 2][..], &[0; 10]].concat();
        for input in [Input::Queries, Input::Ended] {
            let (mut client, mut connection) = pair();
            connection.received = query.repeat(3);
            connection.unsent = vec![0; MAX_UNSENT];
            connection.input = input;
            let turn = connection.turn(&mut responder());
            assert_eq!(matches!(turn, Turn::Closed), input == Input::Ended);
            assert!(connection.received.is_empty());
            drop(connection);
            let mut sent = Vec::new();
            client.read_to_end(&mut sent).unwrap();
            assert_eq!(sent.len(), MAX_UNSENT + 3 * query.len());
        }
    }
}
