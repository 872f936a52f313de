//! Whether this process is ready, as `GET /readyz` and the log say it, and whether it lives, as
//! `GET /healthz` says it: no part has ended.
//!
//! # States
//! ```text
//!                 the last missing part is up
//!   not ready ─────────────────────────────────► ready
//!       ▲ │ ◄─────────────────────────────────── │
//!       │ │              a part ends             │
//!       │ └──────────────► stopping ◄────────────┘
//!   start
//! ```
//!
//! # What each part has done when it is up
//! | part | roles | up after |
//! |---|---|---|
//! | `planner` | all, planner | a tick that decided on a plan: it published, or changed nothing; or standing by, because another process plans |
//! | `health checks` | all, planner | their thread has started; the Planner waits for the first round of checks |
//! | `enactor NAME` | all, enactor | a pass over a plan that did not fail |
//! | `dns server` | all, front | its sockets are open and the store shows an active plan |
//!
//! # Rules
//! 1. The parts are named before any of them starts, so a part that is not yet known
//!    cannot be forgotten.
//! 2. A part is up after its first success, not after its start. Until then it says what it
//!    waits for.
//! 3. A part stays up until it ends. A later failure of the store does not make the process
//!    unready: the DNS server answers from memory, and taking it out of service would turn
//!    that failure into an outage. Failures are in the metrics and in the log.
//! 4. A part ends when its [`Part`] is dropped. The thread that does the work owns it, so a
//!    panic counts as well as an ordinary end. A part that has ended is never up again.
//! 5. A new fleet file changes nothing here, whether it is accepted or not.
//! 6. Stopping is final.
//! 7. All state is behind one lock, and the log lines are written under it. So the log has
//!    exactly one line per change, in the order of the changes.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control_plane::{Pass, PassError, PlanError, Planned};
use tracing::{info, warn};

use control_plane::chain;

use crate::metrics::{self, Scrape};

/// The readiness of this process. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    parts: BTreeMap<String, Status>,
    /// What the log has said last.
    announced: bool,
    stopping: bool,
}

#[derive(Debug)]
enum Status {
    /// Not up yet; what it waits for.
    Waiting(String),
    Up,
    /// Ready to take over from another process; which one.
    StandingBy(String),
    Ended,
}

impl Status {
    fn is_up(&self) -> bool {
        matches!(self, Self::Up | Self::StandingBy(_))
    }
}

/// What keeps the process from being ready, one line per part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NotReady(Vec<String>);

impl Readiness {
    /// Adds a part that is not up yet.
    pub(crate) fn part(&self, name: impl Into<String>) -> Part {
        let name = name.into();
        let waiting = Status::Waiting("it has not started".into());
        self.state().parts.insert(name.clone(), waiting);
        Part {
            name,
            readiness: self.clone(),
        }
    }

    /// Whether all parts are up, and if not, what is missing.
    pub(crate) fn check(&self) -> Result<(), NotReady> {
        self.state().check()
    }

    /// Whether no part has ended, and if one has, which. A part that waits does no harm by it; a
    /// part that has ended comes back only with the process.
    pub(crate) fn alive(&self) -> Result<(), NotReady> {
        let ended = self
            .state()
            .missing(|status| matches!(status, Status::Ended));
        if ended.is_empty() {
            Ok(())
        } else {
            Err(NotReady(ended))
        }
    }

    /// Writes what is up.
    pub(crate) fn describe(&self, scrape: &mut Scrape<'_>) {
        let state = self.state();
        scrape.value(&metrics::READY, u64::from(state.check().is_ok()));
        let parts = state
            .parts
            .iter()
            .map(|(name, status)| ([name.as_str()], u64::from(status.is_up())));
        scrape.values(&metrics::PART_UP, parts);
    }

    /// One line of text that it is ready, and one for each part that stands by.
    pub(crate) fn lines(&self) -> String {
        let mut text = String::from("ready\n");
        for (name, status) in &self.state().parts {
            if let Status::StandingBy(what) = status {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{name}: standing by; {what}");
            }
        }
        text
    }

    /// Says that the process is about to end.
    pub(crate) fn stopping(&self) {
        self.state().stopping = true;
    }

    fn set(&self, part: &str, change: impl FnOnce(&mut Status)) {
        let mut state = self.state();
        if let Some(status) = state.parts.get_mut(part) {
            change(status);
        }
        state.announce();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self) -> Result<(), NotReady> {
        if self.stopping {
            return Err(NotReady(vec!["the process is stopping".into()]));
        }
        let missing = self.missing(|status| !status.is_up());
        if missing.is_empty() {
            Ok(())
        } else {
            Err(NotReady(missing))
        }
    }

    /// One line for each part whose status counts.
    fn missing(&self, counts: impl Fn(&Status) -> bool) -> Vec<String> {
        let those = self.parts.iter().filter(|(_, status)| counts(status));
        let line = |(name, status): (&String, &Status)| match status {
            Status::Waiting(what) => format!("{name}: {what}"),
            Status::Ended => format!("{name}: it has ended; restart the process"),
            Status::Up | Status::StandingBy(_) => format!("{name}: it is up"),
        };
        those.map(line).collect()
    }

    /// Logs a change.
    fn announce(&mut self) {
        match self.check() {
            Ok(()) if !self.announced => {
                self.announced = true;
                info!("ready");
            }
            Err(missing) if self.announced && !self.stopping => {
                self.announced = false;
                warn!(%missing, "not ready any more");
            }
            _ => {}
        }
    }
}

