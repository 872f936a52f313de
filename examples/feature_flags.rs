//! The store without DNS: feature flags of an online shop.
//!
//! A plan says, for each feature, which share of the users gets it. Several deployers roll
//! out the latest plan and do not know of each other. A plan that leaves out a feature
//! switches it off. A slow deployer must not switch it on again.
//!
//! Run it with `cargo run --example feature_flags`, and its model with
//! `cargo test --features loom --example feature_flags`.

use std::sync::Arc;

use plan_store::{
    Activation, Error, Generation, InvalidPlan, MemoryStore, Native, Pin, Plan, PlanStore,
    Primitives, Retention,
};

type Feature = &'static str;
/// A feature's value is its share: the percentage of the users that get it.
type Flags<P = Native> = MemoryStore<Feature, u8, P>;
type Content = Result<Arc<Plan<Feature, u8>>, InvalidPlan<Feature>>;

const SEARCH: Feature = "new search";
const CHECKOUT: Feature = "one-click checkout";

/// Plan 1: both features, for some users.
fn both() -> Content {
    Plan::new([(SEARCH, 10_u8), (CHECKOUT, 50)]).map(Arc::new)
}

/// Plan 2: the checkout has a bug, so this plan switches it off.
fn search_alone() -> Content {
    Plan::new([(SEARCH, 100_u8)]).map(Arc::new)
}

/// A deployer's pass with the plan that it holds. Returns the newer plan if one came first.
/// The deployer sweeps only after all steps are done.
fn roll_out<P: Primitives>(
    store: &Flags<P>,
    plan: <Flags<P> as PlanStore>::Pin,
) -> Result<Option<Generation>, Error> {
    for (_, outcome) in store.activate_all(&plan) {
        if let Some(newer) = overtaken_by(outcome?)? {
            return Ok(Some(newer));
        }
    }
    for feature in store.stale_endpoints(&plan)? {
        if let Some(newer) = overtaken_by(store.withdraw(&plan, &feature)?)? {
            return Ok(Some(newer));
        }
    }
    let applied = plan.generation();
    drop(plan);
    store.sweep(applied)?;
    Ok(None)
}

/// The newer plan if one came first. A step whose outcome is unknown counts as not done.
fn overtaken_by(outcome: Activation) -> Result<Option<Generation>, Error> {
    match outcome {
        Activation::Activated { .. } | Activation::Already => Ok(None),
        Activation::Stale { newer } => Ok(Some(newer)),
        Activation::Unknown => Err(Error::new("a reply was lost; start another pass")),
    }
}

/// Which share of the users gets the feature.
fn share<P: Primitives>(store: &Flags<P>, feature: Feature) -> u8 {
    store.resolve(&feature).records().map_or(0, |share| **share)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Flags::new(Retention::newest(1));
    let first = store.publish(both()?)?;
    roll_out(&store, store.pin(first)?)?;
    println!("{CHECKOUT}: {} % of the users", share(&store, CHECKOUT));

    let slow = store.pin(first)?; // Another deployer picks up plan 1, and is slow.
    let second = store.publish(search_alone()?)?;
    roll_out(&store, store.pin(second)?)?;
    println!("{CHECKOUT}: {} %, switched off", share(&store, CHECKOUT));

    if let Some(newer) = roll_out(&store, slow)? {
        println!("The slow deployer stops: plan {newer} is ahead of plan {first}.");
    }
    println!("{CHECKOUT}: {} %, still off", share(&store, CHECKOUT));
    Ok(())
}

#[cfg(all(test, feature = "loom"))]
#[allow(clippy::unwrap_used, reason = "a failed step is a failed model")]
mod model {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::mpsc;

    use plan_store::{Loom, LoomRmw};

    use super::*;

    /// What `run` returns, in every order of its threads with at most two preemptions.
    fn all<T: Ord + Send + 'static>(run: fn() -> T) -> BTreeSet<T> {
        let (sender, ends) = mpsc::channel();
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(move || sender.send(run()).unwrap());
        ends.try_iter().collect()
    }

    /// Two deployers at once: what the slow one was told, and the shares at the end.
    fn with_the_store<P: Primitives>() -> (Option<u32>, u8, u8) {
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
        (told, share(&store, SEARCH), share(&store, CHECKOUT))
    }

    /// The control: each deployer checks that no newer plan came first, and writes after that.
    fn without_the_store() -> u8 {
        let flags = Arc::new(loom::sync::Mutex::new(BTreeMap::from([(CHECKOUT, (0, 0))])));
        let deployer = |plan: u32, share: u8| {
            let flags = Arc::clone(&flags);
            loom::thread::spawn(move || {
                if flags.lock().unwrap()[CHECKOUT].0 < plan {
                    flags.lock().unwrap().insert(CHECKOUT, (plan, share));
                }
            })
        };
        let [(), ()] = [deployer(1, 50), deployer(2, 0)].map(|thread| thread.join().unwrap());
        flags.lock().unwrap()[CHECKOUT].1
    }

    #[test]
    fn the_feature_stays_off() {
        let (first, too_late) = ((None, 100, 0), (Some(2), 100, 0));
        assert_eq!(all(with_the_store::<Loom>), [first, too_late].into());
        assert_eq!(all(with_the_store::<LoomRmw>), [first, too_late].into());
    }

    #[test]
    fn without_the_store_the_slow_deployer_can_switch_the_feature_on_again() {
        assert_eq!(all(without_the_store), [0, 50].into());
    }
}
