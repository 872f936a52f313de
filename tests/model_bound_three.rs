//! The system at a bound of three preemptions, over one endpoint. It takes twenty minutes,
//! so `cargo test` leaves it out unless it is asked for:
//!
//! ```sh
//! cargo test --features loom --test model_bound_three
//! ```

use models::checker::{PlainLoads, RmwLoads};
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

#[test]
fn planner_and_three_enactors_break_nothing_with_plain_loads() {
    holds::<PlainLoads>(THREE_ENACTORS);
}

#[test]
fn planner_and_three_enactors_break_nothing_with_rmw_loads() {
    holds::<RmwLoads>(THREE_ENACTORS);
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_with_plain_loads() {
    holds::<PlainLoads>(RESOLVER);
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_with_rmw_loads() {
    holds::<RmwLoads>(RESOLVER);
}
