//! The invariant checker, invariant by invariant: a journal that breaks the invariant, and
//! a similar journal that just does not.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;

use incident::{Actor, Breach, ClientAnswer, Event, Invariant, Journal, Observed, Violation};
use plan_store::{
    Activation, EndpointName, EndpointState, Generation, MemoryStore, Plan, PlanStore, RecordSet,
    Resolution, Retention, Standing, Swept, Target,
};

fn a() -> EndpointName {
    "a.example".parse().unwrap()
}

fn b() -> EndpointName {
    "b.example".parse().unwrap()
}

fn g(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

fn records(octet: u8) -> RecordSet {
    let target = Target::new([192, 0, 2, octet].into(), 255);
    RecordSet::new(5, [target]).unwrap()
}

fn plan(octet: u8) -> Arc<Plan> {
    Arc::new(Plan::new([(a(), records(octet))]).unwrap())
}

// Events of the journals, on plans by their numbers.

fn published(number: u8) -> Event {
    Event::Published {
        generation: g(number.into()),
        plan: plan(number),
    }
}

fn stepped(generation: u32, withdraws: bool, outcome: Activation) -> Event {
    Event::Stepped {
        endpoint: a(),
        generation: g(generation),
        withdraws,
        outcome,
    }
}

fn over(standing: Standing) -> Activation {
    let rollback = None;
    let replaced = EndpointState { standing, rollback };
    Activation::Activated { replaced }
}

fn swept(deleted: &[u32]) -> Event {
    let deleted = deleted.iter().copied().map(g).collect();
    let spared = Vec::new();
    Event::Swept {
        applied: g(9),
        swept: Swept { deleted, spared },
    }
}

fn told(resolution: Resolution, told: Option<ClientAnswer>) -> Event {
    Event::Resolved {
        endpoint: a(),
        resolution,
        told,
    }
}

fn resolved(resolution: Resolution) -> Event {
    told(resolution, None)
}

/// An answer that claims to come from plan `generation`, with the records of plan `octet`.
fn answer(generation: u32, octet: u8) -> Resolution {
    Resolution::Answer {
        generation: g(generation),
        records: Arc::new(records(octet)),
    }
}

fn dangling(generation: u32) -> Resolution {
    let generation = g(generation);
    Resolution::Dangling { generation }
}

fn withdrawn(generation: u32) -> Resolution {
    let generation = g(generation);
    Resolution::Withdrawn { generation }
}

/// Asserts that these events break exactly these invariants, each with its first breach.
#[track_caller]
fn assert_breaks(events: impl IntoIterator<Item = Event>, breaches: &[(Invariant, Breach)]) {
    assert_breaks_in(&Journal::judging_only(), events, breaches);
}

#[track_caller]
fn assert_breaks_in(
    journal: &Journal,
    events: impl IntoIterator<Item = Event>,
    breaches: &[(Invariant, Breach)],
) {
    for event in events {
        journal.record(Actor::Operator, event);
    }
    assert_eq!(journal.verdict(), breaches.iter().cloned().collect());
}

#[track_caller]
fn assert_keeps_all(events: impl IntoIterator<Item = Event>) {
    assert_breaks(events, &[]);
}

fn breach(broken_at: usize, seen_at: usize, what: Violation) -> Breach {
    let times = 1;
    Breach {
        broken_at,
        seen_at,
        what,
        times,
    }
}

#[test]
fn monotonic_breaks_if_an_older_plan_replaces_a_newer_one() {
    for (withdraws, standing) in [
        (false, Standing::Active(g(3))),
        (false, Standing::Withdrawn(g(3))),
        (true, Standing::Active(g(3))),
    ] {
        let what = Violation::StaleOverwrite {
            endpoint: a(),
            generation: g(2),
            newer: g(3),
        };
        let overwrite = stepped(2, withdraws, over(standing));
        assert_breaks(
            [published(1), overwrite],
            &[(Invariant::Monotonic, breach(2, 2, what))],
        );
    }
}

#[test]
fn monotonic_holds_if_the_plan_is_newer_or_nothing_is_replaced() {
    assert_keeps_all([
        stepped(2, false, over(Standing::Vacant)),
        stepped(2, false, over(Standing::Active(g(1)))),
        stepped(2, false, over(Standing::Withdrawn(g(2)))),
        stepped(2, true, over(Standing::Active(g(1)))),
        stepped(2, false, Activation::Already),
        stepped(2, false, Activation::Stale { newer: g(3) }),
        stepped(2, false, Activation::Unknown),
    ]);
}

#[test]
fn active_kept_breaks_if_an_endpoint_dangles() {
    let what = Violation::ActiveDeleted {
        endpoint: a(),
        generation: g(1),
    };
    let known = breach(2, 3, what.clone());
    assert_breaks(
        [published(1), swept(&[1]), resolved(dangling(1))],
        &[(Invariant::ActiveKept, known)],
    );
    // The journal does not have the deletion.
    assert_breaks(
        [published(1), resolved(dangling(1))],
        &[(Invariant::ActiveKept, breach(2, 2, what))],
    );
}

#[test]
fn active_kept_holds_if_another_plan_is_deleted() {
    assert_keeps_all([
        published(1),
        published(2),
        swept(&[1]),
        resolved(answer(2, 2)),
        resolved(withdrawn(3)),
    ]);
}

#[test]
fn rollback_kept_breaks_if_a_rollback_target_is_gone() {
    let gone = Event::RollbackGone {
        endpoint: a(),
        rollback: g(1),
    };
    let what = Violation::RollbackDeleted {
        endpoint: a(),
        generation: g(1),
    };
    assert_breaks(
        [published(1), swept(&[1]), swept(&[2]), gone],
        &[(Invariant::RollbackKept, breach(2, 4, what))],
    );
}

/// A plan that an Enactor has pinned, and its journal.
fn pinned() -> (Arc<Journal>, impl Sized, impl Sized) {
    let journal = Journal::judging_only();
    let store = MemoryStore::new(Retention::newest(1));
    store.publish(plan(1)).unwrap();
    let enactor = Observed::new(store, Actor::Enactor(1), &journal);
    let two = (enactor.latest().unwrap(), enactor.latest().unwrap());
    (journal, two.0, two.1)
}

#[test]
fn pinned_kept_breaks_if_a_plan_is_deleted_that_any_actor_has_pinned() {
    let (journal, first, second) = pinned();
    drop(first);
    let what = Violation::PinnedDeleted { generation: g(1) };
    let breaches = [(Invariant::PinnedKept, breach(3, 3, what))];
    assert_breaks_in(&journal, [swept(&[1])], &breaches);
    drop(second);
}

#[test]
fn pinned_kept_holds_for_other_plans_and_once_all_pins_are_dropped() {
    let (journal, first, second) = pinned();
    assert_breaks_in(&journal, [swept(&[2])], &[]);
    drop((first, second));
    assert_breaks_in(&journal, [swept(&[1])], &[]);
}

#[test]
fn never_empty_breaks_if_an_endpoint_that_resolved_has_no_records() {
    let what = Violation::Emptied { endpoint: a() };
    let emptied = [(Invariant::NeverEmpty, breach(2, 2, what.clone()))];
    let nothing = Some(ClientAnswer::Nothing);
    for [before, after] in [
        [resolved(answer(1, 1)), resolved(Resolution::Vacant)],
        [resolved(answer(1, 1)), resolved(Resolution::Unknown)],
        [resolved(answer(1, 1)), told(answer(1, 1), nothing)],
    ] {
        assert_breaks([before, after], &emptied);
    }
    // A dangling endpoint has been empty since the deletion.
    let deleted = Violation::ActiveDeleted {
        endpoint: a(),
        generation: g(1),
    };
    for told in [None, nothing] {
        assert_breaks(
            [
                resolved(answer(1, 1)),
                swept(&[1]),
                self::told(dangling(1), told),
            ],
            &[
                (Invariant::ActiveKept, breach(2, 3, deleted.clone())),
                (Invariant::NeverEmpty, breach(2, 3, what.clone())),
            ],
        );
    }
}

#[test]
fn never_empty_breaks_if_only_a_client_had_an_answer() {
    let what = Violation::Emptied { endpoint: a() };
    assert_breaks(
        [
            told(Resolution::Vacant, Some(ClientAnswer::Addresses(1))),
            resolved(Resolution::Vacant),
        ],
        &[(
            Invariant::NeverEmpty,
            Breach {
                times: 2,
                ..breach(1, 1, what)
            },
        )],
    );
}

#[test]
fn never_empty_holds_before_the_first_answer_after_a_withdrawal_and_elsewhere() {
    let elsewhere = Event::Resolved {
        endpoint: b(),
        resolution: Resolution::Vacant,
        told: Some(ClientAnswer::Nothing),
    };
    assert_keeps_all([
        resolved(Resolution::Unknown),
        told(Resolution::Vacant, Some(ClientAnswer::Nothing)),
        resolved(answer(1, 1)),
        elsewhere,
        told(answer(1, 1), Some(ClientAnswer::NoSuchName)),
        told(answer(1, 1), Some(ClientAnswer::Later)),
        resolved(withdrawn(2)),
        resolved(Resolution::Unknown),
        resolved(Resolution::Vacant),
    ]);
}

#[test]
fn whole_answer_breaks_if_the_records_are_another_plans() {
    let what = Violation::OtherRecords {
        endpoint: a(),
        generation: g(1),
    };
    assert_breaks(
        [published(1), published(2), resolved(answer(1, 2))],
        &[(Invariant::WholeAnswer, breach(3, 3, what.clone()))],
    );
    // The plan does not name the endpoint.
    let elsewhere = Event::Resolved {
        endpoint: b(),
        resolution: answer(1, 1),
        told: None,
    };
    let what = Violation::OtherRecords {
        endpoint: b(),
        generation: g(1),
    };
    assert_breaks(
        [published(1), elsewhere],
        &[(Invariant::WholeAnswer, breach(2, 2, what))],
    );
}

#[test]
fn whole_answer_holds_for_a_plans_own_records_and_for_plans_that_are_gone() {
    assert_keeps_all([
        published(1),
        published(2),
        resolved(answer(1, 1)),
        resolved(answer(2, 2)),
        resolved(answer(3, 2)),
        swept(&[1]),
        resolved(answer(1, 2)),
    ]);
}

#[test]
fn what_a_look_at_rest_finds_breaks_its_invariant() {
    let (generation, newest, endpoint) = (g(2), g(2), a());
    for (event, invariant, what) in [
        (
            Event::NoProgress { generation },
            Invariant::Progress,
            Violation::NotApplied { generation },
        ),
        (
            Event::LeftBehind {
                endpoint: endpoint.clone(),
                newest,
            },
            Invariant::LatestWins,
            Violation::LeftBehind { endpoint, newest },
        ),
        (
            Event::NotReclaimed { generation },
            Invariant::Reclaimed,
            Violation::NotReclaimed { generation },
        ),
    ] {
        let events = [published(1), event];
        assert_breaks(events, &[(invariant, breach(2, 2, what))]);
    }
}

#[test]
fn steps_that_break_nothing_by_themselves_break_nothing() {
    assert_keeps_all([
        published(1),
        Event::PickedUp { generation: g(1) },
        Event::Checked { newest: Some(g(2)) },
        swept(&[1]),
        Event::Failed {
            error: "stuck".to_owned(),
            gone: Some(g(1)),
        },
        Event::Repaired {
            endpoint: a(),
            generation: g(1),
        },
    ]);
}

#[test]
fn the_first_breach_is_kept_and_all_are_counted() {
    let overwrite = |generation| stepped(generation, false, over(Standing::Active(g(5))));
    let what = Violation::StaleOverwrite {
        endpoint: a(),
        generation: g(4),
        newer: g(5),
    };
    let first = Breach {
        times: 3,
        ..breach(1, 1, what)
    };
    assert_breaks([4, 3, 2].map(overwrite), &[(Invariant::Monotonic, first)]);
}
