//! Systems: a Planner, Enactors that sweep by themselves, and a resolver.
//!
//! [`small`] is what loom can run, and [`whole`] is out of its reach: the real Planner,
//! three Enactors and a resolver over ten endpoints.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use control_plane::{Fleet, Health, Planned, Planner, TargetHealth};
use incident::{Actor, Journal, probe};
use plan_store::{
    EndpointName, MemoryStore, PlanStore, Resolution, Resolve, RetainReason, Retention,
};

use crate::checker::{Checker, Work};
use crate::world::{Ended, Moved, Seen, World, endpoints};
use crate::{Explored, Findings, explore, must, must_be};

/// What the stores of these models keep.
pub const RETENTION: Retention = Retention::newest(1);

const ENDPOINTS: u8 = 10;
/// How often the Planner plans while the others run.
const TICKS: u32 = 3;
/// How many passes each Enactor does.
const PASSES: usize = 2;
/// How often the resolver asks for all names.
const ROUNDS: usize = 3;

/// What takes part in a small system, beside a Planner that publishes once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Small {
    /// How many endpoints there are.
    pub endpoints: u8,
    /// How many Enactors do a pass each.
    pub enactors: u8,
    /// Whether a resolver asks for all names.
    pub resolver: bool,
    /// How many preemptions the checker tries, at most.
    pub bound: usize,
}

/// Has the checker explore a small system on this store.
pub fn small<J: Checker, S: PlanStore<Reader: Send> + Clone + 'static>(
    size: Small,
    store: impl Fn() -> S + Send + Sync + 'static,
) -> Explored<Seen> {
    let name = format!("system: {size:?}");
    explore::<J, Seen>(&name, Some(size.bound), move |found| {
        let world = World::new(store(), endpoints(size.endpoints), RETENTION);
        let mut work: Vec<Work> = vec![Box::new(world.planner(3..=3))];
        for number in 1..=size.enactors {
            work.push(Box::new(world.enactor(number, found)));
        }
        if size.resolver {
            work.push(Box::new(resolver(&world, world.store.reader(), found)));
        }
        J::run_all(work);
        world.conclude(found);
    })
}

/// Asserts that nothing breaks, and that what should happen does, in so many executions
/// if that is known.
pub fn assert_holds<J: Checker>(size: Small, executions: impl Into<Option<usize>>) {
    let store = || MemoryStore::<J::Primitives>::with_primitives(RETENTION);
    let explored = small::<J, _>(size, store);
    let findings = explored.findings;
    findings.assert_broken(&[]);
    findings.assert_seen(&[
        Seen::Stale,
        Seen::Pass(Ended::Stale),
        Seen::Pass(Ended::StaleAtStart),
        Seen::Already,
        Seen::Deleted,
        Seen::Spared(RetainReason::Rollback),
    ]);
    findings.assert_never(&Seen::Pass(Ended::Failed));
    if size.resolver {
        findings.assert_seen(&[Seen::Answer(Moved::On), Seen::Answer(Moved::Not)]);
    }
    findings.assert_never(&Seen::Answer(Moved::Back));
    if let Some(executions) = executions.into() {
        assert_eq!(explored.executions, executions);
    }
}

/// A reader that makes an answer of two looks: the generation of the first, and the
/// records of the second.
#[derive(Debug)]
pub struct MixedAnswer<S>(pub S, pub Resolution);

impl<S: PlanStore> Resolve for MixedAnswer<S> {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        let generation = must_be(must(self.0.state(endpoint)).standing.active());
        let records = Arc::clone(must_be(self.0.resolve(endpoint).records()));
        self.1 = Resolution::Answer {
            generation,
            records,
        };
        &self.1
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        self.0.reader().has_descendant(name)
    }
}

/// Has the checker explore an Enactor's pass against a resolver with a reader that mixes
/// the records of two plans.
pub fn mixed_answers<J: Checker, S: PlanStore + Clone + 'static>(
    store: impl Fn() -> S + Send + Sync + 'static,
) -> Explored<Seen> {
    explore::<J, Seen>("system: mixed answers", Some(2), move |found| {
        let world = World::new(store(), endpoints(1), RETENTION);
        let reader = MixedAnswer(world.store.clone(), Resolution::Unknown);
        let (pass, asking) = (world.enactor(1, found), resolver(&world, reader, found));
        J::run_two(pass, asking);
        world.conclude(found);
    })
}

/// Has the checker explore a resolver against a slow Enactor that comes with plan 2 when
/// plan 3 is active: the race of the incident, already under way.
pub fn slow_enactor<J: Checker, S: PlanStore<Reader: Send> + Clone + 'static>(
    store: impl Fn() -> S + Send + Sync + 'static,
) -> Explored<Seen> {
    explore::<J, Seen>("system: slow Enactor", Some(2), move |found| {
        let world = World::new(store(), endpoints(1), RETENTION);
        let slow = world.handle(Actor::Enactor(1));
        let older = must_be(must(slow.latest()));
        world.planner(3..=3)();
        world.enactor(2, found)();
        let (at, asking) = (
            world.endpoints[0].clone(),
            resolver(&world, world.store.reader(), found),
        );
        J::run_two(asking, move || {
            let _ = must(slow.activate(&older, &at));
        });
        world.conclude(found);
    })
}

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
    let outcome = must(planner.tick(&reading(capacity)));
    assert!(
        matches!(outcome, Planned::Published { .. }),
        "not a plan of its own"
    );
}

/// One execution of the whole system, and its journal.
pub fn whole<J: Checker, S: PlanStore<Reader: Send> + Clone + 'static>(
    store: S,
    fleet: &Fleet,
    findings: &Findings<Seen>,
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
        Box::new(resolver(&world, world.store.reader(), findings)),
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

/// The work of a resolver: it asks for all names, again and again.
fn resolver<S, R: Resolve + Send>(
    world: &World<S>,
    mut reader: R,
    findings: &Findings<Seen>,
) -> impl FnOnce() + Send + use<S, R> {
    let (names, journal) = (world.endpoints.clone(), Arc::clone(&world.journal));
    let findings = findings.clone();
    move || {
        let mut last = vec![None; names.len()];
        for _ in 0..ROUNDS {
            probe::resolve_all(&mut reader, &names, &journal);
            for (name, last) in names.iter().zip(&mut last) {
                let now = reader.resolve(name).generation();
                findings.note(Seen::Answer(match &now {
                    now if now < last => Moved::Back,
                    now if now > last => Moved::On,
                    _ => Moved::Not,
                }));
                *last = now;
            }
        }
    }
}
