//! A recorded pass makes the same calls as a pass without a record, and each call is
//! recorded.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;

use linearizability::record::{History, Recorded};
use linearizability::spec::{ClientAnswer, Content, Hold, Op, RETENTION};
use plan_store::{
    Activation, EndpointName, EndpointState, Generation, MemoryStore, Plan, PlanStore, RecordSet,
    Resolve, RetainReason, Standing, Target,
};
use plan_store_conformance::counted::activate_all_reaches_the_inner_store;

fn name(at: usize) -> EndpointName {
    ["a.example", "b.example"][at].parse().unwrap()
}

fn plan(at: usize) -> Arc<Plan> {
    let target = Target::new([192, 0, 2, 1].into(), 1);
    let records = RecordSet::new(5, [target]).unwrap();
    Arc::new(Plan::new([(name(at), records)]).unwrap())
}

/// Makes each kind of call once, as a client of this kind, and returns the answers in
/// order.
fn told(hold: Hold) -> String {
    let history = History::default();
    let client = Recorded::new(MemoryStore::new(RETENTION), 1, hold, &history);
    client.publish(plan(0)).unwrap();
    let first = client.latest().unwrap().unwrap();
    let _ = client.activate(&first, &name(0)).unwrap();
    client.publish(plan(1)).unwrap();
    let second = client.latest().unwrap().unwrap();
    let _ = client.withdraw(&second, &name(0)).unwrap();
    client.state(&name(0)).unwrap();
    client.sweep(Generation::FIRST.next().unwrap()).unwrap();
    client.reader().resolve(&name(0));
    drop((first, second));
    let ops: Vec<_> = history.operations().into_iter().map(|o| o.op).collect();
    format!("{ops:#?}")
}

#[test]
fn each_call_is_recorded_with_what_the_client_was_told() {
    let one = Generation::FIRST;
    let two = one.next().unwrap();
    let active = EndpointState::VACANT.moved_to(Standing::Active(one));
    let gone = active.moved_to(Standing::Withdrawn(two));
    for hold in [Hold::Pin, Hold::Lease] {
        let publish = |at, generation| Op::Publish {
            content: Content::of(&plan(at)),
            generation: Some(generation),
        };
        let over = |replaced| Activation::Activated { replaced };
        let mut expected = vec![
            publish(0, one),
            Op::PickUp(Some(one), hold),
            Op::Activate {
                generation: one,
                hold,
                at: 0,
                told: over(EndpointState::VACANT),
            },
            publish(1, two),
            Op::PickUp(Some(two), hold),
            Op::Withdraw {
                generation: two,
                hold,
                at: 0,
                told: over(active),
            },
            Op::State { at: 0, told: gone },
            Op::Spare {
                generation: one,
                why: RetainReason::Rollback,
            },
            Op::MayForget { ended: true },
            Op::Resolve {
                at: 0,
                told: ClientAnswer::Withdrawn(two),
            },
            Op::LetGo(one),
            Op::LetGo(two),
        ];
        // With a lease, a read is only advice, and it is unknown when the hold ends.
        if hold == Hold::Lease {
            expected.retain(|op| !matches!(op, Op::State { .. } | Op::LetGo(_)));
        }
        assert_eq!(told(hold), format!("{expected:#?}"));
    }
}

#[test]
fn a_recorded_pass_uses_the_inner_stores_walk() {
    let history = History::default();
    activate_all_reaches_the_inner_store(|store| Recorded::new(store, 1, Hold::Pin, &history));
}
