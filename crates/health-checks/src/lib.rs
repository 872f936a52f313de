//! Health checks of many targets, for the control plane: TCP, TLS, HTTP and HTTPS, gRPC, and
//! commands. The fleet file says which: [`control_plane::HealthCheck`].
//!
//! [`HealthChecks`] runs all checks on one thread. [`CheckedHealth`] is the control plane's
//! [`HealthSource`]: what the checks have found.
//!
//! # What to rely on
//! 1. A target that dies is called unhealthy within its
//!    [detection window](control_plane::HealthCheck::detection), whatever the other targets
//!    do, as long as the limit of open files allows that many checks at a time. Beyond it,
//!    checks are not made (rule 2). A machine that is too slow shows it as [`Counts::lag`].
//! 2. A check that cannot be made says nothing about its target: the target keeps its state.
//!    The cause is logged once.
//! 3. Each check has a connection of its own, which is reset at the end. No socket stays in
//!    `TIME_WAIT`.
//!
//! # Modules
//! `engine` begins the checks that are due, by `board`, which has all state: `schedule` says
//! when each target is checked next, `record` what its findings make of it. `check` makes a
//! check of each kind, with `connect`, `tls`, `http`, `grpc` and `command`.

mod board;
mod check;
mod command;
mod connect;
mod engine;
mod finding;
mod grpc;
mod http;
mod limits;
mod record;
mod schedule;
mod tls;

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use control_plane::{Health, HealthError, HealthSource, Watchlist};
use tokio::runtime;
use tokio::sync::oneshot;
use tracing::warn;

use self::board::{Board, Due};
use self::check::Checker;
use self::engine::Shared;
use self::finding::Finding;

pub use self::board::{Counts, TargetStatus};

/// The checks of a fleet's targets, on a thread of their own. Dropping this ends the checks
/// that run, and kills the commands.
pub struct HealthChecks {
    health: CheckedHealth,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What [`HealthChecks`] have found. Clones share it. Once the checks have ended, reading it
/// is an error.
#[derive(Clone)]
pub struct CheckedHealth {
    shared: Arc<Shared>,
    checker: Arc<Checker>,
}

impl HealthChecks {
    /// Begins to check the targets of this list; `seed` decides the jitter. Raises the
    /// process's limit of open files as far as it may go.
    ///
    /// The thread owns `alive` and drops it when it ends, also by a panic. So a caller can
    /// notice that no target is checked any more.
    ///
    /// # Errors
    /// If the operating system cannot start a thread, or gives it no event queue.
    pub fn start(list: &Watchlist, seed: u64, alive: impl Send + 'static) -> io::Result<Self> {
        let checker = Arc::new(Checker::new(limits::for_checks()));
        let make = Arc::clone(&checker);
        let check = move |due| {
            let checker = Arc::clone(&make);
            async move { checker.check(&due).await }
        };
        Self::start_with(list, seed, alive, checker, check)
    }

    fn start_with<F>(
        list: &Watchlist,
        seed: u64,
        alive: impl Send + 'static,
        checker: Arc<Checker>,
        check: impl Fn(Due) -> F + Clone + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = Finding> + Send + 'static,
    {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared::new(Board::new(seed, Instant::now())));
        let mut health = CheckedHealth { shared, checker };
        health.watch(list);
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&health.shared);
        let run = move || {
            let _alive = alive;
            runtime.block_on(async {
                tokio::select! {
                    () = engine::run(shared, check) => {}
                    // An error means that nobody can stop it any more.
                    _ = stopped => {}
                }
            });
        };
        let builder = thread::Builder::new().name("health-checks".into());
        Ok(Self {
            health,
            stop: Some(stop),
            thread: Some(builder.spawn(run)?),
        })
    }

    /// A health source that reads what the checks have found so far.
    pub fn source(&self) -> CheckedHealth {
        self.health.clone()
    }
}

impl CheckedHealth {
    /// What is known of each target, by address, and by the way in which it is checked.
    pub fn status(&self) -> Vec<TargetStatus> {
        self.shared.status()
    }

    /// How many checks ended in which way, since the start, and how punctual they are.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }
}

impl HealthSource for CheckedHealth {
    fn watch(&mut self, list: &Watchlist) {
        self.checker.load(list);
        self.shared.watch(list, Instant::now());
    }

    fn read(&mut self) -> Result<Health, HealthError> {
        self.shared.health()
    }
}

impl Drop for HealthChecks {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the thread of the health checks had panicked");
        }
    }
}

impl fmt::Debug for HealthChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthChecks").finish_non_exhaustive()
    }
}

impl fmt::Debug for CheckedHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedHealth").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::Duration;

    use control_plane::{HealthCheck, Watched};

    use super::*;

    /// The bound of every wait; a test that reaches it fails.
    const PATIENCE: Duration = Duration::from_mins(1);

    fn list() -> Watchlist {
        let watched = Watched {
            check: Arc::new(HealthCheck {
                interval: Duration::from_millis(100),
                ..HealthCheck::default()
            }),
            endpoint: "a.example".parse().unwrap(),
        };
        let targets = [(IpAddr::from([127, 0, 0, 1]).into(), watched)];
        Watchlist {
            targets: targets.into(),
        }
    }

    /// A way to check that panics when the loop begins a check.
    struct Bad;

    impl Clone for Bad {
        fn clone(&self) -> Self {
            panic!("a bug");
        }
    }

    #[test]
    fn the_end_of_the_thread_drops_what_it_owns() {
        // The channel has a sender as long as the thread lives.
        let (alive, ended) = channel::<()>();
        let bad = Bad;
        let check = move |_| {
            std::hint::black_box(&bad);
            async { Ok(()).into() }
        };
        let checker = Arc::new(Checker::new(1));
        let checks = HealthChecks::start_with(&list(), 1, alive, checker, check).unwrap();
        let told = ended.recv_timeout(PATIENCE);
        assert_eq!(told, Err(RecvTimeoutError::Disconnected), "by a panic");
        drop(checks);

        let (alive, ended) = channel::<()>();
        let checks = HealthChecks::start(&list(), 1, alive).unwrap();
        let told = ended.recv_timeout(Duration::from_millis(1));
        assert_eq!(told, Err(RecvTimeoutError::Timeout), "it runs");
        drop(checks);
        let told = ended.recv_timeout(PATIENCE);
        assert_eq!(told, Err(RecvTimeoutError::Disconnected), "as usual");
    }
}
