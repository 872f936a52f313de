//! Records what each client was told, and when. Every call advances a clock, which shows
//! which calls ended before which others began.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use plan_store::{
    Activation, DnsStore, EndpointName, EndpointState, Failed, Generation, Layer, Pin, PinError,
    Plan, PublishError, Resolution, Resolve, RetainReason, StepError, Swept,
};

use crate::search::Operation;
use crate::spec::{ClientAnswer, Content, ENDPOINTS, Hold, Op, below, place};

/// A record of what all clients were told.
#[derive(Clone, Default, Debug)]
pub struct History(Arc<Shared>);

#[derive(Default, Debug)]
struct Shared {
    clock: AtomicI64,
    operations: Mutex<Vec<Operation>>,
}

impl History {
    /// The operations so far, in the order in which they returned.
    pub fn operations(&self) -> Vec<Operation> {
        self.0.operations.lock().clone()
    }

    /// The plans that a sweep may have deleted without reporting it: plans that were old
    /// enough, and whose deletion no sweep has reported.
    fn may_be_deleted(&self, applied: Generation) -> Vec<Op> {
        let operations = self.0.operations.lock();
        let deleted = operations
            .iter()
            .filter_map(|operation| match operation.op {
                Op::Delete { generation, .. } => Some(generation),
                _ => None,
            });
        let deleted: BTreeSet<_> = deleted.collect();
        let old = (1..applied.get()).filter_map(Generation::new);
        let left = old.filter(|generation| !deleted.contains(generation));
        left.map(|generation| Op::MayDelete {
            generation,
            applied,
        })
        .collect()
    }

    /// The clock's time. A call that begins later has a later time.
    pub fn now(&self) -> i64 {
        self.0.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Makes a call, and records the operations that it turned out to be.
    fn call<T>(
        &self,
        client: u32,
        call: impl FnOnce() -> T,
        came_to: impl FnOnce(&T) -> Vec<Op>,
    ) -> T {
        let called = self.now();
        let told = call();
        let (returned, told_at) = (self.now(), Instant::now());
        let operations = came_to(&told).into_iter().map(|op| Operation {
            client,
            called,
            returned: if op.is_open() { i64::MAX } else { returned },
            told_at,
            op,
        });
        self.0.operations.lock().extend(operations);
        told
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut operations = self.operations();
        operations.sort_by_key(|operation| operation.called);
        for operation in operations {
            let Operation {
                client,
                called,
                returned,
                op,
                ..
            } = operation;
            writeln!(f, "{called:>5}..{returned:<5} {client} {op:?}")?;
        }
        Ok(())
    }
}

/// One client's handle on a store.
///
/// A store that holds plans by leases is on other machines, and the result of a read may be
/// out of date when it arrives. No decision rests on a read, so reads are not part of its
/// history.
///
/// `newest_active` is not part of any history: it reads one endpoint after another, and its
/// answer is advice. The answer of `stale_endpoints` is advice too, but it says something
/// of each endpoint. So it counts as one operation for each endpoint: at some moment within
/// the call, the endpoint was stale if it is in the answer, and not stale if it is not. The
/// operations of one call may have different moments.
#[derive(Clone, Debug)]
pub struct Recorded<S> {
    store: S,
    client: u32,
    hold: Hold,
    history: History,
}

impl<S> Recorded<S> {
    /// The handle of this client, which holds plans in this way.
    pub fn new(store: S, client: u32, hold: Hold, history: &History) -> Self {
        let history = history.clone();
        Self {
            store,
            client,
            hold,
            history,
        }
    }

    /// Takes a step, and records it if the client got an outcome.
    fn step<E>(
        &self,
        step: impl FnOnce() -> Result<Activation, E>,
        op: impl Fn(Activation) -> Op,
    ) -> Result<Activation, E> {
        self.history.call(self.client, step, |told| {
            told.iter().map(|&told| op(told)).collect()
        })
    }
}

impl<S: DnsStore> Layer for Recorded<S> {
    type Inner = S;
    type Error = S::Error;
    type Pin = RecordedPin<S::Pin>;
    type Reader = RecordedReader<S::Reader>;

    fn inner(&self) -> &S {
        &self.store
    }

    fn wrap(&self, pin: S::Pin) -> Self::Pin {
        RecordedPin {
            pin: Some(pin),
            client: self.client,
            hold: self.hold,
            history: self.history.clone(),
        }
    }

    fn reader(&self) -> Self::Reader {
        RecordedReader {
            reader: self.store.reader(),
            client: self.client,
            history: self.history.clone(),
        }
    }

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError<S::Error>> {
        let content = Content::of(&plan);
        self.history.call(
            self.client,
            || self.store.publish(plan),
            |told| {
                let generation = told.as_ref().ok().copied();
                vec![Op::Publish {
                    content,
                    generation,
                }]
            },
        )
    }

    fn latest(&self) -> Result<Option<S::Pin>, PinError<S::Error>> {
        self.history.call(
            self.client,
            || self.store.latest(),
            |told| {
                let picked_up = told.iter().map(|pin| pin.as_ref().map(Pin::generation));
                picked_up.map(|told| Op::PickUp(told, self.hold)).collect()
            },
        )
    }

