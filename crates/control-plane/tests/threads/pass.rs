//! An Enactor's pass, step by step: the order of its calls, how long it holds its plan,
//! where it stops, and what its result says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use control_plane::{Enactor, Pass, PassError, StepError, chain};
use parking_lot::Mutex;
use plan_store::{
    EndpointName, EndpointState, Generation, MemoryStore, Plan, PlanStore, RecordSet, RetainReason,
    Standing, Swept, Target,
};

use crate::generation;
use crate::hooked::{Fate, Hooked};

fn name(letter: char) -> EndpointName {
    format!("{letter}.example").parse().unwrap()
}

/// Publishes a plan for these endpoints.
fn publish(store: &MemoryStore, letters: &str) -> Generation {
    let endpoints = letters.chars().map(|letter| {
        let name = name(letter);
        let target = Target::new([192, 0, 2, 1].into(), 255);
        let records = RecordSet::new(5, [target]).unwrap();
        (name, records)
    });
    store
        .publish(Arc::new(Plan::new(endpoints).unwrap()))
        .unwrap()
}

/// Publishes a plan for these endpoints, and has another Enactor apply it.
fn apply(store: &MemoryStore, letters: &str) {
    publish(store, letters);
    let pass = Enactor::new("other", store.clone()).pass().unwrap();
    assert!(matches!(pass, Pass::Applied { .. }), "{pass:?}");
}

/// What another thread does to the store, or how the store fails, at a call.
type At = Box<dyn Fn(&MemoryStore) -> Fate + Send + Sync>;

