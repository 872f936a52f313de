//! The engine: begins the checks that are due, each as a task of its own.
//!
//! # Concurrency rules
//! 1. All state is on one [`Board`] behind a lock. Nobody holds the lock while a check runs,
//!    or across an `await`.
//! 2. A target is either on the schedule or being checked. The task that checks it puts it
//!    back, also if the check panics. A check that the end of all checks cuts off finds
//!    nothing.
//! 3. All tasks run on one thread. A task waits for its own target only, and no longer than
//!    the time-out, so no target delays another one. There is no limit of checks at a time
//!    but that of open files; beyond it a check is not made, and says so.
//! 4. The loop sleeps until the next check is due. A caller that schedules a check for an earlier
//!    time wakes it. [`Notify`] keeps a wake-up that comes while the loop does not sleep.
//! 5. The loop marks its end on the way out, also if it panics. From then on there is no
//!    reading: what the board says would look like news for ever.

use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use control_plane::{Health, HealthError, Watchlist};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time;

use crate::board::{Board, Counts, Due, TargetStatus};
use crate::finding::{Finding, Trouble};

/// What the engine and its handles share.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// The schedule has changed.
    changed: Notify,
}

struct State {
    board: Board,
    /// When the loop wakes up by itself, if it sleeps.
    wakes: Option<Instant>,
    /// Whether no check will be made any more.
    ended: bool,
}

/// Marks the end of the checks when it is dropped.
struct Loop(Arc<Shared>);

/// A check that is being made. Its end puts the target back on the schedule, and so does a
/// panic.
struct Checking {
    shared: Arc<Shared>,
    due: Due,
    finding: Option<Finding>,
}

impl Shared {
    pub(crate) fn new(board: Board) -> Self {
        let wakes = None;
        Self {
            state: Mutex::new(State {
                board,
                wakes,
                ended: false,
            }),
            changed: Notify::new(),
        }
    }

    /// Checks the targets of this list from now on.
    pub(crate) fn watch(&self, list: &Watchlist, now: Instant) {
        self.state.lock().board.watch(list, now);
        self.changed.notify_one();
    }

    /// A reading of all targets.
    ///
    /// # Errors
    /// If the checks have ended.
    pub(crate) fn health(&self) -> Result<Health, HealthError> {
        let state = self.state.lock();
        if state.ended {
            let text = "the health checks have ended; restart the process";
            return Err(HealthError::new(text));
        }
        Ok(Health::new(Instant::now(), state.board.states()))
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state.lock().board.counts(now())
    }

    pub(crate) fn status(&self) -> Vec<TargetStatus> {
        self.state.lock().board.status()
    }

    fn take(&self, due: &Due, finding: Finding) {
        let mut state = self.state.lock();
        let next = state.board.take(due, finding, now());
        let is_earlier = match (next, state.wakes) {
            (Some(next), Some(wakes)) => next < wakes,
            (next, None) => next.is_some(),
            (None, Some(_)) => false,
        };
        drop(state);
        if is_earlier {
            self.changed.notify_one();
        }
    }

    fn take_due(&self, due: &mut Vec<Due>) -> Option<Instant> {
        let mut state = self.state.lock();
        state.wakes = state.board.take_due(now(), due);
        state.wakes
    }
}

