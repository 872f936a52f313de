//! Step 1: the bug, and the model that finds it.

use std::sync::Mutex;

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::thread;

use crate::explore::explore;

/// The version that is active. It must never go back.
pub(crate) struct Active(AtomicU64);

impl Active {
    pub(crate) fn new(version: u64) -> Self {
        Self(AtomicU64::new(version))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Acquire)
    }

    /// Activates this version, unless a newer one is active. Returns the version that it
    /// replaced, or the newer one.
    pub(crate) fn activate(&self, version: u64) -> Result<u64, u64> {
        let active = self.0.load(Acquire);
        if active >= version {
            return Err(active);
        }
        self.0.store(version, Release);
        Ok(active)
    }
}

#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn two_enactors() {
    loom::model(|| {
        let active = Arc::new(Active::new(1));
        let enactor = |version| {
            let active = Arc::clone(&active);
            thread::spawn(move || active.activate(version))
        };
        let (slow, quick) = (enactor(2), enactor(3));
        slow.join().unwrap().ok();
        quick.join().unwrap().ok();
        assert_eq!(active.get(), 3);
    });
}

/// What the threads of one execution did, in order. A lock of std is invisible to loom:
/// noting a step adds no step to the model.
type Steps = Arc<Mutex<Vec<String>>>;

/// The same steps, each noted.
fn noted(active: &Active, version: u64, steps: &Steps) {
    let note = |step: String| steps.lock().unwrap().push(step);
    let before = active.0.load(Acquire);
    note(format!("the Enactor of {version} reads {before}"));
    if before < version {
        active.0.store(version, Release);
        note(format!("the Enactor of {version} writes {version}"));
    }
}

#[test]
fn the_failing_execution_read_aloud() {
    let (executions, _) = explore(None, || {
        let (active, steps) = (Arc::new(Active::new(1)), Steps::default());
        let enactor = |version| {
            let (active, steps) = (Arc::clone(&active), Arc::clone(&steps));
            thread::spawn(move || noted(&active, version, &steps))
        };
        let (slow, quick) = (enactor(2), enactor(3));
        slow.join().unwrap();
        quick.join().unwrap();
        let steps = steps.lock().unwrap().clone();
        (active.get(), steps)
    });
    let went_back = [
        "the Enactor of 2 reads 1",
        "the Enactor of 3 reads 1",
        "the Enactor of 3 writes 3",
        "the Enactor of 2 writes 2",
    ];
    assert!(executions.contains(&(2, went_back.map(String::from).into())));
}
