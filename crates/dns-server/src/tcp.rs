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
//! replies come in the same order. A connection is closed by its client, by a
//! query longer than `MAX_QUERY`, or when no query has been completed and no
//! reply taken for the idle time. When all places are taken, a new client gets
//! the place of the one that has been idle for the longest time.
//!
//! # Rules
//! 1. Nothing here waits but the poll.
//! 2. The poll tells of a change once. So a turn of a connection ends only when
//!    its socket would block, when it is closed, or when the turn has been long
//!    enough; in the last case it is put on the list for another turn.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use plan_store::Resolve;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::reply::{Outcome, Transport};
use crate::responder::Responder;

/// Longest query in bytes. Real ones have a few hundred.
const MAX_QUERY: usize = 4096;
/// Most bytes of replies that wait for a client to take them, give or take the
/// last reply.
const MAX_UNSENT: usize = 64 * 1024;
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
    /// How long a connection may go without a query completed or a reply taken.
    pub idle: Duration,
}

impl Default for TcpLimits {
    /// 256 connections, 10 seconds.
    fn default() -> Self {
        Self {
            connections: 256,
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
            limits,
        };
        Ok((server, waker))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is set and the poll is woken.
    pub(crate) fn serve<R: Resolve>(&mut self, responder: &mut Responder<R>, stop: &AtomicBool) {
        let mut events = Events::with_capacity(256);
        let mut again: Vec<Token> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let wait = if again.is_empty() {
                self.until_next_idle()
            } else {
                Some(Duration::ZERO)
            };
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    tracing::error!(%error, "TCP is not served any more");
                    return;
                }
                _ => {}
            }
            let mut ready = std::mem::take(&mut again);
            ready.extend(events.iter().map(mio::event::Event::token));
            for token in ready {
                match token {
                    WAKE => {}
                    LISTENER => self.accept(),
                    token => again.extend(self.turn(token, responder)),
                }
            }
            self.close_idle();
        }
    }

    /// A turn of a connection; its token again if it needs another at once.
    fn turn<R: Resolve>(&mut self, token: Token, responder: &mut Responder<R>) -> Option<Token> {
        let connection = self.connections.get_mut(&token)?;
        match connection.turn(responder) {
            Turn::Blocked => None,
            Turn::Again => Some(token),
            Turn::Closed => {
                self.connections.remove(&token);
                None
            }
        }
    }

    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    if let Err(error) = self.add(stream) {
                        tracing::warn!(%error, "cannot take a connection");
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Of one client, gone before it was accepted.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Out of descriptors, likely: make room, and try when the
                    // next client comes.
                    tracing::warn!(%error, "cannot accept a connection");
                    self.close_longest_idle();
                    return;
                }
            }
        }
    }

    fn add(&mut self, mut stream: TcpStream) -> io::Result<()> {
        if self.connections.len() >= self.limits.connections {
            self.close_longest_idle();
        }
        stream.set_nodelay(true)?;
        let token = Token(self.next);
        self.next += 1;
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, token, both)?;
        self.connections.insert(token, Connection::new(stream));
        Ok(())
    }

    fn close_longest_idle(&mut self) {
        let idle = self.connections.iter().min_by_key(|(_, c)| c.active);
        if let Some(token) = idle.map(|(&token, _)| token) {
            self.connections.remove(&token);
        }
    }

    fn close_idle(&mut self) {
        let idle = self.limits.idle;
        self.connections.retain(|_, c| c.active.elapsed() < idle);
    }

    /// How long until some connection has been idle for too long.
    fn until_next_idle(&self) -> Option<Duration> {
        let first = self.connections.values().map(|c| c.active).min()?;
        Some(self.limits.idle.saturating_sub(first.elapsed()))
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

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Replies with their lengths before them.
    unsent: Vec<u8>,
    /// When a query was last completed, or a reply taken.
    active: Instant,
    /// The client sends no more.
    ended: bool,
}

/// How a turn ended.
enum Turn {
    Blocked,
    Again,
    Closed,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            received: Vec::new(),
            unsent: Vec::new(),
            active: Instant::now(),
            ended: false,
        }
    }

    /// Reads, answers and writes as far as it goes.
    fn turn<R: Resolve>(&mut self, responder: &mut Responder<R>) -> Turn {
        let mut answered = 0;
        loop {
            let Ok(queries) = self.answer(responder, TURN - answered) else {
                return Turn::Closed;
            };
            answered += queries;
            match self.send() {
                Ok(true) => {}
                Ok(false) => return Turn::Blocked,
                Err(_) => return Turn::Closed,
            }
            if answered >= TURN {
                return Turn::Again;
            }
            if queries > 0 {
                continue; // More of them may be there.
            }
            if self.ended {
                return Turn::Closed;
            }
            match self.receive() {
                Ok(true) => {}
                Ok(false) => return Turn::Blocked,
                Err(_) => return Turn::Closed,
            }
        }
    }

    /// Answers the whole queries that have been received, at most so many.
    fn answer<R: Resolve>(
        &mut self,
        responder: &mut Responder<R>,
        most: usize,
    ) -> Result<usize, TooLong> {
        let mut reply = Vec::new();
        let mut done = 0;
        let mut queries = 0;
        while queries < most && self.unsent.len() < MAX_UNSENT {
            let rest = &self.received[done..];
            let Some(length) = rest.first_chunk::<PREFIX>() else {
                break;
            };
            let length = usize::from(u16::from_be_bytes(*length));
            if length > MAX_QUERY {
                return Err(TooLong);
            }
            let Some(query) = rest.get(PREFIX..PREFIX + length) else {
                break;
            };
            let outcome = responder.respond(query, Transport::Tcp, &mut reply);
            if outcome != Outcome::Dropped {
                let length = u16::try_from(reply.len()).unwrap_or(0);
                self.unsent.extend_from_slice(&length.to_be_bytes());
                self.unsent.extend_from_slice(&reply);
            }
            done += PREFIX + length;
            queries += 1;
        }
        if queries > 0 {
            self.received.drain(..done);
            self.active = Instant::now();
        }
        Ok(queries)
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
            Ok(0) => self.ended = true,
            Ok(length) => self.received.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}

/// A query longer than any that is answered.
struct TooLong;
