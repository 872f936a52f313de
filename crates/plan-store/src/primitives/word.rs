//! [`Word`](super::Word) for the atomics of the standard library, loom and shuttle, which have
//! the same methods.

/// Implements [`Word`](super::Word) for an atomic type by the type's own methods.
macro_rules! word_of_atomic {
    ($atomic:ty) => {
        impl $crate::primitives::Word for $atomic {
            #[inline]
            fn new(value: u64) -> Self {
                Self::new(value)
            }

            #[inline]
            fn load(&self, order: Ordering) -> u64 {
                self.load(order)
            }

            #[inline]
            fn compare_exchange(
                &self,
                current: u64,
                new: u64,
                success: Ordering,
                failure: Ordering,
            ) -> Result<u64, u64> {
                self.compare_exchange(current, new, success, failure)
            }

            #[inline]
            fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
                self.fetch_add(value, order)
            }

            #[inline]
            fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
                self.fetch_sub(value, order)
            }
        }
    };
}

pub(super) use word_of_atomic;
