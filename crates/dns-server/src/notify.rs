//! NOTIFY: tells secondaries that there is a newer plan to transfer (RFC 1996).
//!
//! # States of a secondary of a zone
//! ```text
//!            a newer serial                     acknowledged
//!   told ─────────────────────► waiting for it ──────────────► told
//!                                │  ▲                 │ and there is a newer serial
//!                    no answer,  ▼  │ sent again      ▼
//!                    or an error: after a pause     waiting for it
//! ```
//!
//! # Rules
//! 1. One thread does all of this. It waits for nothing but its poll.
//! 2. A secondary has at most one message outstanding. A serial number that comes meanwhile is
//!    sent after the answer or the pause, and those between are skipped. So a burst of plans
//!    cannot flood a secondary.
//! 3. The pause begins at [`FIRST_PAUSE`], doubles with each try, and stays at [`LONGEST_PAUSE`].
//!    It begins anew after an acknowledgement. The messages do not stop: they are the only sign
//!    that a secondary which has lost its way gets before the SOA record's refresh time.
//! 4. An answer counts if it comes from the secondary's address and port, with the id and the
//!    question of the message, and signed if the secondary has a key.
//! 5. At most [`TURN`] answers are read at a time, then what is due is sent. So a flood of
//!    packets holds up neither the messages nor the end of the server.
//! 6. The log has one line if a secondary does not acknowledge [`TRIES`] messages, and one if it
//!    does again.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use plan_store::EndpointName;
use tracing::{debug, error, info, warn};

use crate::contain::Failures;
use crate::query::{CLASS_IN, LowerName, be16};
use crate::reply::question_name;
use crate::transfer::{Transfers, soa_without_owner};
use crate::tsig::{TsigKey, is_signed_reply, sign_request};
use crate::zone::ZoneData;

/// How long the first message may stay without an answer.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest time between two messages to a secondary that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// After so many messages without an acknowledgement, the log says so.
const TRIES: u32 = 3;
/// Longest answer that is read in full. Real ones repeat the message.
const MAX_ANSWER: usize = 1024;
/// So many answers are read from a socket before other work is done.
const TURN: usize = 128;
const WAKE: Token = Token(0);
const V4: Token = Token(1);
const V6: Token = Token(2);
/// Opcode NOTIFY, and the bit that says that the server is the zone's authority.
const NOTIFY_AUTHORITATIVE: u8 = 4 << 3 | 0x04;
/// Opcode NOTIFY in a response; AA may be set or not.
const NOTIFY_RESPONSE: u8 = 0x80 | 4 << 3;
const AUTHORITATIVE: u8 = 0x04;
const TYPE_SOA: u16 = 6;

/// A zone and where a secondary of it listens.
type Id = (EndpointName, SocketAddr);

/// The thread's state.
pub(crate) struct Notifier {
    poll: Poll,
    /// Of IPv4 and of IPv6, if they could be opened.
    sockets: [Option<UdpSocket>; 2],
    transfers: Arc<Transfers>,
    secondaries: BTreeMap<Id, Told>,
}

/// What one secondary has been told of one zone.
#[derive(Default)]
struct Told {
    /// The serial number that it has acknowledged.
    acknowledged: Option<u32>,
    outstanding: Option<Outstanding>,
    /// When to send next, if there is something to send.
    due: Option<Instant>,
    /// Messages since the last acknowledgement.
    tries: u32,
    key: Option<Arc<TsigKey>>,
}

struct Outstanding {
    id: u16,
    serial: u32,
    /// The MAC of the message, if it is signed.
    mac: Vec<u8>,
}

