//! What names, generations and record sets show of themselves.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;

use plan_store::{
    Activation, EndpointName, EndpointState, Generation, Resolution, RetainReason, Standing, Swept,
};

fn name(text: &str) -> EndpointName {
    text.parse().unwrap()
}

#[test]
fn what_is_shown_is_what_it_is() {
    assert_eq!(Generation::new(7).unwrap().to_string(), "7");
    let target = plan_store::Target::new([192, 0, 2, 1].into(), 255);
    let records = plan_store::RecordSet::new(30, [target]).unwrap();
    assert_eq!(records.ttl(), 30);
    let by_name = std::collections::BTreeMap::from([(name("A.example"), 1)]);
    assert_eq!(by_name.get(&name("a.EXAMPLE.")), Some(&1));
}

#[test]
fn outcomes_name_the_plans_that_decided_them() {
    let g = |number| Generation::new(number).unwrap();
    let replaced = EndpointState {
        standing: Standing::Active(g(3)),
        rollback: Some(g(2)),
    };
    let shown = [
        (
            Activation::Activated { replaced },
            "done; the endpoint was on plan 3, with plan 2 to roll back to",
        ),
        (Activation::Already, "nothing to do"),
        (Activation::Stale { newer: g(4) }, "stale: plan 4 was first"),
        (Activation::Unknown, "outcome unknown"),
    ];
    for (activation, text) in shown {
        assert_eq!(activation.to_string(), text);
    }
    assert_eq!(EndpointState::VACANT.to_string(), "vacant");
    let withdrawn = EndpointState::VACANT.moved_to(Standing::Withdrawn(g(5)));
    assert_eq!(withdrawn.to_string(), "withdrawn by plan 5");
    let resolutions: [(Resolution, &str); 4] = [
        (Resolution::Unknown, "not known"),
        (Resolution::Vacant, "vacant"),
        (
            Resolution::Withdrawn { generation: g(5) },
            "withdrawn by plan 5",
        ),
        (
            Resolution::Dangling { generation: g(6) },
            "empty: plan 6 is gone",
        ),
    ];
    for (resolution, text) in resolutions {
        assert_eq!(resolution.to_string(), text);
    }
    let answer = Resolution::Answer {
        generation: g(7),
        records: Arc::new(()),
    };
    assert_eq!(answer.to_string(), "answered from plan 7");
    let swept = Swept {
        deleted: vec![g(1), g(2)],
        spared: vec![
            (g(3), RetainReason::Active),
            (g(4), RetainReason::Rollback),
            (g(5), RetainReason::Pinned),
        ],
    };
    let text = "deleted 1 2; spared 3 (active), 4 (rollback target), 5 (pinned)";
    assert_eq!(swept.to_string(), text);
    assert_eq!(Swept::default().to_string(), "deleted nothing");
}
