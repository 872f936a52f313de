//! Each operation of the specification, with histories written by hand: one that has an
//! order, and others, with one answer changed, that have none.

use linearizability::search::Verdict;
use linearizability::spec::{ClientAnswer, Content, Hold, Op};
use plan_store::{Activation, EndpointState, Generation, RetainReason, Standing};

use crate::{in_order, plan};

fn g(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

/// The publish of the plan with this number, which gets this generation.
fn publish(number: u8, told: u32) -> Op {
    Op::Publish {
        content: Content::of(&plan(number)),
        generation: Some(g(told)),
    }
}

fn pick_up(told: impl Into<Option<u32>>) -> Op {
    Op::PickUp(told.into().map(g), Hold::Pin)
}

fn pin(asked: u32, told: impl Into<Option<u32>>) -> Op {
    Op::Pin {
        asked: g(asked),
        told: told.into().map(g),
        hold: Hold::Pin,
    }
}

fn activate(generation: u32, told: Activation) -> Op {
    Op::Activate {
        generation: g(generation),
        hold: Hold::Pin,
        at: 0,
        told,
    }
}

fn stale(generation: u32, at: usize, told: bool) -> Op {
    Op::StaleEndpoint {
        generation: g(generation),
        at,
        told,
    }
}

/// The two endpoints below the first one.
fn has_descendant(told: bool) -> Op {
    let below = [false, true, true];
    Op::HasDescendant { below, told }
}

fn withdraw(at: usize, told: Activation) -> Op {
    withdraw_by(2, at, told)
}

fn withdraw_by(generation: u32, at: usize, told: Activation) -> Op {
    Op::Withdraw {
        generation: g(generation),
        hold: Hold::Pin,
        at,
        told,
    }
}

fn active(plan: u32, rollback: impl Into<Option<u32>>) -> EndpointState {
    EndpointState {
        standing: Standing::Active(g(plan)),
        rollback: rollback.into().map(g),
    }
}

fn over(replaced: EndpointState) -> Activation {
    Activation::Activated { replaced }
}

fn delete(generation: u32, applied: u32) -> Op {
    Op::Delete {
        generation: g(generation),
        applied: g(applied),
    }
}

fn spare(generation: u32, why: RetainReason) -> Op {
    let generation = g(generation);
    Op::Spare { generation, why }
}

fn resolve(told: ClientAnswer) -> Op {
    resolve_at(0, told)
}

fn resolve_at(at: usize, told: ClientAnswer) -> Op {
    Op::Resolve { at, told }
}

fn state(told: EndpointState) -> Op {
    Op::State { at: 0, told }
}

/// Asserts that the operations `before`, followed by one of the `right` ones, have an
/// order, and followed by one of the `wrong` ones have none.
#[track_caller]
fn assert_told(before: &[Op], right: &[Op], wrong: &[Op]) {
    for (last, explained) in right
        .iter()
        .map(|op| (op, true))
        .chain(wrong.iter().map(|op| (op, false)))
    {
        let history = [before, std::slice::from_ref(last)].concat();
        let verdict = in_order(&history);
        assert_eq!(verdict == Verdict::Linearizable, explained, "{history:#?}");
    }
}

/// Plan 1 is active at the first endpoint, and its pin is released. Plan 2 is pinned.
fn in_use() -> Vec<Op> {
    vec![
        publish(1, 1),
        pick_up(1),
        activate(1, over(EndpointState::VACANT)),
        Op::LetGo(g(1)),
        publish(2, 2),
        pick_up(2),
    ]
}

#[test]
fn a_publish_gets_the_next_generation() {
    assert_told(&[], &[publish(1, 1)], &[publish(1, 2)]);
    let one = [publish(1, 1)];
    assert_told(&one, &[publish(2, 2)], &[publish(2, 1), publish(2, 3)]);
}

#[test]
fn the_newest_plan_is_picked_up() {
    assert_told(&[], &[pick_up(None)], &[pick_up(1)]);
    let two = [publish(1, 1), publish(2, 2)];
    assert_told(
        &two,
        &[pick_up(2)],
        &[pick_up(None), pick_up(1), pick_up(3)],
    );
}

#[test]
fn a_pin_is_on_the_plan_that_was_asked_for() {
    assert_told(&[], &[pin(1, None)], &[pin(1, 1)]);
    let two = [publish(1, 1), publish(2, 2)];
    assert_told(
        &two,
        &[pin(1, 1), pin(2, 2), pin(3, None)],
        &[pin(1, None), pin(1, 2), pin(3, 2), pin(3, 3)],
    );
    let deleted = [&two[..], &[delete(1, 2)]].concat();
    assert_told(&deleted, &[pin(1, None)], &[pin(1, 1), pin(1, 2)]);
    let pinned = [&two[..], &[pin(1, 1)]].concat();
    let given_back = [&pinned[..], &[Op::LetGo(g(1))]].concat();
    assert_told(&pinned, &[Op::LetGo(g(1))], &[delete(1, 2)]);
    assert_told(&given_back, &[delete(1, 2)], &[Op::LetGo(g(1))]);
}

#[test]
fn a_pin_is_given_back_once() {
    let given_back = [publish(1, 1), pick_up(1)];
    assert_told(&given_back, &[Op::LetGo(g(1))], &[Op::LetGo(g(2))]);
    let twice = [publish(1, 1), pick_up(1), Op::LetGo(g(1))];
    assert_told(&twice, &[], &[Op::LetGo(g(1))]);
}

#[test]
fn an_activation_is_told_what_it_replaced() {
    assert_told(
        &in_use(),
        &[activate(2, over(active(1, None)))],
        &[
            activate(2, over(EndpointState::VACANT)),
            activate(2, over(active(1, 1))),
            activate(2, Activation::Already),
            activate(2, Activation::Stale { newer: g(3) }),
            // Its pin was released.
            activate(1, Activation::Already),
        ],
    );
}

#[test]
fn an_activation_by_an_older_plan_is_stale() {
    let slow = [
        publish(1, 1),
        pick_up(1),
        publish(2, 2),
        pick_up(2),
        activate(2, over(EndpointState::VACANT)),
    ];
    assert_told(
        &slow,
        &[
            activate(1, Activation::Stale { newer: g(2) }),
            activate(2, Activation::Already),
        ],
        &[
            activate(1, over(active(2, None))),
            activate(1, Activation::Already),
            activate(2, Activation::Stale { newer: g(2) }),
        ],
    );
}

#[test]
fn a_withdrawal_is_told_what_it_replaced() {
    assert_told(
        &in_use(),
        &[withdraw(0, over(active(1, None)))],
        &[
            withdraw(0, over(EndpointState::VACANT)),
            withdraw(0, Activation::Already),
            withdraw(0, Activation::Stale { newer: g(3) }),
        ],
    );
}

#[test]
fn an_endpoint_is_stale_if_an_older_plan_named_it_last_and_the_pinned_plan_does_not() {
    // Plan 2 does not name the last endpoint, and plan 3 does not name the one before.
    assert_told(
        &in_use(),
        &[stale(2, 2, true), stale(2, 1, false), stale(2, 0, false)],
        &[
            stale(2, 2, false),
            stale(2, 1, true),
            stale(2, 0, true),
            // Its pin was released.
            stale(1, 0, false),
        ],
    );
    let withdrawn = [in_use(), vec![withdraw(2, over(EndpointState::VACANT))]].concat();
    assert_told(&withdrawn, &[stale(2, 2, false)], &[stale(2, 2, true)]);
    // It is unknown whether the step was taken, so either answer is possible.
    let unknown = [in_use(), vec![withdraw(2, Activation::Unknown)]].concat();
    assert_told(&unknown, &[stale(2, 2, true), stale(2, 2, false)], &[]);
    let newer = [publish(2, 1), pick_up(1), publish(3, 2)];
    assert_told(&newer, &[stale(1, 2, false)], &[stale(1, 2, true)]);
    let never_named = [publish(2, 1), pick_up(1)];
    assert_told(&never_named, &[stale(1, 2, false)], &[stale(1, 2, true)]);
}

/// The operations of one call may have different moments. Here the call read one endpoint
/// before the two changed places, and the other one after that.
#[test]
fn stale_endpoints_are_looked_at_one_by_one() {
    let withdrawn = |at| withdraw(at, over(EndpointState::VACANT));
    let ops = [
        publish(1, 1),
        publish(4, 2),
        pick_up(2),
        stale(2, 1, true),
        withdrawn(1),
        withdrawn(2),
        stale(2, 2, false),
    ];
    assert_told(&ops[..6], &ops[6..], &[stale(2, 2, true)]);
}

#[test]
fn a_name_has_a_descendant_until_all_below_it_are_withdrawn_or_unknown() {
    let (yes, no) = (&[has_descendant(true)], &[has_descendant(false)]);
    assert_told(&[], no, yes);
    assert_told(&[publish(4, 1)], no, yes);
    let withdrawn = |at| withdraw(at, over(EndpointState::VACANT));
    let ops = [
        publish(1, 1),
        publish(4, 2),
        pick_up(2),
        withdrawn(1),
        withdrawn(2),
    ];
    for vacant in 1..ops.len() {
        assert_told(&ops[..vacant], yes, no);
    }
    assert_told(&ops, no, yes);
    // A plan that names one of them does not bring it back; its activation does.
    let named = [&ops[..], &[publish(2, 3), pick_up(3)]].concat();
    assert_told(&named, no, yes);
    let replaced = EndpointState::VACANT.moved_to(Standing::Withdrawn(g(2)));
    let back = Op::Activate {
        generation: g(3),
        hold: Hold::Pin,
        at: 1,
        told: over(replaced),
    };
    assert_told(&[&named[..], &[back]].concat(), yes, no);
}

/// If only one endpoint can be a descendant, the answer whether there is one also tells
/// whether a step there was taken.
#[test]
fn an_answer_about_descendants_tells_whether_a_step_was_taken() {
    let step = [
        publish(2, 1),
        publish(4, 2),
        pick_up(2),
        withdraw(1, Activation::Unknown),
    ];
    let state = |told| Op::State { at: 1, told };
    let withdrawn = [state(
        EndpointState::VACANT.moved_to(Standing::Withdrawn(g(2))),
    )];
    let vacant = [state(EndpointState::VACANT)];
    let told = |told| [&step[..], &[has_descendant(told)]].concat();
    let (yes, no) = (&[has_descendant(true)], &[has_descendant(false)]);
    assert_told(&told(false), &withdrawn, &vacant);
    assert_told(&[&step[..], &vacant].concat(), yes, &[]);
    assert_told(&[&step[..], &withdrawn].concat(), no, yes);
}

#[test]
fn a_state_is_the_one_that_the_steps_have_led_to() {
    let moved = [in_use(), vec![activate(2, over(active(1, None)))]].concat();
    let wrong = [
        active(1, None),
        active(2, None),
        active(2, 2),
        EndpointState::VACANT,
    ];
    assert_told(&moved, &[state(active(2, 1))], &wrong.map(state));
}

#[test]
fn an_answer_has_the_records_of_the_active_plan() {
    let number = |plan| match records_of(plan) {
        ClientAnswer::Answer(_, number) => number,
        other => unreachable!("{other:?}"),
    };
    let [one, two] = [1, 2].map(number);
    assert_ne!(one, two);
    let wrong = [
        ClientAnswer::Answer(g(1), two),
        ClientAnswer::Answer(g(2), two),
        ClientAnswer::Withdrawn(g(1)),
        ClientAnswer::Vacant,
        ClientAnswer::Unknown,
        ClientAnswer::Wrong,
    ];
    let right = [resolve(ClientAnswer::Answer(g(1), one))];
    assert_told(&in_use(), &right, &wrong.map(resolve));
    let right = [resolve(ClientAnswer::Vacant)];
    let wrong = [resolve(ClientAnswer::Unknown), resolve(records_of(1))];
    assert_told(&[publish(1, 1)], &right, &wrong);
    let right = [resolve(ClientAnswer::Unknown)];
    assert_told(&[], &right, &[resolve(ClientAnswer::Vacant)]);
}

/// What a client is told from the plan of this number and generation.
fn records_of(number: u8) -> ClientAnswer {
    let plan = plan(number);
    let records = plan.endpoints().next().map(|(_, records)| records.clone());
    ClientAnswer::of(&plan_store::Resolution::Answer {
        generation: g(number.into()),
        records: records.unwrap(),
    })
}

#[test]
fn a_sweep_deletes_only_what_is_old_unpinned_and_not_in_use() {
    // Plan 3 is applied, plan 2 is the rollback target, and plan 1 is not in use.
    let applied = [
        publish(1, 1),
        publish(2, 2),
        pick_up(2),
        activate(2, over(EndpointState::VACANT)),
        Op::LetGo(g(2)),
        publish(3, 3),
        pick_up(3),
        activate(3, over(active(2, None))),
    ];
    assert_told(
        &applied,
        &[delete(1, 3), delete(1, 1000)],
        &[delete(1, 1), delete(2, 3), delete(3, 3), delete(4, 1000)],
    );
    let deleted = [&applied[..], &[delete(1, 3)]].concat();
    assert_told(&deleted, &[], &[delete(1, 3)]);
    let pinned = [publish(1, 1), pick_up(1), publish(2, 2)];
    assert_told(&pinned, &[], &[delete(1, 2)]);
}

#[test]
fn a_sweep_forgets_only_endpoints_that_no_plan_names() {
    let sweep = Op::MayForget { ended: true };
    let unknown = || resolve_at(1, ClientAnswer::Unknown);
    let vacant = || resolve_at(1, ClientAnswer::Vacant);
    let named = [publish(2, 1), publish(4, 2), sweep.clone()];
    assert_told(&named, &[vacant()], &[unknown()]);
    let unnamed = [publish(2, 1), publish(4, 2), delete(1, 2)];
    assert_told(&unnamed, &[vacant()], &[unknown()]);
    let swept = [&unnamed[..], &[sweep]].concat();
    assert_told(&swept, &[vacant(), unknown(), has_descendant(false)], &[]);
    let not_forgotten = [&swept[..], &[has_descendant(true)]].concat();
    assert_told(&not_forgotten, &[vacant()], &[unknown()]);
    let forgotten = [&swept[..], &[unknown()]].concat();
    assert_told(&forgotten, &[unknown()], &[vacant()]);
}

#[test]
fn a_sweep_spares_a_plan_for_a_reason_that_it_has() {
    use RetainReason::{Active, Pinned, Rollback};
    let moved = [in_use(), vec![activate(2, over(active(1, None)))]].concat();
    let right = [spare(1, Rollback), spare(2, Active), spare(2, Pinned)];
    let wrong = [spare(1, Active), spare(1, Pinned), spare(2, Rollback)];
    assert_told(&moved, &right, &wrong);
}

/// The plan with content 1 names the second endpoint, and the one with content 3 does not.
const SECOND: usize = 1;

fn withdrawn(plan: u32, rollback: impl Into<Option<u32>>) -> EndpointState {
    EndpointState {
        standing: Standing::Withdrawn(g(plan)),
        rollback: rollback.into().map(g),
    }
}

#[test]
fn the_plans_name_the_second_endpoint_as_these_tests_say() {
    let endpoint = crate::endpoint(SECOND);
    assert_eq!(
        [1, 3].map(|content| plan(content).names(&endpoint)),
        [true, false]
    );
}

#[test]
fn a_withdrawn_endpoint_names_the_plan_that_withdrew_it() {
    let gone = [in_use(), vec![withdraw(0, over(active(1, None)))]].concat();
    assert_told(
        &gone,
        &[
            resolve(ClientAnswer::Withdrawn(g(2))),
            state(withdrawn(2, 1)),
        ],
        &[
            resolve(ClientAnswer::Withdrawn(g(1))),
            resolve(ClientAnswer::Vacant),
            resolve(ClientAnswer::Unknown),
            resolve(records_of(1)),
            state(withdrawn(2, None)),
        ],
    );
}

/// The rollback target of a withdrawn endpoint is gone after the next step.
#[test]
fn a_second_withdrawal_leaves_no_rollback_target() {
    let twice = [
        in_use(),
        vec![
            withdraw(0, over(active(1, None))),
            publish(3, 3),
            pick_up(3),
            withdraw_by(3, 0, over(withdrawn(2, 1))),
        ],
    ]
    .concat();
    let wrong = [withdrawn(3, 1), withdrawn(3, 2)];
    assert_told(&twice, &[state(withdrawn(3, None))], &wrong.map(state));
}

#[test]
fn an_older_plan_does_not_withdraw_what_a_newer_one_brings() {
    let brought = [publish(3, 1), pick_up(1), publish(1, 2)];
    let withdraw = |told| withdraw_by(1, SECOND, told);
    assert_told(
        &brought,
        &[withdraw(Activation::Stale { newer: g(2) })],
        &[
            withdraw(over(EndpointState::VACANT)),
            withdraw(Activation::Already),
            withdraw(Activation::Stale { newer: g(1) }),
        ],
    );
}

#[test]
fn an_endpoint_that_is_not_known_was_withdrawn_before_and_cannot_be_activated() {
    let unknown = [publish(3, 1), pick_up(1)];
    let activate = |told| Op::Activate {
        generation: g(1),
        hold: Hold::Pin,
        at: SECOND,
        told,
    };
    assert_told(
        &unknown,
        &[withdraw_by(1, SECOND, Activation::Already)],
        &[
            withdraw_by(1, SECOND, over(EndpointState::VACANT)),
            activate(Activation::Already),
            activate(over(EndpointState::VACANT)),
        ],
    );
}

/// The outcome of the sweep is unknown.
#[test]
fn a_sweep_of_unknown_outcome_may_have_deleted_a_plan_that_is_not_in_use() {
    let may_delete = |generation| Op::MayDelete {
        generation: g(generation),
        applied: g(2),
    };
    let swept = [publish(1, 1), publish(3, 2), may_delete(1), may_delete(2)];
    // A second sweep may find plan 1 deleted, or may delete it itself.
    assert_told(
        &swept,
        &[delete(1, 2), pick_up(2)],
        &[pick_up(1), delete(2, 2)],
    );
    let forgotten = [
        &swept[..],
        &[
            Op::MayForget { ended: true },
            resolve_at(SECOND, ClientAnswer::Unknown),
        ],
    ]
    .concat();
    // Only a deletion lets the endpoint be forgotten.
    assert_told(&forgotten, &[pick_up(2)], &[delete(1, 2)]);
}
