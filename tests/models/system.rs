//! The system: a Planner, Enactors that sweep by themselves, and a resolver. With the
//! model's main thread, four of them are the five threads that loom can run.
//!
//! `tests/model_bound_three.rs` has the same at a bound of three preemptions.

use models::checker::{PlainLoads, RmwLoads};
use models::system::{Small, assert_holds};

use crate::apart::apart;

/// A Planner and three Enactors.
const THREE_ENACTORS: Small = Small {
    endpoints: 2,
    enactors: 3,
    resolver: false,
    bound: 2,
};

/// A Planner, two Enactors and a resolver.
const RESOLVER: Small = Small {
    endpoints: 1,
    enactors: 2,
    resolver: true,
    bound: 2,
};

#[test]
fn planner_and_three_enactors_break_nothing_with_plain_loads() {
    apart(|| assert_holds::<PlainLoads>(THREE_ENACTORS, 145_193));
}

#[test]
fn planner_and_three_enactors_break_nothing_with_rmw_loads() {
    apart(|| assert_holds::<RmwLoads>(THREE_ENACTORS, 56_597));
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_with_plain_loads() {
    apart(|| assert_holds::<PlainLoads>(RESOLVER, 24_390));
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_with_rmw_loads() {
    apart(|| assert_holds::<RmwLoads>(RESOLVER, 28_030));
}
