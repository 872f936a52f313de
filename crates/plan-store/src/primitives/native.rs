//! The primitives of production: std's atomics and the locks of `parking_lot`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, RwLock};

use super::word::word_of_atomic;
use super::{Lock, Monitor, Primitives};

/// std atomics and `parking_lot` locks.
#[derive(Clone, Copy, Debug)]
pub enum Native {}

impl Primitives for Native {
    type Word = AtomicU64;
    type Lock<T: Send + Sync + 'static> = RwLock<T>;
    type Monitor<T: Send + 'static> = NativeMonitor<T>;
}

word_of_atomic!(AtomicU64);

impl<T: Send + Sync + 'static> Lock<T> for RwLock<T> {
    #[inline]
    fn new(value: T) -> Self {
        Self::new(value)
    }

    #[inline]
    fn read<R>(&self, section: impl FnOnce(&T) -> R) -> R {
        section(&self.read())
    }

    #[inline]
    fn write<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        section(&mut self.write())
    }
}

/// [`Native`]'s monitor.
#[derive(Debug)]
pub struct NativeMonitor<T> {
    value: Mutex<T>,
    updated: Condvar,
}

impl<T: Send + 'static> Monitor<T> for NativeMonitor<T> {
    fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            updated: Condvar::new(),
        }
    }

    fn update<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        let result = section(&mut self.value.lock());
        self.updated.notify_all();
        result
    }

    fn wait<R>(
        &self,
        timeout: Option<Duration>,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        // A deadline that is too far away to be represented never comes.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut value = self.value.lock();
        loop {
            if let Some(result) = ready(&mut value) {
                return Some(result);
            }
            match deadline {
                None => self.updated.wait(&mut value),
                Some(deadline) => {
                    if self.updated.wait_until(&mut value, deadline).timed_out() {
                        return ready(&mut value);
                    }
                }
            }
        }
    }
}
