//! The outage on each store, with the exact schedule and in free runs.

use control_plane::{Fleet, FleetEndpoint};
use drill::{Error, Outcome, free_running, outage};
use incident::{ClientAnswer, Event, IncidentStore, Invariant, Variant};
use plan_store::{EndpointName, MemoryStore, Pin, PlanStore, Resolution};

use crate::fleets::{TWO_ENDPOINTS, fleet, parse};

const SEED: u64 = 1;

/// The invariants that broke, each with the step that broke it and the step that showed it.
fn broken(outcome: &Outcome) -> Vec<(Invariant, usize, usize)> {
    let verdict = outcome.verdict.iter();
    verdict
        .map(|(&invariant, breach)| (invariant, breach.broken_at, breach.seen_at))
        .collect()
}

fn on_incident(variant: Variant, fleet: &Fleet) -> Outcome {
    let store = IncidentStore::new(variant, fleet.retention());
    outage(fleet, store, SEED, None).unwrap()
}

fn repair(store: &IncidentStore, endpoint: &EndpointName) -> Result<(), Error> {
    Ok(store.repair(&store.latest().unwrap().unwrap(), endpoint)?)
}

/// (stuck, repaired), the passes, and the plans (published, swept, stale).
fn figures(outcome: &Outcome) -> ((bool, bool), usize, (usize, usize, usize)) {
    let tally = outcome.tally;
    (
        (outcome.stuck, outcome.repaired),
        outcome.passes,
        (tally.published, tally.swept, tally.stale),
    )
}

#[test]
fn on_the_incidents_store_the_schedule_is_the_outage() {
    use Invariant::{ActiveKept, Monotonic, NeverEmpty, Progress};
    for variant in [Variant::Incident, Variant::LockPerEndpoint] {
        let outcome = on_incident(variant, &fleet(3));
        let expected = [
            (Monotonic, 26, 26),
            (ActiveKept, 31, 32),
            (NeverEmpty, 31, 32),
            (Progress, 47, 47),
        ];
        assert_eq!(broken(&outcome), expected, "{variant}");
        assert_eq!(
            figures(&outcome),
            ((true, false), 7, (6, 2, 0)),
            "{variant}"
        );
    }
}

/// The answers that the client got over UDP, for all endpoints, without repetitions.
fn told(outcome: &Outcome) -> Vec<ClientAnswer> {
    let steps = outcome.steps.iter();
    let mut told: Vec<_> = steps
        .filter_map(|step| match step.event {
            Event::Resolved { told, .. } => Some(told.unwrap()),
            _ => None,
        })
        .collect();
    told.dedup();
    told
}

#[test]
fn over_udp_addresses_turn_into_empty_answers_until_the_repair() {
    let fleet = fleet(3);
    let store = IncidentStore::new(Variant::LockPerEndpoint, fleet.retention());
    let outcome = outage(&fleet, store, SEED, Some(&repair)).unwrap();
    let both = ClientAnswer::Addresses(2);
    assert_eq!(told(&outcome), [both, ClientAnswer::Nothing, both]);
    let outcome = outage(&fleet, MemoryStore::new(fleet.retention()), SEED, None).unwrap();
    assert_eq!(told(&outcome), [both]);
}

#[test]
fn after_a_repair_by_hand_passes_succeed_again() {
    let fleet = fleet(3);
    let store = IncidentStore::new(Variant::LockPerEndpoint, fleet.retention());
    let outcome = outage(&fleet, store, SEED, Some(&repair)).unwrap();
    assert_eq!(figures(&outcome), ((true, true), 10, (7, 4, 0)));

    let repaired = |event: &Event| matches!(event, Event::Repaired { .. });
    let steps = outcome.steps.iter();
    let repairs: Vec<_> = steps.clone().filter(|s| repaired(&s.event)).collect();
    assert_eq!(repairs.len(), 2, "one for each endpoint");
    let failed_after = steps
        .skip(repairs[1].number)
        .find(|step| matches!(step.event, Event::Failed { .. }));
    assert_eq!(failed_after, None);
}

#[test]
fn with_compare_and_swap_only_no_enactor_is_stuck_but_a_rollback_target_is_deleted() {
    // The slow Enactor's plan is refused, so no active plan is old.
    let outcome = on_incident(Variant::CompareAndSwapOnly, &fleet(3));
    assert_eq!(broken(&outcome), []);
    assert_eq!(figures(&outcome), ((false, false), 7, (6, 3, 1)));
    // A sweep that keeps fewer plans also deletes the rollback target, and the plan that the
    // slow Enactor holds.
    let outcome = on_incident(Variant::CompareAndSwapOnly, &fleet(1));
    let expected = [
        (Invariant::RollbackKept, 17, 30),
        (Invariant::PinnedKept, 17, 17),
    ];
    assert_eq!(broken(&outcome), expected);
    assert_eq!(figures(&outcome), ((false, false), 7, (4, 4, 1)));
}

