//! A control plane whose actors are observed, on any store. The schedule and the free run
//! share it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use control_plane::{
    ControlPlane, Enactor, Fleet, Pace, Pass, Planner, ScriptedHealth, ThreadReport,
};
use incident::{Actor, Hook, Journal, NoHook, Observed, Point, Step, Tally, Verdict};
use parking_lot::Mutex;
use plan_store::{DnsStore, EndpointName};

use crate::Error;
use crate::chance::Drift;

/// The Planner's interval in a drill.
const INTERVAL: Duration = Duration::from_millis(1);

/// The outcome of a drill.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The steps, if they were kept.
    pub steps: Vec<Step>,
    /// The invariants that broke.
    pub verdict: Verdict,
    /// How many steps of each kind there were.
    pub tally: Tally,
    /// The passes that ended, whatever their result.
    pub passes: usize,
    /// Whether no Enactor could apply a new plan any more.
    pub stuck: bool,
    /// Whether passes succeeded again after a repair by hand.
    pub repaired: bool,
}

/// A control plane under observation.
pub(crate) struct Rig<S> {
    pub(crate) store: S,
    pub(crate) fleet: Fleet,
    pub(crate) endpoints: Vec<EndpointName>,
    pub(crate) journal: Arc<Journal>,
    passes: Arc<Mutex<Passes>>,
}

/// The results of the passes so far.
#[derive(Default)]
struct Passes {
    ended: usize,
    /// The Enactors that have failed since a pass was last applied.
    failing: BTreeSet<usize>,
}

impl Passes {
    fn count(&mut self, enactor: usize, pass: &Result<Pass, control_plane::PassError>) {
        self.ended += 1;
        match pass {
            Ok(Pass::Applied { .. }) => self.failing.clear(),
            Ok(_) => {}
            Err(_) => {
                self.failing.insert(enactor);
            }
        }
    }

    /// Whether no pass by any Enactor can succeed any more:
    ///
    /// 1. Only a pass that is applied sweeps, so nothing was deleted since the last one.
    /// 2. Only an Enactor that picked up a plan before it was deleted can bring the plan
    ///    back. Its pass ends by then.
    /// 3. So once each Enactor has failed since the last applied pass, no Enactor holds such
    ///    a plan.
    fn are_stuck(&self) -> bool {
        self.failing.len() == Actor::ENACTORS.len()
    }
}

impl<S: DnsStore + Clone + 'static> Rig<S> {
    pub(crate) fn new(fleet: &Fleet, store: S, journal: Arc<Journal>) -> Self {
        let mut endpoints: Vec<_> = fleet.endpoints().iter().map(|e| e.name().clone()).collect();
        endpoints.sort();
        let fleet = fleet.clone();
        Self {
            store,
            fleet,
            endpoints,
            journal,
            passes: Arc::default(),
        }
    }

    /// Starts the threads. Each actor calls the hook before each of its steps.
    pub(crate) fn start(
        &self,
        script: Option<ScriptedHealth>,
        hook: &Arc<dyn Hook>,
        seed: u64,
    ) -> Result<ControlPlane, Error> {
        let handle = |actor, hook| Observed::hooked(self.store.clone(), actor, &self.journal, hook);
        let planner = Planner::new(handle(Actor::Planner, Arc::new(NoHook)), self.fleet.clone());
        let source = Drift::new(&self.fleet, script, Arc::clone(hook), seed);
        let enactors = Actor::ENACTORS
            .map(|actor| Enactor::new(actor.to_string(), handle(actor, Arc::clone(hook))));
        let pace = Pace {
            backoff_first: Duration::from_millis(1),
            backoff_max: Duration::from_millis(20),
            recheck: None,
            seed,
        };
        let (hook, passes) = (Arc::clone(hook), Arc::clone(&self.passes));
        let report = move |report: ThreadReport<'_>| {
            if let ThreadReport::Passed(at, pass) = report {
                passes.lock().count(at, pass);
                hook.reach(Actor::ENACTORS[at], &Point::PassEnd);
            }
        };
        Ok(ControlPlane::start(
            planner, source, INTERVAL, enactors, pace, report,
        )?)
    }

    pub(crate) fn is_stuck(&self) -> bool {
        self.passes.lock().are_stuck()
    }

    pub(crate) fn outcome(&self, stuck: bool, repaired: bool) -> Outcome {
        Outcome {
            steps: self.journal.steps(),
            verdict: self.journal.verdict(),
            tally: self.journal.tally(),
            passes: self.passes.lock().ended,
            stuck,
            repaired,
        }
    }
}
