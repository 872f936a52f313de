//! The store: a handle whose changes are durable when they return.

use std::fmt;
use std::fs;
use std::iter;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use plan_store::memory::{MemoryPin, Step};
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, MemoryStore, Pin, PinError, Plan,
    PlanStore, PublishError, Reader, RecordSet, Resolution, Retention, StepError, Swept,
};
use redb::StorageBackend;

use crate::backup;
use crate::begin::begin;
use crate::error::{Error, OpenError};
use crate::file::Medium;
use crate::folder::Folder;
use crate::writer::{Outcomes, Replacement, Request, Shown, Steps};

/// How many endpoints of a walk share a commit at most.
const WALK: usize = 1 << 16;

/// A plan store in a folder of this machine. Clones are handles on the same store.
///
/// Readers and pins work in memory, like those of [`MemoryStore`]. A change returns when it is
/// durable. The folder is free again when the last handle is dropped; pins and readers may live
/// longer. The [crate's documentation](crate) says how the store works.
#[derive(Clone)]
pub struct DiskStore {
    handle: Arc<Handle>,
}

/// What all handles share.
struct Handle {
    place: Arc<str>,
    memory: MemoryStore,
    shown: Arc<Shown>,
    /// `None` only while the last handle is dropped.
    requests: Option<Sender<Request>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    folder: Option<Folder>,
}

impl DiskStore {
    /// Opens the store in this folder, or makes an empty one.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path, retention: Retention) -> Result<Self, OpenError> {
        let taken = Folder::take(folder)?;
        taken.make_plans(|file| begin(Medium::file(file), retention).map(drop))?;
        Self::start(Medium::file(&taken.plans()), retention, Some(taken))
    }

    /// Opens a store on another medium than a folder, such as one of a test. `make` returns the
    /// medium each time the store opens it: at first, and after an error. If the power is cut while
    /// a new store begins there, the medium may be unusable; in a folder that cannot happen.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn on<B: StorageBackend>(
        make: impl Fn() -> std::io::Result<B> + Send + 'static,
        retention: Retention,
    ) -> Result<Self, OpenError> {
        let medium = Medium::new("the medium", move || Ok(make()?));
        Self::start(medium, retention, None)
    }

    /// Starts the writer, which reads the content. If it panics, the content is to blame.
    pub(crate) fn start(
        medium: Medium,
        retention: Retention,
        folder: Option<Folder>,
    ) -> Result<Self, OpenError> {
        let (requests, queue) = channel();
        let (opened, is_open) = sync_channel(1);
        let place = Arc::clone(&medium.place);
        let run = move || match begin(medium, retention) {
            Ok(writer) => {
                let shown = (writer.memory.clone(), Arc::clone(&writer.shown));
                // The caller waits for this.
                let _ = opened.send(Ok(shown));
                writer.run(&queue);
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        let builder = thread::Builder::new().name("plan store".into());
        let writer = builder.spawn(run).map_err(|source| OpenError::NoThread {
            place: place.to_string(),
            source,
        })?;
        let begun = is_open.recv().unwrap_or_else(|_| {
            Err(OpenError::Damaged {
                place: place.to_string(),
                reason: "the database's library panicked while it read the file".into(),
            })
        });
        let (memory, shown) = begun?;
        let handle = Handle {
            place,
            memory,
            shown,
            requests: Some(requests),
            writer: Mutex::new(Some(writer)),
            folder,
        };
        let handle = Arc::new(handle);
        Ok(Self { handle })
    }

    /// The plans in the store, oldest first.
    pub fn generations(&self) -> Vec<Generation> {
        self.handle.memory.generations()
    }

    /// The note with this name, if it was ever set. Notes are small byte strings beside the plans.
    ///
    /// # Errors
    /// None at present: notes are in memory.
    pub fn note(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.handle.shown.notes.lock().get(name).cloned())
    }

    /// Sets a note, durably.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn set_note(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let request = |reply| Request::Note(name.to_owned(), bytes.to_owned(), reply);
        self.ask(request)?
    }

    /// Replaces a note, durably, if it is still `before`, where `None` means that it was never set.
    /// Returns whether it was. So several callers can each change a part of a note, and none
    /// takes back what another has changed.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn replace_note(
        &self,
        name: &str,
        before: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<bool, Error> {
        let new = Replacement {
            name: name.to_owned(),
            before: before.map(<[u8]>::to_vec),
            note: bytes.to_owned(),
        };
        self.ask(|reply| Request::ReplaceNote(new, reply))?
    }

    /// A backup of all that is durable at one moment. Changes go on while it is made.
    /// [`Backup::read`](crate::Backup::read) checks it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn backup(&self) -> Result<Vec<u8>, Error> {
        let snapshot = self.ask(Request::Snapshot)??;
        backup::encode(&snapshot).map_err(|error| Error::NotRead {
            place: Arc::clone(&self.handle.place),
            source: Arc::new(error),
        })
    }

    /// Whether there is any note.
    pub(crate) fn has_notes(&self) -> bool {
        !self.handle.shown.notes.lock().is_empty()
    }

    /// How large the store's file is, in bytes. `None` if there is no file or it cannot be asked.
    pub fn file_size(&self) -> Option<u64> {
        let file = self.handle.folder.as_ref()?.plans();
        fs::metadata(file).ok().map(|metadata| metadata.len())
    }

    /// Whether the last change could be written; if not, why.
    ///
    /// # Errors
    /// That of the last change.
    pub fn health(&self) -> Result<(), Error> {
        self.handle.shown.failing.lock().clone().map_or(Ok(()), Err)
    }

    /// Asks the writer, and waits for its answer.
    fn ask<T>(&self, request: impl FnOnce(SyncSender<T>) -> Request) -> Result<T, Error> {
        let stopped = || Error::Stopped {
            place: Arc::clone(&self.handle.place),
        };
        let (reply, answer) = sync_channel(1);
        let requests = self.handle.requests.as_ref().ok_or_else(stopped)?;
        requests.send(request(reply)).map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())
    }

    /// Takes the same step at these endpoints.
    fn steps(&self, pin: &DiskPin, step: Step, endpoints: Vec<EndpointName>) -> Outcomes {
        let count = endpoints.len();
        let pin = Arc::clone(&pin.pin);
        let steps = Steps {
            pin,
            step,
            endpoints,
        };
        self.ask(|reply| Request::Steps(steps, reply))
            .unwrap_or_else(|error| vec![Err(error.into()); count])
    }

    fn step(
        &self,
        pin: &DiskPin,
        step: Step,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError<Error>> {
        let outcome = self.steps(pin, step, vec![endpoint.clone()]).pop();
        outcome.unwrap_or(Ok(Activation::Unknown))
    }

    /// The pinned plan's generation. Refuses a pin on another store's plan.
    fn own(&self, pin: &DiskPin) -> Result<Generation, StepError<Error>> {
        let generation = pin.generation();
        if Arc::ptr_eq(&pin.store, &self.handle.shown) {
            Ok(generation)
        } else {
            Err(StepError::ForeignPin { generation })
        }
    }

    fn pinned(&self, pin: MemoryPin) -> DiskPin {
        DiskPin {
            pin: Arc::new(pin),
            store: Arc::clone(&self.handle.shown),
        }
    }
}

