//! The parts of the control plane that run in this process.

use std::error::Error;
use std::io;
use std::sync::Arc;

use control_plane::{Enactor, EnactorThread, Fleet, Pace, PlannerHandle};
use dns_server::{Server, ServerConfig};
use tracing::{error, info, warn};

use crate::admin::{Admin, Desk, Office, Overview};
use crate::backing::Backing;
use crate::cli::{Role, ServeArguments};
use crate::current_fleet::CurrentFleet;
use crate::current_planner::CurrentPlanner;
use crate::demo_targets::DemoTargets;
use crate::dns::{self, Dns};
use crate::fleet_hash::FleetHash;
use crate::health::Checked;
use crate::history::History;
use crate::http::HttpServer;
use crate::log::Lost;
use crate::metrics::{self, Metrics, Start, Tally};
use crate::notes::Notes;
use crate::orders::OrderDesk;
use crate::page;
use crate::pages;
use crate::planning::Planning;
use crate::readiness::{Part, Readiness};
use crate::zones;
use control_plane::chain;

/// What runs. The fields are dropped in this order: the Planner first, then the Enactors.
pub(crate) struct Parts<'a, S: Backing> {
    arguments: &'a ServeArguments,
    fleet: Fleet,
    hash: FleetHash,
    current: CurrentFleet,
    readiness: Readiness,
    // The commands end before the Planner that they speak to.
    _admin: Admin,
    planning: Option<Planning<S>>,
    _wakening: S::Wakening,
    enactors: Vec<EnactorThread>,
    dns: Option<Dns<S>>,
    server: dns::Shared,
    _http: Option<HttpServer>,
    _targets: Option<DemoTargets>,
}

impl<'a, S: Backing> Parts<'a, S> {
    /// Starts the parts of this process's role. The Planner and the DNS server follow in
    /// [`Parts::advance`].
    pub(crate) fn start(
        arguments: &'a ServeArguments,
        fleet: Fleet,
        store: &S,
        readiness: Readiness,
        lost: Lost,
    ) -> Result<Self, Box<dyn Error>> {
        let (role, seed) = (arguments.role, arguments.seed);
        // All parts are known before one of them starts.
        let planner_parts = role
            .includes(Role::Planner)
            .then(|| (readiness.part("planner"), readiness.part("health checks")));
        let enactor_parts = enactor_parts(arguments, &readiness);
        let dns_part = role
            .includes(Role::Front)
            .then(|| readiness.part("dns server"));

        let tally = Arc::new(Tally::default());
        let targets = || DemoTargets::start(&fleet, seed);
        let targets = arguments.plays_targets().then(targets).transpose()?;
        zones::check(fleet.dns_zones())?;
        let keys = dns_part.is_some().then(|| arguments.tsig_keys());
        let keys = keys.transpose()?.unwrap_or_default();
        let config = ServerConfig {
            serial_offset: store.serial_offset(),
            ..arguments.server()?
        };
        let server = dns::Shared::default();
        let hash = FleetHash::new(&fleet);
        info!(%hash, "the fleet file is read");
        let current = CurrentFleet::new(&fleet);
        let shown = Shown::new(&server, &tally, &hash, lost);
        let (planner, health) = (shown.planner.clone(), shown.health.clone());
        let overview = shown.overview(role, store, &readiness, &current);
        let notes = store.notes();
        let history = || History::start(Arc::clone(&notes));
        let history = planner_parts.is_some().then(history).transpose()?;
        let http = start_http(arguments, &overview, history.clone(), shown)?;
        let enactors = start_enactors(arguments, &fleet, store, enactor_parts, &tally)?;
        let wakers = || enactors.iter().map(EnactorThread::waker).collect();
        let wakening = store.wake_on_publish(wakers())?;
        let planning = planner_parts.zip(history.clone()).map(|(parts, history)| {
            let (store, fleet, shown) = (store.clone(), fleet.clone(), (tally, planner, health));
            let book = (Arc::clone(&notes), history);
            Planning::start(store, fleet, seed, wakers(), shown, book, parts)
        });
        let planning = planning.transpose()?;
        let dns = dns_part.map(|part| {
            let store = store.clone();
            Dns::new(store, config, &fleet, keys, Arc::clone(&server), part)
        });
        Ok(Self {
            arguments,
            planning,
            _wakening: wakening,
            enactors,
            dns,
            server,
            _http: http,
            _targets: targets,
            fleet,
            hash,
            current,
            readiness,
            _admin: start_admin(arguments, overview, notes, history)?,
        })
    }

