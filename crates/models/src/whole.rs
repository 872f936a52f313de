//! The whole system, which is out of loom's reach: the real Planner, three Enactors and a
//! resolver over ten endpoints, under shuttle.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use control_plane::{Fleet, Health, Planned, Planner, TargetHealth, TargetState};
use incident::{Actor, IncidentStore, Journal, Variant};
use plan_store::{DnsStore, Generation, Shuttle};

use crate::checker::{Random, Work};
use crate::outcome::Seen;
use crate::system::{RETENTION, ROUNDS};
use crate::world::{Part, World, endpoints};
use crate::{Findings, Watched, must};

const ENDPOINTS: u8 = 10;
/// How often the Planner plans while the others run.
const TICKS: u32 = 3;
/// How many passes each Enactor makes.
const PASSES: usize = 2;

/// Ten endpoints with two targets each.
pub fn fleet() -> Fleet {
    let mut text = String::new();
    for name in endpoints(ENDPOINTS) {
        let target = |number: u8| {
            format!(r#"{{ address = "192.0.2.{number}", zone = "z{number}", capacity = 100 }}"#)
        };
        let (one, two) = (target(1), target(2));
        must(writeln!(
            text,
            "[[endpoint]]\nname = \"{name}\"\ntarget = [{one}, {two}]"
        ));
    }
    must(Fleet::parse(&text, "the model".as_ref()))
}

/// A reading in which one target of each endpoint has this capacity. Another capacity makes
/// another plan at all endpoints.
fn reading(capacity: u32) -> Health {
    let report = |capacity| TargetHealth {
        state: TargetState::Up,
        capacity: Some(capacity),
    };
    let address = |number| IpAddr::from([192, 0, 2, number]);
    let reports = [(address(1), report(100)), (address(2), report(capacity))];
    Health::new(Instant::now(), reports)
}

/// Makes the Planner publish a plan, and returns the plan's generation.
fn tick(planner: &mut Planner<impl DnsStore>, capacity: u32) -> Generation {
    match must(planner.tick(&reading(capacity))) {
        Planned::Published { generation, .. } => generation,
        other => must(Err(other)),
    }
}

/// One execution of the whole system on `MemoryStore`, and its journal.
pub fn on_memory_store(fleet: &Fleet, findings: &Findings<Seen>) -> Arc<Journal> {
    let journal = on(Watched::<Shuttle>::new(RETENTION), fleet, findings);
    findings.note_observation();
    journal
}

/// The same on the incident's store.
pub fn on_incident_store(
    variant: Variant,
    fleet: &Fleet,
    findings: &Findings<Seen>,
) -> Arc<Journal> {
    let store = IncidentStore::<Shuttle>::with_primitives(variant, RETENTION);
    on(store, fleet, findings)
}

fn on<S: DnsStore<Reader: Send> + Clone + 'static>(
    store: S,
    fleet: &Fleet,
    findings: &Findings<Seen>,
) -> Arc<Journal> {
    let mut capacity = 0;
    let names = endpoints(ENDPOINTS);
    let world = World::planned_by(store, names, RETENTION, |handle| {
        capacity += 1;
        let mut planner = Planner::new(handle.clone(), fleet.clone());
        tick(&mut planner, capacity);
    });
    let mut planner = Planner::new(world.handle(Actor::Planner), fleet.clone());
    let mut work: Vec<Work<Part>> = vec![
        Box::new(move || {
            let ticks = (capacity + 1..=capacity + TICKS).map(|n| tick(&mut planner, n));
            Part::Planner(ticks.collect())
        }),
        world.resolver(world.store.reader(), ROUNDS),
    ];
    work.extend((1..=3).map(|number| world.enactor(number, PASSES)));
    for seen in world.run::<Random>(work).seen() {
        findings.note(seen);
    }
    findings.note_verdict(&world.journal);
    world.journal
}
