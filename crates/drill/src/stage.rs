//! Holds threads at named points, so that an interleaving is exact.
//!
//! # States of an actor
//! 1. *Running* until it reaches its goal, which is a point. The goal of an actor that
//!    appears for the first time is the first point that it reaches.
//! 2. *Held* at that point, until [`Stage::run`] gives the actor its next goal.
//!
//! Dropping the stage releases all actors. After that, no actor is held.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use incident::{Actor, Hook, Point};

use crate::Error;

/// How long [`Stage::run`] waits for an actor before it returns an error. No order
/// depends on it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Decides which actor runs, and how far. The actors call its [hook](Self::hook), which
/// holds them.
///
/// Dropping the stage releases all actors for good, so no thread stays held when a
/// schedule fails.
pub struct Stage {
    held: Arc<Held>,
    patience: Duration,
}

/// The hook that the actors call.
#[derive(Default)]
struct Held {
    actors: Mutex<Actors>,
    changed: Condvar,
}

#[derive(Default)]
struct Actors {
    /// Whether the stage was dropped: no actor is held any more.
    open: bool,
    /// The actors that are held, each at its point.
    held: BTreeMap<Actor, Point>,
    /// The points up to which the other actors run. An actor without a goal runs to the
    /// next point that it reaches.
    goals: BTreeMap<Actor, Point>,
}

impl Stage {
    /// A stage on which no actor has appeared yet.
    pub fn new() -> Self {
        Self::with_patience(PATIENCE)
    }

    /// A stage that waits at most this long for an actor.
    pub fn with_patience(patience: Duration) -> Self {
        let held = Arc::default();
        Self { held, patience }
    }

    /// The hook that holds the actors.
    pub fn hook(&self) -> Arc<dyn Hook> {
        Arc::clone(&self.held) as _
    }

    /// Lets the actor run until it reaches `goal`, and waits until it is held there.
    ///
    /// # Errors
    /// [`Error::NobodyThere`] if the actor does not appear, or does not reach the goal.
    pub fn run(&self, actor: Actor, goal: &Point) -> Result<(), Error> {
        let mut actors = self.held.actors.lock();
        self.wait_until_held(&mut actors, actor, goal)?;
        actors.held.remove(&actor);
        actors.goals.insert(actor, goal.clone());
        self.held.changed.notify_all();
        self.wait_until_held(&mut actors, actor, goal)
    }

    fn wait_until_held(
        &self,
        actors: &mut MutexGuard<'_, Actors>,
        actor: Actor,
        goal: &Point,
    ) -> Result<(), Error> {
        let absent = |actors: &mut Actors| !actors.held.contains_key(&actor);
        let changed = &self.held.changed;
        // The actor may have come exactly at the time-out, so its state decides.
        let _ = changed.wait_while_for(actors, absent, self.patience);
        if absent(actors) {
            let point = goal.to_string();
            return Err(Error::NobodyThere { actor, point });
        }
        Ok(())
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.held.actors.lock().open = true;
        self.held.changed.notify_all();
    }
}

impl Hook for Held {
    fn reach(&self, actor: Actor, point: &Point) {
        let mut actors = self.actors.lock();
        let passes_by = actors.goals.get(&actor).is_some_and(|goal| goal != point);
        if actors.open || passes_by {
            return;
        }
        actors.goals.remove(&actor);
        actors.held.insert(actor, point.clone());
        self.changed.notify_all();
        let held = |actors: &mut Actors| !actors.open && actors.held.contains_key(&actor);
        self.changed.wait_while(&mut actors, held);
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").finish_non_exhaustive()
    }
}
