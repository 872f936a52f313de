//! Two endpoints below a name change places: at each moment one of them is there. May the
//! name be denied? The endpoint that comes is looked at first, the one that goes after it.
//! It is withdrawn at the beginning, or the store does not know it yet.

use plan_store::{MemoryStore, PlanStore as _, Resolve};

use super::{OneLook, generation, memory, race};
use crate::checker::{Checker, PlainLoads};
use crate::mutant::{Mutant, Mutation};
use crate::{Explored, endpoints, must, plan};

/// What the reader said of the name, meanwhile and once more after all threads had ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    meanwhile: Name,
    last: Name,
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

/// The endpoint that comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Comes {
    Back,
    New,
}

fn explore<J: Checker, R: Resolve + Send + 'static>(
    comes: Comes,
    reader: fn(&MemoryStore<J::Primitives>) -> R,
) -> Explored<Outcome> {
    race::<J, _>("denial against changing places", None, move || {
        let store = memory::<J>();
        let both = endpoints(2);
        let first = if comes == Comes::Back {
            &both[..]
        } else {
            &both[1..]
        };
        must(store.publish(plan(first, 1)));
        must(store.publish(plan(&both[1..], 2)));
        let second = must(store.pin(generation(2)));
        let _ = must(store.activate(&second, &both[1]));
        let _ = must(store.withdraw(&second, &both[0]));
        drop(second);
        let mut reader = reader(&store);
        if comes == Comes::New {
            // The reader has the cells from before.
            assert_eq!(Name::by(&mut reader), Name::HasDescendant);
        }
        let ((meanwhile, mut reader), ()) = J::run_two(
            move || (Name::by(&mut reader), reader),
            move || {
                must(store.publish(plan(&both[..1], 3)));
                let third = must(store.pin(generation(3)));
                let _ = must(store.activate(&third, &both[0]));
                let _ = must(store.withdraw(&third, &both[1]));
            },
        );
        let last = Name::by(&mut reader);
        Outcome { meanwhile, last }
    })
}

/// The name is never denied.
fn holds<J: Checker>(comes: Comes) -> usize {
    explore::<J, _>(comes, MemoryStore::reader).holds([Outcome {
        meanwhile: Name::HasDescendant,
        last: Name::HasDescendant,
    }])
}

/// The race with an endpoint that comes back.
pub fn holds_for_one_that_comes_back<J: Checker>() -> usize {
    holds::<J>(Comes::Back)
}

/// The race with a new endpoint.
pub fn holds_for_a_new_one<J: Checker>() -> usize {
    holds::<J>(Comes::New)
}

/// A reader that looks at each endpoint once denies the name.
pub fn needs_the_readers_second_look() {
    let one_look = explore::<PlainLoads, _>(Comes::Back, |store| OneLook::on(store.clone()));
    one_look.findings.assert_seen(&[Outcome {
        meanwhile: Name::Denied,
        last: Name::HasDescendant,
    }]);
}

/// Without the count of comings and goings, the reader does not see the new endpoint.
pub fn needs_the_count() {
    let explore_new = || explore::<Mutant, _>(Comes::New, MemoryStore::reader);
    let uncounted = Mutation::UNCOUNTED.during(explore_new);
    uncounted.findings.assert_seen(&[Outcome {
        meanwhile: Name::Denied,
        last: Name::Denied,
    }]);
}
