//! Which key holds what.

use std::cmp::Ordering;

use plan_store::{EndpointName, Generation, Standing};

/// The keys of one store: all below one prefix.
///
/// The table of them is in the [crate's documentation](crate#keys).
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: Box<str>,
}

impl Keys {
    pub(crate) fn below(prefix: &str) -> Self {
        let prefix = prefix.into();
        Self { prefix }
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        self.of("head")
    }

    pub(crate) fn plans(&self) -> Span {
        Span::below(self.of("plan/"))
    }

    pub(crate) fn plan(&self, generation: Generation) -> Vec<u8> {
        self.of(&format!("plan/{:08x}", generation.get()))
    }

    pub(crate) fn chunks(&self) -> Span {
        Span::below(self.of("plan-chunk/"))
    }

    pub(crate) fn chunk(&self, hash: &[u8]) -> Vec<u8> {
        let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
        self.of(&format!("plan-chunk/{}", digits.collect::<String>()))
    }

    pub(crate) fn actives(&self) -> Span {
        Span::below(self.of("active/"))
    }

    /// `active/…` and `head`: nothing else lies between them.
    pub(crate) fn followed(&self) -> Span {
        let mut end = self.head();
        end.push(0);
        let first = self.actives().first;
        Span { first, end }
    }

    pub(crate) fn active(&self, endpoint: &EndpointName) -> Vec<u8> {
        self.of(&format!("active/{endpoint}"))
    }

    pub(crate) fn rollbacks(&self) -> Span {
        Span::below(self.of("rollback/"))
    }

    pub(crate) fn rollback(&self, endpoint: &EndpointName) -> Vec<u8> {
        self.of(&format!("rollback/{endpoint}"))
    }

    pub(crate) fn pins(&self) -> Span {
        Span::below(self.of("pin/"))
    }

    pub(crate) fn pins_on(&self, generation: Generation) -> Span {
        Span::below(self.of(&format!("pin/{:08x}/", generation.get())))
    }

    /// The key of the `number`th pin that was taken under a lease.
    pub(crate) fn pin(&self, generation: Generation, lease: i64, number: u64) -> Vec<u8> {
        let generation = generation.get();
        self.of(&format!("pin/{generation:08x}/{lease:016x}.{number:x}"))
    }

    pub(crate) fn leader(&self) -> Vec<u8> {
        self.of("leader")
    }

    /// This cluster takes the place of that one.
    pub(crate) fn successor_of(&self, cluster: u64) -> Vec<u8> {
        self.of(&format!("successor-of/{cluster:016x}"))
    }

    pub(crate) fn note(&self, name: &str) -> Vec<u8> {
        self.of(&format!("note/{name}"))
    }

    fn of(&self, rest: &str) -> Vec<u8> {
        format!("{}{rest}", self.prefix).into_bytes()
    }
}

/// All keys with a common prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) first: Vec<u8>,
    /// The first key after them.
    pub(crate) end: Vec<u8>,
}

impl Span {
    /// `start` must not end in the byte 255; no key of ours does.
    fn below(start: Vec<u8>) -> Self {
        let mut end = start.clone();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        Self { first: start, end }
    }

    /// The rest of `key` after the common prefix, if `key` is one of these keys.
    pub(crate) fn rest<'a>(&self, key: &'a [u8]) -> Option<&'a str> {
        let rest = key.strip_prefix(self.first.as_slice())?;
        std::str::from_utf8(rest).ok()
    }

    /// The endpoint in a key below `active/` or `rollback/`.
    pub(crate) fn endpoint(&self, key: &[u8]) -> Option<EndpointName> {
        self.rest(key)?.parse().ok()
    }

    /// The generation in a key below `plan/` or `pin/`.
    pub(crate) fn generation(&self, key: &[u8]) -> Option<Generation> {
        let hex = self.rest(key)?.split('/').next()?;
        u32::from_str_radix(hex, 16).ok().and_then(Generation::new)
    }
}

/// Where an endpoint stands, as `active/<endpoint>` stores it: a [`Standing`], and for
/// [`Standing::Vacant`] also the plan that brought the endpoint.
///
/// It is stored as one number that only grows, in eight bytes, the highest first, so
/// that etcd compares it as a number:
///
/// ```text
///   4 × generation      this plan brought the endpoint; nothing has happened yet
///   4 × generation + 1  this plan withdrew it
///   4 × generation + 2  this plan is active
/// ```
/// So plan *g* may take a step, activation or withdrawal, exactly if the number is below
/// `4 × g + 1`: see [`StoredStanding::limit`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct StoredStanding {
    standing: Standing,
    /// The plan of the last step, or the plan that brought the endpoint.
    generation: Generation,
}

impl StoredStanding {
    /// This plan brought the endpoint.
    pub(crate) fn vacant(since: Generation) -> Self {
        Self {
            standing: Standing::Vacant,
            generation: since,
        }
    }

    pub(crate) fn withdrawn(generation: Generation) -> Self {
        Self {
            standing: Standing::Withdrawn(generation),
            generation,
        }
    }