#[test]
fn on_the_memory_store_the_same_schedule_breaks_nothing() {
    for (keep_newest, swept) in [(1, 2), (3, 3)] {
        let fleet = fleet(keep_newest);
        let store = MemoryStore::new(fleet.retention());
        let outcome = outage(&fleet, store, SEED, None).unwrap();
        assert_eq!(broken(&outcome), []);
        assert!(!outcome.stuck);
        assert_eq!(
            outcome.tally.stale, 1,
            "the slow Enactor is refused as stale"
        );
        assert_eq!(outcome.tally.swept, swept);
    }
}

#[test]
fn the_schedule_repeats_exactly_and_the_seed_decides_the_plans() {
    let fleet = fleet(3);
    let run = |seed| {
        let store = IncidentStore::new(Variant::LockPerEndpoint, fleet.retention());
        outage(&fleet, store, seed, Some(&repair)).unwrap()
    };
    let (first, again, other) = (run(SEED), run(SEED), run(SEED + 1));
    assert_eq!(first.steps, again.steps);
    assert_eq!(first.verdict, again.verdict);
    assert_eq!(figures(&first), figures(&again));
    assert_ne!(first.steps, other.steps, "other weights");
    assert_eq!(broken(&first), broken(&other), "the same outage");
}

#[test]
fn a_fleet_without_drift_is_an_error_and_does_not_hang() {
    let one_target = parse(
        r#"
        [[endpoint]]
        name = "a.example"
        target = [{ address = "192.0.2.1", zone = "z1", capacity = 100 }]
        "#,
    );
    let store = MemoryStore::new(one_target.retention());
    let error = outage(&one_target, store, SEED, None).unwrap_err();
    assert!(matches!(error, Error::NothingToPlan), "{error}");
}

#[test]
fn small_capacities_and_targets_that_cannot_drift_do_not_stop_the_schedule() {
    let small = TWO_ENDPOINTS.replace("capacity = 100", "capacity = 1");
    let mixed = format!(
        r#"
        [[endpoint]]
        name = "c.example"
        target = [{{ address = "192.0.2.5", zone = "z1", capacity = 100 }}]
        [[endpoint]]
        name = "d.example"
        target = [{{ address = "192.0.2.6", zone = "z1", capacity = 100 }}]
        {TWO_ENDPOINTS}"#
    );
    for text in [small, mixed] {
        let fleet = parse(&text);
        let outcome = on_incident(Variant::Incident, &fleet);
        assert!(outcome.stuck);
        assert_eq!(outcome.tally.published, 6);
    }
}

/// The limit of passes, more than any run here needs. A run without end fails by it.
const MANY_PASSES: usize = 20_000;

#[test]
fn in_a_free_run_the_incidents_store_ends_up_stuck() {
    use Invariant::{ActiveKept, LatestWins, Monotonic, NeverEmpty, Progress};
    let fleet = fleet(1);
    let store = IncidentStore::new(Variant::LockPerEndpoint, fleet.retention());
    let outcome = free_running(&fleet, store.clone(), SEED, |so_far| {
        so_far.passes < MANY_PASSES
    })
    .unwrap();
    assert!(outcome.stuck && outcome.passes < MANY_PASSES);
    for invariant in [Monotonic, ActiveKept, NeverEmpty, Progress, LatestWins] {
        assert!(outcome.verdict.contains_key(&invariant), "{invariant}");
    }
    assert!(outcome.steps.is_empty(), "no steps are kept");

    let endpoints = fleet.endpoints().iter().map(FleetEndpoint::name);
    let mut resolutions = endpoints.map(|endpoint| store.resolve(endpoint));
    assert!(resolutions.any(|answer| matches!(answer, Resolution::Dangling { .. })));
}

#[test]
fn in_a_free_run_the_memory_store_breaks_nothing_and_follows_the_script() {
    // One target fails at the second reading and stays unhealthy.
    let fleet = parse(&format!(
        r#"
        [planner]
        max_removal_percent = 100
        {TWO_ENDPOINTS}
        [[health]]
        at = 2
        target = "192.0.2.1"
        healthy = false
        "#
    ));
    let store = MemoryStore::new(fleet.retention());
    let outcome = free_running(&fleet, store.clone(), SEED, |so_far| {
        let enough = so_far.passes >= 1_000 && so_far.tally.stale > 0;
        !enough && so_far.passes < MANY_PASSES
    })
    .unwrap();
    assert_eq!(broken(&outcome), []);
    assert!(!outcome.stuck);
    assert!(outcome.tally.stale > 0 && outcome.tally.swept > 0);

    let latest = store.latest().unwrap().unwrap();
    let records = latest
        .plan()
        .records(&"a.example".parse().unwrap())
        .unwrap();
    let left: Vec<_> = records.targets().map(|t| t.address.to_string()).collect();
    assert_eq!(left, ["192.0.2.2"]);
}

#[test]
fn a_free_run_ends_when_the_caller_ends_it() {
    let fleet = fleet(3);
    let store = MemoryStore::new(fleet.retention());
    let mut rounds = 0;
    let outcome = free_running(&fleet, store, SEED, |_| {
        rounds += 1;
        rounds <= 3
    });
    assert!(outcome.is_ok());
    assert_eq!(rounds, 4);
}
