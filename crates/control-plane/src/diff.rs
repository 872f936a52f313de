//! What one plan has otherwise than another, endpoint by endpoint.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use plan_store::{EndpointName, Plan, RecordSet};

/// A name that two plans have differently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointDiff {
    /// Its name.
    pub endpoint: EndpointName,
    /// Whether it is an endpoint in one of the plans. Other names have static records alone.
    pub has_targets: bool,
    /// The TTL before and after, in seconds. `None` where the name is not in the plan.
    pub ttl: (Option<u32>, Option<u32>),
    /// The targets that differ, IPv4 before IPv6.
    pub targets: Vec<TargetDiff>,
}

/// A target whose weight differs. `None` stands for a target that is not in the plan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TargetDiff {
    /// Its address.
    pub address: IpAddr,
    /// Its weight before.
    pub before: Option<u8>,
    /// Its weight after.
    pub after: Option<u8>,
}

/// The names that `to` has otherwise than `from`, by name.
pub fn diff(from: &Plan, to: &Plan) -> Vec<EndpointDiff> {
    let mut names: Vec<_> = from.endpoints().map(|(name, _)| name).collect();
    names.extend(
        to.endpoints()
            .map(|(name, _)| name)
            .filter(|name| !from.names(name)),
    );
    names.sort_unstable();
    let of = |name: &EndpointName| {
        EndpointDiff::of(
            name,
            from.records(name).map(Arc::as_ref),
            to.records(name).map(Arc::as_ref),
        )
    };
    names.into_iter().filter_map(of).collect()
}

impl EndpointDiff {
    /// What these records have otherwise; `None` if they are equal.
    pub(crate) fn of(
        name: &EndpointName,
        from: Option<&RecordSet>,
        to: Option<&RecordSet>,
    ) -> Option<Self> {
        if from == to {
            return None;
        }
        let mut weights: BTreeMap<IpAddr, (Option<u8>, Option<u8>)> = BTreeMap::new();
        for target in from.into_iter().flat_map(RecordSet::targets) {
            weights.entry(target.address).or_default().0 = Some(target.weight);
        }
        for target in to.into_iter().flat_map(RecordSet::targets) {
            weights.entry(target.address).or_default().1 = Some(target.weight);
        }
        let differing = weights
            .into_iter()
            .filter(|(_, (before, after))| before != after);
        let targets = differing.map(|(address, (before, after))| TargetDiff {
            address,
            before,
            after,
        });
        Some(Self {
            endpoint: name.clone(),
            has_targets: [from, to].into_iter().flatten().any(RecordSet::has_targets),
            ttl: (from.map(RecordSet::ttl), to.map(RecordSet::ttl)),
            targets: targets.collect(),
        })
    }
}