    pub(crate) fn active(generation: Generation) -> Self {
        Self {
            standing: Standing::Active(generation),
            generation,
        }
    }

    pub(crate) fn standing(self) -> Standing {
        self.standing
    }

    /// The plan of the last step, or the plan that brought the endpoint.
    pub(crate) fn generation(self) -> Generation {
        self.generation
    }

    pub(crate) fn number(self) -> u64 {
        let kind = match self.standing {
            Standing::Vacant => 0,
            Standing::Withdrawn(_) => 1,
            Standing::Active(_) => 2,
        };
        u64::from(self.generation.get()) * 4 + kind
    }

    pub(crate) fn from_number(number: u64) -> Option<Self> {
        let generation = u32::try_from(number / 4).ok().and_then(Generation::new)?;
        match number % 4 {
            0 => Some(Self::vacant(generation)),
            1 => Some(Self::withdrawn(generation)),
            2 => Some(Self::active(generation)),
            _ => None,
        }
    }

    pub(crate) fn to_value(self) -> Vec<u8> {
        to_value(self.number())
    }

    pub(crate) fn from_value(value: &[u8]) -> Option<Self> {
        Self::from_number(number(value)?)
    }

    /// The limit for steps by this plan: a step is allowed if the endpoint stands below it.
    pub(crate) fn limit(plan: Generation) -> Self {
        Self::withdrawn(plan)
    }
}

/// In the order of their numbers.
impl Ord for StoredStanding {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number().cmp(&other.number())
    }
}

impl PartialOrd for StoredStanding {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The value of `head` and of `rollback/<endpoint>`: a generation, or 0 for none.
pub(crate) fn generation_value(generation: Option<Generation>) -> Vec<u8> {
    to_value(generation.map_or(0, |generation| generation.get().into()))
}

/// The generation in such a value: `Some(None)` for 0, `None` if the value is malformed.
#[expect(clippy::option_option, reason = "a bad value is not an absent one")]
pub(crate) fn value_generation(value: &[u8]) -> Option<Option<Generation>> {
    match number(value)? {
        0 => Some(None),
        number => Some(Some(Generation::new(u32::try_from(number).ok()?)?)),
    }
}

fn to_value(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn number(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn generation() -> impl Strategy<Value = Generation> {
        let last = Generation::MAX.get();
        prop_oneof![1..=last, 1..=3_u32, last - 2..=last]
            .prop_map(|number| Generation::new(number).unwrap())
    }

    fn stored() -> impl Strategy<Value = StoredStanding> {
        (generation(), 0..3).prop_map(|(generation, kind)| match kind {
            0 => StoredStanding::vacant(generation),
            1 => StoredStanding::withdrawn(generation),
            _ => StoredStanding::active(generation),
        })
    }

    proptest! {
        #[test]
        fn standings_and_generations_survive_their_values(stored in stored()) {
            prop_assert_eq!(StoredStanding::from_value(&stored.to_value()), Some(stored));
            for generation in [None, Some(stored.generation())] {
                prop_assert_eq!(value_generation(&generation_value(generation)), Some(generation));
            }
        }

        #[test]
        fn a_step_is_allowed_below_the_limit(here in stored(), plan in generation()) {
            let allowed = match here.standing() {
                Standing::Vacant => here.generation() <= plan,
                Standing::Withdrawn(at) | Standing::Active(at) => at < plan,
            };
            prop_assert_eq!(here < StoredStanding::limit(plan), allowed);
            prop_assert_eq!(here.to_value() < StoredStanding::limit(plan).to_value(), allowed);
        }

        #[test]
        fn a_key_gives_back_what_it_was_made_of(generation in generation(), lease: i64, number: u64) {
            let keys = Keys::below("/x/");
            let endpoint: EndpointName = "db.example".parse().unwrap();
            let pin = keys.pin(generation, lease, number);
            prop_assert_eq!(keys.plans().generation(&keys.plan(generation)), Some(generation));
            prop_assert_eq!(keys.pins().generation(&pin), Some(generation));
            prop_assert!(keys.pins_on(generation).rest(&pin).is_some());
            prop_assert_eq!(keys.actives().endpoint(&keys.active(&endpoint)), Some(endpoint.clone()));
            prop_assert_eq!(keys.actives().endpoint(&keys.rollback(&endpoint)), None);
        }
    }

    #[test]
    fn malformed_values_are_refused() {
        for value in [&b""[..], b"1234567", b"123456789", &[0; 8], &[255; 8]] {
            assert_eq!(StoredStanding::from_value(value), None, "{value:?}");
        }
        assert_eq!(StoredStanding::from_number(4 * 7 + 3), None);
        assert_eq!(value_generation(&[255; 8]), None);
        assert_eq!(value_generation(b"1"), None);
    }

    #[test]
    fn a_span_ends_before_the_next_name() {
        let span = Keys::below("/x/").actives();
        assert_eq!(
            (&span.first[..], &span.end[..]),
            (&b"/x/active/"[..], &b"/x/active0"[..])
        );
    }
}
