//! What the incident's store does like every store, and what it does differently.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;

use control_plane::chain;
use incident::{Error, IncidentPin, IncidentStore, Variant};
use plan_store::{
    Activation, EndpointName, EndpointState, Generation, Pin, PinError, Plan, PlanStore, RecordSet,
    Resolution, Resolve, RetainReason, Retention, Standing, StepError, Swept, Target,
};

/// The variants whose sweep deletes active plans.
const SPARING_NOTHING: [Variant; 4] = [
    Variant::Incident,
    Variant::LockPerEndpoint,
    Variant::RecheckBeforeEach,
    Variant::CompareAndSwapOnly,
];

/// The variants in which an older plan overwrites a newer one if it comes later.
const COMPARING_NOTHING: [Variant; 5] = [
    Variant::Incident,
    Variant::LockPerEndpoint,
    Variant::NothingSwept,
    Variant::SpareActive,
    Variant::SpareActiveAndRollback,
];

fn endpoint(name: &str) -> EndpointName {
    format!("{name}.example").parse().unwrap()
}

fn records(octet: u8) -> RecordSet {
    let target = Target::new([192, 0, 2, octet].into(), 255);
    RecordSet::new(5, [target]).unwrap()
}

/// A plan of these endpoints; `octet` makes its content.
fn plan(names: &[&str], octet: u8) -> Arc<Plan> {
    let records = names.iter().map(|name| (endpoint(name), records(octet)));
    Arc::new(Plan::new(records).unwrap())
}

