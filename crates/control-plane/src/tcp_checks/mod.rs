//! Health by trying to connect.
//!
//! # What counts as healthy
//! A target is healthy until `fall` checks in a row have failed, and then
//! unhealthy until `rise` in a row have succeeded. A new target begins as
//! healthy. Within one interval no more than a set share of all targets becomes
//! unhealthy; the others that have failed as often stay healthy until their next
//! check. So a fault of the checker itself takes capacity out slowly enough to be
//! seen.
//!
//! # Who may touch what
//! All state is in one [`Board`] behind a lock; the checking threads take what is
//! due from it, let the lock go, connect, and come back with the result.
//!
//! # Rules
//! 1. A target is on the list of what is due, or some thread is checking it, not
//!    both; who takes it off puts it back.
//! 2. No thread holds the lock while it connects.
//! 3. Stopping is a flag under the lock, and every waiting thread is woken after
//!    it is set.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fastrand::Rng;
use parking_lot::{Condvar, Mutex};
use tracing::{info, warn};

use crate::{Fleet, FleetEndpoint, Health, HealthCheck, HealthError, HealthSource, TargetHealth};

/// Most checks at a time.
const MAX_THREADS: usize = 32;

/// The threads that check a fleet's targets. Dropping it stops them, after the
/// checks that they are in.
pub struct TcpChecks {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What [`TcpChecks`] have found, for the Planner.
#[derive(Clone)]
pub struct TcpHealth {
    shared: Arc<Shared>,
}

struct Shared {
    board: Mutex<Board>,
    /// Something may be due, or it is time to stop.
    changed: Condvar,
}

impl TcpChecks {
    /// Begins to check all targets of this fleet; `seed` decides the jitter.
    ///
    /// # Errors
    /// If the operating system has no thread to give; those that were started
    /// are stopped again.
    pub fn start(fleet: &Fleet, seed: u64) -> io::Result<Self> {
        let mut board = Board::new(fleet.health_check(), seed);
        board.set_targets(&targets(fleet), Instant::now());
        let count = board.targets.len().clamp(1, MAX_THREADS);
        let shared = Arc::new(Shared {
            board: Mutex::new(board),
            changed: Condvar::new(),
        });
        let mut checks = Self {
            shared,
            threads: Vec::new(),
        };
        for _ in 0..count {
            let shared = Arc::clone(&checks.shared);
            let builder = thread::Builder::new().name("health-check".into());
            checks.threads.push(builder.spawn(move || shared.check())?);
        }
        Ok(checks)
    }

    /// What they have found so far, and go on finding.
    pub fn source(&self) -> TcpHealth {
        TcpHealth {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Goes on with the targets of this fleet, checked as it says. Targets that
    /// were there before keep their health.
    pub fn set_fleet(&self, fleet: &Fleet) {
        let mut board = self.shared.board.lock();
        board.settings = fleet.health_check();
        board.set_targets(&targets(fleet), Instant::now());
        drop(board);
        self.shared.changed.notify_all();
    }
}

impl Drop for TcpChecks {
    fn drop(&mut self) {
        self.shared.board.lock().stopped = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                warn!("a health check had panicked");
            }
        }
    }
}

impl HealthSource for TcpHealth {
    fn read(&mut self) -> Result<Health, HealthError> {
        Ok(self.shared.board.lock().health())
    }
}

impl Shared {
    /// A checking thread's work.
    fn check(&self) {
        let mut board = self.board.lock();
        while !board.stopped {
            match board.take_due(Instant::now()) {
                Ok(target) => {
                    let timeout = board.settings.timeout;
                    let address = SocketAddr::new(target, board.settings.port);
                    drop(board);
                    let connected = TcpStream::connect_timeout(&address, timeout).is_ok();
                    board = self.board.lock();
                    board.checked(target, connected, Instant::now());
                    self.changed.notify_one();
                }
                Err(Some(next)) => {
                    self.changed.wait_until(&mut board, next);
                }
                Err(None) => self.changed.wait(&mut board),
            }
        }
    }
}

/// All addresses of a fleet's targets.
fn targets(fleet: &Fleet) -> HashSet<IpAddr> {
    let endpoints = fleet.endpoints().iter();
    let targets = endpoints.flat_map(FleetEndpoint::targets);
    targets.map(|target| target.address).collect()
}

/// What is known of the targets, and when each is to be checked next.
struct Board {
    settings: HealthCheck,
    targets: BTreeMap<IpAddr, Checked>,
    /// When a target is to be checked, but for those that are being checked.
    due: BTreeSet<(Instant, IpAddr)>,
    /// When the interval began in which so many have become unhealthy.
    fallen: Option<(Instant, usize)>,
    random: Rng,
    stopped: bool,
}

/// What is known of one target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Checked {
    healthy: bool,
    /// How many checks in a row have said otherwise.
    against: u8,
    /// Whether it is on the list of what is due; else it is being checked.
    is_due: bool,
}

