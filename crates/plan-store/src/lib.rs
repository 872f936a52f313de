#![doc = include_str!("../README.md")]
//!
//! ## How it works
//!
//! - An activation is a compare-and-swap on one word that holds the endpoint's active and
//!   rollback generation. The activation of a plan that is older than the active one returns
//!   [`Activation::Stale`]: freshness is decided in the write itself, not before it.
//! - A plan that is active, a rollback target, or pinned is never deleted; a deletion is a
//!   compare-and-swap too.
//! - A [`Reader`] serves with one atomic load while nothing changes, and so does a
//!   [`Follower`], for one endpoint and without a search.
//!
//! ## Where to read on
//!
//! - [`memory`]: how the store works, and why it is right.
//! - [`PlanStore`]: what a store of your own must do.
//! - [`Key`] and [`Value`]: what a plan can hold, and [`dns`] for the default.
//! - [`Layer`]: how to wrap a store.
//! - [`primitives`]: how to model-check code that uses the store.

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
pub use dns::{
    DnsStore, EndpointName, Family, InvalidName, InvalidRecordSet, InvalidRrset, RecordSet, Rrset,
    StaticRecords, Target,
};
pub use error::{Error, Failed, PinError, PublishError, RepublishError, StepError};
pub use generation::{Generation, GenerationsExhausted};
pub use layer::{InnerError, InnerKey, InnerPin, InnerValue, Layer};
#[doc(inline)]
pub use memory::{Follower, MemoryStore, Reader};
pub use plan::{InvalidPlan, Plan};
#[cfg(feature = "shuttle")]
#[doc(inline)]
pub use primitives::Shuttle;
#[cfg(feature = "loom")]
#[doc(inline)]
pub use primitives::{Loom, LoomRmw};
#[doc(inline)]
pub use primitives::{Native, Primitives};
pub use store::{
    Activation, EndpointState, Pin, PlanStore, Resolution, Resolve, RetainReason, Retention,
    Standing, Swept, activate_one_by_one,
};
