//! The whole system: the real Planner, three Enactors that sweep, and a resolver,
//! over ten endpoints.

use control_plane::{Fleet, Health, Planned, Planner, TargetHealth};
use incident::{Actor, Journal, probe};
use plan_store::{PlanStore, Resolve, Retention};

use crate::checker::{Checker, Work};
use crate::{Findings, World, endpoints};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

const ENDPOINTS: u8 = 10;
pub const RETENTION: Retention = Retention::newest(1);
/// The Planner plans so often while the others run.
const TICKS: u32 = 3;
/// Each Enactor does so many passes.
const PASSES: usize = 2;
/// The resolver asks for all names so often.
const ROUNDS: usize = 3;

/// Ten endpoints with two targets each.
pub fn fleet() -> Fleet {
    let mut text = String::new();
    for name in endpoints(ENDPOINTS) {
        let target = |number: u8| {
            format!(r#"{{ address = "192.0.2.{number}", zone = "z{number}", capacity = 100 }}"#)
        };
        let (one, two) = (target(1), target(2));
        writeln!(
            text,
            "[[endpoint]]\nname = \"{name}\"\ntarget = [{one}, {two}]"
        )
        .unwrap();
    }
    Fleet::parse(&text, "the model".as_ref()).unwrap()
}

/// A reading that makes a plan of its own at all endpoints.
fn reading(capacity: u32) -> Health {
    let report = |capacity| TargetHealth {
        healthy: true,
        capacity: Some(capacity),
    };
    let address = |number| IpAddr::from([192, 0, 2, number]);
    [(address(1), report(100)), (address(2), report(capacity))]
        .into_iter()
        .collect()
}

fn tick(planner: &mut Planner<impl PlanStore>, capacity: u32) {
    let outcome = planner.tick(&reading(capacity)).unwrap();
    assert!(matches!(outcome, Planned::Published { .. }));
}

/// One execution, and what it came to.
pub fn run<J: Checker, S: PlanStore<Reader: Send> + Clone + 'static>(
    store: S,
    fleet: &Fleet,
    findings: &Findings,
) -> Arc<Journal> {
    let mut capacity = 0;
    let names = endpoints(ENDPOINTS);
    let world = World::planned_by(store, names, RETENTION, |handle| {
        capacity += 1;
        tick(&mut Planner::new(handle.clone(), fleet.clone()), capacity);
    });
    let mut planner = Planner::new(world.handle(Actor::Planner), fleet.clone());
    let mut work: Vec<Work> = vec![
        Box::new(move || (capacity + 1..=capacity + TICKS).for_each(|n| tick(&mut planner, n))),
        Box::new(resolver(&world, findings)),
    ];
    for number in 1..=3 {
        let passes: Vec<_> = (0..PASSES)
            .map(|_| world.enactor(number, findings))
            .collect();
        work.push(Box::new(move || passes.into_iter().for_each(|pass| pass())));
    }
    J::run_all(work);
    world.conclude(findings);
    world.journal
}

/// The work of a resolver: asks for all names, again and again.
pub fn resolver<S: PlanStore<Reader: Send> + Clone + 'static>(
    world: &World<S>,
    findings: &Findings,
) -> impl FnOnce() + Send + 'static {
    let (names, journal) = (world.endpoints.clone(), Arc::clone(&world.journal));
    let (mut reader, findings) = (world.store.reader(), findings.clone());
    move || {
        let mut last = vec![None; names.len()];
        for _ in 0..ROUNDS {
            probe::resolve_all(&mut reader, &names, &journal);
            for (name, last) in names.iter().zip(&mut last) {
                let now = reader.resolve(name).generation();
                findings.note(match &now {
                    now if now < last => "an answer went back",
                    now if now > last => "an answer moved on",
                    _ => "an answer stayed",
                });
                *last = now;
            }
        }
    }
}
