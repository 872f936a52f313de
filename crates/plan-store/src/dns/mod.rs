//! The content of a DNS plan: endpoint names, record sets, and static records.
//!
//! They are the default of the type parameters: `Plan` is a plan of record sets, and
//! `MemoryStore` is a store of such plans. With this module's aliases you choose the
//! primitives of the store and keep the content.

mod name;
mod records;
mod rrset;

pub use self::name::{EndpointName, InvalidName};
pub use self::records::{Family, InvalidRecordSet, RecordSet, Target};
pub use self::rrset::{InvalidRrset, Rrset, StaticRecords};

use crate::{Native, PlanStore, memory};

/// A [`PlanStore`] of DNS plans.
pub trait DnsStore: PlanStore<Key = EndpointName, Value = RecordSet> {}

impl<S: PlanStore<Key = EndpointName, Value = RecordSet>> DnsStore for S {}

/// The in-process store of DNS plans.
pub type MemoryStore<P = Native> = memory::MemoryStore<EndpointName, RecordSet, P>;
/// The pin of [`MemoryStore`].
pub type MemoryPin<P = Native> = memory::MemoryPin<EndpointName, RecordSet, P>;
/// The serving side of [`MemoryStore`].
pub type Reader<P = Native> = memory::Reader<EndpointName, RecordSet, P>;
/// The serving side of [`MemoryStore`] for one endpoint.
pub type Follower<P = Native> = memory::Follower<EndpointName, RecordSet, P>;
