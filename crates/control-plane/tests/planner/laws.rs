//! What holds for every fleet and every reading.

use std::net::IpAddr;

use control_plane::{Fleet, Health, PlanError, Planned, TargetHealth};
use plan_store::{Family, Pin, Plan, PlanStore, RecordSet};
use proptest::prelude::*;

use crate::{fleet, latest, planner};

/// An address family of an endpoint: capacities and weights of its targets.
fn some_family() -> impl Strategy<Value = Vec<(u32, u8)>> {
    let weight = prop_oneof![Just(0), Just(1), any::<u8>()];
    prop::collection::vec((1..=1_000_000_u32, weight), 0..5)
}

/// A fleet that is in order, of one to three endpoints that share addresses.
fn some_fleet() -> impl Strategy<Value = Fleet> {
    let endpoint = (some_family(), some_family()).prop_filter("no target", |(v4, v6)| {
        let drawn = |family: &[(u32, u8)]| family.is_empty() || family.iter().any(|t| t.1 > 0);
        drawn(v4) && drawn(v6) && !(v4.is_empty() && v6.is_empty())
    });
    let endpoints = prop::collection::vec(endpoint, 1..=3);
    (0..=100_u8, endpoints).prop_map(|(percent, endpoints)| {
        let mut named = Vec::new();
        for (i, (v4, v6)) in endpoints.iter().enumerate() {
            let v4 = v4.iter().zip(V4).map(|(&(c, w), address)| (address, c, w));
            let v6 = v6.iter().zip(V6).map(|(&(c, w), address)| (address, c, w));
            named.push((format!("e{i}.example"), v4.chain(v6).collect::<Vec<_>>()));
        }
        let endpoints: Vec<_> = named
            .iter()
            .map(|(n, t)| (n.as_str(), t.as_slice()))
            .collect();
        fleet(percent, &endpoints)
    })
}

const V4: [&str; 4] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"];
const V6: [&str; 4] = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"];

/// Any health at all: of each target nothing, or anything.
fn some_health() -> impl Strategy<Value = Health> {
    let capacity = prop_oneof![Just(None), Just(Some(0)), any::<u32>().prop_map(Some)];
    let report = (any::<bool>(), capacity);
    let reports = prop::collection::vec(prop::option::of(report), V4.len() + V6.len());
    reports.prop_map(|reports| {
        let addresses = V4.iter().chain(&V6).map(|address| address.parse().unwrap());
        let reports = addresses.zip(reports).filter_map(|(address, report)| {
            let (healthy, capacity) = report?;
            Some((address, TargetHealth { healthy, capacity }))
        });
        reports.collect()
    })
}

/// The targets that can be drawn.
fn drawn(records: &RecordSet) -> impl Iterator<Item = IpAddr> + '_ {
    let drawn = records.targets().filter(|target| target.weight > 0);
    drawn.map(|target| target.address)
}

/// Asserts that the plan empties no family of an endpoint of the fleet.
fn check_not_empty(fleet: &Fleet, plan: &Plan) {
    assert_eq!(plan.endpoints().len(), fleet.endpoints().len());
    for endpoint in fleet.endpoints() {
        let records = plan.records(endpoint.name()).unwrap();
        for family in [Family::A, Family::Aaaa] {
            let of = |address: IpAddr| address.is_ipv4() == (family == Family::A);
            let given = endpoint.targets().iter().any(|t| of(t.address));
            let drawn = drawn(records).any(of);
            assert_eq!(given, drawn, "{family} of {}", endpoint.name());
        }
    }
}

/// Asserts that no endpoint lost more than its share.
fn check_share(percent: u8, before: &Plan, after: &Plan) {
    for (name, records) in before.endpoints() {
        let had: Vec<IpAddr> = drawn(records).collect();
        let has: Vec<IpAddr> = after
            .records(name)
            .into_iter()
            .flat_map(|r| drawn(r))
            .collect();
        let lost = had.iter().filter(|target| !has.contains(target)).count();
        assert!(lost * 100 <= had.len() * usize::from(percent), "{name}");
    }
}

proptest! {
    #[test]
    fn whatever_the_health_no_plan_empties_an_endpoint(
        steps in prop::collection::vec((some_fleet(), some_health(), any::<bool>()), 1..6),
    ) {
        let (mut planner, store) = planner(steps[0].0.clone());
        for (fleet, health, confirm) in steps {
            let before = store.latest().unwrap();
            planner.set_fleet(fleet.clone());
            let confirmed = confirm && planner.confirm();
            match planner.tick(&health) {
                Ok(Planned::Published { generation }) => {
                    let plan = latest(&store);
                    prop_assert_eq!(store.latest().unwrap().unwrap().generation(), generation);
                    check_not_empty(&fleet, &plan);
                    if let (Some(before), false) = (before, confirmed) {
                        check_share(fleet.max_removal_percent(), before.plan(), &plan);
                    }
                }
                Ok(Planned::Unchanged { .. }) => check_not_empty(&fleet, &latest(&store)),
                Err(PlanError::NoHealth) => prop_assert!(health.is_empty()),
                Err(PlanError::TooManyRemoved { .. }) => prop_assert!(before.is_some()),
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}
