//! The system: a Planner, Enactors that sweep by themselves, and a resolver. With the
//! model's main thread, four of them are the five threads that loom can run.
//!
//! At a bound of three preemptions, over one endpoint, it takes twenty minutes:
//!
//! ```sh
//! cargo test --features loom --test models at_a_bound_of_three -- --ignored
//! ```

use models::checker::{Checker, PlainLoads, RmwLoads};
use models::system::{RETENTION, Small, small};
use models::{Ended, Moved, Seen};
use plan_store::{MemoryStore, RetainReason};

/// Asserts that nothing breaks, and that what should happen does, in so many executions
/// if that is known.
fn holds<J: Checker>(size: Small, executions: impl Into<Option<usize>>) {
    let store = || MemoryStore::<J::Primitives>::with_primitives(RETENTION);
    let explored = small::<J, _>(size, store);
    let findings = explored.findings;
    findings.assert_broken(&[]);
    findings.assert_seen(&[
        Seen::Stale,
        Seen::Pass(Ended::Stale),
        Seen::Pass(Ended::StaleAtStart),
        Seen::Already,
        Seen::Deleted,
        Seen::Spared(RetainReason::Rollback),
    ]);
    findings.assert_never(&Seen::Pass(Ended::Failed));
    if size.resolver {
        findings.assert_seen(&[Seen::Answer(Moved::On), Seen::Answer(Moved::Not)]);
    }
    findings.assert_never(&Seen::Answer(Moved::Back));
    if let Some(executions) = executions.into() {
        assert_eq!(explored.executions, executions);
    }
}

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
    holds::<PlainLoads>(THREE_ENACTORS, 145_193);
}

#[test]
fn planner_and_three_enactors_break_nothing_with_rmw_loads() {
    holds::<RmwLoads>(THREE_ENACTORS, 56_597);
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_with_plain_loads() {
    holds::<PlainLoads>(RESOLVER, 24_390);
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_with_rmw_loads() {
    holds::<RmwLoads>(RESOLVER, 28_030);
}

mod at_a_bound_of_three {
    use super::*;

    const THREE_ENACTORS: Small = Small {
        endpoints: 1,
        bound: 3,
        ..super::THREE_ENACTORS
    };

    const RESOLVER: Small = Small {
        bound: 3,
        ..super::RESOLVER
    };

    #[test]
    #[ignore = "takes minutes"]
    fn planner_and_three_enactors_break_nothing_with_plain_loads() {
        holds::<PlainLoads>(THREE_ENACTORS, None);
    }

    #[test]
    #[ignore = "takes minutes"]
    fn planner_and_three_enactors_break_nothing_with_rmw_loads() {
        holds::<RmwLoads>(THREE_ENACTORS, None);
    }

    #[test]
    #[ignore = "takes minutes"]
    fn planner_two_enactors_and_a_resolver_break_nothing_with_plain_loads() {
        holds::<PlainLoads>(RESOLVER, None);
    }

    #[test]
    #[ignore = "takes minutes"]
    fn planner_two_enactors_and_a_resolver_break_nothing_with_rmw_loads() {
        holds::<RmwLoads>(RESOLVER, None);
    }
}
