//! The history: the last plans that this store's Planner has published, with author and cause.
//!
//! # Rules
//! 1. Each plan is one small note in the store, and a new plan replaces the note of the plan
//!    that is [`MOST`] generations older. So a publish writes a few hundred bytes, however
//!    long the history is.
//! 2. A thread of its own reads and writes the notes. The Planner waits for neither: if the
//!    store stalls, entries beyond [`QUEUE`] are kept in memory alone, and the log says so.
//! 3. The list in memory has what the notes said when this process began to lead, and all
//!    entries since.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use control_plane::{Publication, chain};
use tracing::warn;

use crate::api::{Published, time};
use crate::notes::Notes;

/// So many plans are in the history.
pub(crate) const MOST: u32 = 500;
/// So many entries may wait to be written.
const QUEUE: usize = 64;

/// What the thread does.
enum Work {
    Read,
    Write(Published),
}

/// The history. Clones share it.
#[derive(Clone)]
pub(crate) struct History {
    /// By generation, the oldest first.
    plans: Arc<Mutex<VecDeque<Published>>>,
    work: SyncSender<Work>,
}

impl History {
    /// A history that is empty until it is read. Writes what is added from now on.
    pub(crate) fn start(notes: Arc<dyn Notes>) -> io::Result<Self> {
        let (work, to_do) = sync_channel(QUEUE);
        let plans = Arc::new(Mutex::new(VecDeque::new()));
        let history = Self { plans, work };
        let plans = Arc::clone(&history.plans);
        thread::Builder::new()
            .name("history".into())
            .spawn(move || keep(&*notes, &plans, &to_do))?;
        Ok(history)
    }

    /// Adds what the store has.
    pub(crate) fn read_again(&self) {
        if self.work.try_send(Work::Read).is_err() {
            warn!("the store is slow; the history lacks what other processes published");
        }
    }

    /// Adds a plan that was published just now.
    pub(crate) fn add(&self, publication: Publication) {
        let entry = published(publication);
        insert(&mut lock(&self.plans), entry.clone());
        if self.work.try_send(Work::Write(entry)).is_err() {
            warn!("the store is slow; a plan's entry in the history is in memory alone");
        }
    }

    /// The newest plans, at most so many, the newest first.
    pub(crate) fn newest(&self, most: usize) -> Vec<Published> {
        lock(&self.plans).iter().rev().take(most).cloned().collect()
    }
}

fn lock(plans: &Mutex<VecDeque<Published>>) -> MutexGuard<'_, VecDeque<Published>> {
    // A change is one call that leaves the list whole.
    plans.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds an entry in its place; one of the same generation goes.
fn insert(plans: &mut VecDeque<Published>, entry: Published) {
    let at = plans.partition_point(|before| before.generation < entry.generation);
    match plans.get_mut(at) {
        Some(same) if same.generation == entry.generation => *same = entry,
        _ => plans.insert(at, entry),
    }
    while plans.len() > MOST as usize {
        plans.pop_front();
    }
}

/// The work of the thread. It ends with the last [`History`].
fn keep(notes: &dyn Notes, plans: &Mutex<VecDeque<Published>>, to_do: &Receiver<Work>) {
    for work in to_do {
        let entry = match work {
            Work::Write(entry) => entry,
            Work::Read => {
                if let Err(error) = read(notes, plans) {
                    let error = chain(&error);
                    warn!(%error, "the history in the store cannot be read");
                }
                continue;
            }
        };
        let Ok(bytes) = serde_json::to_vec(&entry) else {
            continue; // Texts and numbers make valid JSON.
        };
        if let Err(error) = notes.set_note(&name(entry.generation), &bytes) {
            let error = chain(&error);
            warn!(%error, "a plan's entry in the history is in memory alone");
        }
    }
}

fn read(notes: &dyn Notes, plans: &Mutex<VecDeque<Published>>) -> Result<(), plan_store::Error> {
    for slot in 0..MOST {
        let note = notes.note(&name(slot))?;
        let entry = note.and_then(|bytes| serde_json::from_slice::<Published>(&bytes).ok());
        if let Some(entry) = entry {
            let mut plans = lock(plans);
            if !plans
                .iter()
                .any(|known| known.generation == entry.generation)
            {
                insert(&mut plans, entry);
            }
        }
    }
    Ok(())
}

/// The entry of a plan that was published just now.
fn published(publication: Publication) -> Published {
    Published {
        generation: publication.generation.get(),
        at: time(SystemTime::now()),
        author: publication.author,
        cause: publication.cause,
        names: Some(publication.names),
        endpoints: publication.endpoints,
    }
}

/// The note of a plan that was published just now, with its name: for a store that no process
/// uses.
pub(crate) fn note_of(publication: Publication) -> Result<(String, Vec<u8>), serde_json::Error> {
    let entry = published(publication);
    Ok((name(entry.generation), serde_json::to_vec(&entry)?))
}

/// The name of a plan's note.
fn name(generation: u32) -> String {
    format!("history-{}", generation % MOST)
}