    /// Starts the Planner once this process leads, and the DNS server once it has answers,
    /// and looks whether they still should run and do. Does not wait; call it again and
    /// again.
    pub(crate) fn advance(&mut self) -> Result<(), Box<dyn Error>> {
        self.planning.as_mut().map_or(Ok(()), Planning::advance)?;
        self.dns.as_mut().map_or(Ok(()), Dns::advance)
    }

    /// Reads the fleet file again, and has all parts go on with it: targets, health checks,
    /// timings and zones.
    pub(crate) fn reload(&mut self) {
        if let Err(error) = self.read_again() {
            self.hash.refuse();
            let error = chain(error.as_ref());
            error!(%error, "the fleet stays as it is");
        }
    }

    /// Ends all parts, the DNS server first, since a part that waits for its store may not
    /// end. Returns how many queries the DNS server has had.
    pub(crate) fn stop(mut self) -> u64 {
        self.readiness.stopping();
        let queries = self.server.get().map_or(0, |dns| dns.shut_down().total());
        self.planning = None;
        self.enactors.clear();
        queries
    }

    /// All parts take the fleet as the file has it now, or none does.
    fn read_again(&mut self) -> Result<(), Box<dyn Error>> {
        let fleet = self.arguments.fleet()?;
        zones::check(fleet.dns_zones())?;
        if let Some(dns) = &mut self.dns {
            dns.set_fleet(&fleet, self.arguments.tsig_keys()?)?;
        }
        let names = enactor_names(self.arguments);
        for (enactor, name) in self.enactors.iter().zip(names) {
            enactor.set_pace(pace(self.arguments, &fleet, name));
        }
        if let Some(planning) = &mut self.planning {
            planning.set_fleet(&fleet);
        }
        if fleet.retention() != self.fleet.retention() {
            warn!("another `keep_newest` counts only after a restart");
        }
        self.hash.set(&fleet);
        self.current.set(&fleet);
        self.fleet = fleet;
        info!(hash = %self.hash, "the fleet file is read again");
        Ok(())
    }
}

/// What the metrics are made of, beside the store.
struct Shown {
    server: dns::Shared,
    tally: Arc<Tally>,
    planner: CurrentPlanner,
    health: Checked,
    hash: FleetHash,
    lost: Lost,
}

impl Shown {
    fn new(server: &dns::Shared, tally: &Arc<Tally>, hash: &FleetHash, lost: Lost) -> Self {
        Self {
            server: Arc::clone(server),
            tally: Arc::clone(tally),
            planner: CurrentPlanner::default(),
            health: Checked::default(),
            hash: hash.clone(),
            lost,
        }
    }

    /// What the status is made of.
    fn overview<S: Backing>(
        &self,
        role: Role,
        store: &S,
        readiness: &Readiness,
        fleet: &CurrentFleet,
    ) -> Arc<Overview<S>> {
        Arc::new(Overview {
            role,
            store: store.clone(),
            readiness: readiness.clone(),
            planner: self.planner.clone(),
            health: self.health.clone(),
            fleet: fleet.clone(),
            hash: self.hash.clone(),
            server: Arc::clone(&self.server),
        })
    }
}

/// Starts the HTTP server, if the arguments ask for it.
fn start_http<S: Backing>(
    arguments: &ServeArguments,
    overview: &Arc<Overview<S>>,
    history: Option<History>,
    shown: Shown,
) -> io::Result<Option<HttpServer>> {
    let Some(address) = arguments.metrics else {
        return Ok(None);
    };
    let (planner, health) = (shown.planner.clone(), shown.health.clone());
    let readiness = overview.readiness.clone();
    let store = overview.store.clone();
    let metrics = metrics_of(arguments.role, store, readiness.clone(), shown);
    let metrics = move || metrics.scrape();
    let overview = Arc::clone(overview);
    let page = Arc::new(move || {
        let history = history.as_ref();
        let plans = history.map_or_else(Vec::new, |history| history.newest(page::MOST_PLANS));
        let endpoints = overview.endpoints(page::MOST_ENDPOINTS).endpoints;
        page::page(&overview.status(), &endpoints, &plans)
    });
    let (server, _) = pages::start(address, readiness, metrics, page, planner, health)?;
    Ok(Some(server))
}

