//! What the endpoints should answer, and whether that may be published.
//!
//! # A step
//! 1. *Weigh*: the desired plan from the fleet and a health reading.
//! 2. *Compare* it with the store's latest plan. The same content is not
//!    published again.
//! 3. *Guard*: refuse it if it takes too much away at once.
//! 4. *Publish* it. The Enactors do the rest.
//!
//! The Planner remembers nothing of what it published: each step starts from
//! what the store says. So a publish whose reply was lost needs no repair; the
//! next step finds the plan there, or publishes it.
//!
//! # Weights
//! In each address family of an endpoint, by itself:
//! - Unhealthy targets are left out. If all are unhealthy, none is: when
//!   everything looks broken, it is the looking that is broken, as a rule (*fail
//!   open*).
//! - Of those left, a target has the operator's weight times its capacity, scaled
//!   so that the largest becomes 255. It gets 1 at least, unless one of the two
//!   is 0.
//! - If this leaves nothing above 0, each of those left gets 1.
//!
//! So a plan names every endpoint of the fleet, in each family that the fleet has
//! there, with one target at least that can be drawn.
//!
//! # The guard
//! A target that could be drawn in the store's latest plan and cannot be in the
//! new one (absent, or at weight 0) is taken away. A plan that takes more than
//! the allowed share of the targets of any endpoint is refused, whether it is
//! health or a new fleet that asks for it. Small endpoints are no exception: one
//! target of two is 50 %. An endpoint that goes is 100 %. The guard judges single
//! steps, not their sum: several small ones pass, each of them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use plan_store::{EndpointName, Generation, Pin, Plan, PlanStore, RecordSet, Target};
use tracing::{debug, debug_span, info, warn};

use crate::{Error, Fleet, FleetEndpoint, FleetTarget, Health};

/// Publishes a plan whenever the fleet or its health asks for another one.
///
/// One Planner to a store. Two would each undo what the other publishes, though
/// neither could do worse harm. An operator's
/// [`republish`](PlanStore::republish) is undone as well, in the next step; for
/// a lasting return, change the fleet.
#[derive(Debug)]
pub struct Planner<S> {
    store: S,
    fleet: Fleet,
    refused: Option<Refused>,
}

/// What a step came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Planned {
    /// A new plan is in the store.
    Published {
        /// Its generation.
        generation: Generation,
    },
    /// The store's latest plan is the desired one.
    Unchanged {
        /// Its generation.
        generation: Generation,
    },
}

/// The plan that the guard refused last.
#[derive(Debug)]
struct Refused {
    plan: Plan,
    confirmed: bool,
}

impl<S: PlanStore> Planner<S> {
    /// A Planner of this fleet.
    pub fn new(store: S, fleet: Fleet) -> Self {
        Self {
            store,
            fleet,
            refused: None,
        }
    }

    /// The fleet that it plans for.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Plans for another fleet from the next step on. The guard judges what it
    /// changes like any other change. The store keeps the retention that it has.
    pub fn set_fleet(&mut self, fleet: Fleet) {
        self.fleet = fleet;
    }

    /// Lets the plan that was refused last pass the guard, once. Returns whether
    /// there is one.
    ///
    /// That plan and no other: if the next steps want a different one and it too
    /// takes too much away, it is refused, and wants a confirmation of its own.
    /// With the next plan that is published, or once the store's plan is the
    /// desired one again, the confirmation is void.
    pub fn confirm(&mut self) -> bool {
        if let Some(refused) = &mut self.refused {
            refused.confirmed = true;
        }
        self.refused.is_some()
    }

