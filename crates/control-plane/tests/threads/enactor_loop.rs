//! The Enactor's loop, turn by turn: whenever the loop waits, it is the test's turn. So
//! each signal is tried in each state, and nothing depends on time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use control_plane::{Enactor, EnactorLoop, Pace, Pass, PassError, Signals};
use parking_lot::Mutex;
use plan_store::Native;
use plan_store::primitives::{Monitor, Primitives};

use crate::hooked::{Fate, Hooked};
use crate::{NEVER, publish};

/// Primitives of a loop that runs on the test's own thread.
enum Turns {}

/// A monitor at which a wait gives the turn to the test.
struct TurnsMonitor<T>(Mutex<T>);

impl Primitives for Turns {
    type Word = <Native as Primitives>::Word;
    type Lock<T: Send + Sync + 'static> = <Native as Primitives>::Lock<T>;
    type Monitor<T: Send + 'static> = TurnsMonitor<T>;
}

impl<T: Send + 'static> Monitor<T> for TurnsMonitor<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn update<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        section(&mut self.0.lock())
    }

    fn wait<R>(
        &self,
        timeout: Option<Duration>,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        loop {
            let result = ready(&mut self.0.lock());
            if let Some(result) = result {
                if let Some((signals, late)) = SCRIPT.with_borrow_mut(Script::late) {
                    send(&signals, late);
                }
                return Some(result);
            }
            if SCRIPT.with_borrow_mut(|script| script.as_mut().unwrap().turn(timeout)) {
                assert!(timeout.is_some(), "this wait has no end");
                return None;
            }
        }
    }
}

thread_local! {
    static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
}

/// What the test does in a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    Wake,
    Pause,
    Resume,
    Stop,
    /// Set the pace to [`quick`].
    Quicken,
    /// The wait is over.
    TimeOut,
}
use Turn::{Pause, Quicken, Resume, Stop, TimeOut, Wake};

/// What the loop does, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Did {
    /// It waits, at most so long.
    Waits(Option<Duration>),
    Passes,
    Fails,
}
use Did::{Fails, Passes, Waits};

/// The test's turns, and what the loop has done.
struct Script {
    signals: Signals<Turns>,
    turns: VecDeque<Turn>,
    /// A signal that comes once the loop has seen the first one, before it acts on it.
    late: Option<Turn>,
    did: Arc<Mutex<Vec<Did>>>,
}

impl Script {
    fn late(script: &mut Option<Self>) -> Option<(Signals<Turns>, Turn)> {
        let script = script.as_mut()?;
        Some((script.signals.clone(), script.late.take()?))
    }

    /// Takes the next turn, the last of which is a stop. Returns whether it is a time-out.
    fn turn(&mut self, timeout: Option<Duration>) -> bool {
        note(&self.did, Waits(timeout));
        let turn = self.turns.pop_front().unwrap_or(Stop);
        send(&self.signals, turn);
        turn == TimeOut
    }
}

fn note(did: &Mutex<Vec<Did>>, what: Did) {
    let mut did = did.lock();
    did.push(what);
    assert!(did.len() < 1000, "the loop has no end");
}

fn send(signals: &Signals<Turns>, turn: Turn) {
    match turn {
        Wake => signals.waker().wake(),
        Pause => signals.pause(),
        Resume => signals.resume(),
        Stop => signals.stop(),
        Quicken => signals.set_pace(quick()),
        TimeOut => {}
    }
}

const MS: Duration = Duration::from_millis(1);
/// How long an idle loop waits in these tests.
const RECHECK: Duration = Duration::from_secs(9);
/// An idle loop's wait.
const IDLE: Did = Waits(Some(RECHECK));
/// A paused loop's wait.
const PAUSED: Did = Waits(None);

fn pace() -> Pace {
    Pace {
        backoff_first: 8 * MS,
        backoff_max: 20 * MS,
        recheck: Some(RECHECK),
        seed: 1,
    }
}

/// Another pace, at which an idle loop waits so long, and a failed pass less than before.
fn quick() -> Pace {
    Pace {
        backoff_first: MS,
        backoff_max: 3 * MS,
        recheck: Some(RECHECK / 3),
        seed: 2,
    }
}

