//! Points at which a thread can be held.

use std::fmt;

use plan_store::EndpointName;

use crate::Actor;

/// A place in an actor's work, just before the step it is named after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Point {
    /// The Planner reads its health source.
    ReadHealth,
    /// The Planner publishes a plan.
    Publish,
    /// The latest plan is picked up.
    PickUp,
    /// An Enactor checks once whether its plan is fresh.
    Check,
    /// A plan is activated at an endpoint, or withdraws it.
    Step(EndpointName),
    /// Old plans are swept.
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

/// Decides how long an actor stays at a point.
pub trait Hook: Send + Sync {
    /// Called by the actor when it gets to the point; returns when it may go on.
    fn reach(&self, actor: Actor, point: &Point);
}

/// A gate that is always open.
#[derive(Clone, Copy, Debug)]
pub struct NoHook;

impl Hook for NoHook {
    fn reach(&self, _: Actor, _: &Point) {}
}
