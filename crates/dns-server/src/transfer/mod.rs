//! Zone transfers to secondaries: AXFR (RFC 5936), IXFR (RFC 1995) and NOTIFY (RFC 1996).
//!
//! # What is transferred
//! The zone's own records and the content of *one* plan, whole, under one serial number
//! (`WholeAnswer`). While a pass is under way, this server answers from the newer plan at some
//! endpoints and from the older one at others. A secondary gets no such mixture. It gets the
//! newest plan that has been passed by everywhere ([`AppliedPlans`]): each of its endpoints is on
//! that plan, or already beyond it.
//!
//! # Why a secondary converges, and never goes back
//! 1. The owner of the server says which plan can be had ([`Server::plan_is_applied`]). Its
//!    generation only grows (`Transfers::applied`).
//! 2. From the first such plan on, the serial number of *every* SOA record of this server is the
//!    generation of that plan, over UDP too. So a secondary that asks for the SOA record, or is
//!    told by NOTIFY, finds that serial number or a later one when it transfers. The plan is put
//!    in place before the serial number is.
//! 3. A secondary takes no serial number that is not later than its own (RFC 1982). If it asks
//!    for an incremental transfer, it also gets nothing else (rule 5). So several servers on one
//!    store, which lag in different ways, cannot take a secondary back.
//! 4. NOTIFY is sent until the secondary acknowledges it, and anew for each later plan. A
//!    secondary that misses all of them asks after the SOA record's refresh time.
//! 5. An incremental transfer from serial number *s* is the difference between the plan with *s*
//!    and the newest one. If *s* is not kept, the transfer is whole. If *s* is the newest, or
//!    later, it is one SOA record.
//! 6. If the zones' own records change, the serial number does not, until the next plan. So no
//!    plan until then is a base of rule 5: a secondary may have its generation with either of the
//!    zones' records.
//!
//! # Who may touch what
//! | | reads | changes |
//! |---|---|---|
//! | zones and history | a transfer when it begins, the notifier | the server's owner |
//! | counts | anyone | the TCP threads and the notifier |
//! | refusals | a transfer when it is asked for | the same, under locks that nobody waits for |
//!
//! Zones and history change under one lock, and a transfer takes both from there, so it never
//! compares plans across a change of the zones. Only a secondary takes the lock: a request is
//! first looked at with the zones that the serving thread has, and again with those that it is
//! answered from. No plans are compared or dropped under the lock, so no thread waits for that. A
//! change of the zones compares their own records under the lock.
//!
//! [`Server::plan_is_applied`]: crate::Server::plan_is_applied

mod applied;
mod content;
mod history;
mod refusals;
mod stream;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hickory_proto::ProtoError;
use mio::Waker;
use plan_store::{Generation, Plan};
use tracing::debug;

pub use self::applied::AppliedPlans;
pub(crate) use self::refusals::Refusal;
#[cfg(test)]
pub(crate) use self::stream::tests::{SLOW_TURNS, slow_stream};
pub(crate) use self::stream::{Head, Made, Stream};

use self::content::Rr;
use self::history::{Base, Changed, Compared, History};
use self::refusals::Refusals;
use self::stream::{Part, ZoneAt};
use crate::serial::Serial;
use crate::tsig::{Signer, TsigKey};
use crate::zone::{ZoneData, Zones};

const TYPE_IXFR: u16 = 251;
const TYPE_AXFR: u16 = 252;

/// A server that transfers a zone from here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Secondary {
    /// Where it asks from, and where it listens.
    pub address: IpAddr,
    /// The port on which it listens for NOTIFY.
    pub port: u16,
    /// Whether it gets NOTIFY.
    pub notify: bool,
    /// What it signs with. If there is none, an unsigned request will do.
    pub key: Option<Arc<TsigKey>>,
}

impl Secondary {
    /// A secondary at this address, which gets NOTIFY at port 53 and has this key.
    pub fn new(address: IpAddr, key: Option<Arc<TsigKey>>) -> Self {
        Self {
            address,
            port: 53,
            notify: true,
            key,
        }
    }

