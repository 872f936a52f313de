//! Step 3: the fix, the whole set of its outcomes, and a control.

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::thread;

use crate::bug;
use crate::explore::explore;

pub(crate) struct Active(AtomicU64);

impl Active {
    pub(crate) fn new(version: u64) -> Self {
        Self(AtomicU64::new(version))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Acquire)
    }

    pub(crate) fn activate(&self, version: u64) -> Result<u64, u64> {
        let mut active = self.0.load(Acquire);
        loop {
            if active >= version {
                return Err(active);
            }
            match self.0.compare_exchange(active, version, Release, Acquire) {
                Ok(replaced) => return Ok(replaced),
                Err(newer) => active = newer,
            }
        }
    }
}

/// What the model needs, on the bug and on the fix.
trait Activate: Send + Sync + 'static {
    fn starting_at(version: u64) -> Self;
    fn activate(&self, version: u64) -> Result<u64, u64>;
    fn get(&self) -> u64;
}

type Outcome = ((Result<u64, u64>, Result<u64, u64>), u64);

fn outcomes_of<A: Activate>() -> (std::collections::BTreeSet<Outcome>, usize) {
    explore(None, || {
        let active = Arc::new(A::starting_at(1));
        let enactor = |version| {
            let active = Arc::clone(&active);
            thread::spawn(move || active.activate(version))
        };
        let (slow, quick) = (enactor(2), enactor(3));
        let told = (slow.join().unwrap(), quick.join().unwrap());
        (told, active.get())
    })
}

#[test]
fn two_enactors() {
    let newer_first = ((Err(3), Ok(1)), 3);
    let older_first = ((Ok(1), Ok(2)), 3);
    let (outcomes, executions) = outcomes_of::<Active>();
    assert_eq!(outcomes, [newer_first, older_first].into());
    assert_eq!(executions, 54);
}

/// The control: the same model on the bug. If this finds nothing, the model is blind.
#[test]
fn the_model_finds_the_bug() {
    let went_back = ((Ok(1), Ok(1)), 2);
    let (outcomes, _) = outcomes_of::<bug::Active>();
    assert!(outcomes.contains(&went_back), "{outcomes:?}");
}

impl Activate for Active {
    fn starting_at(version: u64) -> Self {
        Self::new(version)
    }

    fn activate(&self, version: u64) -> Result<u64, u64> {
        self.activate(version)
    }

    fn get(&self) -> u64 {
        self.get()
    }
}

impl Activate for bug::Active {
    fn starting_at(version: u64) -> Self {
        Self::new(version)
    }

    fn activate(&self, version: u64) -> Result<u64, u64> {
        self.activate(version)
    }

    fn get(&self) -> u64 {
        self.get()
    }
}