/// Makes all checks with `check`, for ever. What does not end within its time-out is dropped.
pub(crate) async fn run<F>(shared: Arc<Shared>, check: impl Fn(Due) -> F + Clone + Send + 'static)
where
    F: Future<Output = Finding> + Send + 'static,
{
    let _end = Loop(Arc::clone(&shared));
    let mut due = Vec::new();
    loop {
        let next = shared.take_due(&mut due);
        for due in due.drain(..) {
            let checking = Checking {
                shared: Arc::clone(&shared),
                due,
                finding: None,
            };
            let check = check.clone();
            tokio::spawn(checking.make(check));
        }
        let changed = shared.changed.notified();
        match next {
            Some(at) => {
                // The earlier of the two.
                let _ = time::timeout_at(at.into(), changed).await;
            }
            None => changed.await,
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
    }
}

impl Checking {
    async fn make<F: Future<Output = Finding>>(mut self, check: impl Fn(Due) -> F) {
        let end = self.due.begun + self.due.watched.check.timeout;
        let made = time::timeout_at(end.into(), check(self.due.clone())).await;
        self.finding = Some(made.unwrap_or_else(|_| Err(Trouble::target("timed out")).into()));
    }
}

impl Drop for Checking {
    fn drop(&mut self) {
        let panicked = || Err(Trouble::checker("a check panicked; report this bug")).into();
        let finding = self.finding.take();
        let Some(finding) = finding.or_else(|| thread::panicking().then(panicked)) else {
            return; // The runtime ends, and with it all checks.
        };
        self.shared.take(&self.due, finding);
    }
}

/// The runtime's clock, which tests can move.
fn now() -> Instant {
    time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use control_plane::{CheckedTarget, HealthCheck, TargetState, Watched};

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);
    const TIMEOUT: Duration = Duration::from_millis(500);

    fn target(number: u32) -> CheckedTarget {
        IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + number)).into()
    }

    fn list(targets: u32) -> Watchlist {
        let check = Arc::new(HealthCheck {
            interval: INTERVAL,
            timeout: TIMEOUT,
            ..HealthCheck::default()
        });
        let watched = Watched {
            check,
            endpoint: "a.example".parse().unwrap(),
        };
        let targets = (0..targets).map(|number| (target(number), watched.clone()));
        Watchlist {
            targets: targets.collect(),
        }
    }

    fn shared(targets: u32) -> Arc<Shared> {
        let shared = Shared::new(Board::new(1, now()));
        shared.watch(&list(targets), now());
        Arc::new(shared)
    }

    fn states(shared: &Shared) -> BTreeMap<CheckedTarget, TargetState> {
        let health = shared.health().unwrap();
        let states = health.reports().map(|(target, said)| (target, said.state));
        states.collect()
    }

    /// Half of the targets never answer. All others die at one moment; then each is called
    /// unhealthy within its detection window, on a clock that moves only when all tasks wait.
    #[tokio::test(start_paused = true)]
    async fn row_7_black_holes_delay_the_detection_of_nobody() {
        let targets = 2_000;
        let shared = shared(targets);
        let dies = now() + 10 * INTERVAL;
        let check = move |due: Due| async move {
            let IpAddr::V4(address) = due.target.address else {
                return Ok(()).into();
            };
            if address.to_bits() % 2 == 0 {
                std::future::pending::<()>().await;
            }
            time::sleep(Duration::from_millis(1)).await;
            let dead = due.begun >= dies;
            let result = if dead {
                Err(Trouble::target("connection refused"))
            } else {
                Ok(())
            };
            result.into()
        };
        tokio::spawn(run(Arc::clone(&shared), check));
        time::sleep_until(dies.into()).await;
        let before = states(&shared);
        let window = list(1).targets[&target(0)].check.detection();
        time::sleep(window + Duration::from_millis(10)).await;
        let after = states(&shared);
        for number in (1..targets).step_by(2) {
            assert_eq!(before[&target(number)], TargetState::Up);
            let TargetState::Down { since, was_up } = after[&target(number)] else {
                panic!("{number} is {:?}", after[&target(number)]);
            };
            assert!(was_up && since - dies <= window, "{:?}", since - dies);
        }
        assert!(shared.counts().lag <= Duration::from_millis(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_ends_at_its_time_out_and_the_next_one_is_not_later() {
        let shared = shared(1);
        let begun = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&begun);
        let check = move |due: Due| {
            note.lock().push(due.begun);
            std::future::pending()
        };
        tokio::spawn(run(Arc::clone(&shared), check));
        time::sleep(20 * INTERVAL).await;
        let begun = begun.lock();
        assert!(begun.len() >= 18, "{}", begun.len());
        for pair in begun.windows(2) {
            let (low, high) = (Duration::from_millis(900), Duration::from_millis(1102));
            assert!((low..=high).contains(&(pair[1] - pair[0])));
        }
        let status = shared.status().remove(0);
        assert_eq!(status.error.as_deref(), Some("timed out"));
        assert!(matches!(
            status.state,
            TargetState::Down { was_up: false, .. }
        ));
    }

    /// The loop sleeps until a check that is due much later.
    #[tokio::test(start_paused = true)]
    async fn a_new_list_wakes_the_loop() {
        let shared = shared(0);
        tokio::spawn(run(Arc::clone(&shared), |_| async { Ok(()).into() }));
        time::sleep(100 * INTERVAL).await;
        shared.watch(&list(3), now());
        time::sleep(INTERVAL + TIMEOUT).await;
        assert_eq!(states(&shared).len(), 3);
        assert!(
            states(&shared)
                .values()
                .all(|state| *state == TargetState::Up)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_panics_is_made_again() {
        let shared = shared(1);
        let check = |due: Due| async move {
            assert!(due.begun.elapsed() > Duration::MAX, "a bug");
            Ok(()).into()
        };
        tokio::spawn(run(Arc::clone(&shared), check));
        time::sleep(10 * INTERVAL).await;
        assert!(shared.counts().not_made >= 8);
        let status = shared.status().remove(0);
        assert_eq!(status.state, TargetState::Unknown);
        assert_eq!(
            status.error.as_deref(),
            Some("a check panicked; report this bug")
        );
    }

    #[test]
    fn the_end_of_the_checks_is_not_a_panic_of_theirs() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let shared = runtime.block_on(async {
            let shared = shared(3);
            let check = |_| std::future::pending();
            tokio::spawn(run(Arc::clone(&shared), check));
            while shared.counts().running == 0 {
                time::sleep(Duration::from_millis(1)).await;
            }
            shared
        });
        drop(runtime);
        let counts = shared.counts();
        assert_eq!((counts.not_made, counts.failed), (0, 0));
        assert!(shared.status().iter().all(|status| status.error.is_none()));
    }

    /// The loop panics when it begins its first check.
    #[tokio::test(start_paused = true)]
    async fn a_loop_that_has_panicked_gives_no_reading() {
        struct Bad;
        impl Clone for Bad {
            fn clone(&self) -> Self {
                panic!("a bug");
            }
        }
        let (shared, bad) = (shared(1), Bad);
        let check = move |_| {
            std::hint::black_box(&bad);
            async { Ok(()).into() }
        };
        assert_eq!(states(&shared).len(), 1);
        let ended = tokio::spawn(run(Arc::clone(&shared), check)).await;
        assert!(ended.unwrap_err().is_panic());
        shared.health().unwrap_err();
        // The next check is late, and later and later.
        time::sleep(100 * INTERVAL).await;
        assert!(shared.counts().lag >= 98 * INTERVAL);
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_is_stopped_gives_no_reading() {
        let shared = shared(1);
        let check = |_| async { Ok(()).into() };
        let running = tokio::spawn(run(Arc::clone(&shared), check));
        time::sleep(2 * INTERVAL).await;
        shared.health().unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        shared.health().unwrap_err();
    }
}
