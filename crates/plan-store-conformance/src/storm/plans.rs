//! Plans that can be told apart: each record tells which plan it is from.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;

use plan_store::{DnsStore, EndpointName, Plan, RecordSet, Target};

use crate::generation;

pub(super) const ENDPOINTS: u32 = 8;

/// The number of plans in a row that all name an endpoint or all leave it out.
pub(super) const BLOCK: u32 = 8;

/// Whether plan `number` names an endpoint. All come and go except the first, which
/// stays.
pub(super) fn names(number: u32, at: u32) -> bool {
    at == 0 || !(number / BLOCK + at).is_multiple_of(3)
}

/// How many endpoints plan `number` names.
pub(super) fn count_named(number: u32) -> usize {
    (0..ENDPOINTS).filter(|&at| names(number, at)).count()
}

pub(super) fn endpoint(at: u32) -> EndpointName {
    format!("e{at}.example").parse().unwrap()
}

/// The number of an endpoint.
pub(super) fn number_of(endpoint: &EndpointName) -> u32 {
    let mut all = 0..ENDPOINTS;
    all.find(|&at| self::endpoint(at) == *endpoint).unwrap()
}

/// The records of an endpoint in plan `number`. No other plan has them.
pub(super) fn records(number: u32, at: u32) -> RecordSet {
    let [_, high, low, _] = number.rotate_left(8).to_be_bytes();
    let targets = [1, 2, 3].map(|last| {
        let address = Ipv4Addr::new(10 + u8::try_from(at).unwrap(), high, low, last);
        Target::new(address.into(), last)
    });
    RecordSet::new(5, targets).unwrap()
}

/// A plan of one endpoint, for races that need many plans.
pub(super) fn small_plan() -> Arc<Plan> {
    Arc::new(Plan::new([(endpoint(0), records(1, 0))]).unwrap())
}

/// Publishes plans, which get these generations.
pub(super) fn publish(store: &impl DnsStore, numbers: Range<u32>) {
    for number in numbers {
        assert_eq!(store.publish(plan(number)).unwrap(), generation(number));
    }
}

fn plan(number: u32) -> Arc<Plan> {
    let named = (0..ENDPOINTS).filter(|&at| names(number, at));
    let records = named.map(|at| (endpoint(at), records(number, at)));
    Arc::new(Plan::new(records).unwrap())
}
