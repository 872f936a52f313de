//! Systems that loom can run: a Planner, Enactors that sweep by themselves, and a resolver.

use std::collections::BTreeSet;
use std::sync::Arc;

use incident::Actor;
use plan_store::{DnsStore, EndpointName, PlanStore, Resolution, Resolve, RetainReason, Retention};

use crate::checker::Loom;
use crate::outcome::{Ended, Moved, Outcome, Seen};
use crate::serial::Serial;
use crate::world::{Part, World, endpoints};
use crate::{Explored, Instrumented, Watched, explore, must, must_be};

/// The retention of the stores of these models.
pub const RETENTION: Retention = Retention::newest(1);

/// How often the resolver asks for all names.
pub(crate) const ROUNDS: usize = 3;

/// The size of a small system. It also has a Planner, which publishes once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Small {
    /// How many endpoints there are.
    pub endpoints: u8,
    /// How many Enactors there are. Each makes one pass.
    pub enactors: u8,
    /// Whether a resolver asks for all names.
    pub resolver: bool,
    /// The most preemptions that the checker tries.
    pub bound: usize,
}

impl Small {
    /// The joint outcomes of the system if its steps are taken one after another.
    fn serial(self) -> BTreeSet<Outcome> {
        let serial = Serial {
            repaired: true,
            endpoints: self.endpoints,
            enactors: self.enactors.into(),
            last_plan: 3,
            retention: RETENTION,
            rounds: if self.resolver { ROUNDS } else { 0 },
        };
        serial.outcomes()
    }
}

/// Explores a small system on this store with loom.
pub fn small<S: DnsStore<Reader: Send> + Clone + 'static>(
    size: Small,
    store: impl Fn() -> S + Send + Sync + 'static,
) -> Explored<Outcome> {
    let name = format!("system: {size:?}");
    explore::<Loom, Outcome>(&name, Some(size.bound), move |found| {
        let world = World::new(store(), endpoints(size.endpoints), RETENTION);
        let mut work = vec![world.planner(3..=3)];
        work.extend((1..=size.enactors).map(|number| world.enactor(number, 1)));
        if size.resolver {
            work.push(world.resolver(world.store.reader(), ROUNDS));
        }
        found.note(world.run::<Loom>(work));
        found.note_verdict(&world.journal);
    })
}

/// Asserts that nothing breaks, that every joint outcome is allowed, and that everything
/// expected happens. Returns the number of executions, the number of joint outcomes, and
/// how many joint outcomes are allowed.
pub fn holds(size: Small) -> (usize, usize, usize) {
    let explored = small(size, || Watched::<Instrumented>::new(RETENTION));
    explored.findings.assert_broken(&[]);
    explored.assert_observed();
    let mut expected = vec![
        Seen::Activated,
        Seen::Already,
        Seen::Stale,
        Seen::Deleted,
        Seen::Spared(RetainReason::Rollback),
        Seen::Spared(RetainReason::Pinned),
        Seen::Pass(Ended::Applied),
        Seen::Pass(Ended::Stale),
        Seen::Pass(Ended::StaleAtStart),
    ];
    if size.resolver {
        expected.extend([Seen::Answer(Moved::On), Seen::Answer(Moved::Not)]);
    }
    explored.findings.seen().assert_outcomes(expected);
    let outcomes = explored.findings.outcomes().len();
    let allowed = size.serial();
    explored.findings.assert_within(&allowed, outcomes);
    (explored.executions, outcomes, allowed.len())
}

/// A reader that combines two looks into one answer: the generation of the first, and the
/// records of the second.
#[derive(Debug)]
pub struct MixedAnswer<S>(pub S, pub Resolution);

impl<S: DnsStore> Resolve for MixedAnswer<S> {
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

/// Explores with loom an Enactor's pass against a resolver whose reader mixes two plans.
pub fn mixed_answers<S: DnsStore + Clone + 'static>(
    store: impl Fn() -> S + Send + Sync + 'static,
) -> Explored<Outcome> {
    explore::<Loom, Outcome>("system: mixed answers", Some(2), move |found| {
        let world = World::new(store(), endpoints(1), RETENTION);
        let reader = MixedAnswer(world.store.clone(), Resolution::Unknown);
        let asking = world.resolver(reader, ROUNDS);
        found.note(world.run::<Loom>(vec![world.enactor(1, 1), asking]));
        found.note_verdict(&world.journal);
    })
}

/// Explores with loom a resolver against a slow Enactor that activates plan 2 when plan 3
/// is active. This is the race of the incident, already under way.
pub fn slow_enactor<S: DnsStore<Reader: Send> + Clone + 'static>(
    store: impl Fn() -> S + Send + Sync + 'static,
) -> Explored<Outcome> {
    explore::<Loom, Outcome>("system: slow Enactor", Some(2), move |found| {
        let world = World::new(store(), endpoints(1), RETENTION);
        let slow = world.handle(Actor::Enactor(1));
        let older = must_be(must(slow.latest()));
        world.planner(3..=3)();
        world.enactor(2, 1)();
        let (at, asking) = (
            world.endpoints[0].clone(),
            world.resolver(world.store.reader(), ROUNDS),
        );
        let late = move || {
            let _ = must(slow.activate(&older, &at));
            Part::Enactor(1, vec![None])
        };
        found.note(world.run::<Loom>(vec![asking, Box::new(late)]));
        found.note_verdict(&world.journal);
    })
}
