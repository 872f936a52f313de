//! The name of an endpoint. Parsing checks it, so every [`EndpointName`] is valid.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::iter;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::Key;

/// The DNS name of an endpoint: absolute, in lower case, without the final dot.
///
/// Parsing accepts upper and lower case and an optional final dot. A name has 1 to 253
/// characters. Each of its labels has 1 to 63 letters, digits, hyphens or underscores, with no
/// hyphen at either end. The first of several labels may be `*`: a wildcard, which stands for
/// the names that do not exist (RFC 4592). Cloning shares the text.
///
/// Names are in the canonical order of RFC 4034, section 6.1: label by label, from the last
/// label to the first. So all names below a name come directly after it.
///
/// ```
/// # use plan_store::EndpointName;
/// let name: EndpointName = "DynamoDB.us-east-1.example.".parse()?;
/// assert_eq!(name.as_str(), "dynamodb.us-east-1.example");
/// assert!("no..name".parse::<EndpointName>().is_err());
///
/// let other: EndpointName = "a.us-west-2.example".parse()?;
/// assert!(name < other, "us-east-1 comes before us-west-2");
/// # Ok::<(), plan_store::InvalidName>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointName {
    /// The beginning of the key as two numbers, which have the same order as the key. Most
    /// comparisons need no more than these numbers, so they do not follow the pointer.
    head: (u64, u64),
    /// The text, followed by the key, which has the same length.
    text_and_key: Arc<str>,
}

/// Stands between two labels of a key. All bytes of a label are greater.
const SEPARATOR: char = '\0';

/// The key of a name: its labels from the last to the first. The byte order of keys is the
/// canonical order of names.
fn key_of(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for label in text.rsplit('.') {
        if !key.is_empty() {
            key.push(SEPARATOR);
        }
        key.push_str(label);
    }
    key
}

/// How many characters of a key one number of the head holds.
const PACKED: usize = 12;
/// How many values a position of a key can have: the end of the key, the separator, and the
/// characters of labels.
const VALUES: u64 = 40;

const _: () = assert!(VALUES.checked_pow(12).is_some(), "a number holds them");

/// The first 24 characters of the key, twelve in each number.
fn head_of(key: &str) -> (u64, u64) {
    let mut values = key.bytes().map(value).chain(iter::repeat(0));
    let mut number = || {
        let values = values.by_ref().take(PACKED);
        values.fold(0, |number, value| number * VALUES + value)
    };
    (number(), number())
}

/// The character's rank among the characters of keys. The end of the key has rank 0.
///
/// `*` and `-` share a rank: `*` is a label of its own, and no label begins with `-`. So keys
/// never have the two at the same place after an equal beginning.
fn value(byte: u8) -> u64 {
    match byte {
        0 => 1,
        b'*' | b'-' => 2,
        b'0'..=b'9' => u64::from(byte - b'0') + 3,
        b'_' => 13,
        _ => u64::from(byte.saturating_sub(b'a')) + 14,
    }
}

/// The longest name in characters, without the final dot (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;
/// The longest label in characters (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

impl EndpointName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text_and_key[..self.text_and_key.len() / 2]
    }

    fn key(&self) -> &[u8] {
        let length = self.text_and_key.len() / 2;
        &self.text_and_key.as_bytes()[length..]
    }

    /// The name with this text, which is in lower case and has no final dot.
    fn checked(text: &str) -> Self {
        let key = key_of(text);
        Self {
            head: head_of(&key),
            text_and_key: (text.to_owned() + &key).into(),
        }
    }

    /// Whether the first label is `*`.
    ///
    /// ```
    /// # use plan_store::EndpointName;
    /// assert!("*.shop.example".parse::<EndpointName>()?.is_wildcard());
    /// assert!("a.*.example".parse::<EndpointName>().is_err(), "only the first label");
    /// # Ok::<(), plan_store::InvalidName>(())
    /// ```
    pub fn is_wildcard(&self) -> bool {
        self.as_str().starts_with('*')
    }

    /// Whether the name consists of at least one label, followed by all labels of `other`.
    ///
    /// ```
    /// # use plan_store::EndpointName;
    /// let name: EndpointName = "db.shop.example".parse()?;
    /// assert!(name.is_below(&"shop.example".parse()?));
    /// assert!(!name.is_below(&"op.example".parse()?));
    /// assert!(!name.is_below(&name));
    /// # Ok::<(), plan_store::InvalidName>(())
    /// ```
    pub fn is_below(&self, other: &Self) -> bool {
        let labels = self.as_str().strip_suffix(other.as_str());
        labels.is_some_and(|labels| labels.ends_with('.'))
    }

    /// Whether the name is `other` or lies [below](Self::is_below) it. In DNS terms: whether
    /// the name is in the domain `other`.
    ///
    /// ```
    /// # use plan_store::EndpointName;
    /// let zone: EndpointName = "shop.example".parse()?;
    /// assert!(zone.is_at_or_below(&zone));
    /// assert!("db.shop.example".parse::<EndpointName>()?.is_at_or_below(&zone));
    /// assert!(!"bookshop.example".parse::<EndpointName>()?.is_at_or_below(&zone));
    /// # Ok::<(), plan_store::InvalidName>(())
    /// ```
    pub fn is_at_or_below(&self, other: &Self) -> bool {
        self == other || self.is_below(other)
    }
}