impl PlanStore for DiskStore {
    type Key = EndpointName;
    type Value = RecordSet;
    type Error = Error;
    type Pin = DiskPin;
    type Reader = Reader;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError<Error>> {
        self.ask(|reply| Request::Publish(plan, reply))?
    }

    fn latest(&self) -> Result<Option<DiskPin>, PinError<Error>> {
        let pin = self.handle.memory.latest();
        let pin = pin.map_err(|error| error.map(Into::into))?;
        Ok(pin.map(|pin| self.pinned(pin)))
    }

    fn pin(&self, generation: Generation) -> Result<DiskPin, PinError<Error>> {
        let pin = self.handle.memory.pin(generation);
        let pin = pin.map_err(|error| error.map(Into::into))?;
        Ok(self.pinned(pin))
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed<Error>> {
        let newest = self.handle.memory.newest_active();
        newest.map_err(|error| error.map(Into::into))
    }

    fn activate(
        &self,
        pin: &DiskPin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError<Error>> {
        let generation = self.own(pin)?;
        if !pin.plan().names(endpoint) {
            return Err(StepError::NotInPlan { generation });
        }
        self.step(pin, Step::Activate(generation), endpoint)
    }

    /// Up to 65,536 endpoints share a commit. Each endpoint is still a step of its own.
    fn activate_all<'a>(
        &'a self,
        pin: &'a DiskPin,
    ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, StepError<Error>>)> {
        let mut left = pin.plan().endpoints().map(|(endpoint, _)| endpoint);
        let groups = iter::from_fn(move || {
            let group: Vec<_> = left.by_ref().take(WALK).collect();
            (!group.is_empty()).then_some(group)
        });
        groups.flat_map(move |group| {
            let outcomes = match self.own(pin) {
                Ok(generation) => {
                    let endpoints = group.iter().copied().cloned().collect();
                    self.steps(pin, Step::Activate(generation), endpoints)
                }
                Err(refused) => vec![Err(refused); group.len()],
            };
            group.into_iter().zip(outcomes)
        })
    }

    fn stale_endpoints(&self, pin: &DiskPin) -> Result<Vec<EndpointName>, StepError<Error>> {
        self.own(pin)?;
        let stale = self.handle.memory.stale_endpoints(&pin.pin);
        stale.map_err(|error| error.map(Into::into))
    }

    fn withdraw(
        &self,
        pin: &DiskPin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError<Error>> {
        let generation = self.own(pin)?;
        if pin.plan().names(endpoint) {
            return Err(StepError::StillInPlan { generation });
        }
        self.step(pin, Step::Withdraw(generation), endpoint)
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed<Error>> {
        let state = self.handle.memory.state(endpoint);
        state.map_err(|error| error.map(Into::into))
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<Error>> {
        self.ask(|reply| Request::Sweep(applied, reply))?
    }

    fn reader(&self) -> Reader {
        self.handle.memory.reader()
    }

    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        self.handle.memory.resolve(endpoint)
    }
}

/// [`DiskStore`]'s pin.
#[must_use = "the pin holds the plan only until it is dropped"]
pub struct DiskPin {
    /// The writer holds it too, while it takes a step.
    pin: Arc<MemoryPin>,
    /// Tells the pins of this store from those of others.
    store: Arc<Shown>,
}

impl Pin for DiskPin {
    fn generation(&self) -> Generation {
        self.pin.generation()
    }

    fn plan(&self) -> &Arc<Plan> {
        self.pin.plan()
    }
}

impl Drop for Handle {
    /// Waits until the writer has ended, so that the file is closed before the folder is free.
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.lock().take() {
            // A panic in it has been printed.
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for DiskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskStore")
            .field("place", &self.handle.place)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DiskPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DiskPin").field(&self.generation()).finish()
    }
}
