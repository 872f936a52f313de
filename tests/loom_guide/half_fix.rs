//! Step 2: a wrong fix that a check of the end state alone would accept.

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering::{AcqRel, Acquire};
use loom::thread;

use crate::explore::explore;

struct Active(AtomicU64);

impl Active {
    fn activate(&self, version: u64) -> Result<u64, u64> {
        let active = self.0.load(Acquire);
        if active >= version {
            return Err(active);
        }
        self.0.fetch_max(version, AcqRel);
        Ok(active)
    }
}

#[test]
fn two_enactors() {
    let (outcomes, _) = explore(None, || {
        let active = Arc::new(Active(AtomicU64::new(1)));
        let enactor = |version| {
            let active = Arc::clone(&active);
            thread::spawn(move || active.activate(version))
        };
        let (slow, quick) = (enactor(2), enactor(3));
        let told = (slow.join().unwrap(), quick.join().unwrap());
        (told, active.0.load(Acquire))
    });
    let older_first = ((Ok(1), Ok(2)), 3);
    let both_replaced_1 = ((Ok(1), Ok(1)), 3);
    assert_eq!(outcomes, [older_first, both_replaced_1].into());
}
