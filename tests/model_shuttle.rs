//! The second checker, shuttle, on the same table and the same races, and on the whole
//! system with ten endpoints, which is too large for loom.
//!
//! A schedule that breaks an invariant is kept in a file, whose name is printed. To replay
//! it, with a picture of what happened:
//!
//! ```sh
//! SCHEDULE=FILE cargo test --features shuttle --test model_shuttle whole_system -- --nocapture
//! ```
//!
//! `SCHEDULES` sets how many schedules of the whole system each scheduler draws.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed model")]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use drill::diagram;
use incident::{Invariant, Journal, Variant, Verdict};
use models::checker::{Checker, Dfs, Pct, Random, failures, run};
use models::outage::{Protocol, Setup};
use models::{Ended, Explored, Findings, Moved, Outcome, Seen, races, say, wakeups, whole};
use plan_store::primitives::Word as _;
use plan_store::{Primitives, RetainReason};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};

/// The number of schedules of the whole system that each scheduler draws.
fn schedules() -> usize {
    env::var("SCHEDULES").map_or(150_000, |text| text.parse().unwrap())
}

const SEED: u64 = 2025;

/// All interleavings of the control [`models::litmus::hidden_load`].
const DFS_EXECUTIONS: usize = 34;

fn decides_as_loom_does(explore: fn(Protocol, Setup) -> Explored<Outcome>) {
    for protocol in Protocol::ALL {
        let findings = explore(protocol, Setup::SMALL).findings;
        findings.assert_broken(protocol.broken());
        let seen = findings.seen();
        seen.assert_seen(&[Seen::Activated, Seen::Pass(Ended::Applied)]);
    }
}

/// The number of schedules in which a thread of ten steps ran before another thread took
/// any step, and the number of all schedules.
fn undisturbed<J: Checker>() -> (usize, usize) {
    let explored = models::explore::<J, bool>("control: undisturbed", None, |found| {
        let word = Arc::new(<J::Primitives as Primitives>::Word::new(0));
        let other = Arc::clone(&word);
        let ten = |word: &dyn Fn() -> u64| (0..10).map(|_| word()).collect::<Vec<_>>();
        let (seen, _) = J::run_two(
            move || ten(&|| word.fetch_add(1, Relaxed)),
            move || ten(&|| other.fetch_add(1, Relaxed)),
        );
        found.note(seen == (0..10).collect::<Vec<_>>());
    });
    (explored.findings.times(&true), explored.executions)
}

/// The three kinds of schedules differ: random schedules hardly ever let a thread run
/// undisturbed, PCT schedules often do, and DFS tries all schedules.
#[test]
fn each_kind_of_schedule_matches_its_name() {
    let (random, schedules) = undisturbed::<Random>();
    assert!(random < schedules / 50, "{random} of {schedules}");
    let (pct, schedules) = undisturbed::<Pct>();
    assert!(pct > schedules / 10, "{pct} of {schedules}");
    let all = models::litmus::hidden_load::<Dfs>();
    all.findings.assert_outcomes([0, 1]);
    assert_eq!(all.executions, DFS_EXECUTIONS);
}

/// The incident's store shows what the whole system on `MemoryStore` never shows.
#[test]
fn an_answer_that_goes_back_and_a_pass_that_fails_are_seen_on_the_incidents_store() {
    let (findings, fleet) = (Findings::default(), whole::fleet());
    let found = findings.clone();
    let scheduler = RandomScheduler::new_from_seed(SEED, 2_000);
    run("incident's system, to its end", scheduler, move || {
        whole::on_incident_store(Variant::Incident, &fleet, &found);
    });
    findings.assert_seen(&[Seen::Answer(Moved::Back), Seen::Pass(Ended::Failed)]);
}

#[test]
fn random_schedules_decide_the_table_as_loom_does() {
    decides_as_loom_does(Protocol::explore_random);
}

#[test]
fn pct_schedules_decide_the_table_as_loom_does() {
    decides_as_loom_does(Protocol::explore_pct);
}

#[test]
fn all_schedules_of_two_threads_keep_the_newer_the_withdrawn_and_the_pinned() {
    races::hold_on_all_schedules();
}

