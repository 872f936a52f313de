//! The native monitor: a thread that waits looks at each update, and once more at the end.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use plan_store::primitives::{Monitor, Native, Primitives};

/// Nothing here takes as long. A test that waits longer fails.
const PATIENCE: Duration = Duration::from_secs(20);

type NativeMonitor<T> = <Native as Primitives>::Monitor<T>;

#[derive(Default)]
struct Gate {
    waiting: usize,
    open: bool,
}

#[test]
fn an_update_has_all_who_wait_look() {
    let gate = Arc::new(NativeMonitor::new(Gate::default()));
    let (report, through) = channel();
    for _ in 0..2 {
        let (gate, report) = (Arc::clone(&gate), report.clone());
        thread::spawn(move || {
            let mut looked = false;
            gate.wait(None, |gate| {
                gate.waiting += usize::from(!std::mem::replace(&mut looked, true));
                gate.open.then_some(())
            });
            report.send(()).unwrap();
        });
    }
    // A look that wakes nobody.
    while gate.wait(None, |gate| Some(gate.waiting)) != Some(2) {
        thread::yield_now();
    }
    gate.update(|gate| gate.open = true);
    for _ in 0..2 {
        through.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn a_wait_whose_time_is_over_looks_once_more() {
    let mut looks = 0;
    let found = NativeMonitor::new(()).wait(Some(Duration::ZERO), |()| {
        looks += 1;
        (looks == 2).then_some(())
    });
    assert_eq!((found, looks), (Some(()), 2));
}
