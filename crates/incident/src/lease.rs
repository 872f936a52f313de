//! A lease around each pass, and fencing tokens: repairs that look right and are not.
//!
//! An Enactor that picks up a plan takes the lease and gets a token, one higher than the
//! last. The lease before is over then: its holder has released it, or has stalled until
//! it expired. The old holder gets no notice. Time is not modelled, so a lease may expire
//! at any moment.
//!
//! [`Fencing`] says how the holder uses the token. None of the kinds is a repair: tokens
//! order the *leases*, but plans may have been picked up in another order. A write must be
//! fenced with the plan's own generation. For fencing in general see Kleppmann, "How to do
//! distributed locking", 2016.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use plan_store::primitives::{Lock, Primitives, Word};
use plan_store::{
    Activation, DnsStore, EndpointName, Failed, Generation, Layer, PinError, StepError, Swept,
};

use crate::Error;

/// What stops a holder's writes after its lease is over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fencing {
    /// The holder checks its lease, then writes.
    HolderLooks,
    /// The holder compares its token with the highest that this Enactor has met. That is
    /// always its own token.
    PerEnactor,
    /// The endpoint remembers the highest token that has written there and refuses a lower
    /// one, in one step with the write. A sweep is not fenced: it belongs to no endpoint.
    AtEndpoint,
}

impl fmt::Display for Fencing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::HolderLooks => "lease per pass, may run out",
            Self::PerEnactor => "lease, token kept per Enactor",
            Self::AtEndpoint => "lease, token kept at the endpoint",
        })
    }
}

/// The lease, and the fences at the endpoints.
struct Lease<P: Primitives> {
    fencing: Fencing,
    /// The holder's token.
    holder: P::Word,
    /// The highest token that wrote at each endpoint.
    fences: P::Lock<BTreeMap<EndpointName, u64>>,
}

/// A store as one Enactor uses it: each pass takes the lease. A clone belongs to another
/// Enactor.
pub struct Leased<S, P: Primitives> {
    store: S,
    lease: Arc<Lease<P>>,
    /// The token of this Enactor's last lease. Only the thread that does the pass uses it.
    token: AtomicU64,
    /// The highest token that this Enactor has met. Only the same thread uses it.
    met: AtomicU64,
}

impl<S, P: Primitives> Leased<S, P> {
    /// The store, with a lease that no Enactor holds.
    pub fn new(store: S, fencing: Fencing) -> Self {
        let lease = Arc::new(Lease {
            fencing,
            holder: Word::new(0),
            fences: Lock::new(BTreeMap::new()),
        });
        Self::client(store, lease)
    }

    fn client(store: S, lease: Arc<Lease<P>>) -> Self {
        let (token, met) = (AtomicU64::new(0), AtomicU64::new(0));
        Self {
            store,
            lease,
            token,
            met,
        }
    }

    /// Takes the lease, whether or not another Enactor holds it.
    fn take(&self) {
        let token = self.lease.holder.fetch_add(1, AcqRel) + 1;
        self.token.store(token, Relaxed);
        self.met.fetch_max(token, Relaxed);
    }

    /// Writes, unless the lease or the fence forbids it.
    fn write<T, E: From<Error>>(
        &self,
        at: Option<&EndpointName>,
        write: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let token = self.token.load(Relaxed);
        let unless_below = |highest| {
            if token < highest {
                return Err(Error::LeaseLost { token, highest });
            }
            Ok(())
        };
        match (self.lease.fencing, at) {
            (Fencing::HolderLooks, _) => unless_below(self.lease.holder.load(Acquire))?,
            (Fencing::PerEnactor, _) => unless_below(self.met.load(Relaxed))?,
            (Fencing::AtEndpoint, None) => {}
            (Fencing::AtEndpoint, Some(endpoint)) => {
                return self.lease.fences.write(|fences| {
                    let fence = fences.entry(endpoint.clone()).or_default();
                    unless_below(*fence)?;
                    *fence = token;
                    write()
                });
            }
        }
        write()
    }
}

impl<S: DnsStore, P: Primitives> Layer for Leased<S, P>
where
    Error: From<S::Error>,
{
    type Inner = S;
    type Error = Error;
    type Pin = S::Pin;
    type Reader = S::Reader;

    fn inner(&self) -> &S {
        &self.store
    }

    fn wrap(&self, pin: S::Pin) -> S::Pin {
        pin
    }

    fn reader(&self) -> S::Reader {
        self.store.reader()
    }

    fn latest(&self) -> Result<Option<S::Pin>, PinError<Error>> {
        self.take();
        self.store.latest().map_err(|error| error.map(Error::from))
    }

    fn activate(
        &self,
        _: &S::Pin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<Error>>,
    ) -> Result<Activation, StepError<Error>> {
        self.write(Some(endpoint), step)
    }

    fn withdraw(
        &self,
        _: &S::Pin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<Error>>,
    ) -> Result<Activation, StepError<Error>> {
        self.write(Some(endpoint), step)
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<Error>> {
        self.write(None, || {
            let swept = self.store.sweep(applied);
            swept.map_err(|error| error.map(Error::from))
        })
    }
}

impl<S: Clone, P: Primitives> Clone for Leased<S, P> {
    fn clone(&self) -> Self {
        Self::client(self.store.clone(), Arc::clone(&self.lease))
    }
}

impl<S, P: Primitives> fmt::Debug for Leased<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leased")
            .field("fencing", &self.lease.fencing)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
