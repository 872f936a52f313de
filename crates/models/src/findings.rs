//! Collects the outcomes of a model's executions, and asserts which ones there must be.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use incident::{Invariant, Journal, Step, Verdict};
use parking_lot::Mutex;

use crate::checker::Checker;
use crate::mutant;
use crate::observer::{self, Tally};
use crate::say;

/// The findings over all executions of a model: outcomes, broken invariants and
/// counterexamples. Clones are handles on the same findings.
#[derive(Debug)]
pub struct Findings<O>(Arc<Mutex<Found<O>>>);

#[derive(Debug)]
struct Found<O> {
    outcomes: BTreeMap<O, usize>,
    broken: BTreeMap<Invariant, usize>,
    counterexamples: BTreeMap<Option<Invariant>, (Vec<Step>, Verdict)>,
    tally: Tally,
}

impl<O> Clone for Findings<O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O> Default for Findings<O> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Found {
            outcomes: BTreeMap::new(),
            broken: BTreeMap::new(),
            counterexamples: BTreeMap::new(),
            tally: Tally::default(),
        })))
    }
}

impl<O: Ord + Clone + Debug> Findings<O> {
    /// Notes the outcome of one execution.
    pub fn note(&self, outcome: O) {
        *self.0.lock().outcomes.entry(outcome).or_default() += 1;
    }

    /// Notes which invariants one execution broke.
    pub fn note_verdict(&self, journal: &Journal) {
        let verdict = journal.verdict();
        if verdict.is_empty() {
            return;
        }
        let (steps, mut found) = (journal.steps(), self.0.lock());
        for invariant in verdict.keys() {
            *found.broken.entry(*invariant).or_default() += 1;
            found.keep(Some(*invariant), &steps, &verdict, |verdict| {
                verdict.contains_key(invariant).into()
            });
        }
        found.keep(None, &steps, &verdict, BTreeMap::len);
    }

    /// Ends the observation of one execution, and notes what was checked.
    ///
    /// # Panics
    /// If the store did something that the protocol does not allow.
    pub fn note_observation(&self) {
        if let Some(tally) = observer::conclude() {
            self.0.lock().tally.add(&tally);
        }
    }

    /// What the observer has checked in all executions.
    pub fn tally(&self) -> Tally {
        self.0.lock().tally.clone()
    }

    /// Splits each outcome into parts, and returns the findings for the parts.
    pub fn parts<P: Ord, I: IntoIterator<Item = P>>(&self, of: impl Fn(&O) -> I) -> Findings<P> {
        let parts = Findings::default();
        for (outcome, times) in &self.0.lock().outcomes {
            for part in of(outcome) {
                *parts.0.lock().outcomes.entry(part).or_default() += times;
            }
        }
        parts
    }

    /// The shortest execution that broke the invariant. Without an invariant: the shortest
    /// of the executions that broke the most invariants.
    pub fn counterexample(&self, of: Option<Invariant>) -> Option<(Vec<Step>, Verdict)> {
        self.0.lock().counterexamples.get(&of).cloned()
    }

    /// In how many executions each invariant broke.
    pub fn times_broken(&self) -> BTreeMap<Invariant, usize> {
        self.0.lock().broken.clone()
    }

    /// The outcomes, each of at least one execution.
    pub fn outcomes(&self) -> BTreeSet<O> {
        self.0.lock().outcomes.keys().cloned().collect()
    }

    /// How often this was an outcome.
    pub fn times(&self, outcome: &O) -> usize {
        let found = self.0.lock();
        found.outcomes.get(outcome).copied().unwrap_or_default()
    }

    /// Asserts that exactly these invariants broke, each in at least one execution.
    #[track_caller]
    pub fn assert_broken(&self, expected: &[Invariant]) {
        let broken: BTreeSet<_> = self.times_broken().into_keys().collect();
        let expected: BTreeSet<_> = expected.iter().copied().collect();
        assert_eq!(
            broken, expected,
            "left: broken in the model, right: expected"
        );
    }

    /// Asserts that exactly these outcomes occurred, each in at least one execution.
    #[track_caller]
    pub fn assert_outcomes(&self, expected: impl IntoIterator<Item = O>) {
        let (outcomes, expected) = (self.outcomes(), expected.into_iter().collect());
        let unexpected = lines(outcomes.difference(&expected));
        let missing = lines(expected.difference(&outcomes));
        assert!(
            unexpected.is_empty() && missing.is_empty(),
            "happened, and was not expected:{unexpected}\nnever happened:{missing}"
        );
    }

    /// Asserts that there were `count` outcomes, and that each of them is allowed.
    #[track_caller]
    pub fn assert_within(&self, allowed: &BTreeSet<O>, count: usize) {
        let outcomes = self.outcomes();
        let unexpected = lines(outcomes.difference(allowed));
        assert!(
            unexpected.is_empty(),
            "happened, and is not allowed:{unexpected}"
        );
        assert_eq!(outcomes.len(), count, "left: how many outcomes there were");
    }