    /// One step, from a reading.
    ///
    /// # Errors
    /// [`Error::NoHealth`] if the reading is empty, [`Error::TooManyRemoved`] if
    /// the guard refuses the plan; nothing is published then. [`Error::Store`],
    /// after which the plan may or may not be published: the next step looks.
    pub fn tick(&mut self, health: &Health) -> Result<Planned, Error> {
        let _span = debug_span!("tick").entered();
        if health.is_empty() {
            warn!("health reading names no target");
            return Err(Error::NoHealth);
        }
        let desired = desired(&self.fleet, health)?;
        let Some(latest) = self.store.latest()? else {
            return self.publish(desired);
        };
        let desired = desired.sharing(latest.plan());
        let generation = latest.generation();
        if desired == **latest.plan() {
            debug!(%generation, "unchanged");
            self.refused = None;
            return Ok(Planned::Unchanged { generation });
        }
        self.guard(latest.plan(), &desired)?;
        self.publish(desired)
    }

    /// Refuses `desired` if it takes too much away and is not confirmed.
    fn guard(&mut self, latest: &Plan, desired: &Plan) -> Result<(), Error> {
        let allowed_percent = self.fleet.max_removal_percent();
        let Some((first, endpoints)) = first_beyond(allowed_percent, latest, desired) else {
            return Ok(());
        };
        let (endpoint, removed, of) = (first.endpoint, first.removed, first.of);
        if self.is_confirmed(desired) {
            info!(%endpoint, removed, of, endpoints, "confirmed");
            return Ok(());
        }
        warn!(%endpoint, removed, of, endpoints, allowed_percent, "refuse");
        self.refused = Some(Refused {
            plan: desired.clone(),
            confirmed: false,
        });
        Err(Error::TooManyRemoved {
            endpoint: endpoint.clone(),
            removed,
            of,
            allowed_percent,
            endpoints,
        })
    }

    fn is_confirmed(&self, desired: &Plan) -> bool {
        let refused = self.refused.as_ref();
        refused.is_some_and(|refused| refused.confirmed && refused.plan == *desired)
    }

    fn publish(&mut self, plan: Plan) -> Result<Planned, Error> {
        let generation = self.store.publish(Arc::new(plan))?;
        // Only now: who confirmed a plan need not do it again because the store
        // failed.
        self.refused = None;
        Ok(Planned::Published { generation })
    }
}

/// The plan that fleet and health ask for.
fn desired(fleet: &Fleet, health: &Health) -> Result<Plan, plan_store::Error> {
    let endpoints = fleet.endpoints().iter().map(|endpoint| {
        let records = records(endpoint, health)?;
        Ok((endpoint.name().clone(), records))
    });
    Plan::new(endpoints.collect::<Result<Vec<_>, plan_store::Error>>()?)
}

fn records(endpoint: &FleetEndpoint, health: &Health) -> Result<RecordSet, plan_store::Error> {
    let name = endpoint.name();
    let targets = endpoint.targets().iter();
    let (v4, v6) = targets.partition(|target| target.address.is_ipv4());
    let targets = weigh(name, v4, health)
        .into_iter()
        .chain(weigh(name, v6, health));
    RecordSet::new(name, endpoint.ttl(), targets)
}

/// What becomes of an endpoint's targets of one family.
fn weigh(endpoint: &EndpointName, family: Vec<&FleetTarget>, health: &Health) -> Vec<Target> {
    let is_healthy = |target: &&FleetTarget| health.of(target.address).healthy;
    let mut left: Vec<&FleetTarget> = family.iter().copied().filter(is_healthy).collect();
    if left.is_empty() && !family.is_empty() {
        warn!(%endpoint, targets = family.len(), "all unhealthy, fail open");
        left = family;
    }
    let strengths = left.iter().map(|target| strength(target, health));
    let largest = strengths.clone().max().unwrap_or(0);
    let weights = strengths.map(|strength| weight(strength, largest));
    let addresses = left.iter().map(|target| target.address);
    let targets = addresses.zip(weights);
    targets
        .map(|(address, weight)| Target::new(address, weight))
        .collect()
}

/// The operator's weight times the capacity.
fn strength(target: &FleetTarget, health: &Health) -> u64 {
    let capacity = health.of(target.address).capacity;
    u64::from(target.weight) * u64::from(capacity.unwrap_or(target.capacity))
}

