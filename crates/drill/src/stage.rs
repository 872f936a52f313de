//! Holding threads at named points, so that an interleaving is exact.
//!
//! # States of an actor
//! *running until a point* → *held at it* → (the director lets it go) → *running*.
//! Every actor is held at the first point it gets to. Once the stage is dropped
//! all run freely.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use incident::{Actor, Hook, Point};

use crate::Error;

/// How long the director waits for an actor before it gives the schedule up. No
/// order depends on it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The director's side of a gate: decides who runs, and how far. Dropping it lets
/// everybody go, for good, so that no thread is left held when a schedule fails.
pub struct Stage {
    held: Arc<Held>,
    patience: Duration,
}

/// The actors' side.
#[derive(Default)]
struct Held {
    actors: Mutex<Actors>,
    changed: Condvar,
}

#[derive(Default)]
struct Actors {
    open: bool,
    /// Who is held.
    held: BTreeMap<Actor, Point>,
    /// How far those who are not held run; to the next point if not said.
    goals: BTreeMap<Actor, Point>,
}

impl Stage {
    /// A stage on which nobody has appeared yet.
    pub fn new() -> Self {
        Self::with_patience(PATIENCE)
    }

    /// A stage whose director waits no longer than this for an actor.
    pub fn with_patience(patience: Duration) -> Self {
        let held = Arc::default();
        Self { held, patience }
    }

    /// The gate that holds the actors.
    pub fn gate(&self) -> Arc<dyn Hook> {
        Arc::clone(&self.held) as _
    }

    /// Lets the actor run until it gets to `goal`, and waits until it is held
    /// there.
    ///
    /// # Errors
    /// [`Error::NobodyThere`] if the actor does not appear, or does not get there.
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
        // Whether time is up says less than whether the actor is there.
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