    /// Asserts that each of these outcomes occurred in at least one execution.
    #[track_caller]
    pub fn assert_seen(&self, expected: &[O]) {
        let outcomes = self.outcomes();
        for outcome in expected {
            assert!(
                outcomes.contains(outcome),
                "never happened: {outcome:?}; what did:{}",
                lines(&outcomes)
            );
        }
    }

    /// Asserts that this outcome occurred in no execution.
    #[track_caller]
    pub fn assert_never(&self, outcome: &O) {
        assert_eq!(
            self.times(outcome),
            0,
            "happened, so many times: {outcome:?}"
        );
    }
}

/// Formats the outcomes, each on a line of its own.
fn lines<'a, O: Debug + 'a>(outcomes: impl IntoIterator<Item = &'a O>) -> String {
    let lines = outcomes
        .into_iter()
        .map(|outcome| format!("\n  {outcome:?}"));
    lines.collect()
}

impl<O> Found<O> {
    /// Keeps a counterexample if it is worth more than the one kept so far, or is worth the
    /// same and is shorter.
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

/// The result of exploring a model.
#[derive(Debug)]
#[must_use = "a model says nothing until its findings are asserted"]
pub struct Explored<O> {
    /// The checker's name.
    pub checker: &'static str,
    /// What the executions showed.
    pub findings: Findings<O>,
    /// The number of executions. Each checker here tries the same ones in every run.
    pub executions: usize,
    /// How long it took.
    pub time: Duration,
}

impl<O: Ord + Clone + Debug> Explored<O> {
    /// Asserts that an observer held every execution against the protocol, unless a mutation
    /// keeps observers away.
    #[track_caller]
    pub fn assert_observed(&self) {
        let tally = self.findings.tally();
        let expected = if mutant::is_observed() {
            self.executions
        } else {
            0
        };
        assert_eq!(tally.executions, expected, "left: observed executions");
        assert!(tally.steps >= expected, "{tally}");
    }
}

/// Explores a model with the checker. Each execution notes its outcome in the findings.
/// Fails if the checker runs the model less than twice, or less often than it reports.
pub fn explore<J: Checker, O: Ord + Clone + Debug + Send + 'static>(
    name: &str,
    bound: Option<usize>,
    execution: impl Fn(&Findings<O>) + Send + Sync + 'static,
) -> Explored<O> {
    explore_boxed::<J, O>(name, bound, Box::new(execution))
}

/// One execution of a model, which a checker runs again and again.
type Execution<O> = Box<dyn Fn(&Findings<O>) + Send + Sync>;