#[test]
fn no_wakeup_is_lost_and_the_loop_always_stops() {
    wakeups::no_wakeup_is_lost_by::<Random>();
    wakeups::it_always_stops_by::<Random>();
    wakeups::it_retries_until_the_store_recovers_by::<Random>();
    wakeups::no_wakeup_is_lost_by::<Pct>();
}

/// The scheduler, or the schedule in the file that `SCHEDULE` names.
fn wanted(scheduler: impl Scheduler + Send + 'static) -> Box<dyn Scheduler + Send> {
    match env::var("SCHEDULE") {
        Ok(file) => Box::new(ReplayScheduler::new_from_file(file).unwrap()),
        Err(_) => Box::new(scheduler),
    }
}

/// Panics with a picture if an invariant broke. Then shuttle prints how to replay it.
fn demand(journal: &Journal) {
    let verdict = journal.verdict();
    assert!(
        verdict.is_empty(),
        "broken: {:?}\n{}",
        verdict.keys().collect::<Vec<_>>(),
        diagram::draw(&journal.steps(), &verdict, 100)
    );
}

fn whole_system_holds(name: &str, scheduler: impl Scheduler + Send + 'static) {
    let (findings, fleet) = (Findings::default(), whole::fleet());
    let found = findings.clone();
    let name = format!("whole system, 10 endpoints ({name})");
    let executions = run(&name, wanted(scheduler), move || {
        demand(&whole::on_memory_store(&fleet, &found));
    });
    let observed = findings.tally();
    say(&format!("{name}: {observed}"));
    assert_eq!(observed.executions, executions);
    findings.assert_broken(&[]);
    findings.assert_seen(&[
        Seen::Activated,
        Seen::Already,
        Seen::Stale,
        Seen::Pass(Ended::Applied),
        Seen::Pass(Ended::Stale),
        Seen::Pass(Ended::StaleAtStart),
        Seen::Deleted,
        Seen::Spared(RetainReason::Rollback),
        Seen::Spared(RetainReason::Pinned),
        Seen::Answer(Moved::On),
    ]);
    findings.assert_never(&Seen::Answer(Moved::Back));
    findings.assert_never(&Seen::Pass(Ended::Failed));
}

#[test]
fn the_whole_system_holds_on_random_schedules() {
    let scheduler = RandomScheduler::new_from_seed(SEED, schedules());
    whole_system_holds("shuttle, random", scheduler);
}

#[test]
fn the_whole_system_holds_on_pct_schedules() {
    let scheduler = PctScheduler::new_from_seed(SEED, 5, schedules());
    whole_system_holds("shuttle, PCT", scheduler);
}

/// Runs the system of October 2025 until a sweep deletes an active plan, and returns the
/// broken invariants.
fn breaks(name: &str, scheduler: impl Scheduler + 'static) -> Verdict {
    let (findings, fleet) = (Findings::default(), whole::fleet());
    let breach = Arc::new(Mutex::new(Verdict::new()));
    let seen = Arc::clone(&breach);
    let explored = catch_unwind(AssertUnwindSafe(|| {
        run(name, scheduler, move || {
            let variant = Variant::LockPerEndpoint;
            let journal = whole::on_incident_store(variant, &fleet, &findings);
            *seen.lock().unwrap() = journal.verdict();
            assert!(!journal.verdict().contains_key(&Invariant::ActiveKept));
        });
    }));
    assert!(explored.is_err(), "nothing broke");
    let breach = breach.lock().unwrap();
    breach.clone()
}

#[test]
fn the_system_of_the_incident_breaks_and_its_schedule_can_be_played_again() {
    let before = kept();
    let scheduler = RandomScheduler::new_from_seed(SEED, 10_000);
    let breach = breaks("incident's system", scheduler);
    assert!(breach.contains_key(&Invariant::Monotonic), "{breach:?}");
    let new: Vec<_> = kept().difference(&before).cloned().collect();
    let [schedule] = new.as_slice() else {
        panic!("one schedule should be kept: {new:?}");
    };
    let again = ReplayScheduler::new_from_file(schedule).unwrap();
    assert_eq!(breaks("incident's system, again", again), breach);
    for schedule in kept().difference(&before) {
        fs::remove_file(schedule).unwrap();
    }
}

/// The files of the schedules that have been kept.
fn kept() -> BTreeSet<PathBuf> {
    fs::create_dir_all(failures()).unwrap();
    let files = fs::read_dir(failures()).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}