    fn pin(&self, asked: Generation) -> Result<S::Pin, PinError<S::Error>> {
        self.history.call(
            self.client,
            || self.store.pin(asked),
            |pinned| {
                let told = match pinned {
                    Ok(pin) => Some(pin.generation()),
                    Err(PinError::NoSuchPlan { .. }) => None,
                    Err(_) => return Vec::new(),
                };
                let hold = self.hold;
                vec![Op::Pin { asked, told, hold }]
            },
        )
    }

    fn activate(
        &self,
        pin: &Self::Pin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<S::Error>>,
    ) -> Result<Activation, StepError<S::Error>> {
        let (generation, hold, at) = (pin.generation(), pin.hold, place(endpoint));
        self.step(step, |told| Op::Activate {
            generation,
            hold,
            at,
            told,
        })
    }

    /// Records one operation for each endpoint.
    fn stale_endpoints(&self, pin: &Self::Pin) -> Result<Vec<EndpointName>, StepError<S::Error>> {
        let generation = pin.generation();
        self.history.call(
            self.client,
            || self.store.stale_endpoints(pin.borrow()),
            |stale| {
                let stale = stale.iter().filter(|_| self.hold == Hold::Pin);
                let endpoints = stale.flat_map(|stale| {
                    let stale: BTreeSet<_> = stale.iter().map(place).collect();
                    (0..ENDPOINTS).map(move |at| (at, stale.contains(&at)))
                });
                let op = |(at, told)| Op::StaleEndpoint {
                    generation,
                    at,
                    told,
                };
                endpoints.map(op).collect()
            },
        )
    }

    fn withdraw(
        &self,
        pin: &Self::Pin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<S::Error>>,
    ) -> Result<Activation, StepError<S::Error>> {
        let (generation, hold, at) = (pin.generation(), pin.hold, place(endpoint));
        self.step(step, |told| Op::Withdraw {
            generation,
            hold,
            at,
            told,
        })
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed<S::Error>> {
        let at = place(endpoint);
        self.history.call(
            self.client,
            || self.store.state(endpoint),
            |told| {
                let told = told.iter().filter(|_| self.hold == Hold::Pin);
                told.map(|&told| Op::State { at, told }).collect()
            },
        )
    }

    /// Records one operation for each plan that was deleted or spared. A sweep as a whole
    /// has no single moment.
    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<S::Error>> {
        self.history.call(
            self.client,
            || self.store.sweep(applied),
            |told| {
                let Ok(swept) = told else {
                    let mut ops = self.history.may_be_deleted(applied);
                    ops.push(Op::MayForget { ended: false });
                    return ops;
                };
                let deleted = swept.deleted.iter();
                let deleted = deleted.map(|&generation| Op::Delete {
                    generation,
                    applied,
                });
                let spared = swept.spared.iter();
                // A lease that is not in the history may have held the plan.
                let known = |why| self.hold == Hold::Pin || why != RetainReason::Pinned;
                let spared = spared.filter(|(_, why)| known(*why));
                let spared = spared.map(|&(generation, why)| Op::Spare { generation, why });
                let may_forget = Op::MayForget { ended: true };
                deleted.chain(spared).chain([may_forget]).collect()
            },
        )
    }
}

/// A pin whose end is part of the history.
#[derive(Debug)]
pub struct RecordedPin<P: Pin> {
    /// `Some` until the pin is dropped.
    pin: Option<P>,
    client: u32,
    hold: Hold,
    history: History,
}

impl<P: Pin> RecordedPin<P> {
    #[expect(clippy::unwrap_used, reason = "there until the pin is dropped")]
    fn held(&self) -> &P {
        self.pin.as_ref().unwrap()
    }
}

impl<P: Pin> Pin for RecordedPin<P> {
    fn generation(&self) -> Generation {
        self.held().generation()
    }

    fn plan(&self) -> &Arc<Plan> {
        self.held().plan()
    }
}

impl<P: Pin> Borrow<P> for RecordedPin<P> {
    fn borrow(&self) -> &P {
        self.held()
    }
}

impl<P: Pin> Drop for RecordedPin<P> {
    fn drop(&mut self) {
        let generation = self.generation();
        let pin = self.pin.take();
        if self.hold == Hold::Lease {
            return;
        }
        self.history
            .call(self.client, || drop(pin), |()| vec![Op::LetGo(generation)]);
    }
}

/// A reader whose answers are part of the history.
#[derive(Debug)]
pub struct RecordedReader<R> {
    reader: R,
    client: u32,
    history: History,
}

impl<R: Resolve> Resolve for RecordedReader<R> {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        let at = place(endpoint);
        self.history.call(
            self.client,
            || self.reader.resolve(endpoint),
            |told| {
                vec![Op::Resolve {
                    at,
                    told: ClientAnswer::of(told),
                }]
            },
        )
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        let below = below(name);
        self.history.call(
            self.client,
            || self.reader.has_descendant(name),
            |&told| vec![Op::HasDescendant { below, told }],
        )
    }
}