/// Takes a box, so that this is compiled once for each type of outcomes and not for each
/// model.
fn explore_boxed<J: Checker, O: Ord + Clone + Debug + Send + 'static>(
    name: &str,
    bound: Option<usize>,
    execution: Execution<O>,
) -> Explored<O> {
    let findings = Findings::default();
    // If the model before ended in a panic, its observer is still there.
    observer::forget();
    let runs = Arc::new(AtomicUsize::new(0));
    let (found, count, begin) = (findings.clone(), Arc::clone(&runs), Instant::now());
    let executions = J::explore(name, bound, move || {
        count.fetch_add(1, Ordering::Relaxed);
        execution(&found);
        found.note_observation();
    });
    let runs = runs.load(Ordering::Relaxed);
    assert!(
        runs > 1 && runs == executions,
        "model {name} ({}) ran {runs} times, and its checker reports {executions} executions: \
         it was not explored",
        J::name()
    );
    let tally = findings.tally();
    if tally.executions > 0 {
        say(&format!("model {name} ({}): {tally}", J::name()));
    }
    Explored {
        checker: J::name(),
        findings,
        executions,
        time: begin.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use incident::{Actor, Event};
    use std::thread::{self, JoinHandle};

    use plan_store::{Generation, Native};

    use super::*;
    use crate::must;

    impl crate::Threads for Native {
        fn current() -> crate::observer::ThreadKey {
            0
        }
    }

    /// A checker that runs a model `TIMES` times, and reports `REPORTED` executions.
    enum Runs<const TIMES: usize, const REPORTED: usize> {}

    impl<const TIMES: usize, const REPORTED: usize> Checker for Runs<TIMES, REPORTED> {
        type Primitives = Native;
        type Thread<T: Send + 'static> = JoinHandle<T>;

        fn name() -> &'static str {
            "a fixed number"
        }

        fn explore(
            _: &str,
            _: Option<usize>,
            execution: impl Fn() + Send + Sync + 'static,
        ) -> usize {
            for _ in 0..TIMES {
                execution();
            }
            REPORTED
        }

        fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
            thread::spawn(work)
        }

        fn join<T: Send + 'static>(thread: JoinHandle<T>) -> T {
            must(thread.join())
        }
    }

    fn explored_by<J: Checker>() -> Explored<char> {
        explore::<J, char>("a model", None, |found| found.note('a'))
    }

    #[test]
    fn a_model_that_ran_as_often_as_its_checker_reports_is_explored() {
        let explored = explored_by::<Runs<2, 2>>();
        assert_eq!(explored.executions, 2);
        assert_eq!(explored.findings.times(&'a'), 2);
    }

    #[test]
    #[should_panic(expected = "ran 0 times")]
    fn a_checker_that_runs_nothing_is_refused() {
        let _ = explored_by::<Runs<0, 0>>();
    }

    #[test]
    #[should_panic(expected = "ran 1 times")]
    fn a_checker_that_runs_a_model_once_is_refused() {
        let _ = explored_by::<Runs<1, 1>>();
    }

    #[test]
    #[should_panic(expected = "ran 2 times")]
    fn a_checker_that_reports_more_executions_than_it_ran_is_refused() {
        let _ = explored_by::<Runs<2, 1000>>();
    }

    fn found() -> Findings<char> {
        let findings = Findings::default();
        for outcome in ['a', 'b', 'a'] {
            findings.note(outcome);
        }
        findings
    }

    #[test]
    fn assertions_that_hold_pass() {
        found().assert_outcomes(['a', 'b']);
        found().assert_seen(&['a']);
        found().assert_never(&'c');
        found().assert_broken(&[]);
    }

    #[test]
    #[should_panic(expected = "was not expected")]
    fn an_outcome_beyond_the_expected_ones_fails() {
        found().assert_outcomes(['a']);
    }

    #[test]
    #[should_panic(expected = "never happened")]
    fn an_expected_outcome_that_is_missing_fails() {
        found().assert_outcomes(['a', 'b', 'c']);
    }

    #[test]
    #[should_panic(expected = "never happened")]
    fn an_outcome_that_was_not_seen_fails() {
        found().assert_seen(&['a', 'c']);
    }

    #[test]
    #[should_panic(expected = "happened, so many times")]
    fn an_outcome_that_must_not_occur_fails() {
        found().assert_never(&'a');
    }

    #[test]
    #[should_panic(expected = "is not allowed")]
    fn an_outcome_that_is_not_allowed_fails() {
        found().assert_within(&['a', 'c'].into(), 2);
    }

    #[test]
    #[should_panic(expected = "how many outcomes")]
    fn another_number_of_outcomes_fails() {
        found().assert_within(&['a', 'b', 'c'].into(), 3);
    }

    #[test]
    #[should_panic(expected = "expected")]
    fn an_invariant_that_did_not_break_fails() {
        found().assert_broken(&[Invariant::Monotonic]);
    }

    #[test]
    #[should_panic(expected = "expected")]
    fn an_invariant_that_broke_and_was_not_expected_fails() {
        let findings = found();
        findings.note_verdict(&broken(1, &[Invariant::Progress]));
        findings.assert_broken(&[]);
    }

    #[test]
    fn parts_are_those_of_all_outcomes() {
        let parts = found().parts(|outcome| [*outcome, 'z']);
        parts.assert_outcomes(['a', 'b', 'z']);
        assert_eq!(parts.times(&'z'), 3);
    }

    /// A journal of `steps` steps. The last of them break these invariants.
    fn broken(steps: usize, invariants: &[Invariant]) -> Arc<Journal> {
        let (journal, generation) = (Journal::keeping_steps(), Generation::FIRST);
        for _ in invariants.len()..steps {
            journal.record(Actor::Planner, Event::PickedUp { generation });
        }
        for invariant in invariants {
            let event = match invariant {
                Invariant::Progress => Event::NoProgress { generation },
                _ => Event::NotReclaimed { generation },
            };
            journal.record(Actor::Operator, event);
        }
        journal
    }

    #[test]
    fn the_counterexample_is_the_shortest_and_without_a_name_one_that_breaks_the_most() {
        use Invariant::{Progress, Reclaimed};
        let findings = Findings::<char>::default();
        for (steps, invariants) in [
            (3, &[Progress][..]),
            (2, &[Progress]),
            (4, &[Progress]),
            (6, &[Progress, Reclaimed]),
            (5, &[Progress, Reclaimed]),
            (7, &[Reclaimed, Progress]),
            (9, &[]),
        ] {
            findings.note_verdict(&broken(steps, invariants));
        }
        let steps = |of| findings.counterexample(of).map(|(steps, _)| steps.len());
        assert_eq!(steps(Some(Progress)), Some(2));
        assert_eq!(steps(Some(Reclaimed)), Some(5));
        assert_eq!(steps(None), Some(5));
        assert_eq!(steps(Some(Invariant::Monotonic)), None);
        findings.assert_broken(&[Progress, Reclaimed]);
        assert_eq!(
            findings.times_broken(),
            BTreeMap::from([(Progress, 6), (Reclaimed, 3)])
        );
        let (_, verdict) = findings.counterexample(None).unwrap_or_default();
        assert_eq!(verdict.len(), 2);
    }
}
