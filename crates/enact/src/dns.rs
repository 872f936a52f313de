//! The DNS server of this process, and when it begins to serve.
//!
//! ```text
//!   waiting for the store ──► serving, no active plan yet ──► up
//! ```
//! It does not serve before the store can be read: denying a name only because nothing is
//! known yet would be the outage again.

use std::sync::{Arc, OnceLock};

use control_plane::Fleet;
use dns_server::{Server, ServerConfig, Zones};
use plan_store::{EndpointName, Resolution, Resolve};
use tracing::error;

use crate::backing::Backing;
use crate::readiness::Part;

/// The server once it serves. The metrics read it.
pub(crate) type Shared = Arc<OnceLock<Server>>;

/// The DNS server, from the program's start.
pub(crate) struct Dns<S: Backing> {
    store: S,
    config: ServerConfig,
    endpoints: Vec<EndpointName>,
    /// The zones, until it serves.
    waiting: Option<Zones>,
    server: Shared,
    up: bool,
    /// `None` after a serving thread has ended.
    part: Option<Part>,
}

impl<S: Backing> Dns<S> {
    pub(crate) fn new(
        store: S,
        config: ServerConfig,
        fleet: &Fleet,
        zones: Zones,
        server: Shared,
        part: Part,
    ) -> Self {
        part.waits_for("the store has not shown its plans yet");
        let endpoints = fleet.endpoints().iter();
        Self {
            store,
            config,
            endpoints: endpoints.map(|endpoint| endpoint.name().clone()).collect(),
            waiting: Some(zones),
            server,
            up: false,
            part: Some(part),
        }
    }

    /// Takes the next step, if it can be taken. Does not wait.
    ///
    /// # Errors
    /// If the server cannot be started: for one, if an address is in use.
    pub(crate) fn advance(&mut self) -> Result<(), dns_server::Error> {
        if let Some(zones) = self.waiting.take_if(|_| self.store.can_be_read()) {
            let server = Server::start(&self.store, zones, &self.config)?;
            // Only this line sets it.
            let _ = self.server.set(server);
        }
        let (Some(server), Some(part)) = (self.server.get(), &self.part) else {
            return Ok(());
        };
        if !server.is_serving() {
            error!("a serving thread has ended; restart the process");
            self.part = None;
        } else if !self.up {
            self.up = plan_is_active(&mut self.store.reader(), &self.endpoints);
            if self.up {
                part.up();
            } else {
                part.waits_for("no plan is active yet at the endpoints of the fleet file");
            }
        }
        Ok(())
    }
}

/// Whether the server has answers: at least one endpoint has an active plan, and none is
/// still without one. An endpoint that no plan names does not count; this process's fleet
/// file may be older than the Planner's.
fn plan_is_active(reader: &mut impl Resolve, endpoints: &[EndpointName]) -> bool {
    let mut answered = false;
    for endpoint in endpoints {
        match reader.resolve(endpoint) {
            Resolution::Answer { .. } => answered = true,
            Resolution::Vacant => return false,
            _ => {}
        }
    }
    answered
}
