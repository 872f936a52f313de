//! Two endpoints below a name change places, so that at each moment one of them is there.
//! The reader must never deny the name. The reader looks at the first endpoint before the
//! second. At the beginning, the second endpoint is active. In one variant the first is
//! withdrawn, and the two change places three times. In the other the store does not know
//! the first yet, and it comes once.

use std::slice;

use plan_store::{DnsStore, EndpointName, EndpointState, PlanStore, Resolve};

use super::{OneLook, active, generation, memory, race, withdrawn};
use crate::checker::{Checker as _, Loom};
use crate::mutant::Mutation;
use crate::{Explored, endpoints, must, plan};
use crate::{Instrumented, Watched};

/// The reader's answers about the name, during the race and after all threads had ended,
/// and where the endpoints stand at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    meanwhile: Name,
    last: Name,
    end: Vec<EndpointState>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Name {
    HasDescendant,
    Denied,
}

impl Name {
    fn by(reader: &mut impl Resolve) -> Self {
        if reader.has_descendant(&must("example".parse())) {
            Self::HasDescendant
        } else {
            Self::Denied
        }
    }
}

/// The first endpoint at the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum First {
    Withdrawn,
    Unknown,
}

/// Publishes a plan of one endpoint, activates it there, and withdraws the other endpoint.
fn change_places(store: &impl DnsStore, number: u8, comes: &EndpointName, goes: &EndpointName) {
    must(store.publish(plan(slice::from_ref(comes), number)));
    let pin = must(store.pin(generation(number.into())));
    let _ = must(store.activate(&pin, comes));
    let _ = must(store.withdraw(&pin, goes));
}

fn explore<R: Resolve + Send + 'static>(
    at_first: First,
    reader: fn(&Watched<Instrumented>) -> R,
) -> Explored<Outcome> {
    race::<Loom, _>("denial against changing places", None, move || {
        let (store, both) = (memory::<Loom>(), endpoints(2));
        let (first, second) = (both[0].clone(), both[1].clone());
        let known = usize::from(at_first == First::Unknown);
        must(store.publish(plan(&both[known..], 1)));
        change_places(&store, 2, &second, &first);
        let mut reader = reader(&store);
        if at_first == First::Unknown {
            // The reader fetches the cells from before the change.
            assert_eq!(Name::by(&mut reader), Name::HasDescendant);
        }
        let changes = store.clone();
        let ((meanwhile, mut reader), ()) = Loom::run_two(
            move || (Name::by(&mut reader), reader),
            move || {
                change_places(&changes, 3, &first, &second);
                if at_first == First::Withdrawn {
                    change_places(&changes, 4, &second, &first);
                    change_places(&changes, 5, &first, &second);
                }
            },
        );
        let standing = |name| must(store.state(name));
        Outcome {
            meanwhile,
            last: Name::by(&mut reader),
            end: both.iter().map(standing).collect(),
        }
    })
}

fn outcome(first: First, meanwhile: Name, last: Name) -> Outcome {
    let newest = if first == First::Withdrawn { 5 } else { 3 };
    Outcome {
        meanwhile,
        last,
        end: vec![active(newest, None), withdrawn(newest, newest - 1)],
    }
}

/// The name is never denied.
fn holds(first: First) -> usize {
    let never = outcome(first, Name::HasDescendant, Name::HasDescendant);
    explore(first, Watched::reader).holds([never])
}

/// The race with an endpoint that comes back.
pub fn holds_for_one_that_comes_back() -> usize {
    holds(First::Withdrawn)
}

/// The race with a new endpoint.
pub fn holds_for_a_new_one() -> usize {
    holds(First::Unknown)
}

/// A reader that looks at each endpoint once denies the name.
pub fn needs_the_readers_second_look() {
    let first = First::Withdrawn;
    let one_look = explore(first, |store| OneLook::on(store.clone()));
    let denied = outcome(first, Name::Denied, Name::HasDescendant);
    one_look.findings.assert_seen(&[denied]);
}

/// Without the count of comings and goings, the reader does not see the new endpoint.
pub fn needs_the_count() {
    let first = First::Unknown;
    let explore_new = || explore(first, Watched::reader);
    let uncounted = Mutation::UNCOUNTED.during(explore_new);
    let denied = outcome(first, Name::Denied, Name::Denied);
    uncounted.findings.assert_seen(&[denied]);
}
