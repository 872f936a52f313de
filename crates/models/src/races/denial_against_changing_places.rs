//! Two endpoints below a name change places: at each moment one of them is there. May the
//! name be denied? The endpoint that comes is looked at first, the one that goes after it.

use plan_store::{MemoryStore, PlanStore as _, Resolve};

use super::{OneLook, generation, memory, race};
use crate::checker::{Checker, PlainLoads};
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

fn explore<J: Checker, R: Resolve + Send + 'static>(
    reader: fn(&MemoryStore<J::Primitives>) -> R,
) -> Explored<Outcome> {
    race::<J, _>("denial against changing places", None, move || {
        let store = memory::<J>();
        let both = endpoints(2);
        for (octet, named) in [(1, &both[..]), (2, &both[1..]), (3, &both[..1])] {
            must(store.publish(plan(named, octet)));
        }
        let second = must(store.pin(generation(2)));
        let _ = must(store.activate(&second, &both[1]));
        let _ = must(store.withdraw(&second, &both[0]));
        drop(second);
        let mut reader = reader(&store);
        let ((meanwhile, mut reader), ()) = J::run_two(
            move || (Name::by(&mut reader), reader),
            move || {
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
pub fn holds<J: Checker>() -> usize {
    explore::<J, _>(MemoryStore::reader).holds([Outcome {
        meanwhile: Name::HasDescendant,
        last: Name::HasDescendant,
    }])
}

/// A reader that looks at each endpoint once denies the name.
pub fn needs_the_readers_second_look() {
    let one_look = explore::<PlainLoads, _>(|store| OneLook::on(store.clone()));
    one_look.findings.assert_seen(&[Outcome {
        meanwhile: Name::Denied,
        last: Name::HasDescendant,
    }]);
}
