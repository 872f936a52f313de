//! The systems that take minutes to explore: those with a bound of three preemptions at one
//! endpoint, and three Enactors at two endpoints. `cargo test` runs them only when they are
//! named:
//!
//! ```sh
//! cargo test --features loom --test model_bound_three
//! ```

use models::checker::Loads;
use models::system::{Small, holds};

/// A Planner and three Enactors.
const THREE_ENACTORS: Small = Small {
    endpoints: 1,
    enactors: 3,
    resolver: false,
    bound: 3,
};

/// A Planner, two Enactors and a resolver.
const RESOLVER: Small = Small {
    enactors: 2,
    resolver: true,
    ..THREE_ENACTORS
};

/// The numbers are the executions, the joint outcomes, and the joint outcomes that are
/// allowed.
#[test]
fn planner_and_three_enactors_break_nothing_with_plain_loads() {
    assert_eq!(holds(THREE_ENACTORS), (1_736_261, 116, 116));
}

#[test]
fn planner_and_three_enactors_break_nothing_with_rmw_loads() {
    assert_eq!(
        Loads::Rmw.during(|| holds(THREE_ENACTORS)),
        (1_324_010, 81, 116)
    );
}

/// `tests/models/system.rs` has the same system with rmw loads.
#[test]
fn planner_and_three_enactors_break_nothing_at_two_endpoints_with_plain_loads() {
    let two_endpoints = Small {
        endpoints: 2,
        bound: 2,
        ..THREE_ENACTORS
    };
    assert_eq!(holds(two_endpoints), (145_193, 151, 260));
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_with_plain_loads() {
    assert_eq!(holds(RESOLVER), (436_621, 100, 100));
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_with_rmw_loads() {
    assert_eq!(Loads::Rmw.during(|| holds(RESOLVER)), (685_077, 79, 100));
}
