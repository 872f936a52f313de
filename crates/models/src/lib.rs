//! What the models share: exploring, and what came to light on the way.
//!
//! How to read a model. `explore` runs its closure once for each interleaving
//! that loom finds worth trying, up to a bound on preemptions. Nothing asserts
//! inside: each execution puts what happened into [`Findings`], and the test
//! asserts on the whole set afterwards. So a model says both that nothing bad
//! happened and that what should have happened did.

#![allow(missing_docs, clippy::missing_panics_doc, clippy::panic)]
#![allow(clippy::unwrap_used, reason = "a failed step is a failed model")]
#![allow(missing_debug_implementations, reason = "a test's own types")]

pub mod checker;
pub mod mutant;
pub mod outage;
pub mod races;
pub mod system;
pub mod wakeups;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use checker::Work;
use control_plane::{Enactor, Pass};
use incident::{Actor, Event, Invariant, Journal, Observed, Step, Verdict, probe};
use plan_store::{Activation, EndpointName, Plan, PlanStore, RecordSet, Retention, Swept, Target};

/// What came to light over all executions of a model.
#[derive(Clone, Default)]
pub struct Findings(Arc<Mutex<Found>>);

#[derive(Default)]
struct Found {
    broken: BTreeMap<Invariant, usize>,
    counterexamples: BTreeMap<Option<Invariant>, (Vec<Step>, Verdict)>,
    outcomes: BTreeMap<String, usize>,
}

impl Findings {
    /// Notes that this was an outcome.
    pub fn note(&self, outcome: impl Into<String>) {
        let mut found = self.0.lock().unwrap();
        *found.outcomes.entry(outcome.into()).or_default() += 1;
    }

    /// Notes what one execution's journal holds.
    pub fn note_journal(&self, journal: &Journal) {
        for step in journal.steps() {
            if let Some(outcome) = outcome(&step.event) {
                self.note(outcome);
            }
        }
        let (steps, verdict) = (journal.steps(), journal.verdict());
        let mut found = self.0.lock().unwrap();
        for invariant in verdict.keys() {
            *found.broken.entry(*invariant).or_default() += 1;
            found.keep(Some(*invariant), &steps, &verdict, |verdict| {
                verdict.contains_key(invariant).into()
            });
        }
        if !verdict.is_empty() {
            found.keep(None, &steps, &verdict, BTreeMap::len);
        }
    }

    /// The shortest execution that broke the invariant; without one, of the
    /// executions that broke the most the shortest.
    pub fn counterexample(&self, of: Option<Invariant>) -> Option<(Vec<Step>, Verdict)> {
        self.0.lock().unwrap().counterexamples.get(&of).cloned()
    }

    /// In how many executions each invariant broke.
    pub fn times_broken(&self) -> BTreeMap<Invariant, usize> {
        self.0.lock().unwrap().broken.clone()
    }

    /// The invariants that broke in some execution.
    pub fn broken(&self) -> BTreeSet<Invariant> {
        self.0.lock().unwrap().broken.keys().copied().collect()
    }

    /// Asserts that exactly these invariants broke, each in some execution.
    pub fn assert_broken(&self, expected: &[Invariant]) {
        let expected: BTreeSet<_> = expected.iter().copied().collect();
        assert_eq!(
            self.broken(),
            expected,
            "left: broken in the model, right: expected"
        );
    }

    /// Asserts that these were the outcomes, each of some execution, and no others.
    pub fn assert_outcomes(&self, expected: &[&str]) {
        let found = self.0.lock().unwrap();
        let outcomes: BTreeSet<_> = found.outcomes.keys().map(String::as_str).collect();
        let expected = expected.iter().copied().collect();
        assert_eq!(outcomes, expected, "left: what happened, right: expected");
    }

    /// Asserts that each of these was an outcome of some execution.
    pub fn assert_seen(&self, expected: &[&str]) {
        let found = self.0.lock().unwrap();
        for outcome in expected {
            assert!(
                found.outcomes.contains_key(*outcome),
                "never happened: {outcome}; what did: {:?}",
                found.outcomes
            );
        }
    }

    /// Asserts that this was no outcome of any execution.
    pub fn assert_never(&self, outcome: &str) {
        let found = self.0.lock().unwrap();
        assert!(
            !found.outcomes.contains_key(outcome),
            "happened: {outcome}: {:?}",
            found.outcomes
        );
    }
}

impl Found {
    /// Keeps a counterexample that is worth more, or as much and shorter.
    fn keep(
        &mut self,
        of: Option<Invariant>,
        steps: &[Step],
        verdict: &Verdict,
        worth: impl Fn(&Verdict) -> usize,
    ) {
        let rank = |steps: &[Step], verdict| (worth(verdict), Reverse(steps.len()));
        let kept = self.counterexamples.get(&of);
        if kept.is_none_or(|(s, v)| rank(steps, verdict) > rank(s, v)) {
            let example = (steps.to_vec(), verdict.clone());
            self.counterexamples.insert(of, example);
        }
    }
}

/// The outcomes of a step that the models assert on.
fn outcome(event: &Event) -> Option<String> {
    Some(match event {
        Event::Stepped {
            outcome: Activation::Activated { .. },
            withdraws: true,
            ..
        } => "withdrawn".into(),
        Event::Stepped {
            outcome: Activation::Activated { .. },
            ..
        } => "activated".into(),
        Event::Stepped {
            outcome: Activation::Stale { .. },
            ..
        } => "stale".into(),
        Event::Stepped {
            outcome: Activation::Already,
            ..
        } => "already".into(),
        Event::Swept { swept, .. } => return swept_outcome(swept),
        Event::Failed { error, .. } if error.contains("repair the endpoint by hand") => {
            "stuck".into()
        }
        Event::Failed { error, .. } => format!("failed: {error}"),
        _ => return None,
    })
}

