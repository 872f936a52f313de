//! The queue of future events, in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::Time;

/// A queue of events. Events at the same time leave in the order in which they were put
/// in, so a run is repeatable. Time never goes back: an event for a past time happens now.
#[derive(Debug)]
pub(crate) struct EventQueue<E> {
    now: Time,
    sequence: u64,
    events: BinaryHeap<Reverse<Entry<E>>>,
}

#[derive(Debug)]
struct Entry<E> {
    at: Time,
    sequence: u64,
    event: E,
}

impl<E> EventQueue<E> {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            now,
            sequence: 0,
            events: BinaryHeap::new(),
        }
    }

    /// Puts an event in.
    pub(crate) fn put(&mut self, at: Time, event: E) {
        let entry = Entry {
            at: at.max(self.now),
            sequence: self.sequence,
            event,
        };
        self.sequence += 1;
        self.events.push(Reverse(entry));
    }

    /// Takes the next event out, unless it is at `end` or later.
    pub(crate) fn take_before(&mut self, end: Time) -> Option<(Time, E)> {
        if self.events.peek()?.0.at >= end {
            return None;
        }
        let Reverse(entry) = self.events.pop()?;
        self.now = entry.at;
        Some((entry.at, entry.event))
    }
}

impl<E> Entry<E> {
    fn key(&self) -> (Time, u64) {
        (self.at, self.sequence)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::EventQueue;
    use crate::Time;

    proptest! {
        /// Events for past times included, time never goes back, and events at the same
        /// time leave in order.
        #[test]
        fn time_never_goes_back(puts in prop::collection::vec((0..500u32, 0..3u32), 1..200)) {
            let mut queue = EventQueue::new(Time::BEGIN);
            let (mut now, mut number, mut left) = (Time::BEGIN, 0_usize, Vec::new());
            for (at, takes) in puts {
                queue.put(Time::from_seconds(21_400 + at), number);
                number += 1;
                for _ in 0..takes {
                    if let Some((at, event)) = queue.take_before(Time::END) {
                        prop_assert!(at >= now);
                        now = at;
                        left.push(event);
                    }
                }
            }
            let mut rest = Vec::new();
            while let Some((at, event)) = queue.take_before(Time::END) {
                prop_assert!(at >= now);
                rest.push((at, event));
                now = at;
            }
            prop_assert!(rest.is_sorted(), "events at the same time are in the order in which they were put in");
            prop_assert_eq!(left.len() + rest.len(), number);
        }
    }

    #[test]
    fn an_event_at_the_end_or_later_stays() {
        let mut queue = EventQueue::new(Time::BEGIN);
        queue.put(Time::END, ());
        assert!(queue.take_before(Time::END).is_none());
    }
}
