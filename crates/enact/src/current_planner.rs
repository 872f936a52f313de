//! The Planner of this process, for what shows it, and the changes that it holds as a page.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use control_plane::PlannerHandle;
use hyper::StatusCode;

/// Status and body of an answer.
pub(crate) type Answer = (StatusCode, String);

/// The Planner of this process, while it runs.
#[derive(Clone, Default)]
pub(crate) struct CurrentPlanner(Arc<Mutex<Option<PlannerHandle>>>);

impl CurrentPlanner {
    pub(crate) fn set(&self, planner: Option<PlannerHandle>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = planner;
    }

    pub(crate) fn handle(&self) -> Option<PlannerHandle> {
        let planner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        planner.clone()
    }

    /// One line for each change: id, for how many seconds it is held, endpoint, reason.
    pub(crate) fn list(&self) -> Answer {
        let Some(planner) = self.handle() else {
            return no_planner();
        };
        let mut text = String::new();
        for held in &planner.status().held {
            let (id, endpoint, reason) = (held.id, &held.endpoint, held.reason);
            let seconds = held.since.elapsed().as_secs();
            // Writing to a string does not fail.
            let _ = writeln!(text, "{id} {seconds}s {endpoint}: {reason}");
        }
        (StatusCode::OK, text)
    }
}

pub(crate) fn no_planner() -> Answer {
    let text = "this process has no Planner that plans; ask the process that leads, which `GET /ready` names\n";
    (StatusCode::NOT_FOUND, text.into())
}