impl Board {
    fn new(settings: HealthCheck, seed: u64) -> Self {
        Self {
            settings,
            targets: BTreeMap::new(),
            due: BTreeSet::new(),
            fallen: None,
            random: Rng::with_seed(seed),
            stopped: false,
        }
    }

    /// Checks these from now on. The new ones come up within the first interval,
    /// one here, one there.
    fn set_targets(&mut self, targets: &HashSet<IpAddr>, now: Instant) {
        self.targets.retain(|target, _| targets.contains(target));
        self.due.retain(|(_, target)| targets.contains(target));
        let mut new: Vec<_> = targets
            .iter()
            .filter(|target| !self.targets.contains_key(target))
            .copied()
            .collect();
        new.sort_unstable();
        for target in new {
            let first = self.settings.interval.mul_f64(self.random.f64());
            self.due.insert((now + first, target));
            let unknown = Checked {
                healthy: true,
                against: 0,
                is_due: true,
            };
            self.targets.insert(target, unknown);
        }
    }

    /// Takes a target whose check is due, or says when the next one will be.
    fn take_due(&mut self, now: Instant) -> Result<IpAddr, Option<Instant>> {
        match self.due.first() {
            Some(&(at, target)) if at <= now => {
                self.due.pop_first();
                if let Some(checked) = self.targets.get_mut(&target) {
                    checked.is_due = false;
                }
                Ok(target)
            }
            next => Err(next.map(|&(at, _)| at)),
        }
    }

    /// Notes how a check went, and when to check again.
    fn checked(&mut self, target: IpAddr, connected: bool, now: Instant) {
        let may_fall = self.fallen_lately(now) < self.most_falls();
        let settings = self.settings;
        let Some(checked) = self.targets.get_mut(&target) else {
            return; // Gone meanwhile.
        };
        let was_healthy = checked.healthy;
        checked.hear(connected, &settings, may_fall);
        // Gone and back again meanwhile, it is due already.
        let is_due = std::mem::replace(&mut checked.is_due, true);
        match (was_healthy, checked.healthy) {
            (true, false) => {
                warn!(%target, port = settings.port, "unhealthy");
                if let Some((_, fallen)) = &mut self.fallen {
                    *fallen += 1;
                }
            }
            (false, true) => info!(%target, port = settings.port, "healthy again"),
            _ => {}
        }
        if !is_due {
            let next = now + self.jittered(settings.interval);
            self.due.insert((next, target));
        }
    }

    /// How many have become unhealthy in the interval that this falls into.
    fn fallen_lately(&mut self, now: Instant) -> usize {
        match self.fallen {
            Some((begin, fallen)) if now < begin + self.settings.interval => fallen,
            _ => {
                self.fallen = Some((now, 0));
                0
            }
        }
    }

    /// How many may become unhealthy within one interval.
    fn most_falls(&self) -> usize {
        let percent = usize::from(self.settings.max_fall_percent);
        (self.targets.len() * percent / 100).max(1)
    }

    fn jittered(&mut self, interval: Duration) -> Duration {
        let share = f64::from(self.settings.jitter_percent) / 100.0;
        interval.mul_f64(1.0 + share * (2.0 * self.random.f64() - 1.0))
    }

    fn health(&self) -> Health {
        let targets = self.targets.iter();
        targets
            .map(|(&target, checked)| {
                let report = TargetHealth {
                    healthy: checked.healthy,
                    capacity: None,
                };
                (target, report)
            })
            .collect()
    }
}

impl Checked {
    /// Takes in how a check went.
    fn hear(&mut self, connected: bool, settings: &HealthCheck, may_fall: bool) {
        if connected == self.healthy {
            self.against = 0;
            return;
        }
        self.against = self.against.saturating_add(1);
        let turns = if self.healthy {
            self.against >= settings.fall && may_fall
        } else {
            self.against >= settings.rise
        };
        if turns {
            self.healthy = connected;
            self.against = 0;
        }
    }
}

