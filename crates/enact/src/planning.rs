//! The Planner of this process, which runs while this process leads.
//!
//! ```text
//!   no leader known ──► leading ──► standing by ──► leading …
//! ```
//! The health checks run in all states. So a process that takes over knows its targets
//! already, and does not wait for a first round of checks. That costs the targets as many
//! checks as there are Planners.
//!
//! Each time this process begins to lead, a new Planner starts and reads from the store what
//! is served, as after a restart.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::thread;

use control_plane::{Fleet, HealthSource, Planner, PlannerThread, Waker, Watchlist};
use health_checks::HealthChecks;
use tracing::warn;

use crate::backing::Backing;
use crate::current_planner::CurrentPlanner;
use crate::health::Checked;
use crate::history::History;
use crate::leadership::{Candidacy, Leadership, own_name};
use crate::metrics::Tally;
use crate::notes::Notes;
use crate::orders::Book;
use crate::readiness::Part;

/// The Planner, or what it takes to start it.
pub(crate) struct Planning<S: Backing> {
    store: S,
    fleet: Fleet,
    planner: Option<PlannerThread>,
    wakers: Vec<Waker>,
    tally: Arc<Tally>,
    current: CurrentPlanner,
    notes: Arc<dyn Notes>,
    history: History,
    /// Gone if the Planner's thread has ended by itself.
    part: Option<Arc<Part>>,
    checks: HealthChecks,
    /// Dropped last, when the Planner has ended.
    candidacy: Box<dyn Candidacy>,
}

impl<S: Backing> Planning<S> {
    /// Starts the checks, whose thread owns their part, and stands for election. The Planner
    /// starts in [`Planning::advance`].
    pub(crate) fn start(
        store: S,
        fleet: Fleet,
        seed: u64,
        wakers: Vec<Waker>,
        shown: (Arc<Tally>, CurrentPlanner, Checked),
        (notes, history): (Arc<dyn Notes>, History),
        (part, checks_part): (Part, Part),
    ) -> io::Result<Self> {
        let (tally, current, checked) = shown;
        checks_part.up();
        let checks = HealthChecks::start(&Watchlist::of(&fleet), seed, checks_part)?;
        checked.set(checks.source());
        part.waits_for("no process leads yet");
        Ok(Self {
            candidacy: store.stand_for_election(own_name()),
            store,
            fleet,
            planner: None,
            wakers,
            tally,
            current,
            notes,
            history,
            part: Some(Arc::new(part)),
            checks,
        })
    }

    /// Has the Planner run if this process leads, and only then. Does not wait.
    pub(crate) fn advance(&mut self) -> Result<(), Box<dyn Error>> {
        let Some(part) = self.part.clone() else {
            return Ok(());
        };
        if self
            .planner
            .as_ref()
            .is_some_and(|planner| !planner.is_running())
        {
            self.part = None;
            return Ok(());
        }
        let leadership = self.candidacy.leadership();
        self.tally.leads(leadership == Leadership::Leading);
        match leadership {
            Leadership::Leading if self.planner.is_none() => self.lead(part)?,
            Leadership::Leading => {}
            Leadership::StandingBy { leader } => {
                self.retire();
                part.stands_by(format!("{leader} leads"));
            }
            Leadership::Unknown { reason } => {
                self.retire();
                part.waits_for(format!("no process leads yet: {reason}"));
            }
        }
        Ok(())
    }

    /// Goes on with this fleet.
    pub(crate) fn set_fleet(&mut self, fleet: &Fleet) {
        self.fleet = fleet.clone();
        match &self.planner {
            Some(planner) => planner.set_fleet(fleet.clone()),
            None => self.checks.source().watch(&Watchlist::of(fleet)),
        }
    }

    fn lead(&mut self, part: Arc<Part>) -> io::Result<()> {
        part.waits_for("no tick has ended yet");
        // Another process may have led, and added to the history.
        self.history.read_again();
        let book = Book::new(Arc::clone(&self.notes), self.history.clone());
        let planner = Planner::new(self.store.clone(), self.fleet.clone()).with_orders(book);
        let interval = self.fleet.timings().planner_interval;
        let tally = Arc::clone(&self.tally);
        let report = move |planned: &_| {
            tally.planned(planned);
            part.planned(planned);
        };
        let (source, wakers) = (self.checks.source(), self.wakers.clone());
        let planner = PlannerThread::start(planner, source, interval, wakers, report)?;
        self.current.set(Some(planner.handle()));
        self.planner = Some(planner);
        Ok(())
    }

    /// Ends the Planner without waiting for its last tick. Whatever that tick publishes, the
    /// store orders it with the plans of the new leader.
    fn retire(&mut self) {
        let Some(planner) = self.planner.take() else {
            return;
        };
        self.current.set(None);
        let retired = thread::Builder::new().name("retired".into());
        if let Err(error) = retired.spawn(move || drop(planner)) {
            warn!(%error, "the end of the Planner's last tick had to be waited for");
        }
    }
}
