//! Response rate limiting: how many replies of one kind go to one network each second.
//!
//! It is for attacks that forge a victim's address so that the replies go to the victim. A reply
//! that is over the limit is not sent, or, every other time, sent without records and with TC
//! set: a client that has not forged its address can then ask over TCP. Replies over TCP, and to
//! clients with a valid cookie, have no limit.
//!
//! # Algorithm
//! A network and a kind of reply share a token bucket, which holds the replies of one second.
//! The buckets are in a table of fixed size, at the place that a keyed hash tells. A bucket that
//! another network or kind needs is taken from it and is full again, so a crowded table limits
//! less, and never a reply that should be sent. (NSD and BIND do it alike.)

use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Instant;

use foldhash::fast::RandomState;

/// How many buckets there are.
const BUCKETS: usize = 1 << 15;
/// A token, in the thousandths that a bucket gets each millisecond for a limit of one.
const TOKEN: u64 = 1000;

/// The limits of one thread.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_second: u64,
    begin: Instant,
    hash: RandomState,
    buckets: Box<[Bucket]>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Bucket {
    /// The hash of the network and the kind that have it. 0 is nobody's.
    owner: u64,
    tokens: u64,
    /// When the tokens were counted, in milliseconds.
    at: u64,
    /// Whether the latest reply over the limit was sent without records.
    slipped: bool,
}

/// What happens to a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Send,
    /// It is sent without records, and with TC set.
    Slip,
    Drop,
}

impl Limiter {
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        Self {
            per_second: per_second.get().into(),
            begin: Instant::now(),
            hash: RandomState::default(),
            buckets: vec![Bucket::default(); BUCKETS].into(),
        }
    }

    /// Counts a reply of this kind to this client.
    pub(crate) fn count(&mut self, client: IpAddr, kind: impl Hash, now: Instant) -> Verdict {
        let owner = self.hash.hash_one((network(client), kind)) | 1;
        let since = now.saturating_duration_since(self.begin).as_millis();
        let now = u64::try_from(since).unwrap_or(u64::MAX);
        let place = usize::try_from(owner >> 32).unwrap_or(0) % BUCKETS;
        let full = self.per_second * TOKEN;
        let bucket = &mut self.buckets[place];
        if bucket.owner != owner {
            *bucket = Bucket {
                owner,
                tokens: full,
                at: now,
                slipped: false,
            };
        }
        let earned = now
            .saturating_sub(bucket.at)
            .saturating_mul(self.per_second);
        bucket.tokens = bucket.tokens.saturating_add(earned).min(full);
        bucket.at = now;
        if let Some(left) = bucket.tokens.checked_sub(TOKEN) {
            bucket.tokens = left;
            return Verdict::Send;
        }
        bucket.slipped = !bucket.slipped;
        if bucket.slipped {
            Verdict::Slip
        } else {
            Verdict::Drop
        }
    }
}

/// The network that a client is counted in: 24 bits of an IPv4 address, 56 of an IPv6 address.
fn network(client: IpAddr) -> u128 {
    match client {
        IpAddr::V4(v4) => (v4.to_bits() >> 8).into(),
        // No IPv4 network has a bit so high.
        IpAddr::V6(v6) => v6.to_bits() >> 72 | 1 << 127,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limiter(per_second: u32) -> Limiter {
        Limiter::new(NonZeroU32::new(per_second).unwrap())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_so_many_replies_a_second_and_every_other_one_after_that_slips() {
        use Verdict::{Drop, Send, Slip};
        let mut limiter = limiter(3);
        let begin = limiter.begin;
        let mut at =
            |ms, client| limiter.count(ip(client), b"kind", begin + Duration::from_millis(ms));
        let first: Vec<_> = (0..7)
            .map(|n| at(0, ["192.0.2.1", "192.0.2.200"][n % 2]))
            .collect();
        assert_eq!(first, [Send, Send, Send, Slip, Drop, Slip, Drop]);
        assert_eq!(at(0, "192.0.3.1"), Send, "another network");
        assert_eq!(at(333, "192.0.2.1"), Slip, "not quite a third of a second");
        assert_eq!(at(334, "192.0.2.1"), Send);
        assert_eq!(at(334, "192.0.2.1"), Drop);
        let later: Vec<_> = (0..4).map(|_| at(60_000, "192.0.2.1")).collect();
        assert_eq!(
            later,
            [Send, Send, Send, Slip],
            "no more than a second's worth"
        );
    }

    #[test]
    fn kinds_and_families_are_counted_apart() {
        let mut limiter = limiter(1);
        let now = limiter.begin;
        for (client, kind, verdict) in [
            ("192.0.2.1", "one", Verdict::Send),
            ("192.0.2.1", "two", Verdict::Send),
            ("192.0.2.2", "two", Verdict::Slip),
            ("2001:db8:0:1::1", "one", Verdict::Send),
            ("2001:db8:0:2::1", "one", Verdict::Slip),
            ("2001:db8:0:100::1", "one", Verdict::Send),
            ("::c0:2", "one", Verdict::Send),
        ] {
            let counted = limiter.count(ip(client), kind, now);
            assert_eq!(counted, verdict, "{client} {kind}");
        }
    }
}