    /// Whether it may have sent a request from this address that is signed with this key.
    fn may_be(&self, address: IpAddr, key: Option<&TsigKey>) -> bool {
        let is_key = |own: &Arc<TsigKey>| key == Some(own);
        self.address == address && self.key.as_ref().is_none_or(is_key)
    }

    pub(crate) fn listens_on(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

/// What transfers and NOTIFY have done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TransferCounts {
    /// Transfers of a whole zone that were begun.
    pub whole: u64,
    /// Transfers of differences that were begun.
    pub incremental: u64,
    /// Incremental transfers for a secondary that was up to date.
    pub up_to_date: u64,
    /// NOTIFY messages that were sent, repetitions too.
    pub notify_sent: u64,
    /// NOTIFY messages that were acknowledged.
    pub notify_acknowledged: u64,
    /// To how many secondaries of zones NOTIFY is repeated without success. A secondary of two
    /// zones counts twice.
    pub notify_failing: u64,
    /// The generation of the plan that secondaries can have.
    pub generation: Option<Generation>,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    whole: AtomicU64,
    incremental: AtomicU64,
    up_to_date: AtomicU64,
    pub(crate) notify_sent: AtomicU64,
    pub(crate) notify_acknowledged: AtomicU64,
    pub(crate) notify_failing: AtomicU64,
}

/// What all threads of a server share for transfers.
#[derive(Debug)]
pub(crate) struct Transfers {
    state: Mutex<State>,
    serial: Serial,
    /// Wakes the notifier.
    waker: OnceLock<Arc<Waker>>,
    pub(crate) tally: Tally,
    refusals: Refusals,
}

#[derive(Debug)]
struct State {
    zones: Arc<Zones>,
    history: History,
}

/// A request for a transfer.
pub(crate) struct Asked<'a> {
    /// In wire format and lower case.
    pub(crate) apex: &'a [u8],
    pub(crate) record_type: u16,
    /// The serial number that the secondary has.
    pub(crate) serial: Option<u32>,
    pub(crate) client: IpAddr,
    pub(crate) is_tcp: bool,
}

impl Asked<'_> {
    /// The zone that is asked for, if these zones let the client transfer it with this key.
    fn zone<'z>(&self, zones: &'z Zones, key: Option<&TsigKey>) -> Option<&'z ZoneData> {
        let may_be = |secondary: &Secondary| secondary.may_be(self.client, key);
        let zone = zones.at(self.apex)?;
        zone.secondaries.iter().any(may_be).then_some(zone)
    }

    /// Why these zones do not let the client transfer it.
    fn refusal(&self, zones: &Zones) -> Refusal {
        let secondaries = zones
            .at(self.apex)
            .into_iter()
            .flat_map(|zone| &zone.secondaries);
        let mut secondaries = secondaries.map(|secondary| secondary.address);
        if secondaries.any(|address| address == self.client) {
            Refusal::OtherKey
        } else {
            Refusal::Address
        }
    }
}

/// What a transfer is made from.
struct Plans {
    zones: Arc<Zones>,
    /// The serial number of the newest plan.
    serial: u32,
    newest: Arc<Plan>,
    /// The plan that the secondary has, if it is kept, and its serial number.
    base: Option<(u32, Base)>,
}

/// Whether this is the code of a transfer.
pub(crate) fn is_transfer(record_type: u16) -> bool {
    matches!(record_type, TYPE_AXFR | TYPE_IXFR)
}

impl Transfers {
    pub(crate) fn new(zones: Arc<Zones>, serial: Serial) -> Self {
        let history = History::default();
        Self {
            state: Mutex::new(State { zones, history }),
            serial,
            waker: OnceLock::new(),
            tally: Tally::default(),
            refusals: Refusals::default(),
        }
    }

    /// Whom to wake from now on when zones or plans change.
    pub(crate) fn wake(&self, waker: Arc<Waker>) {
        // There is one notifier.
        let _ = self.waker.set(waker);
    }

