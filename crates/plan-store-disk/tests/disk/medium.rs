//! A medium in memory that loses its power, or fails.
//!
//! A write or a change of the length is *pending* until the next sync. At each sync, images are
//! taken of what a power cut at that moment may leave behind: of each sector, any of the pending
//! versions, in any combination; of the length, any of the pending lengths.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use fastrand::Rng;
use parking_lot::Mutex;
use redb::StorageBackend;

/// What a disk writes as a whole, in bytes.
const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub(crate) struct Medium(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    bytes: Mutex<Bytes>,
    /// How many operations the store has acknowledged. The test counts them.
    acknowledged: AtomicUsize,
    /// How many images are taken at each sync.
    images_per_sync: AtomicUsize,
    images: Mutex<Vec<Image>>,
    /// How many writes and syncs succeed before the next fault; negative for no fault.
    until_fault: AtomicI64,
    /// How many writes and syncs fail then.
    faults: AtomicI64,
}

/// What a power cut leaves behind.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    /// How many operations were acknowledged before.
    pub(crate) acknowledged: usize,
}

#[derive(Debug, Default)]
struct Bytes {
    /// What the process reads.
    live: Vec<u8>,
    /// What was there at the last sync.
    synced: Vec<u8>,
    pending: Vec<Pending>,
    chance: Rng,
}

#[derive(Debug)]
enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Medium {
    /// A medium with these bytes. All random choices follow from the seed.
    pub(crate) fn new(bytes: Vec<u8>, images_per_sync: usize, seed: u64) -> Self {
        let medium = Self::default();
        *medium.0.bytes.lock() = Bytes {
            live: bytes.clone(),
            synced: bytes,
            pending: Vec::new(),
            chance: Rng::with_seed(seed),
        };
        medium
            .0
            .images_per_sync
            .store(images_per_sync, Ordering::SeqCst);
        medium.0.until_fault.store(-1, Ordering::SeqCst);
        medium
    }

    /// What opens it, as the store asks for.
    pub(crate) fn opener(&self) -> impl Fn() -> io::Result<Self> + Send + 'static {
        let medium = self.clone();
        move || Ok(medium.clone())
    }

    pub(crate) fn acknowledge(&self) {
        self.0.acknowledged.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn take_images(&self) -> Vec<Image> {
        std::mem::take(&mut *self.0.images.lock())
    }

    /// What the process has written, whether synced or not.
    pub(crate) fn live(&self) -> Vec<u8> {
        self.0.bytes.lock().live.clone()
    }

    /// Lets so many writes and syncs succeed, and then so many fail.
    pub(crate) fn fail(&self, after: i64, times: i64) {
        self.0.faults.store(times, Ordering::SeqCst);
        self.0.until_fault.store(after, Ordering::SeqCst);
    }

    /// Lets all succeed.
    pub(crate) fn heal(&self) {
        self.0.until_fault.store(-1, Ordering::SeqCst);
    }

    /// Fails if it is time for a fault.
    fn may(&self) -> io::Result<()> {
        let left = self.0.until_fault.load(Ordering::SeqCst);
        if left < 0 {
            return Ok(());
        }
        if left > 0 {
            self.0.until_fault.store(left - 1, Ordering::SeqCst);
            return Ok(());
        }
        if self.0.faults.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.heal();
        Ok(())
    }
}

impl Bytes {
    /// What a power cut leaves behind, by chance.
    fn cut(&mut self) -> Vec<u8> {
        let mut left = self.synced.clone();
        let calm = self.chance.u8(..4); // Sometimes all or nothing is there.
        for pending in &self.pending {
            let keep = |chance: &mut Rng| match calm {
                0 => true,
                1 => false,
                _ => chance.bool(),
            };
            match pending {
                Pending::Length(length) => {
                    if keep(&mut self.chance) {
                        left.resize(*length, 0);
                    }
                }
                Pending::Write(at, bytes) => {
                    let mut from = 0;
                    while from < bytes.len() {
                        // To the end of the sector.
                        let to = bytes.len().min(from + SECTOR - (at + from) % SECTOR);
                        if keep(&mut self.chance) {
                            let (begin, end) = (at + from, at + to);
                            if left.len() < end {
                                left.resize(end, 0);
                            }
                            left[begin..end].copy_from_slice(&bytes[from..to]);
                        }
                        from = to;
                    }
                }
            }
        }
        left
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.bytes.lock().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.bytes.lock();
        let begin = usize::try_from(offset).unwrap();
        let found = bytes.live.get(begin..begin + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.may()?;
        let mut bytes = self.0.bytes.lock();
        let length = usize::try_from(len).unwrap();
        bytes.live.resize(length, 0);
        bytes.pending.push(Pending::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut bytes = self.0.bytes.lock();
        for _ in 0..self.0.images_per_sync.load(Ordering::SeqCst) {
            let image = Image {
                bytes: bytes.cut(),
                acknowledged: self.0.acknowledged.load(Ordering::SeqCst),
            };
            self.0.images.lock().push(image);
        }
        self.may()?;
        let Bytes { live, synced, .. } = &mut *bytes;
        synced.clone_from(live);
        bytes.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.may()?;
        let mut bytes = self.0.bytes.lock();
        let begin = usize::try_from(offset).unwrap();
        let end = begin + data.len();
        if bytes.live.len() < end {
            bytes.live.resize(end, 0);
        }
        bytes.live[begin..end].copy_from_slice(data);
        bytes.pending.push(Pending::Write(begin, data.to_vec()));
        Ok(())
    }
}
