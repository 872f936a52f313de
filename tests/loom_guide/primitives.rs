//! Step 7: the same code on native atomics, under loom and under shuttle.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

use models::checker::{Checker, Loads, Loom};
use plan_store::primitives::{Native, Primitives, Word};

/// The register, on atomics that its user chooses.
struct Active<P: Primitives = Native>(P::Word);

impl<P: Primitives> Active<P> {
    fn new(version: u64) -> Self {
        Self(P::Word::new(version))
    }

    fn activate(&self, version: u64) -> Result<u64, u64> {
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

/// The model, for any checker.
fn two_enactors<C: Checker>() {
    let explored = models::explore::<C, _>("two Enactors", None, |found| {
        let active = Arc::new(Active::<C::Primitives>::new(1));
        let (slow, quick) = (Arc::clone(&active), active);
        found.note(C::run_two(
            move || slow.activate(2),
            move || quick.activate(3),
        ));
    });
    let (in_order, too_late) = ((Ok(1), Ok(2)), (Err(3), Ok(1)));
    explored.findings.assert_outcomes([in_order, too_late]);
}

#[test]
fn loom_explores_it() {
    two_enactors::<Loom>();
    Loads::Rmw.during(two_enactors::<Loom>);
}

#[cfg(feature = "shuttle")]
#[test]
fn shuttle_draws_schedules_of_it() {
    two_enactors::<models::checker::Random>();
    two_enactors::<models::checker::Pct>();
}

#[test]
fn it_runs_on_native_atomics() {
    let active: Active = Active::new(1);
    assert_eq!(active.activate(2), Ok(1));
    assert_eq!(active.activate(2), Err(2));
}