/// A strength, scaled so that the largest becomes 255. A strength above 0 gives
/// 1 at least; if all are 0, all give 1.
fn weight(strength: u64, largest: u64) -> u8 {
    if largest == 0 {
        return 1;
    }
    if strength == 0 {
        return 0;
    }
    // Below 2^48, since a strength is below 2^40.
    let nearest = (strength * u64::from(u8::MAX) + largest / 2) / largest;
    u8::try_from(nearest.max(1)).unwrap_or(u8::MAX)
}

/// What a plan takes away from an endpoint.
struct Removal<'a> {
    endpoint: &'a EndpointName,
    removed: usize,
    of: usize,
}

/// The first endpoint, by name, that loses more than it may, and how many do.
fn first_beyond<'a>(
    allowed_percent: u8,
    latest: &'a Plan,
    desired: &Plan,
) -> Option<(Removal<'a>, usize)> {
    let removals = latest
        .endpoints()
        .map(|(endpoint, before)| removal(endpoint, before, desired.records(endpoint)));
    let mut beyond = removals.filter(|r| r.removed * 100 > r.of * usize::from(allowed_percent));
    let first = beyond.next()?;
    Some((first, 1 + beyond.count()))
}

fn removal<'a>(
    endpoint: &'a EndpointName,
    before: &RecordSet,
    after: Option<&Arc<RecordSet>>,
) -> Removal<'a> {
    let kept: HashSet<IpAddr> = after.into_iter().flat_map(|after| drawn(after)).collect();
    Removal {
        endpoint,
        removed: drawn(before)
            .filter(|target| !kept.contains(target))
            .count(),
        of: drawn(before).count(),
    }
}

/// The targets that can be drawn.
fn drawn(records: &RecordSet) -> impl Iterator<Item = IpAddr> + '_ {
    let drawn = records.targets().filter(|target| target.weight > 0);
    drawn.map(|target| target.address)
}

