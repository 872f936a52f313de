//! What the store asks of keys and values.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::sync::Arc;

/// What a plan names its endpoints by: a DNS name, a feature, a route.
///
/// Plans list their endpoints in the order of the keys, and so does a pass. A key is shown in
/// logs and errors.
///
/// The store compares, clones and drops keys while it holds its lock. So these operations must
/// not call the store, because the call would wait for ever. They must not panic either: if a
/// comparison panics in a publish, readers may never find the endpoints that the plan adds.
///
/// ```
/// # use plan_store::Key;
/// #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
/// struct Feature(&'static str);
///
/// impl std::fmt::Display for Feature {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         f.write_str(self.0)
///     }
/// }
///
/// impl Key for Feature {}
/// ```
pub trait Key: Ord + Hash + Clone + Debug + Display + Send + Sync + 'static {
    /// Whether this key lies below `other`, for keys that form a tree. In the order, the keys
    /// below a key come directly after it, with no other key between them. So the store finds
    /// them by a range of the order.
    ///
    /// By default, keys do not form a tree: no key lies below another one.
    fn is_below(&self, other: &Self) -> bool {
        let _ = other;
        false
    }
}

/// Numbers and texts are keys that do not form a tree.
macro_rules! keys_without_a_tree {
    ($($key:ty),*) => {$(
        /// Does not form a tree: no key lies below another one.
        impl Key for $key {}
    )*};
}

keys_without_a_tree! { u32, u64, &'static str, String, Arc<str>, Box<str> }

/// What a plan says of an endpoint. Any type that can be compared and shared is one.
///
/// [`PlanStore::publish`](crate::PlanStore::publish) of a
/// [`MemoryStore`](crate::MemoryStore) compares the values of the new plan with those of the
/// newest one, except values that the two plans share. It holds the store's lock meanwhile. So a
/// comparison must be quick, must not panic, and must not call the store. Values are dropped
/// when the lock is released.
pub trait Value: Eq + Debug + Send + Sync + 'static {}

impl<V: Eq + Debug + Send + Sync + 'static> Value for V {}
