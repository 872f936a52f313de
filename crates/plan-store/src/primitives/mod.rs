//! The atomics, locks and monitors of a store, as a type parameter.
//!
//! [`MemoryStore`](crate::MemoryStore) takes its atomics and locks from [`Primitives`], except
//! the two types that are [argued below](#what-stays-from-the-standard-library).
//! On [`Native`] it runs in production. On [`Loom`] or [`LoomRmw`] (feature `loom`) the model
//! checker runs *the same code*, line for line. On [`Shuttle`] (feature `shuttle`) a second
//! checker runs it with any number of threads, on schedules drawn at random.
//!
//! The traits have what the store and the threads around it need: a word of 64 bits, a lock for
//! many readers or one writer, and a monitor to wait at. A critical section is a closure, so
//! the reader of the code sees where it ends.
//!
//! # Check your own code
//! Let your code take the same parameter. Then one model checks your code together with the
//! store. With loom as a dev-dependency and the feature `loom`:
//!
//! ```
//! # #[cfg(feature = "loom")] {
//! use std::sync::Arc;
//!
//! use plan_store::{Generation, Loom, MemoryStore, Plan, PlanStore, Primitives, Retention};
//!
//! type Limits<P> = MemoryStore<String, u32, P>;
//!
//! /// Your code: activates the latest plan.
//! fn apply_latest<P: Primitives>(store: &Limits<P>) {
//!     if let Some(pin) = store.latest().unwrap() {
//!         assert!(store.activate_all(&pin).all(|(_, outcome)| outcome.is_ok()));
//!     }
//! }
//!
//! // loom runs this closure once for each order of the threads' steps.
//! loom::model(|| {
//!     let store = Limits::<Loom>::with_primitives(Retention::newest(1));
//!     let plan = |limit: u32| Arc::new(Plan::new([("requests".to_owned(), limit)]).unwrap());
//!     store.publish(plan(100)).unwrap();
//!
//!     let (slow, quick) = (store.clone(), store.clone());
//!     let slow = loom::thread::spawn(move || apply_latest(&slow));
//!     let newer = plan(200);
//!     let quick = loom::thread::spawn(move || {
//!         quick.publish(newer).unwrap();
//!         apply_latest(&quick);
//!     });
//!     slow.join().unwrap();
//!     quick.join().unwrap();
//!
//!     // Whichever thread was first, the newer plan is active.
//!     let active = store.resolve(&"requests".to_owned()).generation();
//!     assert_eq!(active, Generation::new(2));
//! });
//! # }
//! ```
//!
//! Run each model on [`LoomRmw`] too: it finds races that loom's plain loads hide.
//!
//! # What stays from the standard library
//! A checker does not see two types:
//! - [`Arc`](std::sync::Arc) holds plans and cells. What it holds changes through
//!   `Primitives` alone. Its count decides who frees the memory. Within the persistent maps
//!   it also decides whether a node is changed in place or copied, for a map that one
//!   thread owns or that the lock guards: the result is the same.
//! - One [`OnceLock`](std::sync::OnceLock) in each list of cells keeps that list in the
//!   order of a walk, made at the first walk. It is made of a map that never changes, so
//!   each thread would make the same list, and no decision rests on which was first.

mod word;

mod native;
pub use native::Native;

#[cfg(any(feature = "loom", feature = "shuttle"))]
mod checker;

#[cfg(feature = "loom")]
mod loom;
#[cfg(feature = "loom")]
pub use self::loom::{Loom, LoomRmw};

#[cfg(feature = "shuttle")]
mod shuttle;
#[cfg(feature = "shuttle")]
pub use self::shuttle::Shuttle;

use std::sync::atomic::Ordering;
use std::time::Duration;

/// A choice of atomics and locks.
pub trait Primitives: Send + Sync + 'static {
    /// A word of 64 bits.
    type Word: Word;
    /// A lock around a `T`.
    type Lock<T: Send + Sync + 'static>: Lock<T>;
    /// A monitor around a `T`.
    type Monitor<T: Send + 'static>: Monitor<T>;
}

/// An atomic word of 64 bits. The methods are those of
/// [`AtomicU64`](std::sync::atomic::AtomicU64). They track their caller, so that a checker's
/// word can weaken one access in the code and leave the others as they are.
pub trait Word: Send + Sync + 'static {
    /// A word with this value.
    #[track_caller]
    fn new(value: u64) -> Self;

    /// Reads the value.
    #[track_caller]
    fn load(&self, order: Ordering) -> u64;

    /// Sets the value to `new` if it is `current`. Returns the value before.
    ///
    /// # Errors
    /// The value, if it is not `current`. Nothing is changed then.
    #[track_caller]
    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64>;

    /// Adds, and wraps around at the end. Returns the value before.
    #[track_caller]
    fn fetch_add(&self, value: u64, order: Ordering) -> u64;

    /// Subtracts, and wraps around at 0. Returns the value before.
    #[track_caller]
    fn fetch_sub(&self, value: u64, order: Ordering) -> u64;
}

/// A lock for many readers or one writer.
pub trait Lock<T>: Send + Sync + 'static {
    /// A lock around this value.
    fn new(value: T) -> Self;

    /// Runs `section` with shared access.
    fn read<R>(&self, section: impl FnOnce(&T) -> R) -> R;

    /// Runs `section` with sole access.
    fn write<R>(&self, section: impl FnOnce(&mut T) -> R) -> R;
}

/// A value under a lock, and a way to wait until the value meets a condition (Hoare,
/// "Monitors", CACM 1974; with the signals of Mesa: a thread that is woken looks again).
pub trait Monitor<T>: Send + Sync + 'static {
    /// A monitor around this value.
    fn new(value: T) -> Self;

    /// Changes the value, and wakes all waiting threads to look at it.
    fn update<R>(&self, section: impl FnOnce(&mut T) -> R) -> R;

    /// Waits until `ready` returns something, and returns that. Returns `None` once `timeout`
    /// is over. The waiting thread calls `ready` before it waits and after every update. No
    /// update can come between a call that returns `None` and the wait.
    ///
    /// A checker has no clock: its time-out is over as soon as all other threads had a chance
    /// to run.
    fn wait<R>(
        &self,
        timeout: Option<Duration>,
        ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R>;
}
