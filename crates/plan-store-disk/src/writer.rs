//! The thread that makes all changes.
//!
//! # States of a change
//! *queued* → *decided* → *durable* → *in memory* → *acknowledged*; or *decided* → *failed*.
//!
//! # Who may touch what
//! | | reads | changes |
//! |---|---|---|
//! | the database, [`Durable`] | the writer | the writer |
//! | the store in memory: plans and endpoints | anyone | the writer |
//! | the store in memory: pins | anyone | anyone |
//! | the notes and the health in [`Shown`] | anyone | the writer |
//!
//! # Rules
//! 1. Changes are decided in the order of the queue, on top of what is durable and of the changes
//!    before them in the same group. A step is decided by [`Known::after`], the rule of the store
//!    in memory, and the replacement of a note by the note that is there then.
//! 2. A group is committed as a whole. Only then its changes are made in memory, in the same
//!    order, and then acknowledged. So nothing is served or acknowledged that is not durable.
//! 3. The writer is the only one who changes plans, endpoints and notes in memory. So a change in memory
//!    has the outcome that was decided, and that outcome is acknowledged.
//! 4. A step holds the caller's pin until it is made in memory, and lets go of it before it is
//!    acknowledged. So the plan is not swept in between, and the pin's end is the caller's.
//! 5. Deletions go the other way: a sweep deletes in memory first, because pins decide there and
//!    now, and then in the database. Until that is durable, the sweep is not acknowledged. If the
//!    process ends before, the plan is there again after a restart, unused.
//! 6. If a commit fails, [`Durable`] and the memory stay as they are, and the group's changes
//!    fail. See `file.rs` for what the next commit does.
//!
//! [`Known::after`]: plan_store::memory::Known::after

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use parking_lot::Mutex;
use plan_store::memory::{MemoryPin, Step};
use plan_store::{
    Activation, EndpointName, Failed, Generation, MemoryStore, Plan, PlanStore, PublishError,
    Resolution, StepError, Swept,
};
use redb::ReadTransaction;
use tracing::{error, info};

use crate::durable::{Draft, Durable, NotDrafted};
use crate::error::Error;
use crate::file::File;

/// How many requests share a commit at most.
const GROUP: usize = 1024;

/// The outcomes of steps, in the order of their endpoints.
pub(crate) type Outcomes = Vec<Result<Activation, StepError<Error>>>;

/// A change that a caller waits for.
#[derive(Debug)]
pub(crate) enum Request {
    Publish(
        Arc<Plan>,
        SyncSender<Result<Generation, PublishError<Error>>>,
    ),
    Steps(Steps, SyncSender<Outcomes>),
    Note(String, Vec<u8>, SyncSender<Result<(), Error>>),
    ReplaceNote(Replacement, SyncSender<Result<bool, Error>>),
    Sweep(Generation, SyncSender<Result<Swept, Failed<Error>>>),
    /// Asks for what is durable, and changes nothing.
    Snapshot(SyncSender<Result<ReadTransaction, Error>>),
}

/// A note that counts only if the one before it is what the caller has seen.
#[derive(Debug)]
pub(crate) struct Replacement {
    pub(crate) name: String,
    /// `None` if there was no note.
    pub(crate) before: Option<Vec<u8>>,
    pub(crate) note: Vec<u8>,
}

/// The same step at some endpoints, under one pin.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) pin: Arc<MemoryPin>,
    pub(crate) step: Step,
    pub(crate) endpoints: Vec<EndpointName>,
}

/// What the writer shows, besides the store in memory.
#[derive(Default, Debug)]
pub(crate) struct Shown {
    pub(crate) notes: Mutex<BTreeMap<String, Vec<u8>>>,
    /// The error of the last commit, if it failed.
    pub(crate) failing: Mutex<Option<Error>>,
}

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) file: File,
    pub(crate) durable: Durable,
    pub(crate) memory: MemoryStore,
    pub(crate) shown: Arc<Shown>,
}

/// Changes that share a commit.
#[derive(Default)]
struct Group {
    draft: Draft,
    requests: Vec<Request>,
}