/// A part's own handle. The part ends with it.
#[derive(Debug)]
pub(crate) struct Part {
    name: String,
    readiness: Readiness,
}

impl Part {
    /// Says that the part does its work.
    pub(crate) fn up(&self) {
        self.readiness
            .set(&self.name, |status| *status = Status::Up);
    }

    /// Says that the part is ready to take over, and from what.
    pub(crate) fn stands_by(&self, what: impl Into<String>) {
        self.readiness.set(&self.name, |status| {
            *status = Status::StandingBy(what.into());
        });
    }

    /// Says what the part waits for. Nothing changes if it has been up already.
    pub(crate) fn waits_for(&self, what: impl Into<String>) {
        self.readiness.set(&self.name, |status| {
            if let Status::Waiting(before) = status {
                *before = what.into();
            }
        });
    }
}

impl Part {
    /// The Planner is up after a tick that decided on a plan.
    pub(crate) fn planned(&self, planned: &Result<Planned, PlanError>) {
        match planned {
            Ok(Planned::FirstRound { endpoints }) => self.waits_for(format!(
                "the targets of {endpoints} endpoints have not all been checked once"
            )),
            Ok(_) => self.up(),
            Err(error) => {
                let error = chain(error);
                self.waits_for(format!("no tick has succeeded yet; the last: {error}"));
            }
        }
    }

    /// An Enactor is up after a pass over a plan.
    pub(crate) fn passed(&self, pass: &Result<Pass, PassError>) {
        match pass {
            Ok(Pass::NoPlan) => self.waits_for("the store has no plan yet"),
            Ok(_) => self.up(),
            Err(error) => {
                let error = chain(error);
                self.waits_for(format!("no pass has succeeded yet; the last: {error}"));
            }
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.readiness
            .set(&self.name, |status| *status = Status::Ended);
    }
}

impl NotReady {
    /// One line of text per missing part.
    pub(crate) fn lines(&self) -> String {
        self.0.join("\n") + "\n"
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use plan_store::Generation;

    use super::*;

    fn missing(readiness: &Readiness) -> String {
        readiness.check().unwrap_err().to_string()
    }

    fn generation() -> Generation {
        Generation::new(1).unwrap()
    }

    #[test]
    fn a_process_is_ready_only_when_every_part_is_up() {
        let readiness = Readiness::default();
        let parts = ["planner", "enactor az1", "dns server"].map(|name| readiness.part(name));
        for part in &parts {
            let line = format!("{}: it has not started", part.name);
            assert!(missing(&readiness).contains(&line), "{line}");
            part.waits_for("a plan");
            let line = format!("{}: a plan", part.name);
            assert!(missing(&readiness).contains(&line), "{line}");
            part.up();
        }
        assert_eq!(readiness.check(), Ok(()));
    }

    #[test]
    fn a_part_stays_up_until_it_ends() {
        let readiness = Readiness::default();
        let [one, two] = ["one", "two"].map(|name| readiness.part(name));
        one.up();
        two.up();
        one.waits_for("the store");
        assert_eq!(readiness.check(), Ok(()));
        assert_eq!(readiness.alive(), Ok(()));
        drop(one);
        assert!(missing(&readiness).starts_with("one: it has ended"));
        let dead = readiness.alive().unwrap_err().to_string();
        assert_eq!(dead, "one: it has ended; restart the process");
        two.up();
        assert!(missing(&readiness).starts_with("one: it has ended"));
    }

    #[test]
    fn a_panicking_thread_ends_its_part() {
        let readiness = Readiness::default();
        let part = readiness.part("planner");
        let thread = std::thread::spawn(move || {
            part.up();
            panic!("a bug");
        });
        assert!(thread.join().is_err());
        assert!(missing(&readiness).starts_with("planner: it has ended"));
    }

    #[test]
    fn stopping_is_final() {
        let readiness = Readiness::default();
        let part = readiness.part("planner");
        part.up();
        readiness.stopping();
        part.up();
        assert_eq!(missing(&readiness), "the process is stopping");
    }

    #[test]
    fn the_planner_is_up_after_a_tick_that_decided() {
        let failed = Err(PlanError::NoHealth);
        let first_round = Ok(Planned::FirstRound { endpoints: 7 });
        let generation = generation();
        let unchanged = Ok(Planned::Unchanged { generation });
        let published = Ok(Planned::Published { generation });
        for decided in [unchanged, published] {
            let readiness = Readiness::default();
            let part = readiness.part("planner");
            part.planned(&failed);
            assert!(missing(&readiness).contains("no tick has succeeded yet"));
            part.planned(&first_round);
            assert!(
                missing(&readiness).contains("targets of 7 endpoints have not all been checked")
            );
            part.planned(&decided);
            assert_eq!(readiness.check(), Ok(()), "{decided:?}");
        }
    }

    #[test]
    fn an_enactor_is_up_after_a_pass_over_a_plan() {
        let readiness = Readiness::default();
        let part = readiness.part("enactor az1");
        part.passed(&Ok(Pass::NoPlan));
        assert!(missing(&readiness).contains("the store has no plan yet"));
        part.passed(&Err(PassError::Store(plan_store::Error::new("timed out"))));
        assert!(missing(&readiness).contains("no pass has succeeded yet"));
        part.passed(&Ok(Pass::StaleAtStart {
            plan: generation(),
            newer: generation(),
        }));
        assert_eq!(readiness.check(), Ok(()));
    }
}
