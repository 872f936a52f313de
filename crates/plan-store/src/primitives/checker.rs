//! Locks and monitors for loom and shuttle, which have the same types.

/// Implements [`Lock`](super::Lock) for a checker's `RwLock`, and defines its
/// [`Monitor`](super::Monitor). `$checker` is the checker's crate.
macro_rules! checker_lock_and_monitor {
    ($checker:ident, $(#[$docs:meta])* $monitor:ident) => {
        use std::sync::PoisonError;
        use std::time::Duration;

        use $checker::sync::{Condvar, Mutex, RwLock};

        /// The checker's lock can report that it is poisoned. No section meets a poisoned
        /// lock, because a panic in a section ends the execution.
        impl<T: Send + Sync + 'static> $crate::primitives::Lock<T> for RwLock<T> {
            fn new(value: T) -> Self {
                Self::new(value)
            }

            fn read<R>(&self, section: impl FnOnce(&T) -> R) -> R {
                section(&self.read().unwrap_or_else(PoisonError::into_inner))
            }

            fn write<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
                section(&mut self.write().unwrap_or_else(PoisonError::into_inner))
            }
        }

        $(#[$docs])*
        #[derive(Debug)]
        pub struct $monitor<T> {
            value: Mutex<T>,
            updated: Condvar,
        }

        impl<T: Send + 'static> $crate::primitives::Monitor<T> for $monitor<T> {
            fn new(value: T) -> Self {
                Self {
                    value: Mutex::new(value),
                    updated: Condvar::new(),
                }
            }

            fn update<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
                let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
                let result = section(&mut value);
                drop(value);
                self.updated.notify_all();
                result
            }

            fn wait<R>(
                &self,
                timeout: Option<Duration>,
                mut ready: impl FnMut(&mut T) -> Option<R>,
            ) -> Option<R> {
                let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
                loop {
                    if let Some(result) = ready(&mut value) {
                        return Some(result);
                    }
                    if timeout.is_some() {
                        drop(value);
                        $checker::thread::yield_now();
                        return ready(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner));
                    }
                    let waited = self.updated.wait(value);
                    value = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    };
}

pub(super) use checker_lock_and_monitor;
