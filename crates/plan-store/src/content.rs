//! What the store asks of keys and values.

use std::fmt::{Debug, Display};
use std::hash::Hash;

/// What a plan names its endpoints by: a DNS name, a feature, a route.
///
/// Plans list their endpoints in the order of the keys, and so does a pass. A key is shown in
/// logs and errors.
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
    /// Whether this key lies below `other`, if keys form a tree. All keys below another one
    /// must follow it in the order at once, so that the store finds them by a range of the
    /// order.
    ///
    /// Without a tree, which is the default, no key lies below another one.
    fn is_below(&self, other: &Self) -> bool {
        let _ = other;
        false
    }
}

impl Key for String {}

/// What a plan says of an endpoint. Any type that can be compared and shared is one.
pub trait Value: Eq + Debug + Send + Sync + 'static {}

impl<V: Eq + Debug + Send + Sync + 'static> Value for V {}
