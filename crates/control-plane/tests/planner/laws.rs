//! What holds for every fleet and every reading.

use std::net::IpAddr;

use control_plane::{Fleet, Health, HeldChange, PlanError, Planned, TargetHealth, TargetState};
use plan_store::{Family, Pin, Plan, PlanStore, RecordSet};
use proptest::prelude::*;

use crate::{at, fleet, latest, planner};

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
fn some_health() -> impl Strategy<Value = Vec<(IpAddr, TargetHealth)>> {
    let capacity = prop_oneof![Just(None), Just(Some(0)), any::<u32>().prop_map(Some)];
    let state = prop_oneof![
        1 => Just(TargetState::Unknown),
        1 => Just(TargetState::Failing),
        3 => Just(TargetState::Up),
        3 => any::<bool>().prop_map(|was_up| TargetState::Down { since: at(0), was_up }),
    ];
    let report = (state, capacity);
    let reports = prop::collection::vec(prop::option::of(report), V4.len() + V6.len());
    reports.prop_map(|reports| {
        let addresses = V4.iter().chain(&V6).map(|address| address.parse().unwrap());
        let reports = addresses.zip(reports).filter_map(|(address, report)| {
            let (state, capacity) = report?;
            Some((address, TargetHealth { state, capacity }))
        });
        reports.collect()
    })
}

/// The targets that can be drawn.
fn drawn(records: &RecordSet) -> impl Iterator<Item = IpAddr> + '_ {
    let drawn = records.targets().filter(|target| target.weight > 0);
    drawn.map(|target| target.address)
}

/// Asserts that the plan empties no family of an endpoint of the fleet. An endpoint whose
/// change is held has at least something.
fn check_not_empty(fleet: &Fleet, plan: &Plan, held: &[HeldChange]) {
    for endpoint in fleet.endpoints() {
        let records = plan.records(endpoint.name()).unwrap();
        let known = |address| endpoint.targets().iter().any(|t| t.address == address);
        let is_held = held.iter().any(|held| held.endpoint == *endpoint.name());
        if is_held || !records.targets().all(|target| known(target.address)) {
            // It goes on with the targets before.
            assert!(drawn(records).next().is_some());
            continue;
        }
        for family in [Family::A, Family::Aaaa] {
            let of = |address: IpAddr| address.is_ipv4() == (family == Family::A);
            let given = endpoint.targets().iter().any(|t| of(t.address));
            let drawn = drawn(records).any(of);
            assert_eq!(given, drawn, "{family} of {}", endpoint.name());
        }
    }
}

proptest! {
    #[test]
    fn whatever_the_health_no_plan_empties_an_endpoint(
        steps in prop::collection::vec((some_fleet(), some_health(), any::<bool>()), 1..6),
    ) {
        let (mut planner, store) = planner(steps[0].0.clone());
        // A change was confirmed since the last plan. It waits while there is no health.
        let mut confirmed = false;
        for (n, (fleet, reports, confirm)) in (0..).zip(steps) {
            // So much later that nothing is waited for any more.
            let now = at(1_000_000 * n);
            planner.set_fleet(fleet.clone(), now);
            for held in planner.status().held.clone() {
                if confirm {
                    prop_assert!(planner.confirm(held.id, now));
                }
            }
            confirmed |= confirm;
            let health = Health::new(at(1_000_000 * n + 500_000), reports);
            let before = store.latest().unwrap();
            match planner.tick(&health) {
                Ok(Planned::Published { .. } | Planned::Unchanged { .. }) => {
                    let (plan, held) = (latest(&store), &planner.status().held);
                    check_not_empty(&fleet, &plan, held);
                    for (name, _) in before.iter().flat_map(|pin| pin.plan().endpoints()) {
                        // Only a person takes an endpoint away, or a fleet that lets all go.
                        let may_go = confirmed || fleet.change_limits().max_removal_percent == 100;
                        prop_assert!(may_go || plan.names(name), "{}", name);
                    }
                    for held in held {
                        prop_assert!(plan.names(&held.endpoint));
                    }
                    confirmed = false;
                }
                Ok(Planned::FirstRound { .. }) => prop_assert!(store.generations().is_empty()),
                Ok(Planned::Frozen { .. }) => prop_assert!(false, "no person has frozen it"),
                Err(PlanError::NoHealth) => prop_assert!(health.is_empty()),
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}