/// What a sweep did, as an outcome: something deleted, or why not.
pub fn swept_outcome(swept: &Swept) -> Option<String> {
    if !swept.deleted.is_empty() {
        return Some("deleted".into());
    }
    let (_, needed) = swept.spared.first()?;
    Some(format!("spared: {needed:?}"))
}

/// Explores all interleavings with at most `bound` preemptions, or all there
/// are, and says how many there were.
pub fn explore(
    name: &str,
    bound: Option<usize>,
    execution: impl Fn() + Send + Sync + 'static,
) -> usize {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    builder.max_branches = 100_000;
    builder.max_permutations = None;
    builder.max_duration = None;
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    let begin = Instant::now();
    let label = format!(
        "model {name}, {}",
        bound.map_or("unbounded".into(), |n| format!("bound {n}"))
    );
    let progress = label.clone();
    builder.check(move || {
        let n = count.fetch_add(1, Ordering::Relaxed) + 1;
        if n.is_multiple_of(250_000) {
            say(&format!("{progress}: {n} executions so far"));
        }
        execution();
    });
    let executions = executions.load(Ordering::Relaxed);
    say(&format!(
        "{label}: {executions} executions in {:.1} s",
        begin.elapsed().as_secs_f64()
    ));
    executions
}

/// Prints a line at once, past the test runner's capture.
pub fn say(line: &str) {
    // Nobody to tell if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// `count` endpoints: a.example, b.example, ...
pub fn endpoints(count: u8) -> Vec<EndpointName> {
    (0..count)
        .map(|i| format!("{}.example", char::from(b'a' + i)).parse().unwrap())
        .collect()
}

/// A plan for these endpoints; `octet` makes its content.
pub fn plan(endpoints: &[EndpointName], octet: u8) -> Arc<Plan> {
    let records = |name: &EndpointName| {
        let target = Target::new([192, 0, 2, octet].into(), 255);
        RecordSet::new(name, 5, [target]).unwrap()
    };
    Arc::new(Plan::new(endpoints.iter().map(|name| (name.clone(), records(name)))).unwrap())
}

/// A store in use: two plans published, the first active everywhere.
pub struct World<S> {
    pub store: S,
    pub endpoints: Vec<EndpointName>,
    pub journal: Arc<Journal>,
    pub retention: Retention,
}

impl<S: PlanStore + Clone + 'static> World<S> {
    pub fn new(store: S, endpoints: Vec<EndpointName>, retention: Retention) -> Self {
        let mut content = 0;
        let names = endpoints.clone();
        Self::planned_by(store, endpoints, retention, |planner| {
            content += 1;
            planner.publish(plan(&names, content)).unwrap();
        })
    }

    /// With plans of somebody else's making; `publish` is called twice.
    pub fn planned_by(
        store: S,
        endpoints: Vec<EndpointName>,
        retention: Retention,
        mut publish: impl FnMut(&Observed<S>),
    ) -> Self {
        let world = Self {
            store,
            endpoints,
            journal: Journal::keeping_steps(),
            retention,
        };
        let planner = world.handle(Actor::Planner);
        publish(&planner);
        let applied = Enactor::new("setup", world.store.clone()).pass().unwrap();
        assert!(matches!(applied, Pass::Applied { .. }));
        publish(&planner);
        probe::resolve_all(&mut world.store.reader(), &world.endpoints, &world.journal);
        world
    }

    pub fn handle(&self, actor: Actor) -> Observed<S> {
        Observed::new(self.store.clone(), actor, &self.journal)
    }

    /// The work of a Planner's thread: publishes these plans.
    pub fn planner(&self, octets: std::ops::RangeInclusive<u8>) -> impl FnOnce() + Send + 'static {
        let (handle, endpoints) = (self.handle(Actor::Planner), self.endpoints.clone());
        move || {
            for octet in octets {
                handle.publish(plan(&endpoints, octet)).unwrap();
            }
        }
    }

    /// The work of an Enactor's thread: one pass.
    pub fn enactor(&self, number: u8, findings: &Findings) -> impl FnOnce() + Send + 'static {
        let enactor = Enactor::new("enactor", self.handle(Actor::Enactor(number)));
        let findings = findings.clone();
        move || {
            findings.note(match enactor.pass() {
                Ok(Pass::Applied { .. }) => "pass applied",
                Ok(Pass::Stale { .. }) => "pass stale",
                Ok(Pass::StaleAtStart { .. }) => "pass stale at start",
                Ok(Pass::NoPlan) => "pass without a plan",
                Err(_) => "pass failed",
            });
        }
    }

    /// Looks at everything once all threads have ended, and notes the verdict.
    pub fn conclude(&self, findings: &Findings) {
        let (store, endpoints, journal) = (&self.store, &self.endpoints, &self.journal);
        probe::conclude(store, endpoints, self.retention, journal).unwrap();
        findings.note_journal(journal);
    }
}

/// Runs these on threads of the model and waits for all of them. The model's
/// main thread does nothing else meanwhile (loom would miss races with it).
pub fn run_all(work: impl IntoIterator<Item = Work>) {
    // All of them run before the first is waited for.
    let threads: Vec<_> = work.into_iter().map(loom::thread::spawn).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