/// Endpoint names form the tree of the DNS.
impl Key for EndpointName {
    fn is_below(&self, other: &Self) -> bool {
        self.is_below(other)
    }
}

impl FromStr for EndpointName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let name = text.strip_suffix('.').unwrap_or(text);
        match fault(name) {
            None => Ok(Self::checked(&name.to_ascii_lowercase())),
            Some(reason) => Err(InvalidName {
                // The error stays short even if the input is long.
                name: text.chars().take(MAX_NAME).collect(),
                reason,
            }),
        }
    }
}

/// Why a text is not the name of an endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{name}` is not a DNS name: {reason}")]
#[non_exhaustive]
pub struct InvalidName {
    /// The text that was given, cut to 253 characters.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// What is wrong with `name`, if anything is.
fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty; give a DNS name such as db.example");
    }
    if name.len() > MAX_NAME {
        return Some("it is longer than 253 characters");
    }
    let labels = name.strip_prefix("*.").unwrap_or(name);
    labels.split('.').find_map(label_fault)
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

impl Ord for EndpointName {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let ((zone, rest), (other_zone, other_rest)) = (self.head, other.head);
        if zone != other_zone {
            zone.cmp(&other_zone)
        } else if rest != other_rest {
            rest.cmp(&other_rest)
        } else {
            self.key().cmp(other.key())
        }
    }
}

impl PartialOrd for EndpointName {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for EndpointName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names that often share labels, with characters from both ends of the alphabet. Some
    /// are shorter than what the head holds, and some are longer.
    fn text() -> impl Strategy<Value = String> {
        let label = prop_oneof!["[a-bA-Z]", "[-_09a-zAZ]{0,2}[_09aZ]", "[ab]{7,12}"]
            .prop_filter("begins with a hyphen", |label| !label.starts_with('-'));
        proptest::collection::vec(label, 1..5).prop_map(|labels| labels.join("."))
    }

    /// The same, with wildcards among them.
    fn text_or_wildcard() -> impl Strategy<Value = String> {
        (prop::bool::weighted(0.2), text()).prop_map(|(is_wildcard, text)| {
            let wildcard = if is_wildcard { "*." } else { "" };
            format!("{wildcard}{text}")
        })
    }

    /// The order that RFC 4034 defines: by the labels from the last to the first, and by each
    /// label's bytes in lower case. A missing label comes first.
    fn canonical(text: &str) -> Vec<Vec<u8>> {
        let lower = text.to_ascii_lowercase();
        lower.rsplit('.').map(Into::into).collect()
    }

    proptest! {
        #[test]
        fn names_are_in_canonical_order(
            a in text_or_wildcard(),
            b in text_or_wildcard(),
            shared in text(),
        ) {
            for (a, b) in [(a.clone(), b.clone()), (format!("{a}.{shared}"), format!("{b}.{shared}"))] {
                let (one, other): (EndpointName, EndpointName) = (a.parse()?, b.parse()?);
                prop_assert_eq!(one.cmp(&other), canonical(&a).cmp(&canonical(&b)), "{} {}", a, b);
                prop_assert_eq!(one == other, a.eq_ignore_ascii_case(&b));
                prop_assert_eq!(one.as_str(), a.to_ascii_lowercase());
            }
        }

        #[test]
        fn what_is_below_a_name_follows_it_at_once(
            apex in text(),
            below in proptest::collection::vec(text_or_wildcard(), 0..4),
            others in proptest::collection::vec(text_or_wildcard(), 0..8),
        ) {
            let is_below = |text: &str| {
                let tail = format!(".{apex}").to_ascii_lowercase();
                text.to_ascii_lowercase().ends_with(&tail)
            };
            let below = below.iter().map(|labels| format!("{labels}.{apex}"));
            let texts: Vec<_> = below.chain(others).chain([apex.clone()]).collect();
            let apex: EndpointName = apex.parse()?;
            let mut names = texts.iter().map(|text| text.parse()).collect::<Result<Vec<EndpointName>, _>>()?;
            for (name, text) in names.iter().zip(&texts) {
                prop_assert_eq!(name.is_below(&apex), is_below(text), "{} {}", name, &apex);
            }
            names.sort();
            let after = names.iter().skip_while(|name| **name <= apex);
            let following = after.take_while(|name| name.is_below(&apex)).count();
            prop_assert_eq!(following, texts.iter().filter(|text| is_below(text)).count());
        }
    }

    /// The examples of the RFC that are endpoint names.
    #[test]
    fn the_order_is_that_of_the_example_in_rfc_4034() {
        let sorted = [
            "example",
            "a.example",
            "yljkjljk.a.example",
            "Z.a.example",
            "zABC.a.EXAMPLE",
            "z.example",
            "*.z.example",
        ];
        let names = sorted.map(|text| text.parse::<EndpointName>().unwrap());
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }

    #[test]
    fn names_are_checked_and_made_canonical() {
        let good = [
            ("a", "a"),
            ("DB.Example", "db.example"),
            ("db.example.", "db.example"),
            ("_x.a-b.c1", "_x.a-b.c1"),
            ("*.Shop.example", "*.shop.example"),
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
            "*",
            "*.",
            "*.*.a",
            "a.*.b",
            "*a.b",
            &long_label,
            &long_name,
        ] {
            let error = bad.parse::<EndpointName>().unwrap_err();
            assert!(bad.starts_with(&error.name), "{bad}: {error}");
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
