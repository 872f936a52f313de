//! The Enactor's loop under loom: no wake-up is lost, and the loop ends when it is told
//! to. Both are models without a clock, so no time-out can make good what is lost. Each
//! protection is taken away in turn, and then threads wait for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};

use models::checker::{PlainLoads, RmwLoads};
use models::wakeups::{self, Deaf, publish_then_wake, wake_then_publish};
use plan_store::Loom;

use crate::apart::apart;

#[test]
fn no_wakeup_is_lost_with_plain_loads() {
    apart(|| assert_eq!(wakeups::no_wakeup_is_lost::<PlainLoads>(), [49_170, 14_058]));
}

#[test]
fn no_wakeup_is_lost_with_rmw_loads() {
    apart(|| assert_eq!(wakeups::no_wakeup_is_lost::<RmwLoads>(), [49_170, 14_058]));
}

#[test]
fn it_always_stops() {
    assert_eq!(wakeups::it_always_stops::<PlainLoads>(), 1_170);
    assert_eq!(wakeups::it_always_stops::<RmwLoads>(), 1_170);
}

#[test]
fn it_retries_until_the_store_recovers() {
    let plain = wakeups::it_retries_until_the_store_recovers::<PlainLoads>();
    let rmw = wakeups::it_retries_until_the_store_recovers::<RmwLoads>();
    assert_eq!([plain, rmw], [192, 192]);
}

/// Whether in some execution all threads wait for each other.
fn deadlocks<T>(model: impl FnOnce() -> T) -> bool {
    let panic = catch_unwind(AssertUnwindSafe(model)).err();
    let message = panic
        .as_ref()
        .and_then(|panic| panic.downcast_ref::<String>());
    message.is_some_and(|message| message.contains("deadlock"))
}

#[test]
fn a_wakeup_before_the_publish_is_lost() {
    assert!(deadlocks(wake_then_publish::<PlainLoads, Loom>));
}

#[test]
fn a_wakeup_between_a_look_and_the_wait_is_lost() {
    assert!(deadlocks(publish_then_wake::<PlainLoads, Deaf>));
}