/// An Enactor's store, with the calls that the Enactor made.
struct Watched {
    store: MemoryStore,
    hooked: Hooked,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Watched {
    /// Does this at each call of this name.
    fn new(at: &'static str, act: impl Fn(&MemoryStore) -> Fate + Send + Sync + 'static) -> Self {
        Self::each(vec![(at, Box::new(act))])
    }

    /// A store where nothing goes wrong.
    fn undisturbed() -> Self {
        Self::each(Vec::new())
    }

    fn each(acts: Vec<(&'static str, At)>) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (noted, inner) = (
            Arc::clone(&calls),
            Arc::new(Mutex::new(None::<MemoryStore>)),
        );
        let other = Arc::clone(&inner);
        let hooked = Hooked::new(move |call, endpoint| {
            let call = match endpoint {
                Some(endpoint) => format!("{call} {}", &endpoint.as_str()[..1]),
                None => call.to_owned(),
            };
            noted.lock().push(call.clone());
            let store = other.lock().clone().unwrap();
            let mut fates = acts.iter().filter(|(at, _)| *at == call);
            fates.next().map_or(Fate::Done, |(_, act)| act(&store))
        });
        *inner.lock() = Some(hooked.store.clone());
        Self {
            store: hooked.store.clone(),
            hooked,
            calls,
        }
    }

    fn pass(&self) -> Result<Pass, PassError> {
        self.calls.lock().clear();
        Enactor::new("enactor", self.hooked.clone()).pass()
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().clone()
    }

    fn state(&self, letter: char) -> EndpointState {
        self.store.state(&name(letter)).unwrap()
    }

    /// The plan that is active at each of these endpoints; 0 if none is.
    fn active(&self, letters: &str) -> Vec<u32> {
        let active = letters.chars().map(|at| self.state(at).standing.active());
        active.map(|plan| plan.map_or(0, Generation::get)).collect()
    }
}

fn swept(deleted: &[u32], spared: &[(u32, RetainReason)]) -> Swept {
    Swept {
        deleted: deleted.iter().map(|&plan| generation(plan)).collect(),
        spared: spared
            .iter()
            .map(|&(plan, why)| (generation(plan), why))
            .collect(),
    }
}

#[test]
fn a_pass_picks_up_checks_activates_withdraws_and_sweeps_in_this_order() {
    let watched = Watched::undisturbed();
    assert_eq!(watched.pass().unwrap(), Pass::NoPlan);
    assert_eq!(watched.calls(), ["latest"]);

    publish(&watched.store, "abcd");
    apply(&watched.store, "abcd");
    publish(&watched.store, "ac");
    let applied = Pass::Applied {
        plan: generation(3),
        changed: 4,
        swept: swept(&[], &[(2, RetainReason::Rollback)]),
    };
    assert_eq!(watched.pass().unwrap(), applied);
    let calls = [
        "latest",
        "newest_active",
        "activate a",
        "activate c",
        "stale_endpoints",
        "withdraw b",
        "withdraw d",
        "sweep",
    ];
    assert_eq!(watched.calls(), calls);
    assert_eq!(watched.active("abcd"), [3, 0, 3, 0]);

    // Once more: all was done before, and it is not an error to find that.
    let again = Pass::Applied {
        plan: generation(3),
        changed: 0,
        swept: swept(&[], &[(2, RetainReason::Rollback)]),
    };
    assert_eq!(watched.pass().unwrap(), again);
}

#[test]
fn a_pass_counts_only_what_it_has_changed_itself() {
    let watched = Watched::undisturbed();
    publish(&watched.store, "abc");
    let pin = watched.store.latest().unwrap().unwrap();
    let _ = watched.store.activate(&pin, &name('b')).unwrap();
    let pass = watched.pass().unwrap();
    assert!(matches!(pass, Pass::Applied { changed: 2, .. }), "{pass:?}");
}

/// The calls of a pass that takes every kind of step.
const CALLS: [&str; 5] = [
    "newest_active",
    "activate a",
    "stale_endpoints",
    "withdraw b",
    "sweep",
];

#[test]
fn a_pass_holds_its_plan_from_the_pick_up_to_its_end() {
    for call in CALLS {
        let watched = Watched::new(call, |store| {
            for _ in 0..2 {
                apply(store, "ab");
            }
            let kept = store.generations();
            assert!(kept.contains(&generation(2)), "plan 2 is held: {kept:?}");
            Fate::Done
        });
        apply(&watched.store, "ab");
        publish(&watched.store, "a");
        let _ = watched.pass().unwrap();
        assert!(watched.calls().contains(&call.to_owned()), "{call}");
        assert_eq!(
            watched.store.sweep(generation(4)).unwrap().deleted,
            [generation(2)]
        );
    }
}

#[test]
fn a_pass_that_panics_or_fails_anywhere_lets_go_of_its_plan() {
    let panic = |_: &MemoryStore| -> Fate { panic!("a trap") };
    let fail = |_: &MemoryStore| Fate::Failed;
    for call in CALLS {
        for act in [Box::new(panic) as At, Box::new(fail)] {
            let watched = Watched::each(vec![(call, act)]);
            apply(&watched.store, "ab");
            publish(&watched.store, "a");
            let pass = catch_unwind(AssertUnwindSafe(|| watched.pass()));
            assert!(!matches!(pass, Ok(Ok(_))), "{call}: {pass:?}");
            apply(&watched.store, "ab");
            apply(&watched.store, "ab");
            let kept = watched.store.generations();
            assert!(!kept.contains(&generation(2)), "{call}: {kept:?}");
        }
    }
}

#[test]
fn a_pass_that_finds_a_newer_plan_at_the_start_takes_no_step() {
    let watched = Watched::new("newest_active", |store| {
        apply(store, "a");
        Fate::Done
    });
    publish(&watched.store, "ab");
    let stale = Pass::StaleAtStart {
        plan: generation(1),
        newer: generation(2),
    };
    assert_eq!(watched.pass().unwrap(), stale);
    assert_eq!(watched.calls(), ["latest", "newest_active"]);
}

#[test]
fn a_pass_that_is_overtaken_ends_at_that_endpoint_and_does_not_sweep() {
    let watched = Watched::new("activate b", |store| {
        apply(store, "abc");
        Fate::Done
    });
    publish(&watched.store, "abc");
    let stale = Pass::Stale {
        plan: generation(1),
        newer: generation(2),
        endpoint: name('b'),
    };
    assert_eq!(watched.pass().unwrap(), stale);
    let calls = ["latest", "newest_active", "activate a", "activate b"];
    assert_eq!(watched.calls(), calls);
    assert_eq!(watched.active("abc"), [2, 2, 2]);
}

#[test]
fn a_stale_withdrawal_is_refused_and_ends_the_pass() {
    let watched = Watched::new("withdraw b", |store| {
        apply(store, "abc");
        Fate::Done
    });
    apply(&watched.store, "abc");
    publish(&watched.store, "a");
    let stale = Pass::Stale {
        plan: generation(2),
        newer: generation(3),
        endpoint: name('b'),
    };
    assert_eq!(watched.pass().unwrap(), stale);
    let calls = [
        "latest",
        "newest_active",
        "activate a",
        "stale_endpoints",
        "withdraw b",
    ];
    assert_eq!(watched.calls(), calls);
    assert_eq!(watched.active("abc"), [3, 3, 3]);
}

/// The error of a pass over plan 2, which withdraws c and d, on a store that fails at
/// these calls; with the calls, and with what is active then.
fn failing(at: &[&'static str]) -> (PassError, Vec<String>, Vec<u32>) {
    let fail = |&at: &&'static str| (at, Box::new(|_: &MemoryStore| Fate::Failed) as At);
    let watched = Watched::each(at.iter().map(fail).collect());
    apply(&watched.store, "abcd");
    publish(&watched.store, "ab");
    let error = watched.pass().unwrap_err();
    (error, watched.calls(), watched.active("abcd"))
}

#[test]
fn a_failed_call_of_the_whole_pass_ends_it_there() {
    let before = [1, 1, 1, 1];
    let cases = [
        ("latest", 1, before),
        ("newest_active", 2, before),
        ("stale_endpoints", 5, [2, 2, 1, 1]),
        ("sweep", 8, [2, 2, 0, 0]),
    ];
    for (call, after, end) in cases {
        let (error, calls, active) = failing(&[call]);
        assert!(matches!(error, PassError::Store(_)), "{call}: {error:?}");
        assert_eq!(chain(&error), "the store failed: told to fail", "{call}");
        assert_eq!((calls.len(), calls.last().unwrap().as_str()), (after, call));
        assert_eq!(active, end, "{call}");
    }
}

#[test]
fn a_failure_at_an_endpoint_leaves_out_that_endpoint_and_the_sweep() {
    let cases: &[(&[&'static str], usize, [u32; 4])] = &[
        (&["activate a"], 1, [1, 2, 0, 0]),
        (&["activate b"], 1, [2, 1, 0, 0]),
        (&["withdraw c"], 1, [2, 2, 1, 0]),
        (&["activate a", "withdraw c", "withdraw d"], 3, [1, 2, 1, 1]),
    ];
    for (at, times, end) in cases {
        let (error, calls, active) = failing(at);
        let text = chain(&error);
        assert!(text.ends_with("the store failed: told to fail"), "{text}");
        let PassError::Incomplete {
            generation: plan,
            failed,
            of: 4,
            first: StepError::Store { .. },
        } = error
        else {
            unreachable!("{at:?}: {error:?}");
        };
        assert_eq!((plan, failed), (generation(2), *times), "{at:?}");
        assert_eq!(calls.last().unwrap(), "withdraw d", "no sweep");
        assert_eq!(active, end, "{at:?}");
    }
}

#[test]
fn the_first_of_several_errors_is_the_one_that_is_kept() {
    let lost = |_: &MemoryStore| Fate::Lost { done: false };
    let fail = |_: &MemoryStore| Fate::Failed;
    let watched = Watched::each(vec![
        ("activate a", Box::new(lost) as At),
        ("activate b", Box::new(fail)),
    ]);
    publish(&watched.store, "ab");
    let error = watched.pass().unwrap_err();
    let PassError::Incomplete {
        failed: 2,
        first:
            StepError::OutcomeUnknown {
                endpoint,
                generation: plan,
                reads: 3,
            },
        ..
    } = error
    else {
        unreachable!("{error:?}");
    };
    assert_eq!((endpoint, plan), (name('a'), generation(1)));
    // Three attempts, each followed by a read.
    let at_a = watched.calls()[2..8].to_vec();
    let attempt = ["activate a", "state a"];
    assert_eq!(at_a, [attempt, attempt, attempt].concat());
    assert_eq!(watched.calls().last().unwrap(), "stale_endpoints");
}

#[test]
fn after_a_lost_reply_the_endpoints_state_decides() {
    // Done all the same.
    let watched = Watched::new("activate a", |_| Fate::Lost { done: true });
    publish(&watched.store, "ab");
    let pass = watched.pass().unwrap();
    assert!(matches!(pass, Pass::Applied { changed: 2, .. }), "{pass:?}");
    assert_eq!(
        watched.calls()[2..5],
        ["activate a", "state a", "activate b"]
    );

    // Not done, and an older plan is there: it steps again, until it is done.
    let attempts = Mutex::new(0);
    let watched = Watched::new("withdraw b", move |_| {
        *attempts.lock() += 1;
        let done = *attempts.lock() == 3;
        Fate::Lost { done }
    });
    apply(&watched.store, "ab");
    publish(&watched.store, "a");
    let pass = watched.pass().unwrap();
    assert!(matches!(pass, Pass::Applied { changed: 2, .. }), "{pass:?}");
    let attempt = ["withdraw b", "state b"];
    assert_eq!(watched.calls()[4..10], [attempt, attempt, attempt].concat());
    assert_eq!(
        watched.state('b').standing,
        Standing::Withdrawn(generation(2))
    );

    // Not done, and a newer plan is there.
    let watched = Watched::new("activate b", |store| {
        apply(store, "ab");
        Fate::Lost { done: false }
    });
    publish(&watched.store, "ab");
    let stale = Pass::Stale {
        plan: generation(1),
        newer: generation(2),
        endpoint: name('b'),
    };
    assert_eq!(watched.pass().unwrap(), stale);
    assert_eq!(watched.calls().last().unwrap(), "state b");
}

#[test]
fn a_failed_read_after_a_lost_reply_is_a_failure_at_that_endpoint() {
    let watched = Watched::each(vec![
        (
            "activate a",
            Box::new(|_: &MemoryStore| Fate::Lost { done: true }) as At,
        ),
        ("state a", Box::new(|_: &MemoryStore| Fate::Failed)),
    ]);
    publish(&watched.store, "ab");
    let error = watched.pass().unwrap_err();
    let PassError::Incomplete {
        failed: 1,
        of: 2,
        first: StepError::Store { .. },
        ..
    } = error
    else {
        unreachable!("{error:?}");
    };
    assert_eq!(
        watched.calls()[2..5],
        ["activate a", "state a", "activate b"]
    );
    assert_eq!(watched.active("ab"), [1, 1]);
}

#[test]
fn an_enactor_has_the_name_that_it_was_given() {
    let watched = Watched::undisturbed();
    assert_eq!(&**Enactor::new("north", watched.hooked).name(), "north");
}
