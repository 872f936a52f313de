//! Versioned plans for a control plane: published once, activated by compare-and-swap, swept
//! only when they are not in use.
//!
//! A *Planner* publishes plans, each under a new [`Generation`]. *Enactors*, any number of them
//! and unaware of each other, pick up the latest plan and activate it endpoint by endpoint.
//! Afterwards they sweep old plans away. In October 2025 a control plane of this shape lost a
//! region's DNS name: a slow Enactor put an old plan over a newer one, a sweep deleted that old
//! plan while it was active, and after that no Enactor could make progress. With this store
//! that cannot happen. The store is small enough to read, and a model checker runs its code as
//! it is.
//!
//! - An activation is a compare-and-swap on one word that holds the endpoint's active and
//!   rollback generation. The activation of a plan that is older than the active one returns
//!   [`Activation::Stale`]: freshness is decided in the write itself, not before it.
//! - A plan that is active, a rollback target, or pinned is never deleted; a
//!   deletion is a compare-and-swap too.
//! - A [`Reader`] serves with one atomic load while nothing changes, and so does a
//!   [`Follower`], for one endpoint and without a search.
//!
//! ```
//! use std::sync::Arc;
//! use plan_store::{Activation, EndpointName, MemoryStore, Plan, PlanStore, RecordSet, Retention, Target};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new(Retention::newest(2));
//! let name: EndpointName = "db.example".parse()?;
//! let plan = |last| {
//!     let target = Target::new(std::net::Ipv4Addr::new(192, 0, 2, last).into(), 255);
//!     let records = RecordSet::new(5, [target])?;
//!     Ok::<_, Box<dyn std::error::Error>>(Arc::new(Plan::new([(name.clone(), records)])?))
//! };
//! store.publish(plan(1)?)?;
//! let slow = store.latest()?.expect("a plan is published");
//!
//! let newer = store.publish(plan(2)?)?;
//! let _ = store.activate(&store.pin(newer)?, &name)?;
//!
//! // The slow Enactor comes too late, and the store says so.
//! assert_eq!(store.activate(&slow, &name)?, Activation::Stale { newer });
//! # Ok(())
//! # }
//! ```
//!
//! A plan maps endpoints to values. If nothing else is said, endpoints are DNS names and values
//! are record sets (see [`dns`]). Any other [`Key`] and [`Value`] will do: feature flags, routes,
//! limits. `MemoryStore<String, u32>` is a store of numbers.
//!
//! Where to read on: [`memory`] for how the store works and why it is right,
//! [`PlanStore`] for what a store of your own must do, [`Layer`] for how to wrap a
//! store, [`primitives`] for how to model-check code that uses it.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod content;
mod display;
pub mod dns;
mod error;
mod generation;
mod layer;
pub mod memory;
mod plan;
pub mod primitives;
#[cfg(feature = "serde")]
mod serde;
mod store;

pub use content::{Key, Value};
#[doc(inline)]
pub use dns::{DnsStore, EndpointName, Family, InvalidName, InvalidRecordSet, RecordSet, Target};
pub use error::{Error, Failed, PinError, PublishError, StepError};
pub use generation::{Generation, GenerationsExhausted};
pub use layer::{InnerError, InnerKey, InnerPin, InnerValue, Layer};
#[doc(inline)]
pub use memory::{Follower, MemoryStore, Reader};
pub use plan::{InvalidPlan, Plan};
#[cfg(feature = "shuttle")]
pub use primitives::Shuttle;
#[cfg(feature = "loom")]
pub use primitives::{Loom, LoomRmw};
#[doc(inline)]
pub use primitives::{Native, Primitives};
pub use store::{
    Activation, EndpointState, Pin, PlanStore, Resolution, Resolve, RetainReason, Retention,
    Standing, Swept, activate_one_by_one,
};

/// Runs the example of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
