//! Primitives that report each access to the [`observer`](crate::observer), on the primitives
//! of any checker.
//!
//! A report comes right after its access, before the thread's next one. Under loom and shuttle,
//! another thread can run only at an access. So the order of the reports is the order of the
//! accesses.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::atomic::Ordering;

use plan_store::primitives::{Lock, Primitives, Word};

use crate::Instrumented;
use crate::observer::{self, Section, ThreadKey, WordId};

/// Primitives of a checker, whose threads can be told apart.
pub trait Threads: Primitives {
    /// The thread that runs now. No other thread of the execution has the same key.
    fn current() -> ThreadKey;
}

/// A thread's id as a number.
fn key(id: impl Hash) -> ThreadKey {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

impl Threads for Instrumented {
    fn current() -> ThreadKey {
        key(loom::thread::current().id())
    }
}

#[cfg(feature = "shuttle")]
impl Threads for plan_store::Shuttle {
    fn current() -> ThreadKey {
        key(shuttle::thread::current().id())
    }
}

/// The primitives `P`, with each access reported.
#[derive(Debug)]
pub struct Recorded<P>(PhantomData<P>);

impl<P: Threads> Primitives for Recorded<P> {
    type Word = RecordedWord<P>;
    type Lock<T: Send + Sync + 'static> = RecordedLock<P, T>;
    type Monitor<T: Send + 'static> = P::Monitor<T>;
}

/// A word that reports its accesses, if a watched store made it.
pub struct RecordedWord<P: Threads> {
    word: P::Word,
    id: Option<WordId>,
}

impl<P: Threads> Word for RecordedWord<P> {
    fn new(value: u64) -> Self {
        let id = observer::made(Location::caller().file(), P::current);
        let word = P::Word::new(value);
        Self { word, id }
    }

    fn load(&self, order: Ordering) -> u64 {
        let value = self.word.load(order);
        observer::note(self.id, |observer, id| {
            observer.loaded(id, value, P::current)
        });
        value
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        let swapped = self.word.compare_exchange(current, new, success, failure);
        observer::note(self.id, |observer, id| match swapped {
            Ok(_) => observer.swapped(id, current, new, P::current),
            Err(found) => observer.looked(id, found),
        });
        swapped
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        let before = self.word.fetch_add(value, order);
        observer::note(self.id, |observer, id| observer.added(id, P::current));
        before
    }

    fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        let before = self.word.fetch_sub(value, order);
        observer::note(self.id, |observer, id| observer.subtracted(id, before));
        before
    }
}

impl<P: Threads> fmt::Debug for RecordedWord<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedWord")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A lock that reports where its sections begin and end.
pub struct RecordedLock<P: Threads, T: Send + Sync + 'static> {
    lock: P::Lock<T>,
}

impl<P: Threads, T: Send + Sync + 'static> Lock<T> for RecordedLock<P, T> {
    fn new(value: T) -> Self {
        let lock = P::Lock::new(value);
        Self { lock }
    }

    fn read<R>(&self, section: impl FnOnce(&T) -> R) -> R {
        self.lock
            .read(|value| observer::section(P::current, Section::Read, || section(value)))
    }

    fn write<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        self.lock
            .write(|value| observer::section(P::current, Section::Write, || section(value)))
    }
}

impl<P: Threads, T: Send + Sync + 'static> fmt::Debug for RecordedLock<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedLock").finish_non_exhaustive()
    }
}
