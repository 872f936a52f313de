//! The resolvers of the database's name, and their caches.
//!
//! Each resolver has a cache of its own. After an answer with addresses, it asks again
//! within the TTL. After NOERROR without records, it keeps *that* answer for the negative
//! TTL (RFC 2308), and gives it to its clients until then, even if the name has been
//! repaired. Some resolvers keep it for a shorter time.
//!
//! A connection outlives the name for a while. A service that keeps connections, or the
//! state it last read, therefore falls later than one that connects anew.

use fastrand::Rng;

use crate::parameters::Dns;
use crate::unit::meter::{amount, share, whole_number};
use crate::unit::record::Record;
use crate::{Counts, DnsAnswer, Service, Time};

/// The resolvers of a unit, by number.
#[derive(Debug)]
pub(crate) struct Resolvers {
    caches: Vec<Cache>,
    without: usize,
    answer: DnsAnswer,
    rng: Rng,
    record: Record<1>,
}

#[derive(Clone, Copy, Debug)]
struct Cache {
    /// When it first got an answer without records.
    lost_at: Option<Time>,
    /// Whether its next query is planned.
    asks: bool,
    /// How long it keeps an answer without records, in seconds.
    negative_ttl: f64,
}

/// The time of a query, and the number of the resolver.
pub(crate) type Ask = (Time, usize);

impl Resolvers {
    pub(crate) fn new(dns: &Dns, rng: Rng) -> Self {
        let mut rng = rng;
        let count = whole_number(dns.resolvers);
        let caches = (0..count).map(|_| Cache {
            lost_at: None,
            asks: false,
            negative_ttl: dns.negative_ttl * (1.0 - dns.negative_spread * rng.f64()),
        });
        let caches = caches.collect();
        let caption = "requests that cannot connect, because there is no address";
        let series = (
            "resolvers_without",
            "resolvers that hold a negative answer",
            "resolvers",
        );
        Self {
            caches,
            without: 0,
            answer: DnsAnswer::Current,
            rng,
            record: Record::new(Service::DynamoDb, 0.02, caption, [series]),
        }
    }

    /// The answer for the name changes. Resolvers with addresses ask when their TTL ends. The
    /// queries of all others are already planned.
    pub(crate) fn change(&mut self, now: Time, answer: DnsAnswer, dns: &Dns) -> Vec<Ask> {
        self.answer = answer;
        if answer != DnsAnswer::Empty {
            return Vec::new();
        }
        let mut asks = Vec::new();
        for (number, cache) in self.caches.iter_mut().enumerate() {
            if !cache.asks {
                cache.asks = true;
                asks.push((now + seconds(self.rng.f64() * dns.positive_ttl), number));
            }
        }
        asks
    }

    /// A resolver asks. Returns when it asks again, if it gets no records.
    pub(crate) fn ask(&mut self, now: Time, number: usize, dns: &Dns) -> Option<Ask> {
        let cache = &mut self.caches[number];
        if self.answer != DnsAnswer::Empty {
            self.without -= usize::from(cache.lost_at.is_some());
            (cache.lost_at, cache.asks) = (None, false);
            return None;
        }
        self.without += usize::from(cache.lost_at.is_none());
        cache.lost_at.get_or_insert(now);
        // The next client that needs the name comes soon after the negative TTL.
        let again = cache.negative_ttl + self.rng.f64() * dns.positive_ttl;
        Some((now + seconds(again), number))
    }

    /// Whether a client of this resolver reaches the database. It still does for `keep`
    /// seconds after the resolver lost the addresses.
    pub(crate) fn reaches(&self, number: usize, now: Time, keep: f64) -> bool {
        let cache = self.caches[number % self.caches.len()];
        let lost = |at| now.minutes_since(at) * 60.0 >= keep;
        !cache.lost_at.is_some_and(lost)
    }

    /// The share of a service's hosts that reach the database, if a host continues for `keep`
    /// seconds without the name. The hosts differ: from half to one and a half times `keep`.
    pub(crate) fn reach(&self, now: Time, keep: f64) -> f64 {
        if self.without == 0 {
            return 1.0;
        }
        let all = amount(self.caches.len() as u64);
        let spread =
            |number: usize| 0.5 + amount((number as u64 * 37) % self.caches.len() as u64) / all;
        let reach = (0..self.caches.len()).filter(|&it| self.reaches(it, now, keep * spread(it)));
        amount(reach.count() as u64) / all
    }

    /// Whether any resolver has no address.
    pub(crate) fn any_without(&self) -> bool {
        self.without > 0
    }

    pub(crate) fn step(&mut self) {
        let without = amount(self.without as u64);
        self.record
            .push(share(without, amount(self.caches.len() as u64)), [without]);
    }

    pub(crate) fn finish(self, counts: Counts) -> crate::ServiceOutcome {
        self.record.finish(counts)
    }
}

/// Whole seconds, at least one.
pub(crate) fn seconds(seconds: f64) -> u32 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast to u32 saturates"
    )]
    let whole = seconds.round() as u32;
    whole.max(1)
}