    pub(crate) fn set_zones(&self, zones: Arc<Zones>) {
        let mut state = self.state();
        let has_same = state.zones.has_same_records(&zones);
        let plans = (!has_same).then(|| state.history.zones_changed());
        let zones = std::mem::replace(&mut state.zones, zones);
        drop(state);
        drop((plans, zones));
        self.changed();
    }

    /// Secondaries can have this plan from now on, if it is newer than the one before.
    pub(crate) fn applied(&self, generation: Generation, plan: &Arc<Plan>) {
        loop {
            let newest = self.newest();
            if newest
                .as_ref()
                .is_some_and(|(newest, _)| *newest >= generation)
            {
                return;
            }
            let compared = Compared::new(plan, newest);
            let pushed = self.state().history.push(generation, compared);
            // The lock is free here, where old plans are dropped.
            if pushed.is_ok() {
                break;
            }
        }
        self.serial.transferable(generation);
        self.changed();
    }

    fn newest(&self) -> Option<(Generation, Arc<Plan>)> {
        let state = self.state();
        let newest = state.history.newest();
        newest.map(|(generation, plan)| (generation, Arc::clone(plan)))
    }

    fn changed(&self) {
        if let Some(Err(error)) = self.waker.get().map(|waker| waker.wake()) {
            debug!(%error, "cannot wake the notifier");
        }
    }

    /// The zones, and the serial number that secondaries can have.
    pub(crate) fn current(&self) -> (Arc<Zones>, Option<u32>) {
        let state = self.state();
        let newest = state.history.newest();
        let serial = newest.map(|(generation, _)| self.serial.of(generation));
        (Arc::clone(&state.zones), serial)
    }

    pub(crate) fn counts(&self) -> TransferCounts {
        let tally = &self.tally;
        TransferCounts {
            whole: tally.whole.load(Relaxed),
            incremental: tally.incremental.load(Relaxed),
            up_to_date: tally.up_to_date.load(Relaxed),
            notify_sent: tally.notify_sent.load(Relaxed),
            notify_acknowledged: tally.notify_acknowledged.load(Relaxed),
            notify_failing: tally.notify_failing.load(Relaxed),
            generation: self.state().history.newest().map(|(newest, _)| newest),
        }
    }

    /// The transfer that is asked for. `None` if it is refused. `known` are zones that the caller
    /// has; those here may be newer.
    pub(crate) fn begin(
        &self,
        known: &Zones,
        asked: &Asked<'_>,
        head: Head,
        signer: Option<Signer>,
    ) -> Option<Stream> {
        if asked.record_type == TYPE_AXFR && !asked.is_tcp {
            return None; // It is not defined (RFC 5936, 4.2).
        }
        let key = signer.as_ref().map(Signer::key);
        if asked.zone(known, key).is_none() {
            self.refused(known, asked.client, asked.apex, asked.refusal(known));
            return None;
        }
        let Some(plans) = self.plans(asked.serial) else {
            self.refused(known, asked.client, asked.apex, Refusal::NoPlan);
            return None;
        };
        let zone = asked.zone(&plans.zones, key)?;
        self.refusals.begun(asked.client, zone, asked.apex);
        let parts = self.parts(asked, zone, &plans);
        let parts = parts.inspect_err(|error| debug!(%error, "a transfer cannot be encoded"));
        let (parts, apex) = (parts.ok()?, asked.apex.to_vec());
        debug!(zone = %zone.name, secondary = %asked.client, "a transfer begins");
        let zones = Arc::clone(&plans.zones);
        Some(Stream::new(head, ZoneAt { zones, apex }, parts, signer))
    }

    /// Takes note of a refusal, for the log. One of a zone that is not here is no news.
    pub(crate) fn refused(&self, zones: &Zones, client: IpAddr, apex: &[u8], why: Refusal) {
        if let Some(zone) = zones.at(apex) {
            self.refusals.refused(client, zone, apex, why);
        }
    }

    /// What a transfer to a secondary with this serial number is made from.
    fn plans(&self, serial: Option<u32>) -> Option<Plans> {
        let state = self.state();
        let (generation, newest) = state.history.newest()?;
        let base = serial.and_then(|serial| {
            let base = state.history.base(self.serial.generation(serial)?)?;
            Some((serial, base))
        });
        Some(Plans {
            zones: Arc::clone(&state.zones),
            serial: self.serial.of(generation),
            newest: Arc::clone(newest),
            base,
        })
    }

