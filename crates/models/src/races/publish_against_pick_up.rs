//! A plan with a new endpoint is published. Meanwhile an Enactor picks up the latest plan,
//! activates it everywhere, and asks a reader or a follower what the new endpoint answers.
//! Another reader or follower, on a thread of its own, asks too. Plan 1 is active.

use plan_store::{Activation, DnsStore, EndpointState, Generation, Pin as _, PlanStore, Resolve};

use super::{Answer, Followed, active, generation, memory, over, race};
use crate::checker::{Checker as _, Loom};
use crate::mutant::Mutation;
use crate::{Explored, endpoints, must, must_be, plan};
use crate::{Instrumented, Watched};

/// The answers that all threads got, and the state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    /// The plan that was picked up, and the outcome of its activation at each endpoint.
    picked: Generation,
    activations: Vec<Activation>,
    /// The new endpoint's answer after that.
    then: Answer,
    /// The new endpoint's answers to the reader on a thread of its own, during the race and
    /// at the end.
    read: Answer,
    last: Answer,
    /// Where the old endpoint and the new one stand.
    end: Vec<EndpointState>,
}

fn explore<R: Resolve + Send + 'static>(
    reader: fn(&Watched<Instrumented>) -> R,
) -> Explored<Outcome> {
    race::<Loom, _>("publish against pick-up", Some(3), move || {
        let store = memory::<Loom>();
        must(store.publish(plan(&endpoints(2)[1..], 1)));
        let _ = pick_up(&store);
        let (publishes, picks) = (store.clone(), store.clone());
        let (mut own, mut other) = (reader(&store), reader(&store));
        for reader in [&mut own, &mut other] {
            assert_eq!(Answer::by(reader), Answer::Unknown);
        }
        let (_, (picked, activations, then), (read, mut other)) = Loom::run_three(
            move || must(publishes.publish(plan(&endpoints(2), 2))),
            move || {
                let (picked, activations) = pick_up(&picks);
                (picked, activations, Answer::by(&mut own))
            },
            move || (Answer::by(&mut other), other),
        );
        Outcome {
            picked,
            activations,
            then,
            read,
            last: Answer::by(&mut other),
            end: endpoints(2)
                .iter()
                .map(|name| must(store.state(name)))
                .collect(),
        }
    })
}

/// Picks up the latest plan and activates it everywhere.
fn pick_up(store: &impl DnsStore) -> (Generation, Vec<Activation>) {
    let pin = must_be(must(store.latest()));
    let steps = store.activate_all(&pin);
    let activations = steps.map(|(_, activation)| must(activation)).collect();
    (pin.generation(), activations)
}

/// All endpoints of a picked-up plan are known, are activated, and answer.
fn holds<R: Resolve + Send + 'static>(reader: fn(&Watched<Instrumented>) -> R) -> usize {
    let too_early = |read| Outcome {
        picked: generation(1),
        activations: vec![Activation::Already],
        then: read,
        read,
        last: Answer::Vacant,
        end: vec![EndpointState::VACANT, active(1, None)],
    };
    let in_time = |read| Outcome {
        picked: generation(2),
        activations: vec![over(EndpointState::VACANT), over(active(1, None))],
        then: Answer::From(2),
        read,
        last: Answer::From(2),
        end: vec![active(2, None), active(2, 1)],
    };
    let unknown_or_vacant = [Answer::Unknown, Answer::Vacant];
    let early = unknown_or_vacant.into_iter().flat_map(|then| {
        unknown_or_vacant.map(|read| Outcome {
            then,
            ..too_early(read)
        })
    });
    let reads = [Answer::Unknown, Answer::Vacant, Answer::From(2)];
    explore(reader).holds(early.chain(reads.map(in_time)))
}

/// The race with readers.
pub fn holds_for_a_reader() -> usize {
    holds(Watched::reader)
}

/// The race with followers.
pub fn holds_for_a_follower() -> usize {
    holds(Followed::of)
}

/// Without the count of comings and goings, an active endpoint stays unknown to readers and
/// followers.
pub fn needs_the_count() {
    fn unaware<R: Resolve + Send + 'static>(reader: fn(&Watched<Instrumented>) -> R) {
        let uncounted = Mutation::UNCOUNTED.during(|| explore(reader));
        uncounted.findings.assert_seen(&[Outcome {
            picked: generation(2),
            activations: vec![over(EndpointState::VACANT), over(active(1, None))],
            then: Answer::Unknown,
            read: Answer::Unknown,
            last: Answer::Unknown,
            end: vec![active(2, None), active(2, 1)],
        }]);
    }
    unaware(Watched::reader);
    unaware(Followed::of);
}
