//! Two small programs that show what one kind of loads finds and the other misses. They
//! have nothing to do with the store. Each is the reason for one of the two kinds, and a
//! control that neither kind can replace the other.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use plan_store::primitives::{Primitives, Word};

use crate::checker::{Checker, Loom};
use crate::{Explored, explore};

/// A word of the checker's primitives, shared by two threads.
fn word<J: Checker>() -> Arc<impl Word> {
    Arc::new(<J::Primitives as Primitives>::Word::new(0))
}

/// One thread writes data, then sets a flag, both relaxed. The other thread sees the flag
/// and reads the data. Can the data still be old? Yes, and only plain loads show that,
/// because a read-modify-write always sees the newest value.
///
/// The outcome is the flag and the data that the second thread read.
pub fn stale_value() -> Explored<(u64, u64)> {
    explore::<Loom, (u64, u64)>("litmus: stale value", None, |found| {
        let (data, flag) = (word::<Loom>(), word::<Loom>());
        let (written, raised) = (Arc::clone(&data), Arc::clone(&flag));
        let ((), read) = Loom::run_two(
            move || {
                written.fetch_add(1, Relaxed);
                raised.fetch_add(1, Relaxed);
            },
            move || (flag.load(Relaxed), data.load(Relaxed)),
        );
        found.note(read);
    })
}

/// One thread reads a word. The other thread reads it too, and then adds to it. Can the
/// first thread read the sum? Yes, but plain loads miss that. loom keeps only the last
/// access of a word, so the second thread's own load hides the first thread's load from the
/// search (loom issues 166 and 392).
///
/// The outcome is what the first thread read.
pub fn hidden_load<J: Checker>() -> Explored<u64> {
    explore::<J, u64>("litmus: hidden load", None, |found| {
        let word = word::<J>();
        let adding = Arc::clone(&word);
        let (read, _) = J::run_two(
            move || word.load(Relaxed),
            move || adding.load(Relaxed) + adding.fetch_add(1, Relaxed),
        );
        found.note(read);
    })
}