/// Starts the admin API.
fn start_admin<S: Backing>(
    arguments: &ServeArguments,
    overview: Arc<Overview<S>>,
    notes: Arc<dyn Notes>,
    history: Option<History>,
) -> io::Result<Admin> {
    let office = history.map(|history| Office {
        orders: OrderDesk::new(notes),
        history,
    });
    let desk = Desk {
        overview,
        office,
        read_fleet: Box::new(arguments.fleet_reader()),
    };
    Admin::start(&arguments.admin, &Arc::new(desk))
}

/// What `/metrics` answers.
fn metrics_of<S: Backing>(role: Role, store: S, readiness: Readiness, shown: Shown) -> Metrics {
    let start = Start::now();
    Metrics::new(move |scrape| {
        start.describe(scrape);
        readiness.describe(scrape);
        shown.lost.describe(scrape);
        shown.hash.describe(scrape);
        store.describe(scrape);
        if role.includes(Role::Front) {
            let server = shown.server.get();
            let counts = server.map(Server::counts).unwrap_or_default();
            metrics::describe_dns(scrape, &counts, server.and_then(Server::newest_active));
            let serial = server.map_or(0, Server::serial);
            let transfers = server.map(Server::transfer_counts).unwrap_or_default();
            metrics::describe_transfers(scrape, serial, &transfers);
        }
        if role.includes(Role::Planner) {
            let status = shown.planner.handle().as_ref().map(PlannerHandle::status);
            metrics::describe_status(scrape, &status.unwrap_or_default());
            shown.tally.describe_planner(scrape);
            shown.health.describe(scrape);
        }
        if role.includes(Role::Enactor) {
            shown.tally.describe_enactors(scrape);
        }
    })
}

/// The Enactors of this process by name.
fn enactor_parts(arguments: &ServeArguments, readiness: &Readiness) -> Vec<(String, Part)> {
    let part = |name: &str| (name.into(), readiness.part(format!("enactor {name}")));
    enactor_names(arguments).into_iter().map(part).collect()
}

fn enactor_names(arguments: &ServeArguments) -> Vec<&str> {
    match arguments.role {
        Role::All => vec!["az1", "az2", "az3"],
        Role::Enactor => vec![arguments.name.as_str()],
        Role::Planner | Role::Front => Vec::new(),
    }
}

/// The pace of the Enactor with this name. Each has its own seed, so that they do not back
/// off in step.
fn pace(arguments: &ServeArguments, fleet: &Fleet, name: &str) -> Pace {
    let timings = fleet.timings();
    Pace {
        backoff_first: timings.backoff_first,
        backoff_max: timings.backoff_max,
        recheck: Some(timings.recheck),
        seed: name.bytes().fold(arguments.seed, |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(byte.into())
        }),
    }
}