    /// What the transfer consists of.
    fn parts(
        &self,
        asked: &Asked<'_>,
        zone: &ZoneData,
        plans: &Plans,
    ) -> Result<Vec<Part>, ProtoError> {
        let (serial, newest) = (plans.serial, &plans.newest);
        let soa = |serial| content::soa(zone, serial).map(|soa: Rr| Part::Records(vec![soa]));
        let is_incremental = asked.record_type == TYPE_IXFR;
        let has_it = asked
            .serial
            .is_some_and(|has| has == serial || is_later(has, serial));
        if is_incremental && (has_it || !asked.is_tcp) {
            // Over UDP it says that there is more to have over TCP (RFC 1995, 2).
            self.tally.up_to_date.fetch_add(u64::from(has_it), Relaxed);
            return Ok(vec![soa(serial)?]);
        }
        let Some((before, base)) = plans.base.as_ref().filter(|_| is_incremental) else {
            self.tally.whole.fetch_add(1, Relaxed);
            let own = Part::Records(content::own(&plans.zones, zone)?);
            let whole = Part::whole(Arc::clone(newest), zone.name.clone());
            return Ok(vec![soa(serial)?, own, whole, soa(serial)?]);
        };
        self.tally.incremental.fetch_add(1, Relaxed);
        let changed = Changed::new(zone.name.clone(), base.changed.clone());
        let only = |of: &Arc<Plan>, not: &Arc<Plan>| Part::Only {
            of: Arc::clone(of),
            not: Arc::clone(not),
            at: changed.clone(),
        };
        Ok(vec![
            soa(serial)?,
            soa(*before)?,
            only(&base.plan, newest),
            soa(serial)?,
            only(newest, &base.plan),
            soa(serial)?,
        ])
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The plans are consistent between any two steps of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a serial number is later than another one (RFC 1982, 3.2).
fn is_later(serial: u32, than: u32) -> bool {
    let ahead = serial.wrapping_sub(than);
    ahead != 0 && ahead < 1 << 31
}

/// The SOA record of a zone for NOTIFY: its type, class, TTL, length and data.
pub(crate) fn soa_without_owner(zone: &ZoneData, serial: u32) -> Result<Vec<u8>, ProtoError> {
    let soa = content::soa(zone, serial)?;
    let length = u16::try_from(soa.data.len()).unwrap_or(0);
    let mut bytes = vec![0, 6, 0, 1];
    bytes.extend(soa.ttl.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(soa.data);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::zone::{NameServer, Zone};

    /// Longer than any machine takes to look at a request.
    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn a_client_that_is_no_secondary_does_not_wait_for_the_lock() {
        let name_server = NameServer {
            name: "ns.elsewhere.test".parse().unwrap(),
            addresses: Vec::new(),
        };
        let secondary = Secondary::new("192.0.2.1".parse().unwrap(), None);
        let zone = Zone::new("shop.example".parse().unwrap(), [name_server]).unwrap();
        let zones = Arc::new(Zones::new([zone.with_secondaries([secondary])]).unwrap());
        let transfers = Transfers::new(Arc::clone(&zones), Serial::default());
        let (tell, told) = mpsc::channel();
        let lock = transfers.state();
        thread::scope(|scope| {
            scope.spawn(|| {
                let asked = Asked {
                    apex: b"\x04shop\x07example\0",
                    record_type: TYPE_IXFR,
                    serial: Some(1),
                    client: "192.0.2.2".parse().unwrap(),
                    is_tcp: false,
                };
                let head = Head {
                    id: 7,
                    recursion_desired: false,
                    question: Vec::new(),
                    opt: Vec::new(),
                };
                let begun = transfers.begin(&zones, &asked, head, None);
                tell.send(begun.is_some())
            });
            let begun = told.recv_timeout(PATIENCE);
            drop(lock);
            assert_eq!(begun, Ok(false));
        });
    }
}
