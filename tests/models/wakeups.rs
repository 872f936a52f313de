//! The Enactor's loop under loom: no wake-up is lost, and the loop ends when it is told to
//! stop. The models have no clock, so no time-out can hide a lost signal. Each protection
//! is taken away in turn, and then threads wait forever.

use std::panic::{AssertUnwindSafe, catch_unwind};

use models::Instrumented;
use models::checker::{Loads, Loom};
use models::wakeups::{
    self, Deaf, Timeless, pause_and_wake, publish_alone, publish_then_wake, retry, stop_anywhere,
    wake_then_publish,
};

use crate::apart::apart;

#[test]
fn no_wakeup_is_lost_with_plain_loads() {
    apart(|| assert_eq!(wakeups::no_wakeup_is_lost(), [49_170, 14_058]));
}

#[test]
fn no_wakeup_is_lost_with_rmw_loads() {
    apart(|| {
        assert_eq!(
            Loads::Rmw.during(wakeups::no_wakeup_is_lost),
            [49_170, 14_058]
        );
    });
}

#[test]
fn it_always_stops() {
    assert_eq!(wakeups::it_always_stops(), 1_170);
    assert_eq!(Loads::Rmw.during(wakeups::it_always_stops), 1_170);
}

#[test]
fn it_retries_until_the_store_recovers() {
    let plain = wakeups::it_retries_until_the_store_recovers();
    let rmw = Loads::Rmw.during(wakeups::it_retries_until_the_store_recovers);
    assert_eq!([plain, rmw], [192, 192]);
}

#[test]
fn a_recheck_finds_a_plan_without_a_wakeup() {
    let plain = wakeups::a_recheck_finds_a_plan_without_a_wakeup();
    let rmw = Loads::Rmw.during(wakeups::a_recheck_finds_a_plan_without_a_wakeup);
    assert_eq!([plain, rmw], [1_287, 1_287]);
}

#[test]
fn a_resumption_makes_a_pass() {
    let plain = wakeups::a_resumption_makes_a_pass();
    let rmw = Loads::Rmw.during(wakeups::a_resumption_makes_a_pass);
    assert_eq!([plain, rmw], [2_268, 2_268]);
}

#[test]
fn no_pause_and_no_stop_is_lost_in_any_order() {
    let executions = [470, 341, 408, 283, 191, 191];
    assert_eq!(wakeups::no_pause_and_no_stop_is_lost(), executions);
}

#[test]
fn only_a_resumption_ends_a_backoff() {
    let executions = [167, 6_762];
    assert_eq!(wakeups::only_a_resumption_ends_a_backoff(), executions);
    wakeups::a_backoff_ends_by_itself();
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
    assert!(deadlocks(wake_then_publish::<Instrumented>));
}

#[test]
fn a_wakeup_between_a_look_and_the_wait_is_lost() {
    assert!(deadlocks(publish_then_wake::<Loom, Deaf>));
}

#[test]
fn without_a_recheck_a_plan_without_a_wakeup_is_missed() {
    assert!(deadlocks(|| publish_alone::<Instrumented>(false)));
    // Only the time-out finds the plan.
    assert!(deadlocks(|| publish_alone::<Timeless>(true)));
}

#[test]
fn a_wakeup_does_not_end_a_pause() {
    assert!(deadlocks(pause_and_wake::<Instrumented>));
}

#[test]
fn a_stop_between_a_look_and_the_wait_is_lost() {
    assert!(deadlocks(stop_anywhere::<Loom, Deaf>));
}

#[test]
fn without_a_time_out_a_failed_pass_is_not_repeated() {
    assert!(deadlocks(retry::<Loom, Timeless>));
}
