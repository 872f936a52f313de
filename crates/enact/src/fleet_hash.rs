//! The hash of the fleet that is in force: two processes that show different ones have
//! different fleet files. And whether the file has something else now, which was refused.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use control_plane::Fleet;

use crate::metrics::{self, Scrape};

/// The hash of the fleet that this process was given last. Clones share it.
///
/// It is a hash of what the file means, so comments do not count. Processes of different
/// versions of this program may show different hashes of the same file.
#[derive(Clone)]
pub(crate) struct FleetHash(Arc<State>);

struct State {
    hash: AtomicU64,
    refused: AtomicBool,
}

/// FNV-1a: the same in each process, unlike the hash of a map. <http://www.isthe.com/chongo/tech/comp/fnv/>
struct Fnv(u64);

impl FleetHash {
    pub(crate) fn new(fleet: &Fleet) -> Self {
        Self(Arc::new(State {
            hash: AtomicU64::new(hash(fleet)),
            refused: AtomicBool::new(false),
        }))
    }

    /// Takes another fleet.
    pub(crate) fn set(&self, fleet: &Fleet) {
        // Relaxed: readers use nothing else of the fleet with it.
        self.0.hash.store(hash(fleet), Ordering::Relaxed);
        self.0.refused.store(false, Ordering::Relaxed);
    }

    /// Says that another fleet was refused.
    pub(crate) fn refuse(&self) {
        self.0.refused.store(true, Ordering::Relaxed);
    }

    /// Writes it as a label, which is how Prometheus has texts.
    pub(crate) fn describe(&self, scrape: &mut Scrape<'_>) {
        scrape.values(&metrics::FLEET, [([self.to_string()], 1_u64)]);
        let refused = self.0.refused.load(Ordering::Relaxed);
        scrape.value(&metrics::FLEET_REFUSED, u64::from(refused));
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for FleetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0.hash.load(Ordering::Relaxed))
    }
}

fn hash(fleet: &Fleet) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    fleet.hash(&mut hash);
    hash.finish()
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_meaning_has_another_hash_and_another_comment_has_not() {
        let hash = |before: &str, capacity: u32| {
            let text = format!(
                "{before}\n[[endpoint]]\nname = \"a.example\"\n\
                 target = [{{ address = \"192.0.2.1\", zone = \"z\", capacity = {capacity} }}]"
            );
            let fleet = Fleet::parse(&text, "fleet.toml".as_ref()).unwrap();
            FleetHash::new(&fleet).to_string()
        };
        assert_eq!(hash("", 1).len(), 16);
        assert_eq!(hash("", 1), hash("# The same.", 1));
        assert_ne!(hash("", 1), hash("", 2));
        assert_ne!(hash("", 1), hash("health_check = { port = 1 }", 1));
    }
}
