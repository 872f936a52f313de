//! The DNS server of this process, and when it begins to serve.
//!
//! ```text
//!   waiting for the store ──► serving, no active plan yet ──► up
//! ```
//! It does not serve before the store can be read: denying a name only because nothing is
//! known yet would be the outage again.
//!
//! A new fleet file brings new zones at once. A zone that it leaves out is served on while an
//! endpoint in it has records: the Planner may hold that endpoint for a person to decide.

use std::error::Error;
use std::sync::{Arc, OnceLock};

use control_plane::{DnsZone, Fleet};
use dns_server::{Server, ServerConfig, Zones};
use plan_store::{EndpointName, Resolution, Resolve};

use crate::backing::Backing;
use crate::readiness::Part;
use crate::serve::CannotGoOn;
use crate::zones;

/// The server once it serves. The metrics read it.
pub(crate) type Shared = Arc<OnceLock<Server>>;

/// The DNS server, from the program's start.
pub(crate) struct Dns<S: Backing> {
    store: S,
    config: ServerConfig,
    endpoints: Vec<EndpointName>,
    /// The zones of the fleet.
    zones: Vec<DnsZone>,
    /// Zones of an earlier fleet, with its endpoints in them.
    leaving: Vec<(DnsZone, Vec<EndpointName>)>,
    server: Shared,
    up: bool,
    part: Part,
}

impl<S: Backing> Dns<S> {
    pub(crate) fn new(
        store: S,
        config: ServerConfig,
        fleet: &Fleet,
        server: Shared,
        part: Part,
    ) -> Self {
        part.waits_for("the store has not shown its plans yet");
        Self {
            store,
            config,
            endpoints: names(fleet),
            zones: fleet.dns_zones().to_vec(),
            leaving: Vec::new(),
            server,
            up: false,
            part,
        }
    }

    /// Goes on with the endpoints and the zones of this fleet.
    ///
    /// # Errors
    /// If the zones do not fit together. Then nothing changes.
    pub(crate) fn set_fleet(&mut self, fleet: &Fleet) -> Result<(), dns_server::Error> {
        zones::of(fleet.dns_zones())?;
        let before = std::mem::replace(&mut self.zones, fleet.dns_zones().to_vec());
        let endpoints = std::mem::replace(&mut self.endpoints, names(fleet));
        for zone in before {
            let inside = endpoints
                .iter()
                .filter(|name| name.is_at_or_below(&zone.apex));
            let inside = inside.cloned().collect();
            self.leaving.push((zone, inside));
        }
        let kept = &self.zones;
        let is_kept = |zone: &DnsZone| kept.iter().any(|kept| kept.apex == zone.apex);
        self.leaving.retain(|(zone, _)| !is_kept(zone));
        self.set_zones()
    }

    /// Has the server take the zones as they are here.
    fn set_zones(&self) -> Result<(), dns_server::Error> {
        if let Some(server) = self.server.get() {
            server.set_zones(self.all_zones()?);
        }
        Ok(())
    }

    fn all_zones(&self) -> Result<Zones, dns_server::Error> {
        let leaving = self.leaving.iter().map(|(zone, _)| zone);
        zones::of(self.zones.iter().chain(leaving))
    }

    /// Drops the zones of an earlier fleet in which nothing is served any more.
    fn drop_zones(&mut self) -> Result<(), dns_server::Error> {
        let before = self.leaving.len();
        if before == 0 {
            return Ok(());
        }
        let mut reader = self.store.reader();
        let mut is_served = |name: &EndpointName| reader.resolve(name).records().is_some();
        self.leaving
            .retain(|(_, endpoints)| endpoints.iter().any(&mut is_served));
        if self.leaving.len() < before {
            self.set_zones()?;
        }
        Ok(())
    }

    /// Takes the next step, if it can be taken. Does not wait.
    ///
    /// # Errors
    /// If the server cannot be started, for example because an address is in use, or if it
    /// cannot go on.
    pub(crate) fn advance(&mut self) -> Result<(), Box<dyn Error>> {
        if self.server.get().is_none() && self.store.can_be_read() {
            let server = Server::start(&self.store, self.all_zones()?, &self.config)?;
            // Only this line sets it.
            let _ = self.server.set(server);
        }
        self.drop_zones()?;
        let Some(server) = self.server.get() else {
            return Ok(());
        };
        if !server.is_serving() {
            return Err(CannotGoOn("a thread of the DNS server has ended").into());
        }
        if !self.up {
            self.up = plan_is_active(&mut self.store.reader(), &self.endpoints);
            if self.up {
                self.part.up();
            } else {
                self.part
                    .waits_for("no plan is active yet at the endpoints of the fleet file");
            }
        }
        Ok(())
    }
}

fn names(fleet: &Fleet) -> Vec<EndpointName> {
    let endpoints = fleet.endpoints().iter();
    endpoints.map(|endpoint| endpoint.name().clone()).collect()
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