/// Runs a loop whose passes end as `store` decides, through these turns and then to its
/// end.
fn run(store: Hooked, pace: Pace, turns: &[Turn]) -> Vec<Did> {
    run_with(store, pace, turns, None)
}

/// [`run`], with a late signal.
fn run_with(store: Hooked, pace: Pace, turns: &[Turn], late: Option<Turn>) -> Vec<Did> {
    let did = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&did);
    let report = move |pass: &Result<Pass, PassError>| {
        note(&noted, if pass.is_ok() { Passes } else { Fails });
    };
    let (passes, signals) = EnactorLoop::<_, _, Turns>::new(Enactor::new("e", store), pace, report);
    SCRIPT.set(Some(Script {
        signals,
        turns: turns.iter().copied().collect(),
        late,
        did: Arc::clone(&did),
    }));
    passes.run();
    SCRIPT.set(None);
    let did = did.lock();
    did.clone()
}

/// Passes succeed.
fn well() -> Hooked {
    Hooked::new(|_, _| Fate::Done)
}

/// Passes fail.
fn ill() -> Hooked {
    Hooked::new(|_, _| Fate::Failed)
}

/// Asserts what an idle loop with good passes does in these turns.
#[track_caller]
fn assert_does(turns: &[Turn], does: &[Did]) {
    assert_eq!(run(well(), pace(), turns), does, "{turns:?}");
}

#[test]
fn idle() {
    assert_does(&[], &[IDLE]);
    assert_does(&[Wake], &[IDLE, Passes, IDLE]);
    assert_does(&[TimeOut], &[IDLE, Passes, IDLE]);
    assert_does(&[Resume], &[IDLE, Passes, IDLE]);
    assert_does(&[Pause], &[IDLE, PAUSED]);
}

#[test]
fn paused() {
    // Pausing again changes nothing. A wake-up waits; the resumption makes one pass, which
    // answers the wake-up too.
    assert_does(&[Pause, Pause], &[IDLE, PAUSED, PAUSED]);
    assert_does(&[Pause, Wake], &[IDLE, PAUSED, PAUSED]);
    assert_does(&[Pause, Resume], &[IDLE, PAUSED, Passes, IDLE]);
    let does = [IDLE, PAUSED, PAUSED, Passes, IDLE];
    assert_does(&[Pause, Wake, Resume], &does);
    // The loop can be paused again.
    let does = [IDLE, PAUSED, Passes, IDLE, PAUSED];
    assert_does(&[Pause, Resume, Pause], &does);
}

/// The back-off after a first failed pass and after a second one.
fn is_backoff(did: Did, ceiling: Duration) -> bool {
    matches!(did, Waits(Some(wait)) if ceiling / 2 <= wait && wait <= ceiling)
}

#[test]
fn backing_off() {
    // Each turn comes in the back-off after a failed pass.
    let after = |turn: Turn| {
        let mut did = run(ill(), pace(), &[Wake, turn]);
        assert_eq!(did.drain(..2).collect::<Vec<_>>(), [IDLE, Fails]);
        assert!(is_backoff(did.remove(0), 8 * MS), "{did:?}");
        did
    };
    // Stopping, pausing and resuming end it, and so does its time.
    assert_eq!(after(Stop), []);
    assert_eq!(after(Pause), [PAUSED]);
    for turn in [Resume, TimeOut] {
        let did = after(turn);
        assert!(did[0] == Fails && is_backoff(did[1], 16 * MS), "{did:?}");
        assert_eq!(did.len(), 2);
    }
    // A wake-up does not: the loop goes on waiting.
    let did = after(Wake);
    assert!(did.len() == 1 && is_backoff(did[0], 8 * MS), "{did:?}");
}

#[test]
fn a_wake_up_in_a_back_off_is_answered_by_the_pass_after_it() {
    let failures = Mutex::new(1);
    let store = Hooked::new(move |_, _| {
        let mut left = failures.lock();
        if *left == 0 {
            return Fate::Done;
        }
        *left -= 1;
        Fate::Failed
    });
    let did = run(store, pace(), &[Wake, Wake, TimeOut]);
    assert_eq!(did[..2], [IDLE, Fails]);
    assert!(is_backoff(did[2], 8 * MS) && did[2] == did[3], "{did:?}");
    assert_eq!(did[4..], [Passes, IDLE]);
}