impl Notifier {
    /// A notifier that sends from these addresses if they are specified; and what wakes it.
    pub(crate) fn new(
        transfers: Arc<Transfers>,
        listen: &[SocketAddr],
    ) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        transfers.wake(Arc::clone(&waker));
        let unspecified: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let sockets = unspecified.map(|unspecified| {
            let same = |listen: &&SocketAddr| listen.is_ipv4() == unspecified.is_ipv4();
            let from = listen.iter().find(same).map_or(unspecified, SocketAddr::ip);
            let token = if from.is_ipv4() { V4 } else { V6 };
            // A machine may have one family only.
            let opened = open(&poll, SocketAddr::new(from, 0), token);
            opened
                .inspect_err(|error| debug!(%error, %from, "no NOTIFY from here"))
                .ok()
        });
        let notifier = Self {
            poll,
            sockets,
            transfers,
            secondaries: BTreeMap::new(),
        };
        Ok((notifier, waker))
    }

    /// Runs until `stop` is set and the poll is woken; see [`contain`](crate::contain) for what
    /// ends it earlier.
    pub(crate) fn run(&mut self, stop: &OnceLock<Duration>) {
        let mut events = Events::with_capacity(8);
        let mut failures = Failures::default();
        let mut has_more = false;
        while stop.get().is_none() {
            let due = self.send_due();
            let wait = if has_more { Some(Duration::ZERO) } else { due };
            match self.poll.poll(&mut events, wait) {
                Ok(()) => failures.succeeded(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if failures.failed(Instant::now()) => {
                    warn!(%error, "cannot wait for secondaries");
                    std::thread::sleep(FIRST_PAUSE); // So that it does not fill the log.
                }
                Err(error) => {
                    error!(%error, "secondaries get no NOTIFY any more");
                    return;
                }
            }
            // The poll tells of answers once, so all are read, turn by turn.
            has_more = self.receive();
        }
    }

    /// Sends what is due. Returns how long until more is.
    fn send_due(&mut self) -> Option<Duration> {
        let (zones, serial) = self.transfers.current();
        let serial = serial?;
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.secondaries);
        let mut next: Option<Instant> = None;
        for zone in zones.all() {
            for secondary in zone.secondaries.iter().filter(|one| one.notify) {
                let id = (zone.name.clone(), secondary.listens_on());
                let mut told = before.remove(&id).unwrap_or_default();
                told.key.clone_from(&secondary.key);
                told.want(serial, now);
                if told.due.is_some_and(|due| due <= now) {
                    self.send(zone, &id, serial, &mut told, now);
                }
                next = next.into_iter().chain(told.due).min();
                self.secondaries.insert(id, told);
            }
        }
        let failing = self.secondaries.values().filter(|told| told.is_failing());
        let failing = u64::try_from(failing.count()).unwrap_or(u64::MAX);
        self.transfers.tally.notify_failing.store(failing, Relaxed);
        next.map(|next| next.saturating_duration_since(now))
    }

    fn send(&self, zone: &ZoneData, (apex, to): &Id, serial: u32, told: &mut Told, now: Instant) {
        if told.tries == TRIES {
            warn!(zone = %apex, secondary = %to, "NOTIFY is not acknowledged; it goes on");
        }
        told.due = Some(now + pause(told.tries));
        told.tries = told.tries.saturating_add(1);
        let id = fastrand::u16(..);
        let Some(mut message) = message(zone, id, serial) else {
            return;
        };
        let key = told.key.as_ref();
        let mac = key.map_or_else(Vec::new, |key| sign_request(key, &mut message));
        let socket = self.sockets[usize::from(to.is_ipv6())].as_ref();
        let sent = socket.map_or(Err(ErrorKind::AddrNotAvailable.into()), |socket| {
            socket.send_to(&message, *to)
        });
        if let Err(error) = sent {
            debug!(%error, zone = %apex, secondary = %to, "NOTIFY is not sent");
        }
        self.transfers.tally.notify_sent.fetch_add(1, Relaxed);
        told.outstanding = Some(Outstanding { id, serial, mac });
    }

    /// Reads at most [`TURN`] answers from each socket. Returns whether there may be more.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; MAX_ANSWER];
        let mut has_more = false;
        for socket in self.sockets.iter().flatten() {
            let mut received = 0;
            loop {
                if received == TURN {
                    has_more = true;
                    break;
                }
                received += 1;
                match socket.recv_from(&mut buffer) {
                    Ok((length, from)) => {
                        let answer = buffer.get(..length).unwrap_or_default();
                        if let Some(told) = told(&mut self.secondaries, answer, from) {
                            told.take(answer, from, &self.transfers);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // Such as the answer of a machine on which nothing listens.
                    Err(error) => {
                        debug!(%error, "cannot receive");
                        break;
                    }
                }
            }
        }
        has_more
    }
}

/// What the secondary has been told that sent this answer, if it is one.
fn told<'t>(
    secondaries: &'t mut BTreeMap<Id, Told>,
    answer: &[u8],
    from: SocketAddr,
) -> Option<&'t mut Told> {
    let name = LowerName::of(question_name(answer)?);
    let apex = crate::query::endpoint(name.labels())?;
    secondaries.get_mut(&(apex, from))
}

