//! The system: a Planner, Enactors that sweep by themselves, and a resolver. With the
//! model's main thread, four of them are the five threads that loom can run.
//!
//! At a bound of two preemptions this takes a minute. At three, over one endpoint, it
//! takes twenty:
//!
//! ```sh
//! BOUND=3 cargo test --features loom --test model_system
//! ```

#![allow(clippy::unwrap_used, reason = "a bad bound is a failed test")]

use std::env;

use models::checker::{Checker, PlainLoads, RmwLoads, Work};
use models::{Findings, World, endpoints, system};
use plan_store::{MemoryStore, Retention};

const RETENTION: Retention = Retention::newest(1);

/// The bound that the reader wants, or two.
fn bound() -> usize {
    env::var("BOUND").map_or(2, |bound| bound.parse().unwrap())
}

/// Who else takes part.
type Other<J> = fn(&World<MemoryStore<<J as Checker>::Primitives>>, &Findings) -> Option<Work>;

/// A Planner that publishes once, so many Enactors, and whoever else.
fn explore<J: Checker>(name: &str, count: u8, enactors: u8, other: Other<J>) -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    J::explore(
        &format!("{name}, {count} endpoint(s)"),
        Some(bound()),
        move || {
            let store = MemoryStore::<J::Primitives>::with_primitives(RETENTION);
            let world = World::new(store, endpoints(count), RETENTION);
            let mut work: Vec<Work> = vec![Box::new(world.planner(3..=3))];
            for number in 1..=enactors {
                work.push(Box::new(world.enactor(number, &found)));
            }
            work.extend(other(&world, &found));
            J::run_all(work);
            world.conclude(&found);
        },
    );
    findings.assert_broken(&[]);
    findings.assert_seen(&[
        "stale",
        "pass stale",
        "pass stale at start",
        "already",
        "deleted",
        "spared: Rollback",
    ]);
    findings.assert_never("pass failed");
    findings
}

fn three_enactors<J: Checker>() {
    let endpoints = if bound() == 2 { 2 } else { 1 };
    explore::<J>("Planner and three Enactors", endpoints, 3, |_, _| None);
}

fn two_enactors_and_a_resolver<J: Checker>() {
    let name = "Planner, two Enactors and a resolver";
    let findings = explore::<J>(name, 1, 2, |world, found| {
        Some(Box::new(system::resolver(world, found)))
    });
    findings.assert_seen(&["an answer moved on", "an answer stayed"]);
    findings.assert_never("an answer went back");
}

#[test]
fn planner_and_three_enactors_break_nothing_plain() {
    three_enactors::<PlainLoads>();
}

#[test]
fn planner_and_three_enactors_break_nothing_rmw() {
    three_enactors::<RmwLoads>();
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_plain() {
    two_enactors_and_a_resolver::<PlainLoads>();
}

#[test]
fn planner_two_enactors_and_a_resolver_break_nothing_rmw() {
    two_enactors_and_a_resolver::<RmwLoads>();
}