impl fmt::Debug for TcpChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.threads.len();
        f.debug_struct("TcpChecks")
            .field("threads", &threads)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TcpHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpHealth").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::path::Path;

    use super::*;

    const SETTINGS: HealthCheck = HealthCheck {
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        jitter_percent: 20,
        rise: 2,
        fall: 3,
        max_fall_percent: 30,
        port: 443,
    };

    fn target(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn board(count: u8, now: Instant) -> Board {
        let mut board = Board::new(SETTINGS, 1);
        board.set_targets(&(0..count).map(target).collect(), now);
        board
    }

    fn unhealthy(board: &Board) -> usize {
        board.targets.values().filter(|c| !c.healthy).count()
    }

    #[test]
    fn a_target_falls_and_rises_by_checks_in_a_row() {
        let now = Instant::now();
        let mut board = board(1, now);
        let mut shown = String::new();
        for connected in "xx.xxx.x..xxx".chars().map(|c| c == '.') {
            board.checked(target(0), connected, now);
            let is_healthy = board.health().of(target(0)).healthy;
            shown.push(if is_healthy { '.' } else { 'x' });
            // One fall an interval; here each check has its own.
            board.fallen = None;
        }
        assert_eq!(shown, ".....xxxx...x");
    }

    #[test]
    fn no_more_than_the_set_share_falls_within_an_interval() {
        let mut now = Instant::now();
        let mut board = board(10, now);
        let mut fallen = Vec::new();
        for _ in 0..7 {
            for last in 0..10 {
                board.checked(target(last), false, now);
            }
            fallen.push(unhealthy(&board));
            now += SETTINGS.interval;
        }
        assert_eq!(fallen, [0, 0, 3, 6, 9, 10, 10]);
    }

    #[test]
    fn every_target_is_due_again_within_the_jitter() {
        let begin = Instant::now();
        let mut board = board(5, begin);
        let mut seen = BTreeSet::new();
        while let Ok(target) = board.take_due(begin + SETTINGS.interval) {
            seen.insert(target);
        }
        assert_eq!(seen.len(), 5, "all within the first interval");
        let (low, high) = (Duration::from_secs(8), Duration::from_secs(12));
        for _ in 0..200 {
            board.checked(target(0), true, begin);
            let (at, _) = *board.due.first().unwrap();
            assert_eq!(board.take_due(at), Ok(target(0)));
            assert!((low..=high).contains(&(at - begin)), "{:?}", at - begin);
        }
    }

    #[test]
    fn targets_come_and_go_and_those_that_stay_keep_their_health() {
        let now = Instant::now();
        let mut board = board(3, now);
        for _ in 0..3 {
            board.checked(target(1), false, now);
        }
        board.set_targets(&[target(1), target(7)].into(), now);
        assert!(!board.health().of(target(1)).healthy);
        assert!(board.health().of(target(7)).healthy);
        assert_eq!(board.targets.len(), 2);
        // The result of a check on a target that is gone changes nothing.
        board.checked(target(0), false, now);
        assert_eq!(board.due.len(), 2);
    }

    #[test]
    fn a_closed_port_is_found_and_an_open_one_too() {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = open.local_addr().unwrap().port();
        let text = format!(
            r#"
            [health_check]
            interval_ms = 100
            fall = 2
            max_fall_percent = 100
            port = {port}
            [[endpoint]]
            name = "db.example"
            target = [
                {{ address = "127.0.0.1", zone = "z1", capacity = 1 }},
                {{ address = "127.0.0.2", zone = "z2", capacity = 1 }},
            ]
            "#
        );
        let fleet = Fleet::parse(&text, Path::new("test.toml")).unwrap();
        let checks = TcpChecks::start(&fleet, 1).unwrap();
        let mut source = checks.source();
        let [up, down] = ["127.0.0.1", "127.0.0.2"].map(|a| a.parse().unwrap());
        let mut until = |expected: [bool; 2]| loop {
            let health = source.read().unwrap();
            if [up, down].map(|t| health.of(t).healthy) == expected {
                break;
            }
            thread::yield_now();
        };
        until([true, false]);
        let late = TcpListener::bind(("127.0.0.2", port)).unwrap();
        until([true, true]);
        drop((open, late));
    }
}
