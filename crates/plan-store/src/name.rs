//! The name of an endpoint, checked once.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use crate::Error;

/// The DNS name of an endpoint: absolute, in lower case, without the final dot.
///
/// Parsing accepts either case and an optional final dot. A name has 1 to 253
/// characters; each of its labels 1 to 63 letters, digits, hyphens or
/// underscores, with no hyphen at either end. Cloning shares the text.
///
/// ```
/// # use plan_store::EndpointName;
/// let name: EndpointName = "DynamoDB.us-east-1.example.".parse()?;
/// assert_eq!(name.as_str(), "dynamodb.us-east-1.example");
/// assert!("no..name".parse::<EndpointName>().is_err());
/// # Ok::<(), plan_store::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointName {
    /// The first eight bytes, with zeros after a shorter name, as a number that orders
    /// as they do: two names seldom need a look at more. Halves the time of a search
    /// among many.
    head: u64,
    text: Arc<str>,
}

/// Longest name in characters, the final dot not counted (RFC 1035, 2.3.4).
const MAX_NAME: usize = 253;
/// Longest label in characters (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;

impl EndpointName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name that this text is, in lower case and without the final dot.
    fn checked(text: &str) -> Self {
        let mut head = [0; 8];
        head.iter_mut()
            .zip(text.bytes())
            .for_each(|(to, byte)| *to = byte);
        Self {
            head: u64::from_be_bytes(head),
            text: text.into(),
        }
    }

    /// Whether the name ends in all labels of `other` and has more before them.
    ///
    /// ```
    /// # use plan_store::EndpointName;
    /// let name: EndpointName = "db.shop.example".parse()?;
    /// assert!(name.is_below(&"shop.example".parse()?));
    /// assert!(!name.is_below(&"op.example".parse()?));
    /// assert!(!name.is_below(&name));
    /// # Ok::<(), plan_store::Error>(())
    /// ```
    pub fn is_below(&self, other: &Self) -> bool {
        let labels = self.text.strip_suffix(other.as_str());
        labels.is_some_and(|labels| labels.ends_with('.'))
    }
}

impl FromStr for EndpointName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let name = text.strip_suffix('.').unwrap_or(text);
        match fault(name) {
            None => Ok(Self::checked(&name.to_ascii_lowercase())),
            Some(reason) => Err(Error::InvalidName {
                // An error stays short, however long the input.
                name: text.chars().take(MAX_NAME).collect(),
                reason,
            }),
        }
    }
}

/// What is wrong with `name`, if anything is.
fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty; give a DNS name such as db.example");
    }
    if name.len() > MAX_NAME {
        return Some("it is longer than 253 characters");
    }
    name.split('.').find_map(label_fault)
}

fn label_fault(label: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if label.is_empty() {
        Some("a label is empty; remove the doubled or leading dot")
    } else if label.len() > MAX_LABEL {
        Some("a label is longer than 63 characters")
    } else if !label.chars().all(allowed) {
        Some("a label has a character other than a letter, digit, hyphen or underscore")
    } else if label.starts_with('-') || label.ends_with('-') {
        Some("a label begins or ends with a hyphen")
    } else {
        None
    }
}

/// Lets maps keyed by `EndpointName` be searched with a `&str` in lower case.
impl Borrow<str> for EndpointName {
    fn borrow(&self) -> &str {
        &self.text
    }
}

/// As its text, which maps may be searched with.
impl Hash for EndpointName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_compare_as_their_texts(a in "[a-b]{1,3}|[a-b]{7,10}", b in "[a-b]{1,3}|[a-b]{7,10}") {
            let (one, other): (EndpointName, EndpointName) = (a.parse()?, b.parse()?);
            prop_assert_eq!(one.cmp(&other), a.cmp(&b));
            prop_assert_eq!(one == other, a == b);
        }
    }

    #[test]
    fn names_are_checked_and_made_canonical() {
        let good = [
            ("a", "a"),
            ("DB.Example", "db.example"),
            ("db.example.", "db.example"),
            ("_x.a-b.c1", "_x.a-b.c1"),
        ];
        for (text, canonical) in good {
            assert_eq!(text.parse::<EndpointName>().unwrap().as_str(), canonical);
        }
        let long_label = "a".repeat(64);
        let long_name = ["a".repeat(63).as_str(); 4].join(".") + ".b";
        for bad in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "-a",
            "a-",
            "a b",
            "ä",
            "a/b",
            "*.a",
            &long_label,
            &long_name,
        ] {
            let error = bad.parse::<EndpointName>().unwrap_err();
            assert!(matches!(error, Error::InvalidName { .. }), "{bad}: {error}");
        }
    }

    #[test]
    fn the_longest_name_is_accepted() {
        let name = [
            "a".repeat(63),
            "b".repeat(63),
            "c".repeat(63),
            "d".repeat(61),
        ]
        .join(".");
        assert_eq!(name.len(), MAX_NAME);
        assert!(name.parse::<EndpointName>().is_ok());
    }
}
