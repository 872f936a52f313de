//! The store without DNS: feature flags of an online shop.
//!
//! A plan says, for each feature, which share of the users gets it. Several deployers roll
//! out the latest plan and do not know of each other. A plan that leaves out a feature
//! switches it off. A slow deployer must not switch it on again.
//!
//! Run it with `cargo run --example feature_flags`, and its model with
//! `cargo test --features loom --example feature_flags`.

use std::fmt;
use std::sync::Arc;

use plan_store::{
    Activation, Error, Generation, Key, MemoryStore, Native, Pin, Plan, PlanStore, Primitives,
    Resolution, Retention,
};

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Feature(&'static str);

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl Key for Feature {}

/// Percent of the users.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Share(u8);

type Flags<P = Native> = MemoryStore<Feature, Share, P>;
type Content = Arc<Plan<Feature, Share>>;

const SEARCH: Feature = Feature("new search");
const CHECKOUT: Feature = Feature("one-click checkout");

/// Plan 1: both features, for some users.
fn both() -> Result<Content, Box<dyn std::error::Error>> {
    let shares = [(SEARCH, Share(10)), (CHECKOUT, Share(50))];
    Ok(Arc::new(Plan::new(shares)?))
}

/// Plan 2: the checkout has a bug, so this plan switches it off.
fn search_alone() -> Result<Content, Box<dyn std::error::Error>> {
    Ok(Arc::new(Plan::new([(SEARCH, Share(100))])?))
}

/// A deployer's pass with the plan that it holds. Returns the newer plan if one came first.
fn roll_out<P: Primitives>(
    store: &Flags<P>,
    plan: <Flags<P> as PlanStore>::Pin,
) -> Result<Option<Generation>, Error> {
    for (_, outcome) in store.activate_all(&plan) {
        if let Activation::Stale { newer } = outcome? {
            return Ok(Some(newer));
        }
    }
    for feature in store.stale_endpoints(&plan)? {
        if let Activation::Stale { newer } = store.withdraw(&plan, &feature)? {
            return Ok(Some(newer));
        }
    }
    let applied = plan.generation();
    drop(plan);
    store.sweep(applied)?;
    Ok(None)
}

/// Which share of the users gets the feature.
fn share<P: Primitives>(store: &Flags<P>, feature: &Feature) -> u8 {
    match store.resolve(feature) {
        Resolution::Answer { records, .. } => records.0,
        _ => 0,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Flags::new(Retention::newest(1));
    let first = store.publish(both()?)?;
    roll_out(&store, store.pin(first)?)?;
    println!("{CHECKOUT}: {} % of the users", share(&store, &CHECKOUT));

    let slow = store.pin(first)?; // Another deployer picks up plan 1, and is slow.
    let second = store.publish(search_alone()?)?;
    roll_out(&store, store.pin(second)?)?;
    println!("{CHECKOUT}: {} %, switched off", share(&store, &CHECKOUT));

    match roll_out(&store, slow)? {
        Some(newer) => println!("The slow deployer stops: plan {newer} is ahead of plan {first}."),
        None => println!("The slow deployer went back to plan {first}!"),
    }
    println!("{CHECKOUT}: {} %, still off", share(&store, &CHECKOUT));
    Ok(())
}

#[cfg(all(test, feature = "loom"))]
#[allow(clippy::unwrap_used, reason = "a failed step is a failed model")]
mod model {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use plan_store::{Loom, LoomRmw};

    use super::*;

    /// What the slow deployer was told, and the shares at the end.
    type Outcome = (Option<u32>, u8, u8);

    /// Both deployers at once, in every order with at most two preemptions.
    fn outcomes<P: Primitives>() -> BTreeSet<Outcome> {
        let found = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&found);
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(move || {
            let store = Flags::<P>::with_primitives(Retention::newest(1));
            let first = store.publish(both().unwrap()).unwrap();
            let second = store.publish(search_alone().unwrap()).unwrap();
            let deployer = |plan| {
                let (store, pin) = (store.clone(), store.pin(plan).unwrap());
                loom::thread::spawn(move || roll_out(&store, pin).unwrap())
            };
            let (slow, quick) = (deployer(first), deployer(second));
            let told = slow.join().unwrap().map(Generation::get);
            assert_eq!(quick.join().unwrap(), None, "nothing is ahead of plan 2");
            let end = (told, share(&store, &SEARCH), share(&store, &CHECKOUT));
            seen.lock().unwrap().insert(end);
        });
        let found = found.lock().unwrap();
        found.clone()
    }

    #[test]
    fn the_feature_stays_off() {
        let (first, too_late) = ((None, 100, 0), (Some(2), 100, 0));
        assert_eq!(outcomes::<Loom>(), [first, too_late].into());
        assert_eq!(outcomes::<LoomRmw>(), [first, too_late].into());
    }
}