impl Writer {
    /// Serves requests until the last handle on the store is dropped.
    pub(crate) fn run(mut self, requests: &Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            let more = requests.try_iter().take(GROUP - 1);
            let mut group = Group::default();
            for request in std::iter::once(first).chain(more) {
                match request {
                    Request::Sweep(applied, reply) => {
                        self.finish(std::mem::take(&mut group));
                        // The caller may have gone.
                        let _ = reply.send(self.sweep(applied));
                    }
                    Request::Snapshot(reply) => {
                        self.finish(std::mem::take(&mut group));
                        let _ = reply.send(self.snapshot());
                    }
                    request => match self.decide(&mut group.draft, &request) {
                        Ok(()) => group.requests.push(request),
                        Err(error) => self.refuse(request, error),
                    },
                }
            }
            self.finish(group);
        }
    }

    /// Adds a change to the draft. A refused step adds nothing.
    fn decide(&self, draft: &mut Draft, request: &Request) -> Result<(), NotDrafted> {
        match request {
            Request::Publish(plan, _) => {
                self.durable.publish(draft, Arc::clone(plan))?;
            }
            Request::Steps(steps, _) => {
                for endpoint in &steps.endpoints {
                    self.durable.step(draft, endpoint, steps.step);
                }
            }
            Request::Note(name, note, _) => {
                draft.notes.insert(name.clone(), note.clone());
            }
            Request::ReplaceNote(new, _) => {
                let drafted = draft.notes.get(&new.name);
                let there = drafted.or_else(|| self.durable.notes.get(&new.name));
                if there == new.before.as_ref() {
                    draft.notes.insert(new.name.clone(), new.note.clone());
                }
            }
            Request::Sweep(..) | Request::Snapshot(_) => {} // Not part of a draft.
        }
        Ok(())
    }

    /// Commits a group, makes its changes in memory, and acknowledges them.
    fn finish(&mut self, group: Group) {
        let Group { draft, requests } = group;
        let committed = if draft.is_empty() {
            Ok(())
        } else {
            self.commit(&draft)
        };
        match committed {
            Ok(()) => {
                self.durable.absorb(draft);
                for request in requests {
                    self.make(request);
                }
            }
            Err(error) => {
                for request in requests {
                    self.fail(request, &error);
                }
            }
        }
    }

    fn commit(&mut self, draft: &Draft) -> Result<(), Error> {
        let committed = self.file.commit(&self.durable, draft);
        let mut failing = self.shown.failing.lock();
        match &committed {
            Ok(()) => {
                if failing.take().is_some() {
                    info!(place = %self.file.place(), "changes can be written again");
                }
            }
            Err(error) => {
                if failing.is_none() {
                    let reason = std::error::Error::source(error).map(ToString::to_string);
                    let reason = reason.unwrap_or_default();
                    error!(%error, %reason, "no change can be written; what is there is served");
                }
                *failing = Some(error.clone());
            }
        }
        committed
    }

    /// Makes a durable change in memory, and acknowledges it.
    fn make(&self, request: Request) {
        match request {
            Request::Publish(plan, reply) => {
                let published = self.memory.publish(plan);
                let _ = reply.send(published.map_err(|error| error.map(Into::into)));
            }
            Request::Steps(steps, reply) => {
                let outcomes = self.take(&steps);
                drop(steps); // The writer's hold on the pin.
                let _ = reply.send(outcomes);
            }
            Request::Note(name, note, reply) => {
                self.shown.notes.lock().insert(name, note);
                let _ = reply.send(Ok(()));
            }
            Request::ReplaceNote(new, reply) => {
                let mut notes = self.shown.notes.lock();
                let is_same = notes.get(&new.name) == new.before.as_ref();
                if is_same {
                    notes.insert(new.name, new.note);
                }
                drop(notes);
                let _ = reply.send(Ok(is_same));
            }
            Request::Sweep(..) | Request::Snapshot(_) => {} // Never in a group.
        }
    }

    /// Takes steps in memory that are durable.
    fn take(&self, steps: &Steps) -> Outcomes {
        let take = |endpoint| match steps.step {
            Step::Activate(_) => self.memory.activate(&steps.pin, endpoint),
            Step::Withdraw(_) => self.memory.withdraw(&steps.pin, endpoint),
        };
        let outcomes = steps.endpoints.iter().map(take);
        let outcomes = outcomes.map(|step| step.map_err(|error| error.map(Into::into)));
        outcomes.collect()
    }

    /// Tells the caller that its change failed with its group; or acknowledges it, if it changes
    /// nothing.
    fn fail(&self, request: Request, error: &Error) {
        let mut draft = Draft::default();
        let decided = self.decide(&mut draft, &request);
        if decided.is_ok() && draft.is_empty() {
            return self.make(request);
        }
        let error = error.clone();
        match request {
            Request::Publish(_, reply) => drop(reply.send(Err(error.into()))),
            Request::Steps(steps, reply) => {
                let outcome = match error {
                    Error::Unsettled { .. } => Ok(Activation::Unknown),
                    error => Err(StepError::from(error)),
                };
                let outcomes = vec![outcome; steps.endpoints.len()];
                drop(steps);
                let _ = reply.send(outcomes);
            }
            Request::Note(_, _, reply) => drop(reply.send(Err(error))),
            Request::ReplaceNote(_, reply) => drop(reply.send(Err(error))),
            Request::Sweep(..) | Request::Snapshot(_) => {} // Never in a group.
        }
    }

    /// Tells the caller that its plan cannot be drafted.
    fn refuse(&self, request: Request, error: NotDrafted) {
        let Request::Publish(_, reply) = request else {
            return; // Only plans can be refused.
        };
        let _ = reply.send(Err(match error {
            NotDrafted::GenerationsExhausted(last) => PublishError::GenerationsExhausted(last),
            NotDrafted::Encoding(error) => {
                let (place, source) = (Arc::clone(self.file.place()), Arc::new(error));
                Error::NotWritten { place, source }.into()
            }
        }));
    }

    /// What is durable now. What a failed commit or a sweep left open is settled first.
    fn snapshot(&mut self) -> Result<ReadTransaction, Error> {
        if !self.file.doubtful.is_empty() {
            self.commit(&Draft::default())?;
        }
        self.file.snapshot()
    }

    /// Sweeps in memory, and makes it durable, with what an earlier sweep could not write.
    fn sweep(&mut self, applied: Generation) -> Result<Swept, Failed<Error>> {
        let swept = self.memory.sweep(applied);
        let swept = swept.map_err(|error| error.map(Error::from))?;
        for plan in &swept.deleted {
            let changed = self.durable.delete(*plan);
            self.file.doubtful.layers.extend(changed);
        }
        let memory = &self.memory;
        let is_known = |endpoint: &EndpointName| memory.resolve(endpoint) != Resolution::Unknown;
        let changed = self.durable.forget(is_known);
        self.file.doubtful.blocks.extend(changed);
        if !self.file.doubtful.is_empty() {
            self.commit(&Draft::default())?;
        }
        Ok(swept)
    }
}