impl Told {
    /// There is this serial number to be told.
    fn want(&mut self, serial: u32, now: Instant) {
        if self.acknowledged == Some(serial) {
            self.due = None;
        } else if self.due.is_none() {
            self.due = Some(now);
        }
    }

    fn is_failing(&self) -> bool {
        self.tries > TRIES
    }

    /// Takes an answer from this secondary about its zone.
    fn take(&mut self, answer: &[u8], from: SocketAddr, transfers: &Transfers) {
        let Some(sent) = self.outstanding.take_if(|sent| sent.is_answered_by(answer)) else {
            return;
        };
        let unsigned = |key: &Arc<TsigKey>| !is_signed_reply(answer, key, &sent.mac);
        if self.key.as_ref().is_some_and(unsigned) {
            debug!(secondary = %from, "an answer to NOTIFY is not signed as it should be");
            self.outstanding = Some(sent);
            return;
        }
        let code = answer.get(3).map_or(0, |flags| flags & 0x0f);
        if code != 0 {
            debug!(secondary = %from, code, "NOTIFY is refused");
            return; // It is sent again after the pause.
        }
        if self.is_failing() {
            info!(secondary = %from, "NOTIFY is acknowledged again");
        }
        transfers.tally.notify_acknowledged.fetch_add(1, Relaxed);
        self.acknowledged = Some(sent.serial);
        self.tries = 0;
        self.due = None;
    }
}

impl Outstanding {
    /// Whether this answer to a message about the same zone is the answer to this one.
    fn is_answered_by(&self, answer: &[u8]) -> bool {
        let flags = answer.get(2).map(|flags| flags & !AUTHORITATIVE);
        be16(answer, 0) == Some(self.id) && flags == Some(NOTIFY_RESPONSE)
    }
}

/// How long to wait for an answer after so many messages without one.
fn pause(tries: u32) -> Duration {
    let doubled = FIRST_PAUSE.checked_mul(1 << tries.min(16));
    doubled.map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

/// The message, without a signature. It has the SOA record as an answer, so that a secondary that
/// has the serial number need not ask (RFC 1996, 3.7).
fn message(zone: &ZoneData, id: u16, serial: u32) -> Option<Vec<u8>> {
    /// Points to the question's name, after the header.
    const OWNER: [u8; 2] = [0xc0, 12];
    let soa = soa_without_owner(zone, serial);
    let soa = soa.inspect_err(|error| debug!(%error, "NOTIFY cannot be encoded"));
    let mut message = id.to_be_bytes().to_vec();
    message.extend([NOTIFY_AUTHORITATIVE, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
    message.extend(crate::tsig::wire(&zone.name));
    for number in [TYPE_SOA, CLASS_IN] {
        message.extend(number.to_be_bytes());
    }
    message.extend(OWNER);
    message.extend(soa.ok()?);
    Some(message)
}

fn open(poll: &Poll, address: SocketAddr, token: Token) -> io::Result<UdpSocket> {
    let mut socket = UdpSocket::bind(address)?;
    poll.registry()
        .register(&mut socket, token, Interest::READABLE)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serial::Serial;
    use crate::zone::{NameServer, Zone, Zones};

    #[test]
    fn a_flood_ends_a_turn_and_is_read_in_the_next_ones() {
        let name_server = NameServer {
            name: "ns.elsewhere.test".parse().unwrap(),
            addresses: Vec::new(),
        };
        let zone = Zone::new("shop.example".parse().unwrap(), [name_server]).unwrap();
        let zones = Arc::new(Zones::new([zone]).unwrap());
        let transfers = Arc::new(Transfers::new(zones, Serial::default()));
        let listen = "127.0.0.1:0".parse().unwrap();
        let (mut notifier, _waker) = Notifier::new(transfers, &[listen]).unwrap();
        let to = notifier.sockets[0].as_ref().unwrap().local_addr().unwrap();
        let flooding = std::net::UdpSocket::bind(listen).unwrap();
        for _ in 0..=TURN {
            flooding.send_to(b"no answer", to).unwrap();
        }
        assert!(notifier.receive());
        assert!(!notifier.receive(), "one was left");
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let pauses: Vec<_> = (0..8).map(|tries| pause(tries).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
