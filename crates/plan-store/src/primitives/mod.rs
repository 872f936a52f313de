//! What the store is built of, as a type parameter.
//!
//! [`MemoryStore`](crate::MemoryStore) is written against [`Primitives`]: its atomics, locks
//! and monitors are all of them. With [`Native`] it runs; with
//! [`Loom`] or [`LoomRmw`] (feature `loom`) the model checker runs *the same
//! code*, line for line, and with [`Shuttle`] (feature `shuttle`) a second one
//! runs it on as many threads as one likes, on schedules drawn at random. Code
//! that uses the store can take the same parameter and be checked together with
//! it; its models then look like those in this workspace's `tests/`.
//!
//! The traits hold what the store and the threads over it need and no more: a
//! word of 64 bits, a lock for many readers or one writer, and a monitor to wait
//! at. Critical sections are closures, so that where one ends is plain to see.
//!
//! Two types of the standard library are left, which a checker does not see:
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
/// [`AtomicU64`](std::sync::atomic::AtomicU64). They know who calls, so that a
/// checker's word can weaken one access in the code and leave the others alone.
pub trait Word: Send + Sync + 'static {
    /// A word with this value.
    fn new(value: u64) -> Self;

    /// Its value.
    #[track_caller]
    fn load(&self, order: Ordering) -> u64;

    /// Sets it to `new` if it is `current`; returns what it was.
    ///
    /// # Errors
    /// What it is, if that is not `current`.
    #[track_caller]
    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64>;

    /// Adds, wrapping; returns what it was.
    #[track_caller]
    fn fetch_add(&self, value: u64, order: Ordering) -> u64;

    /// Subtracts, wrapping; returns what it was.
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

/// A value that one can wait for, until it is as one wants it (Hoare,
/// "Monitors", CACM 1974; with the signals of Mesa).
pub trait Monitor<T>: Send + Sync + 'static {
    /// A monitor around this value.
    fn new(value: T) -> Self;

    /// Changes the value, and has all who wait look at it.
    fn update<R>(&self, section: impl FnOnce(&mut T) -> R) -> R;

    /// Waits until `ready` finds something in the value, and returns that;
    /// `None` once `timeout` is over. It looks before it waits and at every
    /// update, and whoever updates cannot come between a look and the wait.
    ///
    /// Checkers have no clock: there a time-out is over as soon as all others
    /// had a chance to run.
    fn wait<R>(
        &self,
        timeout: Option<Duration>,
        ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R>;
}
