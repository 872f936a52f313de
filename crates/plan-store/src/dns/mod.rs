//! What a DNS plan is made of: names of endpoints, and their records.
//!
//! Plans and stores hold these if nothing else is said: `Plan` is a plan of record sets, and
//! `MemoryStore` is a store of such plans. The aliases of this module are the same types on
//! primitives that you choose.

mod name;
mod records;

pub use self::name::{EndpointName, InvalidName};
pub use self::records::{Family, InvalidRecordSet, RecordSet, Target};

use crate::{Native, PlanStore, memory};

/// A [`PlanStore`] of DNS plans.
pub trait DnsStore: PlanStore<Key = EndpointName, Value = RecordSet> {}

impl<S: PlanStore<Key = EndpointName, Value = RecordSet>> DnsStore for S {}

/// The in-process store of DNS plans.
pub type MemoryStore<P = Native> = memory::MemoryStore<EndpointName, RecordSet, P>;
/// Its pin.
pub type MemoryPin<P = Native> = memory::MemoryPin<EndpointName, RecordSet, P>;
/// Its serving side.
pub type Reader<P = Native> = memory::Reader<EndpointName, RecordSet, P>;
/// Its serving side for one endpoint.
pub type Follower<P = Native> = memory::Follower<EndpointName, RecordSet, P>;
