//! What a DNS plan is made of: names of endpoints, and their records.

mod name;
mod records;

pub use self::name::{EndpointName, InvalidName};
pub use self::records::{Family, InvalidRecordSet, RecordSet, Target};
