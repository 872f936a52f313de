//! A store that begins with what another one held.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_store::memory::{Contents, InvalidContents, Known, Step};
use plan_store::{
    Activation, EndpointState, Generation, MemoryStore, Pin, Plan, PlanStore, Resolution,
    Retention, Standing,
};

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

fn plan(endpoints: &[&'static str], value: u32) -> Arc<Plan<&'static str, u32>> {
    let endpoints = endpoints.iter().map(|&name| (name, value));
    Arc::new(Plan::new(endpoints).unwrap())
}

/// `a` is on plan 4 and was on plan 3; plan 3 withdrew `b`; plan 4 added `c`.
fn contents() -> Contents<&'static str, u32> {
    let (three, four) = (generation(3), generation(4));
    let known = |since, standing, rollback| Known {
        state: EndpointState { standing, rollback },
        since: generation(since),
    };
    Contents {
        plans: BTreeMap::from([(three, plan(&["a"], 3)), (four, plan(&["a", "c"], 4))]),
        endpoints: vec![
            ("a", known(1, Standing::Active(four), Some(three))),
            ("b", known(2, Standing::Withdrawn(three), None)),
            ("c", known(4, Standing::Vacant, None)),
        ],
    }
}

#[test]
fn it_goes_on_where_the_other_one_was() {
    let store = MemoryStore::restored(Retention::newest(1), contents()).unwrap();
    assert_eq!(store.generations(), [3, 4].map(generation));
    assert_eq!(
        store.resolve(&"b"),
        Resolution::Withdrawn {
            generation: generation(3)
        }
    );
    assert_eq!(store.resolve(&"c"), Resolution::Vacant);
    let swept = store.sweep(generation(4)).unwrap();
    assert!(
        swept.deleted.is_empty(),
        "3 is a rollback target: {swept:?}"
    );
    assert_eq!(
        store.resolve(&"b"),
        Resolution::Unknown,
        "the sweep has forgotten it"
    );
    let older = store.pin(generation(3)).unwrap();
    let newer = generation(4);
    assert_eq!(
        store.activate(&older, &"a").unwrap(),
        Activation::Stale { newer }
    );
    assert_eq!(
        store.withdraw(&older, &"c").unwrap(),
        Activation::Stale { newer }
    );
    drop(older);
    let pin = store.latest().unwrap().unwrap();
    assert_eq!(store.activate(&pin, &"a").unwrap(), Activation::Already);
    assert_eq!(store.activate_all(&pin).count(), 2);
    assert_eq!(store.publish(plan(&["a"], 5)).unwrap(), generation(5));
    let pin = store.latest().unwrap().unwrap();
    assert_eq!(pin.generation(), generation(5));
    let _ = store.activate(&pin, &"a").unwrap();
    assert_eq!(store.sweep(generation(5)).unwrap().deleted, [generation(3)]);
}

/// Plans with as many names as the plan before them, but other ones.
#[test]
fn each_plan_has_the_cells_of_its_own_endpoints() {
    let plans = [(1, ["a", "b"]), (2, ["a", "c"]), (3, ["b", "c"])];
    let store = MemoryStore::restored(
        Retention::newest(9),
        Contents {
            plans: plans
                .map(|(n, names)| (generation(n), plan(&names, n)))
                .into(),
            endpoints: ["a", "b", "c"]
                .map(|name| (name, Known::added_by(generation(1))))
                .into(),
        },
    );
    let store = store.unwrap();
    for (number, names) in plans {
        let pin = store.pin(generation(number)).unwrap();
        let walked: Vec<_> = store.activate_all(&pin).map(|(name, _)| *name).collect();
        assert_eq!(walked, names);
    }
}

#[test]
fn contents_that_contradict_themselves_are_refused() {
    let refused = |change: &dyn Fn(&mut Contents<&'static str, u32>)| {
        let mut contents = contents();
        change(&mut contents);
        MemoryStore::restored(Retention::newest(1), contents).unwrap_err()
    };
    let error = refused(&|contents| drop(contents.plans.remove(&generation(3))));
    assert!(
        matches!(error, InvalidContents::MissingPlan { endpoint: "a", .. }),
        "{error}"
    );
    let error = refused(&|contents| contents.endpoints.truncate(2));
    assert!(
        matches!(
            error,
            InvalidContents::MissingEndpoint { endpoint: "c", .. }
        ),
        "{error}"
    );
    let error = refused(&|contents| {
        let vacant = Known::added_by(Generation::FIRST);
        contents.endpoints.push(("a", vacant));
    });
    assert_eq!(error, InvalidContents::DuplicateEndpoint { endpoint: "a" });
    let beyond = Standing::Withdrawn(generation(5));
    for standing in [beyond, Standing::Withdrawn(Generation::FIRST)] {
        let error = refused(&|contents| contents.endpoints[1].1.state.standing = standing);
        assert!(
            matches!(
                error,
                InvalidContents::ImpossibleState { endpoint: "b", .. }
            ),
            "{error}"
        );
    }
    // No plan in the store is so new that it could have added the endpoint.
    let error = refused(&|contents| {
        let known = Known::added_by(generation(5));
        contents.endpoints.push(("z", known));
    });
    assert!(
        matches!(
            error,
            InvalidContents::ImpossibleState { endpoint: "z", .. }
        ),
        "{error}"
    );
    let error = refused(&|contents| contents.endpoints[0].1.state.rollback = Some(generation(4)));
    assert!(
        matches!(error, InvalidContents::ImpossibleState { .. }),
        "{error}"
    );
    let error = refused(&|contents| {
        contents.endpoints[1].1.state.standing = Standing::Active(generation(4));
    });
    assert!(
        matches!(error, InvalidContents::MissingPlan { endpoint: "b", .. }),
        "{error}"
    );
}

/// A store elsewhere decides each step by the same rule.
#[test]
fn a_known_endpoint_goes_where_a_store_takes_it() {
    let store = MemoryStore::<_>::new(Retention::newest(9));
    let name: plan_store::EndpointName = "a".parse().unwrap();
    let target = plan_store::Target::new([192, 0, 2, 1].into(), 1);
    let records = plan_store::RecordSet::new(5, [target]).unwrap();
    let plan = Arc::new(Plan::new([(name.clone(), records)]).unwrap());
    for _ in 0..4 {
        store.publish(Arc::clone(&plan)).unwrap();
    }
    let mut known = Known::added_by(Generation::FIRST);
    for number in [2, 1, 2, 4, 3] {
        let pin = store.pin(generation(number)).unwrap();
        let told = store.activate(&pin, &name).unwrap();
        match known.after(Step::Activate(generation(number))) {
            Ok(next) => {
                let replaced = known.state;
                assert_eq!(told, Activation::Activated { replaced });
                known = next;
            }
            Err(refused) => assert_eq!(told, refused),
        }
        assert_eq!(store.state(&name).unwrap(), known.state);
    }
}
