//! A short tour of the library: publish, activate, lose a race and get *stale*, sweep.
//! Run it with `cargo run --example plan_store`.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use plan_store::{
    Activation, EndpointName, MemoryStore, Pin, Plan, PlanStore, RecordSet, Resolution, Retention,
    Swept, Target,
};

fn main() -> ExitCode {
    if let Some(argument) = std::env::args_os().nth(1) {
        let argument = argument.display();
        eprintln!("error: {argument}: this example takes no arguments; run it without any");
        return ExitCode::from(2);
    }
    match tour() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tour() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new(Retention::newest(1));
    let endpoint: EndpointName = "db.example".parse()?;
    let plan = |last_octet| {
        let target = Target::new(Ipv4Addr::new(192, 0, 2, last_octet).into(), 255);
        let records = RecordSet::new(5, [target])?;
        let plan = Plan::new([(endpoint.clone(), records)])?;
        Ok::<_, Box<dyn Error>>(Arc::new(plan))
    };

    // A slow Enactor picks up plan 2 and is delayed.
    store.publish(plan(1)?)?;
    let slow = store.pin(store.publish(plan(2)?)?)?;
    println!("The slow Enactor picks up plan {}.", slow.generation());

    // The Planner publishes three more plans. Another Enactor activates each at once.
    let mut newest = slow.generation();
    for octet in 3..=5 {
        newest = store.publish(plan(octet)?)?;
        let outcome = store.activate(&store.pin(newest)?, &endpoint)?;
        println!(
            "The quick Enactor activates plan {newest}: {}.",
            says(outcome)
        );
    }

    // The slow Enactor writes too late. Nothing changes, and the store says why.
    let outcome = store.activate(&slow, &endpoint)?;
    println!(
        "The slow Enactor activates plan {}: {}.",
        slow.generation(),
        says(outcome)
    );

    // A sweep deletes plans 1 and 3. It keeps plan 4, the rollback target, and plan 2,
    // which the slow Enactor has pinned.
    let Swept { deleted, spared } = store.sweep(newest)?;
    println!("A sweep deletes plans {}.", list(deleted));
    println!(
        "It keeps plans {}.",
        list(spared.into_iter().map(|(plan, _)| plan))
    );

    if let Resolution::Answer {
        generation,
        records,
    } = store.resolve(&endpoint)
    {
        let addresses = records.targets().map(|target| target.address);
        println!(
            "{endpoint} resolves to {}, from plan {generation}.",
            list(addresses)
        );
    }
    Ok(())
}

fn says(outcome: Activation) -> String {
    match outcome {
        Activation::Activated { replaced } => match replaced.standing.generation() {
            Some(before) => format!("it replaces plan {before}"),
            None => "it is the first plan there".into(),
        },
        Activation::Already => "it is active already".into(),
        Activation::Stale { newer } => format!("stale, plan {newer} is newer"),
        Activation::Unknown => "the store did not reply".into(),
    }
}

fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(" and ")
}
