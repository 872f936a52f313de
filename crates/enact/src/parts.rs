//! The parts of the control plane that run in this process.

use std::error::Error;
use std::io;
use std::sync::{Arc, OnceLock};

use control_plane::{Enactor, EnactorThread, Fleet, Pace, Planner, PlannerThread, TcpChecks};
use dns_server::{Server, Zones};
use tracing::{error, info};

use crate::arguments::{Arguments, Role};
use crate::backing::Backing;
use crate::demo_targets::DemoTargets;
use crate::metrics::{self, Metrics, Tally};
use crate::zones;

/// What runs. Dropped in this order: the Planner first, then the Enactors.
pub(crate) struct Parts<'a, S: Backing> {
    arguments: &'a Arguments,
    fleet: Fleet,
    store: S,
    planner: Option<PlannerThread>,
    _wakening: S::Wakening,
    enactors: Vec<EnactorThread>,
    checks: Option<TcpChecks>,
    /// The zones of a front that has not begun to answer.
    waiting: Option<Zones>,
    front: Arc<OnceLock<Server>>,
    _metrics: Option<Metrics>,
    _targets: Option<DemoTargets>,
}

impl<'a, S: Backing> Parts<'a, S> {
    /// Starts the parts of this process's role.
    pub(crate) fn start(
        arguments: &'a Arguments,
        fleet: Fleet,
        store: &S,
    ) -> Result<Self, Box<dyn Error>> {
        let (role, seed) = (arguments.role, arguments.seed);
        let tally = Arc::new(Tally::default());
        let targets = || DemoTargets::start(&fleet, seed);
        let targets = arguments.demo_targets.then(targets).transpose()?;
        let zones = zones::of(&fleet)?;
        let front = Arc::new(OnceLock::new());
        let metrics = start_metrics(arguments, store, &front, &tally)?;
        let enactors = start_enactors(arguments, &fleet, store, &tally)?;
        let wakers = || enactors.iter().map(EnactorThread::waker).collect();
        let wakening = store.wake_on_publish(wakers())?;
        let plans = role.includes(Role::Planner);
        let checks = plans.then(|| TcpChecks::start(&fleet, seed)).transpose()?;
        let planner = checks.as_ref().map(|checks| {
            let planner = Planner::new(store.clone(), fleet.clone());
            let interval = fleet.timings().planner_interval;
            let report = move |planned: &_| tally.planned(planned);
            PlannerThread::start(planner, checks.source(), interval, wakers(), report)
        });
        Ok(Self {
            arguments,
            store: store.clone(),
            planner: planner.transpose()?,
            _wakening: wakening,
            enactors,
            checks,
            waiting: role.includes(Role::Front).then_some(zones),
            front,
            _metrics: metrics,
            _targets: targets,
            fleet,
        })
    }

    /// Has the front answer, once there is anything to answer from: to deny a name
    /// only because nothing is known yet would be the outage again. Says whether it
    /// still waits.
    pub(crate) fn begin_to_answer(&mut self) -> Result<bool, dns_server::Error> {
        if self.waiting.is_some() && !self.store.can_be_read() {
            return Ok(true);
        }
        if let Some(zones) = self.waiting.take() {
            let front = Server::start(&self.store, zones, &self.arguments.front())?;
            // Nobody else sets it.
            let _ = self.front.set(front);
        }
        Ok(false)
    }

    /// Plans for the fleet as the file has it now.
    pub(crate) fn reload(&self) {
        let (Some(planner), Some(checks)) = (&self.planner, &self.checks) else {
            error!("only a Planner reads the fleet again; start anew");
            return;
        };
        match self.read_again() {
            Ok(new) => {
                checks.set_fleet(&new);
                planner.set_fleet(new);
                info!("the fleet file is read again");
            }
            Err(error) => error!(%error, "the fleet stays as it is"),
        }
    }

    /// Lets the plan pass that the guard has refused.
    pub(crate) fn confirm(&self) {
        if let Some(planner) = &self.planner {
            planner.confirm();
        } else {
            error!("only a Planner has a plan to confirm");
        }
    }

    /// Ends all parts but for the front, and says how many queries that has had.
    pub(crate) fn stop(mut self) -> u64 {
        self.planner = None;
        self.enactors.clear();
        self.checks = None;
        self.front.get().map_or(0, |front| front.counts().total())
    }

    /// The fleet as the file has it now, if the running front can serve it.
    fn read_again(&self) -> Result<Fleet, Box<dyn Error>> {
        let fleet = self.arguments.fleet()?;
        zones::of(&fleet)?;
        if fleet.dns_zones() != self.fleet.dns_zones() {
            return Err("its DNS zones differ from those being served; start anew for them".into());
        }
        let timings = fleet.timings() == self.fleet.timings();
        if !timings || fleet.retention() != self.fleet.retention() {
            return Err("its timings or its `keep_newest` differ; start anew for them".into());
        }
        Ok(fleet)
    }
}

fn start_metrics<S: Backing>(
    arguments: &Arguments,
    store: &S,
    front: &Arc<OnceLock<Server>>,
    tally: &Arc<Tally>,
) -> io::Result<Option<Metrics>> {
    let (role, store) = (arguments.role, store.clone());
    let (front, tally) = (Arc::clone(front), Arc::clone(tally));
    let text = move || {
        let counts = front.get().map(Server::counts);
        metrics::text(role, &store, counts.as_ref(), &tally)
    };
    let start = |address| Metrics::start(address, text);
    arguments.metrics.map(start).transpose()
}

fn start_enactors<S: Backing>(
    arguments: &Arguments,
    fleet: &Fleet,
    store: &S,
    tally: &Arc<Tally>,
) -> io::Result<Vec<EnactorThread>> {
    let names = match arguments.role {
        Role::All => vec!["az1", "az2", "az3"],
        Role::Enactor => vec![arguments.name.as_str()],
        Role::Planner | Role::Front => Vec::new(),
    };
    let timings = fleet.timings();
    let start = |name: &str| {
        let pace = Pace {
            backoff_first: timings.backoff_first,
            backoff_max: timings.backoff_max,
            recheck: Some(timings.recheck),
            // Each its own, so that they do not wait in step.
            seed: name.bytes().fold(arguments.seed, |seed, byte| {
                seed.wrapping_mul(31).wrapping_add(byte.into())
            }),
        };
        let tally = Arc::clone(tally);
        let enactor = Enactor::new(name, store.clone());
        EnactorThread::start(enactor, pace, move |pass| tally.passed(pass))
    };
    names.into_iter().map(start).collect()
}
