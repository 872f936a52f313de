//! Named points in an actor's work, and a hook that is called there.

use std::fmt;

use plan_store::EndpointName;

use crate::Actor;

/// A point in an actor's work, just before the step that it is named after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Point {
    /// The Planner reads its health source.
    ReadHealth,
    /// The Planner publishes a plan.
    Publish,
    /// An actor picks up the latest plan.
    PickUp,
    /// An Enactor checks once whether its plan is fresh.
    Check,
    /// An Enactor activates a plan at an endpoint, or withdraws the endpoint.
    Step(EndpointName),
    /// An Enactor sweeps.
    Sweep,
    /// A pass has ended.
    PassEnd,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadHealth => f.write_str("its health source"),
            Self::Publish => f.write_str("a publish"),
            Self::PickUp => f.write_str("a pick-up"),
            Self::Check => f.write_str("the check"),
            Self::Step(endpoint) => write!(f, "its step at {endpoint}"),
            Self::Sweep => f.write_str("a sweep"),
            Self::PassEnd => f.write_str("the end of a pass"),
        }
    }
}

/// Called by each actor before each of its steps. It may hold the actor there, delay it,
/// or do nothing.
pub trait Hook: Send + Sync {
    /// The actor has reached the point. It continues when this returns.
    fn reach(&self, actor: Actor, point: &Point);
}

/// Does nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoHook;

impl Hook for NoHook {
    fn reach(&self, _: Actor, _: &Point) {}
}
