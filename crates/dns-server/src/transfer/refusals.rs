//! Refused transfers, for the log: a secondary that is configured wrongly says nothing here.
//!
//! # Rules
//! 1. A client that is refused a zone has a line. It has another one if the reason changes, or if
//!    a transfer to it begins.
//! 2. Any client can ask, and over UDP under any address. So the addresses of secondaries have at
//!    most [`MOST`] lines in an [`HOUR`], and all other addresses together as many. The last line
//!    says that it is the last.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::zone::ZoneData;

/// Most lines in an hour, and most clients that are remembered.
const MOST: usize = 32;
const HOUR: Duration = Duration::from_hours(1);

/// Why a transfer is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// No secondary has the address.
    Address,
    /// It is not signed with the key of the secondary.
    OtherKey,
    /// It is signed with a key that the server does not have.
    UnknownKey,
    /// The signature is wrong or too short.
    Signature,
    /// It was signed at another time.
    Time,
    /// There is no plan to transfer yet.
    NoPlan,
}

/// The refusals that have been logged.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    secondaries: Mutex<Ledger>,
    others: Mutex<Ledger>,
}

/// A client and the zone that it asks for.
type Asker = (IpAddr, Box<[u8]>);

#[derive(Debug, Default)]
struct Ledger {
    refused: HashMap<Asker, Refusal>,
    /// The lines since the hour began.
    lines: usize,
    hour: Option<Instant>,
}

/// Whether there is a line to write.
#[derive(PartialEq, Eq, Debug)]
enum Line {
    No,
    Yes,
    Last,
}

impl Refusals {
    /// Takes note of a refusal.
    pub(crate) fn refused(&self, client: IpAddr, zone: &ZoneData, apex: &[u8], why: Refusal) {
        let Some(mut ledger) = self.of(client, zone) else {
            return;
        };
        let line = ledger.refused((client, apex.into()), why, Instant::now());
        drop(ledger);
        if line != Line::No {
            warn!(zone = %zone.name, %client, reason = %why, "a transfer is refused");
        }
        if line == Line::Last {
            warn!("more refused transfers are not logged for up to an hour");
        }
    }

    /// Takes note of a transfer that begins.
    pub(crate) fn begun(&self, client: IpAddr, zone: &ZoneData, apex: &[u8]) {
        let ledger = self.of(client, zone);
        if ledger.is_some_and(|mut ledger| ledger.begun(&(client, apex.into()))) {
            info!(zone = %zone.name, %client, "transfers are not refused any more");
        }
    }

    /// The ledger for this client. `None` if another thread has it: the line is left to a later
    /// request.
    fn of(&self, client: IpAddr, zone: &ZoneData) -> Option<MutexGuard<'_, Ledger>> {
        let mut secondaries = zone.secondaries.iter();
        let ledger = if secondaries.any(|secondary| secondary.address == client) {
            &self.secondaries
        } else {
            &self.others
        };
        ledger.try_lock().ok()
    }
}

impl Ledger {
    fn refused(&mut self, asker: Asker, why: Refusal, now: Instant) -> Line {
        if self.refused.get(&asker) == Some(&why) {
            return Line::No;
        }
        if self
            .hour
            .is_none_or(|hour| now.duration_since(hour) >= HOUR)
        {
            (self.hour, self.lines) = (Some(now), 0);
            if self.refused.len() >= MOST {
                self.refused.clear();
            }
        }
        if self.lines == MOST {
            return Line::No;
        }
        self.lines += 1;
        self.refused.insert(asker, why);
        if self.lines == MOST {
            Line::Last
        } else {
            Line::Yes
        }
    }

    fn begun(&mut self, asker: &Asker) -> bool {
        self.refused.remove(asker).is_some()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => {
                "no secondary of the zone has this address; add it as a secondary, or stop its transfers"
            }
            Self::OtherKey => {
                "the request is not signed with the key of this secondary; configure that key there"
            }
            Self::UnknownKey => {
                "the key is unknown here (BADKEY); compare its name and its algorithm on both sides"
            }
            Self::Signature => "the signature is wrong (BADSIG); compare the secrets on both sides",
            Self::Time => "the clocks of the two servers differ (BADTIME); set them",
            Self::NoPlan => "there is no plan to transfer yet; the secondary asks again",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(client: usize) -> Asker {
        let client = u32::try_from(client).unwrap();
        (IpAddr::from(client.to_be_bytes()), Box::from(*b"\x01a"))
    }

    #[test]
    fn a_change_of_state_is_a_line_and_a_repetition_is_none() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        let mut refused = |why| ledger.refused(asker(1), why, now);
        assert_eq!(refused(Refusal::NoPlan), Line::Yes);
        assert_eq!(refused(Refusal::NoPlan), Line::No);
        assert_eq!(refused(Refusal::Time), Line::Yes);
        assert_eq!(refused(Refusal::Time), Line::No);
        assert!(ledger.begun(&asker(1)));
        assert!(!ledger.begun(&asker(1)));
        assert_eq!(ledger.refused(asker(1), Refusal::Time, now), Line::Yes);
    }

    /// Neither many addresses nor one that changes its reason fill the log or the memory.
    #[test]
    fn an_attacker_has_a_limited_number_of_lines_in_an_hour() {
        let begin = Instant::now();
        for many_clients in [true, false] {
            let mut ledger = Ledger::default();
            let mut lines_at = |now| {
                let ask = |n: usize| {
                    let client = if many_clients { n } else { 1 };
                    let why = [Refusal::Signature, Refusal::UnknownKey][n % 2];
                    ledger.refused(asker(client), why, now)
                };
                let lines: Vec<_> = (0..10 * MOST).map(ask).collect();
                assert!(ledger.refused.len() <= MOST);
                let written = lines.iter().filter(|line| **line != Line::No).count();
                let last = lines.iter().filter(|line| **line == Line::Last).count();
                (written, last)
            };
            assert_eq!(lines_at(begin), (MOST, 1));
            assert_eq!(lines_at(begin + HOUR / 2), (0, 0));
            assert_eq!(lines_at(begin + HOUR), (MOST, 1));
        }
    }
}