fn g(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

/// A store that keeps one plan, with `count` plans for a.example.
fn store_with(variant: Variant, count: u8) -> (IncidentStore, Vec<IncidentPin>) {
    let store = IncidentStore::new(variant, Retention::newest(1));
    let pins = (1..=count).map(|octet| {
        let generation = store.publish(plan(&["a"], octet)).unwrap();
        assert_eq!(generation, g(octet.into()));
        store.pin(generation).unwrap()
    });
    let pins = pins.collect();
    (store, pins)
}

fn state(active: u32, rollback: Option<u32>) -> EndpointState {
    EndpointState {
        standing: Standing::Active(g(active)),
        rollback: rollback.map(g),
    }
}

/// Activates plan 1, then `pins`, then sweeps: plan 1 dangles if it is active.
fn dangling(variant: Variant) -> (IncidentStore, Vec<IncidentPin>) {
    let (store, pins) = store_with(variant, 3);
    assert!(is_activated(
        store.activate(&pins[0], &endpoint("a")).unwrap()
    ));
    store.sweep(g(3)).unwrap();
    (store, pins)
}

fn is_activated(outcome: Activation) -> bool {
    matches!(outcome, Activation::Activated { .. })
}

#[test]
fn every_variant_publishes_pins_activates_and_resolves() {
    for variant in Variant::ALL {
        let (store, pins) = store_with(variant, 2);
        let (a, mut reader) = (endpoint("a"), store.reader());
        assert_eq!(store.latest().unwrap().unwrap().generation(), g(2));
        assert_eq!(pins[0].plan(), &plan(&["a"], 1));
        assert!(
            matches!(store.pin(g(9)), Err(PinError::NoSuchPlan { generation }) if generation == g(9))
        );
        assert_eq!(*reader.resolve(&endpoint("z")), Resolution::Unknown);
        assert_eq!(*reader.resolve(&a), Resolution::Vacant);
        assert_eq!(store.newest_active().unwrap(), None);

        for pin in &pins {
            assert!(is_activated(store.activate(pin, &a).unwrap()), "{variant}");
        }
        assert_eq!(store.activate(&pins[1], &a).unwrap(), Activation::Already);
        assert_eq!(store.state(&a).unwrap(), state(2, Some(1)));
        assert_eq!(store.newest_active().unwrap(), Some(g(2)));
        let answer = Resolution::Answer {
            generation: g(2),
            records: Arc::new(records(2)),
        };
        assert_eq!(*reader.resolve(&a), answer);
        assert_eq!(store.state(&endpoint("z")).unwrap(), EndpointState::VACANT);
    }
}

#[test]
fn every_variant_withdraws_what_a_plan_no_longer_names() {
    for variant in Variant::ALL {
        let (store, pins) = store_with(variant, 1);
        let (a, b) = (endpoint("a"), endpoint("b"));
        assert!(is_activated(store.activate(&pins[0], &a).unwrap()));
        let without = store.publish(plan(&["b"], 2)).unwrap();
        let without = store.pin(without).unwrap();

        assert_eq!(
            store.stale_endpoints(&without).unwrap(),
            std::slice::from_ref(&a)
        );
        assert!(matches!(
            store.activate(&without, &a),
            Err(StepError::NotInPlan { .. })
        ));
        assert!(matches!(
            store.withdraw(&without, &b),
            Err(StepError::StillInPlan { .. })
        ));
        assert!(is_activated(store.withdraw(&without, &a).unwrap()));
        assert_eq!(
            store.resolve(&a),
            Resolution::Withdrawn { generation: g(2) }
        );
        assert_eq!(store.stale_endpoints(&without).unwrap(), []);
        assert_eq!(store.withdraw(&without, &a).unwrap(), Activation::Already);
        assert_eq!(
            store.withdraw(&without, &endpoint("z")).unwrap(),
            Activation::Already
        );
    }
}

#[test]
fn an_older_plan_wins_unless_the_variant_compares() {
    let a = endpoint("a");
    for variant in COMPARING_NOTHING {
        let (store, pins) = store_with(variant, 2);
        assert!(is_activated(store.activate(&pins[1], &a).unwrap()));
        let replaced = state(2, None);
        let outcome = store.activate(&pins[0], &a).unwrap();
        assert_eq!(outcome, Activation::Activated { replaced }, "{variant}");
        assert_eq!(store.state(&a).unwrap(), state(1, Some(2)));
    }
    let others = |variant: &Variant| !COMPARING_NOTHING.contains(variant);
    for variant in Variant::ALL.into_iter().filter(others) {
        let (store, pins) = store_with(variant, 2);
        assert!(is_activated(store.activate(&pins[1], &a).unwrap()));
        let outcome = store.activate(&pins[0], &a).unwrap();
        assert_eq!(outcome, Activation::Stale { newer: g(2) }, "{variant}");
        assert_eq!(store.state(&a).unwrap(), state(2, None));
    }
}

#[test]
fn a_sweep_spares_what_its_variant_says() {
    let swept_by = |variant| {
        let (store, pins) = store_with(variant, 4);
        for pin in &pins[..2] {
            assert!(is_activated(store.activate(pin, &endpoint("a")).unwrap()));
        }
        let swept = store.sweep(g(4)).unwrap();
        for generation in &swept.deleted {
            assert!(store.pin(*generation).is_err());
        }
        for (generation, _) in &swept.spared {
            assert!(store.pin(*generation).is_ok());
        }
        swept
    };
    assert_eq!(swept_by(Variant::NothingSwept), Swept::default());
    let active = (g(2), RetainReason::Active);
    assert_eq!(
        swept_by(Variant::SpareActive),
        Swept {
            deleted: vec![g(1), g(3)],
            spared: vec![active],
        }
    );
    for variant in [
        Variant::SpareActiveAndRollback,
        Variant::CompareAndSwapBothSpared,
    ] {
        let swept = Swept {
            deleted: vec![g(3)],
            spared: vec![(g(1), RetainReason::Rollback), active],
        };
        assert_eq!(swept_by(variant), swept, "{variant}");
    }
}

#[test]
fn a_sweep_spares_neither_the_active_plan_nor_a_pinned_one() {
    for variant in SPARING_NOTHING {
        let (store, _pins) = store_with(variant, 3);
        let first = store.pin(g(1)).unwrap();
        assert!(is_activated(
            store.activate(&first, &endpoint("a")).unwrap()
        ));
        let swept = Swept {
            deleted: vec![g(1), g(2)],
            spared: Vec::new(),
        };
        assert_eq!(store.sweep(g(3)).unwrap(), swept);
        let dangling = Resolution::Dangling { generation: g(1) };
        assert_eq!(store.resolve(&endpoint("a")), dangling, "{variant}");
        assert!(store.pin(g(1)).is_err());
    }
}

#[test]
fn once_the_active_plan_is_gone_no_plan_can_follow() {
    for variant in SPARING_NOTHING {
        let (store, pins) = dangling(variant);
        for _ in 0..2 {
            let error = store.activate(&pins[2], &endpoint("a")).unwrap_err();
            assert_eq!(
                chain(&error),
                "the store failed: endpoint a.example: plan 1 is active and deleted, so it \
                 cannot become the rollback target; repair the endpoint by hand"
            );
            let StepError::Store(cause) = error else {
                panic!("{variant}: {error}");
            };
            assert!(matches!(cause, Error::Stuck { active, .. } if active == g(1)));
        }
        assert_eq!(store.state(&endpoint("a")).unwrap(), state(1, None));
        // The endpoint cannot be withdrawn either.
        let without = store.publish(plan(&["b"], 4)).unwrap();
        let without = store.pin(without).unwrap();
        assert!(store.withdraw(&without, &endpoint("a")).is_err());
    }
}

#[test]
fn an_enactor_that_still_has_the_deleted_plan_brings_it_back() {
    let (store, pins) = dangling(Variant::Incident);
    assert_eq!(
        store.activate(&pins[0], &endpoint("a")).unwrap(),
        Activation::Already
    );
    assert_eq!(store.resolve(&endpoint("a")).generation(), Some(g(1)));
    assert!(is_activated(
        store.activate(&pins[2], &endpoint("a")).unwrap()
    ));
}

#[test]
fn a_repair_by_hand_leaves_no_rollback_target_and_ends_the_stuck_state() {
    for variant in SPARING_NOTHING {
        let (store, pins) = dangling(variant);
        let a = endpoint("a");
        store.repair(&pins[2], &a).unwrap();
        assert_eq!(store.state(&a).unwrap(), state(3, None));
        assert_eq!(store.resolve(&a).records().unwrap().as_ref(), &records(3));
        let next = store.publish(plan(&["a"], 4)).unwrap();
        let next = store.pin(next).unwrap();
        assert!(is_activated(store.activate(&next, &a).unwrap()));
        assert_eq!(store.state(&a).unwrap(), state(4, Some(3)));
    }
}

#[test]
fn a_wrong_repair_is_refused_with_the_reason() {
    let (store, pins) = store_with(Variant::Incident, 1);
    let not_in_plan = store.repair(&pins[0], &endpoint("z")).unwrap_err();
    assert!(matches!(not_in_plan, Error::Store(_)));
    let text = not_in_plan.to_string();
    assert!(text.contains("plan 1 does not name the endpoint"), "{text}");
    // A pin from another store. Its plan names an endpoint that this zone never had.
    let other = IncidentStore::new(Variant::Incident, Retention::newest(1));
    let foreign = other.publish(plan(&["z"], 1)).unwrap();
    let foreign = other.pin(foreign).unwrap();
    let unknown = store.repair(&foreign, &endpoint("z")).unwrap_err();
    assert!(matches!(unknown, Error::UnknownEndpoint { .. }));
    assert!(unknown.to_string().contains("z.example is not in the zone"));
}
