//! The system: a Planner and three Enactors that sweep by themselves, over two
//! endpoints. With the model's main thread these are the five threads that loom
//! can run.

mod model;

use model::judge::{Judge, PlainLoads, RmwLoads};
use model::{Findings, World, endpoints};
use plan_store::{MemoryStore, Retention};

const RETENTION: Retention = Retention::newest(1);

fn planner_and_three_enactors<J: Judge>() -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    J::explore(
        "Planner and three Enactors, 2 endpoints",
        Some(2),
        move || {
            let store = MemoryStore::<J::Primitives>::with_primitives(RETENTION);
            let world = World::new(store, endpoints(2), RETENTION);
            J::run_all(vec![
                Box::new(world.planner(3..=3)),
                Box::new(world.enactor(1, &found)),
                Box::new(world.enactor(2, &found)),
                Box::new(world.enactor(3, &found)),
            ]);
            world.conclude(&found);
        },
    );
    findings
}

#[test]
fn planner_and_three_enactors_break_nothing() {
    for findings in [
        planner_and_three_enactors::<PlainLoads>(),
        planner_and_three_enactors::<RmwLoads>(),
    ] {
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
    }
}
