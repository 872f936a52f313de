//! The changes that wait for a person, over HTTP: what is held, and its confirmation.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use control_plane::{ChangeId, PlannerHandle};
use hyper::StatusCode;
use tracing::info;

/// Status and body of an answer.
pub(crate) type Answer = (StatusCode, String);

/// The Planner of this process, while it runs.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<Option<PlannerHandle>>>);

impl Held {
    pub(crate) fn set(&self, planner: Option<PlannerHandle>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = planner;
    }

    pub(crate) fn planner(&self) -> Option<PlannerHandle> {
        let planner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        planner.clone()
    }

    /// One line for each change: id, for how many seconds it is held, endpoint, reason.
    pub(crate) fn list(&self) -> Answer {
        let Some(planner) = self.planner() else {
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

    /// Confirms the changes with these ids, if all of them are held, and else none.
    pub(crate) fn confirm(&self, query: &str) -> Answer {
        let Some(planner) = self.planner() else {
            return no_planner();
        };
        let mut ids = Vec::new();
        for field in query.split('&') {
            let Some(Ok(id)) = field.strip_prefix("id=").map(str::parse::<ChangeId>) else {
                let text = format!("`{field}` is no id; use id=ID with an ID of GET /held\n");
                return (StatusCode::BAD_REQUEST, text);
            };
            ids.push(id);
        }
        let status = planner.status();
        let is_held = |id: &&ChangeId| status.held.iter().any(|held| held.id == **id);
        if let Some(id) = ids.iter().find(|id| !is_held(id)) {
            let text = format!("{id} is not held; nothing is confirmed; look at GET /held\n");
            return (StatusCode::NOT_FOUND, text);
        }
        let mut text = String::new();
        for id in ids {
            planner.confirm(id);
            info!(%id, "confirmed over HTTP");
            let _ = writeln!(text, "{id} is confirmed; the next plan carries it out");
        }
        (StatusCode::ACCEPTED, text)
    }
}

pub(crate) fn no_planner() -> Answer {
    let text = "this process has no Planner that plans; ask the process that leads, which `GET /ready` names\n";
    (StatusCode::NOT_FOUND, text.into())
}
