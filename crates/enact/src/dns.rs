//! The DNS server of this process, and when it begins to serve.
//!
//! ```text
//!   waiting for the store ──► serving, no active plan yet ──► serving an active plan ──► up
//! ```
//! It does not serve before the store can be read. Before a plan is active, it says SERVFAIL
//! instead of denying a name: denying a name only because nothing is known yet would be the
//! outage again. It is up once a plan is active at every endpoint.
//!
//! A new fleet file brings new zones at once. A zone that it leaves out is served on while an
//! endpoint in it has records: the Planner may hold that endpoint for a person to decide. An
//! endpoint that lies in a zone of the new file is answered from there and keeps no other zone.

use std::error::Error;
use std::sync::{Arc, OnceLock};

use control_plane::{DnsZone, Fleet, FleetEndpoint};
use dns_server::{AppliedPlans, Server, ServerConfig, Zones};
use plan_store::{EndpointName, Generation, Plan, Resolution, Resolve};

use crate::backing::Backing;
use crate::readiness::Part;
use crate::serve::CannotGoOn;
use crate::tsig_keys::TsigKeys;
use crate::zones::{self, InvalidZones};

/// The server once it serves. The metrics read it.
pub(crate) type Shared = Arc<OnceLock<Server>>;

/// The DNS server, from the program's start.
pub(crate) struct Dns<S: Backing> {
    store: S,
    reader: S::Reader,
    config: ServerConfig,
    endpoints: Vec<EndpointName>,
    /// The zones of the fleet.
    zones: Vec<DnsZone>,
    /// The keys of their secondaries.
    keys: TsigKeys,
    /// Zones of an earlier fleet, with its endpoints in them. All keys of their secondaries are
    /// known.
    leaving: Vec<(DnsZone, Vec<EndpointName>)>,
    server: Shared,
    applied: AppliedPlans<S::Reader>,
    /// The newest plan that has been passed by everywhere, which secondaries can have.
    everywhere: Option<(Generation, Arc<Plan>)>,
    /// The newest plan that is known to be active.
    active: Option<Generation>,
    up: bool,
    part: Part,
}

impl<S: Backing> Dns<S> {
    pub(crate) fn new(
        store: S,
        config: ServerConfig,
        fleet: &Fleet,
        keys: TsigKeys,
        server: Shared,
        part: Part,
    ) -> Self {
        part.waits_for("the store has not shown its plans yet");
        Self {
            reader: store.reader(),
            applied: AppliedPlans::new(store.reader()),
            everywhere: None,
            store,
            config,
            endpoints: names(fleet),
            zones: fleet.dns_zones().to_vec(),
            keys,
            leaving: Vec::new(),
            server,
            active: None,
            up: false,
            part,
        }
    }

    /// Goes on with the endpoints and the zones of this fleet, and these keys of its secondaries.
    ///
    /// # Errors
    /// If the zones do not fit together, or a key is missing. Then nothing changes.
    pub(crate) fn set_fleet(&mut self, fleet: &Fleet, keys: TsigKeys) -> Result<(), InvalidZones> {
        zones::of(fleet.dns_zones(), &keys)?;
        self.keys = keys;
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
        // A zone may leave together with the key of its secondary. It is served on without it.
        let keys = &self.keys;
        for (zone, _) in &mut self.leaving {
            zone.secondaries.retain(|one| {
                one.tsig_key
                    .as_ref()
                    .is_none_or(|key| keys.get(key).is_some())
            });
        }
        self.set_zones()
    }

    /// Has the server take the zones as they are here.
    fn set_zones(&self) -> Result<(), InvalidZones> {
        if let Some(server) = self.server.get() {
            server.set_zones(self.all_zones()?);
        }
        Ok(())
    }

    fn all_zones(&self) -> Result<Zones, InvalidZones> {
        let leaving = self.leaving.iter().map(|(zone, _)| zone);
        let zones = zones::of(self.zones.iter().chain(leaving), &self.keys)?;
        Ok(if self.may_deny() {
            zones
        } else {
            zones.without_denials()
        })
    }

    /// Whether a plan is active somewhere. All of its endpoints are known to the store then.
    fn may_deny(&self) -> bool {
        self.active.is_some() || self.up
    }

    /// Drops the zones of an earlier fleet in which nothing is served any more, beside what
    /// lies in a zone of this fleet.
    fn drop_zones(&mut self) -> Result<(), InvalidZones> {
        let before = self.leaving.len();
        if before == 0 {
            return Ok(());
        }
        let (reader, zones) = (&mut self.reader, &self.zones);
        let is_covered = |name: &EndpointName| zones.iter().any(|z| name.is_at_or_below(&z.apex));
        let mut needs_it =
            |name: &EndpointName| !is_covered(name) && reader.resolve(name).records().is_some();
        self.leaving
            .retain(|(_, endpoints)| endpoints.iter().any(&mut needs_it));
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
            // A store that outlives the process may have an active plan already. Then names are
            // denied from the first query on, and the SOA's serial number goes on.
            self.active = newest_active(&mut self.reader, &self.endpoints);
            let server = Server::start(&self.store, self.all_zones()?, &self.config)?;
            if let Some(newest) = self.active {
                server.plan_is_active(newest);
            }
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
        let could_deny = self.may_deny();
        self.active = newest_active(&mut self.reader, &self.endpoints).max(self.active);
        if let Some(newest) = self.active {
            server.plan_is_active(newest);
        }
        let was_up = self.up;
        self.up = was_up || plan_is_active(&mut self.reader, &self.endpoints);
        self.look_for_passes();
        // Before it is up, so that a process that is ready denies what there is not.
        if self.may_deny() != could_deny {
            self.set_zones()?;
        }
        if !self.up {
            self.part
                .waits_for("no plan is active yet at the endpoints of the fleet file");
        } else if !was_up {
            self.part.up();
        }
        Ok(())
    }
}

impl<S: Backing> Dns<S> {
    /// Tells the server of the newest plan that has been passed by everywhere, and lets secondaries
    /// have it if there are any.
    fn look_for_passes(&mut self) {
        let found = self.applied.look(|| self.store.newest_plan());
        self.everywhere = found.or_else(|| self.everywhere.take());
        let (Some((generation, plan)), Some(server)) = (&self.everywhere, self.server.get()) else {
            return;
        };
        if self.zones.iter().any(|zone| !zone.secondaries.is_empty()) {
            server.plan_is_applied(*generation, plan);
        } else {
            server.plan_is_everywhere(*generation);
        }
    }
}

/// The endpoints and the names with static records, in the order of the names.
fn names(fleet: &Fleet) -> Vec<EndpointName> {
    let endpoints = fleet.endpoints().iter().map(FleetEndpoint::name);
    let names = endpoints.chain(fleet.static_records().map(|(name, _)| name));
    let mut names: Vec<_> = names.cloned().collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The plan at the first or the last endpoint, whichever is newer. Enactors go from the first
/// to the last, so these two are the first to show that a pass has begun and has ended.
fn newest_active(reader: &mut impl Resolve, endpoints: &[EndpointName]) -> Option<Generation> {
    let ends = [endpoints.first(), endpoints.last()];
    let of = |name| match *reader.resolve(name) {
        Resolution::Answer { generation, .. } => Some(generation),
        _ => None,
    };
    ends.into_iter().flatten().filter_map(of).max()
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
