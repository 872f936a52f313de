//! The system: a Planner, Enactors that sweep by themselves, and a resolver. Four of them
//! and the model's main thread are the five threads that loom can run.
//!
//! `tests/model_bound_three.rs` has the same with a bound of three preemptions.

use models::checker::Loads;
use models::system::{Small, holds};

use crate::apart::apart;

/// A Planner and three Enactors.
const THREE_ENACTORS: Small = Small {
    endpoints: 1,
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

/// The numbers are the executions, the joint outcomes, and the joint outcomes that are
/// allowed.
#[test]
fn planner_and_three_enactors_break_nothing_with_plain_loads() {
    apart(|| assert_eq!(holds(THREE_ENACTORS), (65_273, 73, 116)));
}

/// There are two endpoints, so that a pass can be overtaken in the middle.
#[test]
fn planner_and_three_enactors_break_nothing_with_rmw_loads() {
    let two_endpoints = Small {
        endpoints: 2,
        ..THREE_ENACTORS
    };
    apart(|| {
        assert_eq!(
            Loads::Rmw.during(|| holds(two_endpoints)),
            (56_597, 85, 260)
        );
    });
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_with_plain_loads() {
    apart(|| assert_eq!(holds(RESOLVER), (20_757, 95, 100)));
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_with_rmw_loads() {
    apart(|| assert_eq!(Loads::Rmw.during(|| holds(RESOLVER)), (23_089, 58, 100)));
}
