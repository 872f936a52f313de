//! The Planner and the Enactors, over any [`PlanStore`](plan_store::PlanStore).
//!
//! A [`Planner`] makes plans from a [`Fleet`] and the readings of a
//! [`HealthSource`], and publishes a plan whenever something has changed.
//! [`Enactor`]s apply the latest plan, each independently of the others. Both are
//! plain synchronous steps over the store, [`Planner::tick`] and
//! [`Enactor::pass`], so that a model checker can call them. [`ControlPlane`] runs
//! them on threads.

mod backoff;
mod checked_target;
mod control_plane;
mod diff;
mod enactor;
mod enactor_loop;
mod enactor_thread;
mod error;
mod fleet;
mod health;
mod health_check;
mod planner;
mod planner_thread;
mod previews;
mod signals;
mod supervise;

pub use crate::control_plane::{ControlPlane, Report as ThreadReport};
pub use checked_target::{CheckedTarget, OwnCheck, Way};
pub use diff::{EndpointDiff, TargetDiff, diff};
pub use enactor::{Enactor, Pass};
pub use enactor_loop::{EnactorLoop, Pace};
pub use enactor_thread::EnactorThread;
pub use error::{
    FleetError, FleetMistake, HealthError, Panicked, PassError, PlanError, StepError, chain,
};
#[cfg(feature = "schema")]
pub use fleet::fleet_schema;
pub use fleet::{
    ChangeLimits, DnsSecondary, DnsZone, FailPolicy, Fleet, FleetEndpoint, FleetTarget, HealthStep,
    ReadRecords, Timings, ZoneRecords,
};
pub use health::{
    Health, HealthSource, ScriptedHealth, TargetHealth, TargetState, Watched, Watchlist,
};
pub use health_check::{
    CheckKind, CommandCheck, Damping, GrpcCheck, HealthCheck, HttpCheck, HttpMethod, HttpPath,
    Statuses, TlsCheck, Trust,
};
pub use planner::{
    ChangeId, Drain, DrainScope, HeldChange, HoldReason, Order, OrderBook, Orders, Planned,
    Planner, Preview, Publication, Status,
};
pub use planner_thread::{PlannerHandle, PlannerThread};
pub use signals::{Signals, Waker};
