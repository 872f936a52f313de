//! The Enactor's loop under loom: no wake-up is lost, and it ends when it is told to.
//! Both are models without a clock, so nothing can be made good by a time-out. Each
//! protection is taken away in turn, and then somebody waits for ever.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed model")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use models::checker::{PlainLoads, RmwLoads};
use models::wakeups::{self, Deaf, publish_then_wake, wake_then_publish};
use plan_store::Loom;

#[test]
fn no_wakeup_is_lost() {
    wakeups::no_wakeup_is_lost::<PlainLoads>();
    wakeups::no_wakeup_is_lost::<RmwLoads>();
}

#[test]
fn it_always_stops() {
    wakeups::it_always_stops::<PlainLoads>();
    wakeups::it_always_stops::<RmwLoads>();
}

#[test]
fn it_retries_until_the_store_recovers() {
    wakeups::it_retries_until_the_store_recovers::<PlainLoads>();
    wakeups::it_retries_until_the_store_recovers::<RmwLoads>();
}

/// Asserts that in some execution all threads wait for each other.
fn deadlocks<T>(model: impl FnOnce() -> T) {
    let panic = catch_unwind(AssertUnwindSafe(model)).err().unwrap();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("deadlock"), "{message}");
}

#[test]
fn a_wakeup_before_the_publish_is_lost() {
    deadlocks(wake_then_publish::<PlainLoads, Loom>);
}

#[test]
fn a_wakeup_between_a_look_and_the_wait_is_lost() {
    deadlocks(publish_then_wake::<PlainLoads, Deaf>);
}
