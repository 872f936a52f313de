//! The library in one sitting: publish, activate, lose a race and see *stale*,
//! sweep. Run it with `cargo run --example plan_store`.

use std::net::Ipv4Addr;
use std::sync::Arc;

use plan_store::{
    Activation, EndpointName, Error, MemoryStore, Pin, Plan, PlanStore, RecordSet, Retention,
    Target,
};

fn main() -> Result<(), Error> {
    let store = MemoryStore::new(Retention::newest(1));
    let endpoint: EndpointName = "db.example".parse()?;
    let plan = |last_octet| {
        let target = Target::new(Ipv4Addr::new(192, 0, 2, last_octet).into(), 255);
        let records = RecordSet::new(&endpoint, 5, [target])?;
        Plan::new([(endpoint.clone(), records)]).map(Arc::new)
    };

    // A slow Enactor picks up plan 2, and is held up.
    store.publish(plan(1)?)?;
    let slow = store.pin(store.publish(plan(2)?)?)?;
    println!("slow Enactor holds plan {}", slow.generation());

    // The Planner goes on; another Enactor is quick.
    for octet in 3..=5 {
        let newer = store.pin(store.publish(plan(octet)?)?)?;
        let outcome = store.activate(&newer, &endpoint)?;
        println!("quick Enactor, plan {}: {outcome:?}", newer.generation());
    }

    // The slow one comes too late, is told so, and nothing has happened.
    let outcome = store.activate(&slow, &endpoint)?;
    println!("slow Enactor,  plan {}: {outcome:?}", slow.generation());
    assert!(matches!(outcome, Activation::Stale { newer } if newer.get() == 5));

    // A sweep deletes what nobody needs: plans 1 and 3. Plan 4 is the rollback
    // target, and plan 2 is still held.
    let newest = store.latest()?.ok_or(Error::EmptyPlan)?;
    println!("sweep: {:?}", store.sweep(newest.generation())?);
    println!("{endpoint} answers {:?}", store.resolve(&endpoint));
    Ok(())
}