fn start_enactors<S: Backing>(
    arguments: &ServeArguments,
    fleet: &Fleet,
    store: &S,
    parts: Vec<(String, Part)>,
    tally: &Arc<Tally>,
) -> io::Result<Vec<EnactorThread>> {
    let start = |(name, part): (String, Part)| {
        let pace = pace(arguments, fleet, &name);
        let tally = Arc::clone(tally);
        let enactor = Enactor::new(name, store.clone());
        EnactorThread::start(enactor, pace, move |pass| {
            tally.passed(pass);
            part.passed(pass);
        })
    };
    parts.into_iter().map(start).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use clap::Parser;
    use control_plane::{Planner, ScriptedHealth};
    use plan_store::{MemoryStore, PlanStore};

    use super::*;
    use crate::cli::{Cli, Command};

    /// The bound of every wait; a test that reaches it fails.
    const PATIENCE: Duration = Duration::from_mins(1);

    const FLEET: &str = r#"
        [timings]
        planner_interval_ms = 10
        recheck_ms = 1
        [health_check]
        interval_ms = 100
        [[dns_zone]]
        apex = "example"
        name_server = [{ name = "ns.test" }]
        [[endpoint]]
        name = "a.example"
        target = [{ address = "127.9.9.9", zone = "z", capacity = 1 }]
        [[endpoint]]
        name = "b.example"
        target = [{ address = "127.9.9.9", zone = "z", capacity = 1 }]
    "#;

    fn arguments(role: &str) -> ServeArguments {
        let command = [
            "enact",
            "serve",
            "--fleet",
            "unread",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "off",
        ];
        let command = command.into_iter().chain(["--role", role]);
        let Command::Serve(arguments) = Cli::try_parse_from(command).unwrap().command else {
            unreachable!("another command");
        };
        *arguments
    }

    fn fleet() -> Fleet {
        Fleet::parse(FLEET, "fleet.toml".as_ref()).unwrap()
    }

    fn store() -> MemoryStore {
        MemoryStore::new(fleet().retention())
    }

    fn publish(store: &MemoryStore) {
        let mut health = ScriptedHealth::new(&fleet());
        let mut planner = Planner::new(store.clone(), fleet());
        let health = control_plane::HealthSource::read(&mut health).unwrap();
        planner.tick(&health).unwrap();
    }

    fn start<'a>(
        arguments: &'a ServeArguments,
        store: &MemoryStore,
    ) -> (Parts<'a, MemoryStore>, Readiness) {
        let readiness = Readiness::default();
        let lost = crate::log::Lost::none();
        let parts = Parts::start(arguments, fleet(), store, readiness.clone(), lost);
        (parts.unwrap(), readiness)
    }

    fn missing(readiness: &Readiness) -> String {
        readiness.check().unwrap_err().to_string()
    }

    fn wait_until_ready(parts: &mut Parts<'_, MemoryStore>, readiness: &Readiness) {
        let begin = Instant::now();
        while let Err(missing) = readiness.check() {
            parts.advance().unwrap();
            assert!(begin.elapsed() < PATIENCE, "{missing}");
        }
    }

    #[test]
    fn a_dns_server_is_not_ready_before_a_plan_is_active_at_every_endpoint() {
        let (arguments, store) = (arguments("front"), store());
        let (mut parts, readiness) = start(&arguments, &store);
        assert!(missing(&readiness).starts_with("dns server: "));
        parts.advance().unwrap();
        assert!(missing(&readiness).contains("no plan is active yet"));
        publish(&store);
        let pin = store.latest().unwrap().unwrap();
        for endpoint in fleet().endpoints() {
            parts.advance().unwrap();
            assert!(missing(&readiness).contains("no plan is active yet"));
            let _ = store.activate(&pin, endpoint.name()).unwrap();
        }
        parts.advance().unwrap();
        assert_eq!(readiness.check(), Ok(()));
    }

    #[test]
    fn an_enactor_is_not_ready_before_it_has_a_plan() {
        let (arguments, store) = (arguments("enactor"), store());
        let (mut parts, readiness) = start(&arguments, &store);
        assert!(missing(&readiness).starts_with("enactor enactor: "));
        publish(&store);
        wait_until_ready(&mut parts, &readiness);
        assert!(store.newest_active().unwrap().is_some());
    }

    #[test]
    fn a_planner_that_is_ready_has_published() {
        let (arguments, store) = (arguments("planner"), store());
        let (mut parts, readiness) = start(&arguments, &store);
        wait_until_ready(&mut parts, &readiness);
        assert!(store.latest().unwrap().is_some());
    }

    #[test]
    fn a_part_that_ends_takes_readiness_with_it() {
        let (arguments, store) = (arguments("all"), store());
        let (mut parts, readiness) = start(&arguments, &store);
        wait_until_ready(&mut parts, &readiness);
        parts.planning = None;
        let ended = "health checks: it has ended; restart the process; planner: it has ended";
        assert!(missing(&readiness).starts_with(ended));
        parts.enactors.remove(1);
        assert!(missing(&readiness).starts_with("enactor az2: it has ended"));
        parts.stop();
        assert_eq!(missing(&readiness), "the process is stopping");
    }
}