#[test]
fn a_resumption_after_a_pause_in_a_back_off_makes_a_pass_at_once() {
    let did = run(ill(), pace(), &[Wake, Pause, Resume]);
    assert_eq!(did[3..5], [PAUSED, Fails]);
    assert!(is_backoff(did[5], 16 * MS), "the back-off goes on: {did:?}");
}

#[test]
fn the_back_off_grows_to_its_maximum_and_starts_over_after_a_success() {
    let fails = Arc::new(AtomicBool::new(true));
    let (decides, passes) = (Arc::clone(&fails), Mutex::new(0));
    let store = Hooked::new(move |call, _| {
        if call == "latest" {
            *passes.lock() += 1;
        }
        // The fifth pass succeeds.
        decides.store(*passes.lock() != 5, Ordering::SeqCst);
        if decides.load(Ordering::SeqCst) {
            Fate::Failed
        } else {
            Fate::Done
        }
    });
    let turns = [Wake, TimeOut, TimeOut, TimeOut, TimeOut, Wake];
    let did = run(store, pace(), &turns);
    let waits: Vec<_> = did.iter().filter(|did| matches!(did, Waits(_))).collect();
    for (wait, ceiling) in waits[1..5].iter().zip([8, 16, 20, 20]) {
        assert!(is_backoff(**wait, ceiling * MS), "{did:?}");
    }
    assert_eq!((*waits[5], did[did.len() - 2]), (IDLE, Fails));
    assert!(is_backoff(*waits[6], 8 * MS), "{did:?}");
}

#[test]
fn without_a_recheck_an_idle_loop_waits_for_a_signal_alone() {
    let recheck = None;
    let did = run(well(), Pace { recheck, ..pace() }, &[Wake]);
    assert_eq!(did, [Waits(None), Passes, Waits(None)]);
}

#[test]
fn another_pace_counts_in_each_state_and_the_state_stays() {
    const QUICK: Did = Waits(Some(Duration::from_secs(3)));
    assert_does(&[Quicken, TimeOut], &[IDLE, QUICK, Passes, QUICK]);
    let does = [IDLE, PAUSED, PAUSED, Passes, QUICK];
    assert_does(&[Pause, Quicken, Resume], &does);
    // A wake-up that came before is not lost, and neither is a stop.
    let did = during_a_pass("latest", &[Wake, Quicken], &[]);
    assert_eq!(did, [IDLE, Passes, Passes, QUICK]);
    let did = during_a_pass("latest", &[Quicken, Stop], &[]);
    assert_eq!(did, [IDLE, Passes]);
    // A back-off goes on, no longer than the new pace allows, and then begins anew.
    let did = run(ill(), pace(), &[Wake, Quicken, TimeOut, TimeOut]);
    assert!(did[1] == Fails && is_backoff(did[2], 8 * MS), "{did:?}");
    assert_eq!(did[3..5], [Waits(Some(3 * MS)), Fails]);
    assert!(
        is_backoff(did[5], MS) && is_backoff(did[7], 2 * MS),
        "{did:?}"
    );
}

/// The pass that begins answers the wake-up and the resumption, and nothing else.
#[test]
fn a_signal_between_a_wait_and_the_pass_after_it_is_not_lost() {
    const QUICK: Did = Waits(Some(Duration::from_secs(3)));
    let cases: [(Turn, &[Did]); 5] = [
        (Quicken, &[IDLE, Passes, QUICK]),
        (Pause, &[IDLE, Passes, PAUSED]),
        (Stop, &[IDLE, Passes]),
        (Wake, &[IDLE, Passes, IDLE]),
        (Resume, &[IDLE, Passes, IDLE]),
    ];
    for (late, does) in cases {
        assert_eq!(
            run_with(well(), pace(), &[Wake], Some(late)),
            does,
            "{late:?}"
        );
    }
}

