//! Health checks by TCP connection: the handles, and the rules of the threads.
//!
//! `board` decides which targets are healthy, `schedule` when each is checked next,
//! and `connect` is the work of the checking threads.
//!
//! # What counts as healthy
//! A new target is unknown until its first check ends. If that check succeeds, the target
//! is healthy at once. A target becomes unhealthy when `fall` checks in a row have failed,
//! and healthy again when `rise` checks in a row have succeeded. The time of the check that
//! decided goes into the reading. If a fault of the checker itself makes many targets look
//! unhealthy at once, the Planner suspects it, not these checks.
//!
//! # Concurrency rules
//! 1. All state is on one [`Board`] behind a lock. A checking thread takes a target
//!    that is due, releases the lock, connects, and takes the lock again for the
//!    result.
//! 2. A target is either on the schedule or being checked by one thread, not both.
//!    The thread that takes a target off the schedule puts it back.
//! 3. No thread holds the lock while it connects.
//! 4. Stopping is a flag under the lock. All waiting threads are woken after it is
//!    set.

mod board;
mod connect;
mod schedule;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tracing::warn;

use self::board::Board;
use self::connect::Shared;
use crate::{Fleet, Health, HealthError, HealthSource, Watchlist};

/// Most checks at a time. All threads start at once, for another fleet may have more
/// targets.
const THREADS: usize = 32;

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

impl TcpChecks {
    /// Begins to check all targets of this fleet; `seed` decides the jitter.
    ///
    /// # Errors
    /// If the operating system cannot start a thread. Threads that were started are
    /// stopped again.
    pub fn start(fleet: &Fleet, seed: u64) -> io::Result<Self> {
        let list = Watchlist::of(fleet);
        let mut board = Board::new(list.check, seed);
        board.set_targets(&list.targets, Instant::now());
        let mut checks = Self {
            shared: Arc::new(Shared::new(board)),
            threads: Vec::new(),
        };
        for _ in 0..THREADS {
            let shared = Arc::clone(&checks.shared);
            let builder = thread::Builder::new().name("health-check".into());
            checks
                .threads
                .push(builder.spawn(move || shared.check_until_stopped())?);
        }
        Ok(checks)
    }

    /// A health source that reads what the checks have found so far.
    pub fn source(&self) -> TcpHealth {
        TcpHealth {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for TcpChecks {
    fn drop(&mut self) {
        self.shared.change(Board::stop);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                warn!("a health check had panicked");
            }
        }
    }
}

impl HealthSource for TcpHealth {
    fn watch(&mut self, list: &Watchlist) {
        self.shared.change(|board| {
            board.set_settings(list.check);
            board.set_targets(&list.targets, Instant::now());
        });
    }

    fn read(&mut self) -> Result<Health, HealthError> {
        Ok(self.shared.health())
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
    use std::path::Path;
    use std::time::Duration;

    use crossbeam::channel::bounded;

    use super::*;

    /// Nothing is due within a test, as a rule.
    fn fleet(port: u16, targets: &[u8]) -> Fleet {
        fleet_checked_every(600, port, targets)
    }

    fn fleet_checked_every(seconds: u32, port: u16, targets: &[u8]) -> Fleet {
        let targets: Vec<_> = targets
            .iter()
            .map(|last| {
                format!(r#"{{ address = "127.0.0.{last}", zone = "z{last}", capacity = 1 }}"#)
            })
            .collect();
        let text = format!(
            "[health_check]\ninterval_ms = {seconds}000\nport = {port}\n\
             [[endpoint]]\nname = \"a.example\"\ntarget = [{}]",
            targets.join(", ")
        );
        Fleet::parse(&text, Path::new("test.toml")).unwrap()
    }

    #[test]
    fn another_watchlist_brings_its_targets_and_its_settings() {
        let checks = TcpChecks::start(&fleet(1, &[1, 2]), 1).unwrap();
        let address = |last| [127, 0, 0, last].into();
        let list = Watchlist {
            targets: [2, 3, 4].map(address).into(),
            check: fleet(2, &[2]).health_check(),
        };
        let mut source = checks.source();
        source.watch(&list);
        let mut settings = None;
        checks.shared.change(|b| settings = Some(*b.settings()));
        assert_eq!(settings, Some(list.check));
        let health = source.read().unwrap();
        let watched: Vec<_> = health.reports().map(|(target, _)| target).collect();
        assert_eq!(watched, [2, 3, 4].map(address));
    }

    /// Not by the interval of the fleet before.
    #[test]
    fn new_targets_are_checked_within_an_interval_of_their_fleet() {
        let checks = TcpChecks::start(&fleet(1, &[1]), 1).unwrap();
        let list = Watchlist {
            targets: (2..=5).map(|last| [127, 0, 0, last].into()).collect(),
            check: fleet_checked_every(30, 1, &[2]).health_check(),
        };
        checks.source().watch(&list);
        let mut due = 0;
        let within = Instant::now() + Duration::from_secs(30);
        checks
            .shared
            .change(|board| due = std::iter::from_fn(|| board.take_due(within).ok()).count());
        assert_eq!(due, 4);
    }

    #[test]
    fn there_are_as_many_threads_for_any_number_of_targets() {
        for targets in [1, 4, 40] {
            let targets: Vec<_> = (1..=targets).collect();
            let checks = TcpChecks::start(&fleet(1, &targets), 1).unwrap();
            // A watchlist that comes later may be longer.
            assert_eq!(checks.threads.len(), 32);
        }
    }

    /// All threads wait for a check that is due much later.
    #[test]
    fn dropping_the_checks_ends_every_thread() {
        let (end, ended) = bounded(1);
        for seed in 0..20 {
            let checks = TcpChecks::start(&fleet(1, &[1, 2, 3, 4]), seed).unwrap();
            let end = end.clone();
            // On a thread of its own, for a check that is not told would hold it up.
            thread::spawn(move || {
                drop(checks);
                end.send(())
            });
            let ended = ended.recv_timeout(Duration::from_secs(20));
            assert!(ended.is_ok(), "a checking thread still waits: seed {seed}");
        }
    }
}
