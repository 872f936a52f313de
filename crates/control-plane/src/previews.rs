//! Previews that wait for the Planner's thread.
//!
//! # Rules
//! 1. At most [`MOST`] previews wait. Another one is refused at once, because each has a fleet
//!    with it, and the Planner may stand still for long.
//! 2. An asker that gives up takes its preview out. So the Planner decides only for askers that
//!    still wait, and the memory of a fleet is free again when its asker has gone.
//! 3. One message in the Planner's queue stands for all that wait. So that queue does not grow
//!    either.
//!
//! The lock guards the list alone, and is held only for a change of it.

use std::collections::VecDeque;

use crossbeam::channel::Sender;
use parking_lot::Mutex;

use crate::{Fleet, PlanError, Preview};

/// So many previews wait at most.
const MOST: usize = 8;

/// A preview that waits.
pub(crate) struct Waiting {
    number: u64,
    pub(crate) fleet: Box<Fleet>,
    pub(crate) answer: Sender<Result<Preview, PlanError>>,
}

/// The previews that wait.
#[derive(Default)]
pub(crate) struct Previews(Mutex<List>);

#[derive(Default)]
struct List {
    waiting: VecDeque<Waiting>,
    /// How many have ever been added.
    added: u64,
    /// Whether a message about them is in the Planner's queue.
    is_announced: bool,
}

/// What became of a preview.
pub(crate) enum Added {
    /// It waits under this number. If `announce`, the asker sends the message.
    Waits { number: u64, announce: bool },
    /// Too many wait.
    Refused,
}

impl Previews {
    /// Adds a preview of this fleet.
    pub(crate) fn add(
        &self,
        fleet: Box<Fleet>,
        answer: Sender<Result<Preview, PlanError>>,
    ) -> Added {
        let mut list = self.0.lock();
        if list.waiting.len() >= MOST {
            return Added::Refused;
        }
        list.added += 1;
        let number = list.added;
        list.waiting.push_back(Waiting {
            number,
            fleet,
            answer,
        });
        let announce = !std::mem::replace(&mut list.is_announced, true);
        Added::Waits { number, announce }
    }

    /// Takes a preview out whose asker has given up.
    pub(crate) fn forget(&self, number: u64) {
        self.0
            .lock()
            .waiting
            .retain(|waiting| waiting.number != number);
    }

    /// All that wait, for the Planner, which has got the message.
    pub(crate) fn take(&self) -> VecDeque<Waiting> {
        let mut list = self.0.lock();
        list.is_announced = false;
        std::mem::take(&mut list.waiting)
    }
}

#[cfg(test)]
mod tests {
    use crossbeam::channel::bounded;

    use super::*;

    fn add(previews: &Previews) -> Option<(u64, bool)> {
        let text = "[[endpoint]]\nname = \"a.example\"\n\
                    target = [{ address = \"192.0.2.1\", zone = \"z\", capacity = 1 }]";
        let fleet = Fleet::parse(text, "fleet.toml".as_ref()).unwrap();
        match previews.add(Box::new(fleet), bounded(1).0) {
            Added::Waits { number, announce } => Some((number, announce)),
            Added::Refused => None,
        }
    }

    fn numbers(previews: &Previews) -> Vec<u64> {
        previews
            .take()
            .iter()
            .map(|waiting| waiting.number)
            .collect()
    }

    #[test]
    fn previews_that_pile_up_are_refused_and_abandoned_ones_make_room() {
        let previews = Previews::default();
        assert_eq!(
            add(&previews),
            Some((1, true)),
            "the first one is announced"
        );
        for number in 2..=MOST as u64 {
            assert_eq!(
                add(&previews),
                Some((number, false)),
                "that message is for all"
            );
        }
        assert_eq!(add(&previews), None);
        previews.forget(1);
        previews.forget(5);
        assert_eq!(add(&previews), Some((9, false)));
        assert_eq!(numbers(&previews), [2, 3, 4, 6, 7, 8, 9]);
        assert_eq!(add(&previews), Some((10, true)), "the message was taken");
        previews.forget(10);
        assert_eq!(
            add(&previews),
            Some((11, false)),
            "it is still in the queue"
        );
        assert_eq!(numbers(&previews), [11]);
    }
}