#[cfg(test)]
#[allow(clippy::type_complexity, reason = "tables of cases")]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use parking_lot::Mutex;
    use plan_store::memory::MemoryPin;
    use plan_store::{Family, Layer, MemoryStore, Reader, Retention};
    use proptest::prelude::*;

    use super::*;
    use crate::TargetHealth;

    /// A fleet of endpoints, each with targets of these addresses, capacities
    /// and weights.
    fn fleet(max_removal_percent: u8, endpoints: &[(&str, &[(&str, u32, u8)])]) -> Fleet {
        let mut text = format!("planner = {{ max_removal_percent = {max_removal_percent} }}\n");
        for (name, targets) in endpoints {
            writeln!(text, "[[endpoint]]\nname = \"{name}\"").unwrap();
            for (address, capacity, weight) in *targets {
                writeln!(text, "[[endpoint.target]]\naddress = \"{address}\"").unwrap();
                writeln!(
                    text,
                    "zone = \"z\"\ncapacity = {capacity}\nweight = {weight}"
                )
                .unwrap();
            }
        }
        Fleet::parse(&text, Path::new("test.toml")).unwrap()
    }

    const FOUR: &[(&str, u32, u8)] = &[
        ("192.0.2.1", 100, 100),
        ("192.0.2.2", 100, 100),
        ("192.0.2.3", 100, 100),
        ("192.0.2.4", 100, 100),
    ];

    fn down() -> TargetHealth {
        TargetHealth {
            healthy: false,
            capacity: None,
        }
    }

    fn capacity(capacity: u32) -> TargetHealth {
        TargetHealth {
            healthy: true,
            capacity: Some(capacity),
        }
    }

    /// A reading that knows of one target that no fleet has, and of these.
    fn health(reports: &[(&str, TargetHealth)]) -> Health {
        let elsewhere = ("203.0.113.254", TargetHealth::UNKNOWN);
        let reports = reports.iter().chain([&elsewhere]);
        reports
            .map(|(address, report)| (address.parse().unwrap(), *report))
            .collect()
    }

    fn unhealthy(addresses: &[&str]) -> Health {
        let reports: Vec<_> = addresses.iter().map(|&a| (a, down())).collect();
        health(&reports)
    }

    fn planner(fleet: Fleet) -> (Planner<MemoryStore>, MemoryStore) {
        let store = MemoryStore::new(Retention::newest(9));
        (Planner::new(store.clone(), fleet), store)
    }

    fn latest<S: PlanStore>(store: &S) -> Arc<Plan> {
        Arc::clone(store.latest().unwrap().unwrap().plan())
    }

    fn published(number: u32) -> Planned {
        let generation = Generation::new(number).unwrap();
        Planned::Published { generation }
    }

    fn unchanged(number: u32) -> Planned {
        let generation = Generation::new(number).unwrap();
        Planned::Unchanged { generation }
    }

    /// What the only endpoint's targets weigh, by the last part of the address.
    fn weights(targets: &[(&str, u32, u8)], health: &Health) -> Vec<(String, u8)> {
        let plan = desired(&fleet(30, &[("db.example", targets)]), health).unwrap();
        let (_, records) = plan.endpoints().next().unwrap();
        let part = |address: IpAddr| {
            address
                .to_string()
                .split(['.', ':'])
                .next_back()
                .unwrap()
                .to_owned()
        };
        records
            .targets()
            .map(|t| (part(t.address), t.weight))
            .collect()
    }

    #[test]
    fn a_weight_is_the_operators_times_the_capacity_the_largest_255() {
        let cases: &[(&[(&str, u32, u8)], &[u8])] = &[
            (&[("192.0.2.1", 7, 3)], &[255]),
            (
                &[("192.0.2.1", 100, 100), ("192.0.2.2", 50, 100)],
                &[255, 128],
            ),
            (
                &[("192.0.2.1", 100, 100), ("192.0.2.2", 100, 20)],
                &[255, 51],
            ),
            (
                &[("192.0.2.1", 10, 200), ("192.0.2.2", 20, 100)],
                &[255, 255],
            ),
            // Drained by the operator, and next to nothing.
            (&[("192.0.2.1", 1, 1), ("192.0.2.2", 9, 0)], &[255, 0]),
            (
                &[("192.0.2.1", 1_000_000, 255), ("192.0.2.2", 1, 1)],
                &[255, 1],
            ),
            // Each family by itself.
            (
                &[
                    ("192.0.2.1", 100, 1),
                    ("2001:db8::2", 2, 1),
                    ("2001:db8::3", 1, 1),
                ],
                &[255, 255, 128],
            ),
        ];
        for (targets, expected) in cases {
            let weights: Vec<u8> = weights(targets, &health(&[])).iter().map(|w| w.1).collect();
            assert_eq!(weights, *expected, "{targets:?}");
        }
    }

    #[test]
    fn a_reported_capacity_overrides_the_fleets_and_none_overflows() {
        let (most, least) = (u32::MAX, 0);
        let cases = [
            (
                [("192.0.2.1", capacity(50)), ("192.0.2.2", capacity(100))],
                [128, 255],
            ),
            (
                [("192.0.2.1", capacity(most)), ("192.0.2.2", capacity(most))],
                [255, 255],
            ),
            (
                [("192.0.2.1", capacity(most)), ("192.0.2.2", capacity(1))],
                [255, 1],
            ),
            (
                [
                    ("192.0.2.1", capacity(most)),
                    ("192.0.2.2", capacity(least)),
                ],
                [255, 0],
            ),
            // Nothing left above 0.
            (
                [
                    ("192.0.2.1", capacity(least)),
                    ("192.0.2.2", capacity(least)),
                ],
                [1, 1],
            ),
        ];
        let targets = [("192.0.2.1", 100, 255), ("192.0.2.2", 100, 255)];
        for (reports, expected) in cases {
            let weights: Vec<u8> = weights(&targets, &health(&reports))
                .iter()
                .map(|w| w.1)
                .collect();
            assert_eq!(weights, expected, "{reports:?}");
        }
    }

    #[test]
    fn the_unhealthy_are_left_out_unless_all_of_a_family_are() {
        let targets = [
            ("192.0.2.1", 100, 100),
            ("192.0.2.2", 50, 100),
            ("192.0.2.3", 100, 0),
            ("2001:db8::4", 100, 100),
        ];
        let cases: &[(&[&str], &str)] = &[
            (&[], "1=255 2=128 3=0 4=255"),
            (&["192.0.2.1"], "2=255 3=0 4=255"),
            // Only the drained one is left, and has to serve.
            (&["192.0.2.1", "192.0.2.2"], "3=1 4=255"),
            // All IPv4 targets look broken: fail open. Then IPv6.
            (
                &["192.0.2.1", "192.0.2.2", "192.0.2.3"],
                "1=255 2=128 3=0 4=255",
            ),
            (&["2001:db8::4"], "1=255 2=128 3=0 4=255"),
            (&["2001:db8::4", "192.0.2.1"], "2=255 3=0 4=255"),
        ];
        for (broken, expected) in cases {
            let weights = weights(&targets, &unhealthy(broken));
            let said: Vec<_> = weights
                .iter()
                .map(|(last, w)| format!("{last}={w}"))
                .collect();
            assert_eq!(said.join(" "), *expected, "{broken:?}");
        }
    }

    #[test]
    fn a_plan_is_published_on_a_change_and_only_then() {
        let (mut planner, store) = planner(fleet(30, &[("db.example", FOUR)]));
        let one_down = unhealthy(&["192.0.2.1"]);
        assert_eq!(planner.tick(&health(&[])).unwrap(), published(1));
        assert_eq!(planner.tick(&health(&[])).unwrap(), unchanged(1));
        assert_eq!(planner.tick(&one_down).unwrap(), published(2));
        assert_eq!(planner.tick(&one_down).unwrap(), unchanged(2));
        // Reports that come to the same weights are no change.
        let same = health(&[("192.0.2.2", capacity(100)), ("192.0.2.1", down())]);
        assert_eq!(planner.tick(&same).unwrap(), unchanged(2));
        // What counts is the store, not what this Planner published.
        store.republish(Generation::FIRST).unwrap();
        assert_eq!(planner.tick(&one_down).unwrap(), published(4));
        assert_eq!(store.generations().len(), 4);
    }

    #[test]
    fn what_a_plan_has_in_common_with_the_last_it_shares() {
        let other: &[_] = &[("192.0.2.9", 1, 1)];
        let (mut planner, store) = planner(fleet(30, &[("a.example", FOUR), ("b.example", other)]));
        let _ = planner.tick(&health(&[])).unwrap();
        let before = latest(&store);
        let _ = planner.tick(&unhealthy(&["192.0.2.1"])).unwrap();
        let after = latest(&store);
        let shared = |name: &str| {
            let name = name.parse().unwrap();
            Arc::ptr_eq(
                before.records(&name).unwrap(),
                after.records(&name).unwrap(),
            )
        };
        assert!(shared("b.example"), "unchanged");
        assert!(!shared("a.example"), "changed");
    }

    #[test]
    fn an_empty_reading_changes_nothing() {
        let (mut planner, store) = planner(fleet(30, &[("db.example", FOUR)]));
        let refuses = |planner: &mut Planner<MemoryStore>| {
            let error = planner.tick(&Health::default()).unwrap_err();
            assert!(matches!(error, Error::NoHealth), "{error}");
        };
        refuses(&mut planner);
        assert_eq!(store.generations(), []);
        assert_eq!(
            planner.tick(&unhealthy(&["192.0.2.1"])).unwrap(),
            published(1)
        );
        // Taken for a reading, it would make all targets healthy again.
        refuses(&mut planner);
        assert_eq!(store.generations().len(), 1);
    }

    /// What the guard says of one step from all healthy to `health`.
    fn step(fleet: Fleet, health: &Health) -> Result<Planned, String> {
        let (mut planner, store) = planner(fleet);
        planner.tick(&self::health(&[])).unwrap();
        let result = planner.tick(health).map_err(|error| error.to_string());
        let plans = store.generations().len();
        assert_eq!(plans, if result.is_ok() { 2 } else { 1 });
        result
    }

    #[test]
    fn the_guard_counts_by_endpoint_small_ones_included() {
        let two = &FOUR[..2];
        let zero = health(&[("192.0.2.1", capacity(0)), ("192.0.2.2", capacity(0))]);
        let refused = [
            (
                30,
                FOUR,
                unhealthy(&["192.0.2.1", "192.0.2.2"]),
                "2 of 4 targets",
            ),
            (30, two, unhealthy(&["192.0.2.1"]), "1 of 2 targets"),
            (49, two, unhealthy(&["192.0.2.2"]), "1 of 2 targets"),
            (24, FOUR, unhealthy(&["192.0.2.2"]), "1 of 4 targets"),
            (0, FOUR, unhealthy(&["192.0.2.2"]), "1 of 4 targets"),
            // Weight 0 is as good as absent.
            (30, FOUR, zero, "2 of 4 targets"),
        ];
        for (allowed, targets, health, says) in refused {
            let error = step(fleet(allowed, &[("db.example", targets)]), &health).unwrap_err();
            assert!(error.contains(says), "`{error}` does not say `{says}`");
            assert!(error.contains("endpoint db.example"), "{error}");
            assert!(error.contains(&format!("{allowed} %")), "{error}");
        }
        let allowed = [
            (25, FOUR, unhealthy(&["192.0.2.1"])),
            (50, two, unhealthy(&["192.0.2.2"])),
            (0, FOUR, health(&[("192.0.2.1", capacity(1))])),
            (
                100,
                FOUR,
                unhealthy(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
            ),
        ];
        for (allowed, targets, health) in allowed {
            let result = step(fleet(allowed, &[("db.example", targets)]), &health);
            assert_eq!(result, Ok(published(2)), "{allowed} %");
        }
    }

    #[test]
    fn a_large_endpoint_does_not_hide_a_small_one() {
        let small: &[_] = &[("192.0.2.1", 100, 100), ("192.0.2.9", 100, 100)];
        let endpoints = [
            ("a.example", FOUR),
            ("b.example", small),
            ("c.example", small),
        ];
        let error = step(fleet(30, &endpoints), &unhealthy(&["192.0.2.1"])).unwrap_err();
        assert!(
            error.contains("1 of 2 targets from endpoint b.example"),
            "{error}"
        );
        assert!(error.contains("from 2 endpoints in all"), "{error}");
    }

    #[test]
    fn a_target_that_was_drained_before_may_go() {
        let mut targets = FOUR.to_vec();
        targets[0].2 = 0;
        let before = fleet(30, &[("db.example", &targets)]);
        let (mut planner, _store) = planner(before);
        planner.tick(&health(&[])).unwrap();
        planner.set_fleet(fleet(0, &[("db.example", &FOUR[1..])]));
        assert_eq!(planner.tick(&health(&[])).unwrap(), published(2));
        // The targets that can be drawn are the ones that count: 1 of 3.
        planner.set_fleet(fleet(33, &[("db.example", &FOUR[2..])]));
        let error = planner.tick(&health(&[])).unwrap_err().to_string();
        assert!(error.contains("1 of 3 targets"), "{error}");
    }

    #[test]
    fn another_fleet_is_guarded_too_and_an_endpoint_that_goes_is_all_of_it() {
        let (mut planner, store) = planner(fleet(99, &[("a.example", FOUR), ("b.example", FOUR)]));
        planner.tick(&health(&[])).unwrap();
        planner.set_fleet(fleet(99, &[("b.example", FOUR), ("c.example", FOUR)]));
        let error = planner.tick(&health(&[])).unwrap_err();
        assert!(
            matches!(&error, Error::TooManyRemoved { endpoint, removed: 4, of: 4, allowed_percent: 99, endpoints: 1 } if endpoint.as_str() == "a.example"),
            "{error}"
        );
        assert!(planner.confirm());
        assert_eq!(planner.tick(&health(&[])).unwrap(), published(2));
        let names: Vec<_> = latest(&store)
            .endpoints()
            .map(|(name, _)| name.to_string())
            .collect();
        assert_eq!(names, ["b.example", "c.example"]);
    }

    #[test]
    fn a_confirmation_is_for_the_refused_plan_and_for_once() {
        let (mut planner, store) = planner(fleet(30, &[("db.example", FOUR)]));
        let (all_well, two) = (health(&[]), unhealthy(&["192.0.2.1", "192.0.2.2"]));
        let other_two = unhealthy(&["192.0.2.3", "192.0.2.4"]);
        planner.tick(&all_well).unwrap();
        assert!(!planner.confirm(), "nothing to confirm");

        // Refused until confirmed, however often.
        for _ in 0..3 {
            planner.tick(&two).unwrap_err();
        }
        // A confirmation does not serve for another plan, and is void then.
        assert!(planner.confirm());
        planner.tick(&other_two).unwrap_err();
        planner.tick(&two).unwrap_err();
        assert_eq!(store.generations().len(), 1);

        // It does for the one that was refused; once.
        assert!(planner.confirm());
        assert_eq!(planner.tick(&two).unwrap(), published(2));
        assert!(!planner.confirm(), "used up");
        assert_eq!(planner.tick(&all_well).unwrap(), published(3));
        planner.tick(&two).unwrap_err();

        // It is void once the store's plan is the desired one again.
        assert!(planner.confirm());
        assert_eq!(planner.tick(&all_well).unwrap(), unchanged(3));
        planner.tick(&two).unwrap_err();
    }

    /// A store that may fail to publish, or lose the reply to it.
    struct Faulty {
        store: MemoryStore,
        next: Mutex<Option<StoreFailure>>,
    }

    #[derive(Clone, Copy, Debug)]
    enum StoreFailure {
        NotDone,
        ReplyLost,
    }

    impl Layer for Faulty {
        type Inner = MemoryStore;
        type Pin = MemoryPin;
        type Reader = Reader;

        fn inner(&self) -> &MemoryStore {
            &self.store
        }

        fn wrap(&self, pin: MemoryPin) -> MemoryPin {
            pin
        }

        fn reader(&self) -> Reader {
            self.store.reader()
        }

        fn publish(&self, plan: Arc<Plan>) -> Result<Generation, plan_store::Error> {
            let fault = self.next.lock().take();
            if !matches!(fault, Some(StoreFailure::NotDone)) {
                let generation = self.store.publish(plan)?;
                if fault.is_none() {
                    return Ok(generation);
                }
            }
            Err(plan_store::Error::Backend("timed out".into()))
        }
    }

    #[test]
    fn after_an_uncertain_publish_the_next_step_looks() {
        let two = unhealthy(&["192.0.2.1", "192.0.2.2"]);
        for (fault, plans, next) in [
            (StoreFailure::NotDone, 1, published(2)),
            (StoreFailure::ReplyLost, 2, unchanged(2)),
        ] {
            let inner = MemoryStore::new(Retention::newest(9));
            let store = Faulty {
                store: inner.clone(),
                next: Mutex::new(None),
            };
            let mut planner = Planner::new(store, fleet(30, &[("db.example", FOUR)]));
            planner.tick(&health(&[])).unwrap();
            planner.tick(&two).unwrap_err();
            assert!(planner.confirm());

            *planner.store.next.lock() = Some(fault);
            let error = planner.tick(&two).unwrap_err();
            assert!(
                matches!(error, Error::Store(plan_store::Error::Backend(_))),
                "{error}"
            );
            assert_eq!(
                inner.generations().len(),
                plans,
                "{fault:?}: not retried blindly"
            );
            // The confirmation still stands, for nothing is known to have used it.
            assert_eq!(planner.tick(&two).unwrap(), next, "{fault:?}");
            assert_eq!(inner.generations().len(), 2, "{fault:?}: published once");
        }
    }

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
                    Err(Error::NoHealth) => prop_assert!(health.is_empty()),
                    Err(Error::TooManyRemoved { .. }) => prop_assert!(before.is_some()),
                    Err(error) => prop_assert!(false, "{}", error),
                }
            }
        }
    }
}
