//! The system: a Planner and three Enactors that sweep by themselves, over two
//! endpoints. With the model's main thread these are the five threads that loom
//! can run.

mod model;

use model::{Findings, World, endpoints, explore, run_all};
use plan_store::{Loom, LoomRmw, MemoryStore, Primitives, Retention};

const RETENTION: Retention = Retention::newest(1);

fn planner_and_three_enactors<P: Primitives>(kind: &str) -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    let name = format!("Planner and three Enactors, 2 endpoints ({kind})");
    explore(&name, Some(2), move || {
        let store = MemoryStore::<P>::with_primitives(RETENTION);
        let world = World::new(store, endpoints(2), RETENTION);
        run_all([
            Box::new(world.planner(3..=3)),
            Box::new(world.enactor(1, &found)),
            Box::new(world.enactor(2, &found)),
            Box::new(world.enactor(3, &found)),
        ]);
        world.conclude(&found);
    });
    findings
}

#[test]
fn planner_and_three_enactors_break_nothing() {
    for findings in [
        planner_and_three_enactors::<Loom>("plain loads"),
        planner_and_three_enactors::<LoomRmw>("rmw loads"),
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