/// They come in either order while a pass is under way. A pause is followed by a resumption,
/// because a paused loop shows no pace.
#[test]
fn a_pace_and_another_signal_do_not_replace_each_other() {
    const QUICK: Did = Waits(Some(Duration::from_secs(3)));
    let cases: [([&'static [Turn]; 2], &[Did]); 4] = [
        (
            [&[Quicken, Wake], &[Wake, Quicken]],
            &[IDLE, Passes, Passes, QUICK, Passes],
        ),
        (
            [&[Quicken, Resume], &[Resume, Quicken]],
            &[IDLE, Passes, Passes, QUICK, Passes],
        ),
        (
            [&[Quicken, Pause], &[Pause, Quicken]],
            &[IDLE, Passes, PAUSED, Passes],
        ),
        ([&[Quicken, Stop], &[Stop, Quicken]], &[IDLE, Passes]),
    ];
    for (orders, does) in cases {
        for signals in orders {
            let mut does = does.to_vec();
            if !signals.contains(&Stop) {
                does.push(QUICK);
            }
            assert_eq!(
                during_a_pass("latest", signals, &[Resume]),
                does,
                "{signals:?}"
            );
        }
    }
}

/// Signals that come while a pass is under way, at one of its calls, and turns after it.
fn during_a_pass(call: &'static str, signals: &'static [Turn], then: &'static [Turn]) -> Vec<Did> {
    let store = Hooked::new(move |now, _| {
        // Only during the first pass.
        if now == call && !SENT.replace(true) {
            let script = |script: &mut Option<Script>| script.as_ref().unwrap().signals.clone();
            let to = SCRIPT.with_borrow_mut(script);
            for &signal in signals {
                send(&to, signal);
            }
        }
        Fate::Done
    });
    publish(&store, 1);
    SENT.set(false);
    run(store, pace(), &[&[Wake], then].concat())
}

thread_local! {
    static SENT: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[test]
fn signals_during_a_pass_are_kept_to_its_end() {
    // The pass has cleared the wake-up that it answers before it looks at the store. So a
    // wake-up that comes with that look, or later, is not lost.
    for call in ["latest", "activate", "sweep"] {
        let cases: [(&[Turn], &[Did]); 10] = [
            (&[], &[IDLE, Passes, IDLE]),
            (&[Wake], &[IDLE, Passes, Passes, IDLE]),
            (&[Wake, Wake], &[IDLE, Passes, Passes, IDLE]),
            (&[Resume], &[IDLE, Passes, Passes, IDLE]),
            (&[Pause], &[IDLE, Passes, PAUSED]),
            (&[Wake, Pause], &[IDLE, Passes, PAUSED]),
            (&[Pause, Resume], &[IDLE, Passes, Passes, IDLE]),
            (&[Pause, Wake, Stop], &[IDLE, Passes]),
            (&[Wake, Stop], &[IDLE, Passes]),
            (&[Stop, Resume], &[IDLE, Passes]),
        ];
        for (signals, does) in cases {
            assert_eq!(
                during_a_pass(call, signals, &[]),
                does,
                "{signals:?} at {call}"
            );
        }
    }
}

#[test]
fn a_pass_that_panics_counts_as_failed_and_the_next_starts_afresh() {
    let trap = AtomicBool::new(true);
    let store = Hooked::new(move |call, _| {
        assert!(
            !(call == "sweep" && trap.swap(false, Ordering::SeqCst)),
            "a trap"
        );
        Fate::Done
    });
    publish(&store, 1);
    let did = run(store.clone(), pace(), &[Wake, TimeOut]);
    assert_eq!(did[..2], [IDLE, Fails]);
    assert!(is_backoff(did[2], 8 * MS), "{did:?}");
    assert_eq!(did[3..], [Passes, IDLE]);
}

#[test]
fn the_seed_decides_the_jitter() {
    let wait = |seed| {
        let backoff_first = NEVER;
        let pace = Pace {
            seed,
            backoff_first,
            backoff_max: NEVER,
            ..pace()
        };
        run(ill(), pace, &[Wake])[2]
    };
    assert_eq!(wait(1), wait(1));
    assert_ne!(wait(1), wait(2));
}
