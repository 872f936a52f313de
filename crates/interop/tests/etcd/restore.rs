//! Row 14 of the failing operations: a cluster that is restored from a backup, under servers
//! that have seen more.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use interop::cluster::{Cluster, PATIENCE, wait_until};
use plan_store::{EndpointName, Generation, Plan, PlanStore, PublishError, Resolution, Resolve};
use plan_store_etcd::{Continued, Error, EtcdConfig, EtcdReader, EtcdStore};

use crate::load::{PREFIX, config, connect, endpoint, plan, publish_and_apply};

/// The token of a cluster that is made without naming one.
const TOKEN: &str = "etcd-cluster";

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

/// Publishes and applies plans up to this generation. Their content differs from that of all
/// plans before, also of plans that are lost.
fn apply_up_to(store: &EtcdStore, serials: &mut impl Iterator<Item = u16>, last: u32) {
    while publish_and_apply(store, || plan(serials.next().unwrap())) < generation(last) {}
}

/// What a store's readers show of the first endpoint.
pub(crate) fn shown(store: &EtcdStore) -> Option<Generation> {
    match store.reader().resolve(&endpoint(0)) {
        Resolution::Answer { generation, .. } => Some(*generation),
        _ => None,
    }
}

/// A file in the folder for temporary files that is removed with its handle.
pub(crate) struct CacheFile(PathBuf);

impl CacheFile {
    pub(crate) fn new(name: &str) -> Self {
        let file = format!("restore-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(file))
    }

    fn config(&self, cluster: &Cluster) -> EtcdConfig {
        EtcdConfig {
            snapshot: Some(self.0.clone()),
            ..config(cluster.endpoints(), PREFIX)
        }
    }

    pub(crate) fn store(&self, cluster: &Cluster) -> EtcdStore {
        EtcdStore::connect(self.config(cluster)).unwrap()
    }

    /// Waits until the file has this revision or a later one, and copies it.
    pub(crate) fn copy_at(&self, revision: i64, name: &str) -> Self {
        let copy = Self::new(name);
        wait_until("the view is in its file", || {
            std::fs::copy(&self.0, &copy.0).is_ok() && {
                // No member is needed to read the revision in the file.
                let config = EtcdConfig {
                    snapshot: Some(copy.0.clone()),
                    ..config(["http://127.0.0.1:9"], PREFIX)
                };
                let store = EtcdStore::connect(config).unwrap();
                store.health().revision >= Some(revision)
            }
        });
        copy
    }
}

impl Drop for CacheFile {
    fn drop(&mut self) {
        // Left behind in the folder for temporary files at worst.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Resolves an endpoint again and again until told to end. Asserts that no answer goes back.
fn look(mut reader: EtcdReader, end: &AtomicBool) {
    let mut seen = None;
    while !end.load(Ordering::SeqCst) {
        let now = reader.resolve(&endpoint(0)).generation();
        assert!(now >= seen, "Monotonic: {now:?} after {seen:?}");
        seen = now;
        thread::yield_now();
    }
}

/// Tells the other threads to end when it is dropped, also by a failed test.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn row_14_a_restored_cluster_is_noticed_and_continues_above_what_was_served() {
    let mut cluster = Cluster::start(1);
    let writer = connect(&cluster, PREFIX);
    let mut serials = 8..;
    apply_up_to(&writer, &mut serials, 3);
    let cache = CacheFile::new("cache");
    let server = cache.store(&cluster);
    server.catch_up(PATIENCE).unwrap();
    let backup = cluster.save("backup");
    apply_up_to(&writer, &mut serials, 7);
    let lost: EndpointName = "lost.example".parse().unwrap();
    let records = plan(8).records(&endpoint(0)).cloned().unwrap();
    let named = [endpoint(0), lost.clone()].map(|name| (name, (*records).clone()));
    let with_lost = Arc::new(Plan::new(named).unwrap());
    let newest = publish_and_apply(&writer, || Arc::clone(&with_lost));
    assert_eq!(newest, generation(8));
    server.catch_up(PATIENCE).unwrap();
    let before = server.health();
    assert_eq!((before.restores, before.kept), (0, 0));
    let behind = cache.copy_at(before.revision.unwrap(), "behind");
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = End(&end);
        scope.spawn(|| look(server.reader(), &end));
        cluster.restore(&backup, TOKEN);
        wait_until("the server has noticed", || server.health().restores == 1);
        let health = server.health();
        assert!(health.kept > 0 && health.connected, "{health:?}");
        assert_eq!(health.newest_shown, Some(generation(8)));
        assert!(health.revision < before.revision, "{health:?}");
        assert!(server.reader().resolve(&lost).records().is_some());

        // Generations 4 to 8 are handed out again. The server keeps what it has.
        // Other keys bring the cluster beyond the revision that the server had seen.
        let writer = connect(&cluster, PREFIX);
        while cluster.revision_at(0) <= before.revision.unwrap() {
            writer.set_note("noise", b"").unwrap();
        }
        apply_up_to(&writer, &mut serials, 8);
        while shown(&writer) < Some(generation(8)) {
            writer.catch_up(PATIENCE).unwrap();
        }
        server.catch_up(PATIENCE).unwrap();
        let health = server.health();
        assert!(
            health.kept > 0,
            "the content of generation 8 is another one"
        );
        assert!(
            health.revision > before.revision,
            "it is beyond that revision"
        );
        assert_ne!(
            server.reader().resolve(&endpoint(0)),
            writer.reader().resolve(&endpoint(0))
        );

        // So does a server that starts from its file now, at a revision that the cluster has
        // reached in another history.
        let late = behind.store(&cluster);
        scope.spawn({
            let reader = late.reader();
            let end = &end;
            move || look(reader, end)
        });
        wait_until("it has noticed", || late.health().restores == 1);
        assert_eq!(shown(&late), Some(generation(8)));

        let continued = writer.continue_above(generation(8), None).unwrap();
        let newest = generation(9);
        assert_eq!(continued, Continued::Published { generation: newest });
        let again = writer.continue_above(generation(8), None).unwrap();
        assert_eq!(again, Continued::Already { newest });
        let enactor = control_plane::Enactor::new("here", writer.clone());
        let _ = enactor.pass().unwrap();
        for store in [&server, &late, &writer] {
            store.catch_up(PATIENCE).unwrap();
            assert_eq!(shown(store), Some(newest));
            assert_eq!(store.health().kept, 0);
            assert_eq!(*store.reader().resolve(&lost), Resolution::Unknown);
        }
        assert_eq!(
            server.reader().resolve(&endpoint(0)),
            writer.reader().resolve(&endpoint(0))
        );
        // The cluster goes on as any other.
        apply_up_to(&writer, &mut serials, 10);
        server.catch_up(PATIENCE).unwrap();
        assert_eq!(shown(&server), Some(generation(10)));
        assert_eq!(server.health().restores, 1);
    });
}

#[test]
fn another_cluster_is_followed_only_if_it_takes_the_place_of_the_one_before() {
    let mut cluster = Cluster::start(1);
    let writer = connect(&cluster, PREFIX);
    let mut serials = 8..;
    apply_up_to(&writer, &mut serials, 3);
    let cache = CacheFile::new("other");
    let server = cache.store(&cluster);
    let backup = cluster.save("backup");
    apply_up_to(&writer, &mut serials, 5);
    server.catch_up(PATIENCE).unwrap();
    let file = cache.copy_at(server.health().revision.unwrap(), "other-copy");

    cluster.restore(&backup, "another");
    let mut other = None;
    let mut is_refused = |store: &EtcdStore| {
        // This has the store follow its cluster.
        assert_eq!(shown(store), Some(generation(5)));
        wait_until("the other cluster is refused", || {
            if let Some(Error::OtherCluster { was, .. }) = store.health().error {
                other = Some(was);
            }
            matches!(store.health().error, Some(Error::OtherCluster { .. }))
        });
        assert!(!store.health().connected);
        assert_eq!(shown(store), Some(generation(5)));
    };
    is_refused(&server);
    // A file of the first cluster is refused there as well.
    is_refused(&file.store(&cluster));

    let writer = connect(&cluster, PREFIX);
    let continued = writer.continue_above(generation(5), other).unwrap();
    let newest = generation(6);
    assert_eq!(continued, Continued::Published { generation: newest });
    let enactor = control_plane::Enactor::new("here", writer.clone());
    let _ = enactor.pass().unwrap();
    wait_until("the server follows it", || shown(&server) == Some(newest));
}

/// On a cluster without a plan, the next plan follows what was served.
#[test]
fn an_empty_cluster_continues_above_what_was_served() {
    let cluster = Cluster::start(1);
    let store = connect(&cluster, PREFIX);
    let served = generation(41);
    let continued = store.continue_above(served, Some(7)).unwrap();
    assert_eq!(continued, Continued::Follows { generation: served });
    assert_eq!(store.latest().unwrap().map(drop), None);
    assert_eq!(store.publish(plan(1)).unwrap(), generation(42));
}

/// A number with a digit too many would end the store: no generation is left after the last one.
#[test]
fn a_number_far_above_the_newest_generation_is_refused() {
    let cluster = Cluster::start(1);
    let store = connect(&cluster, PREFIX);
    assert_eq!(store.publish(plan(1)).unwrap(), generation(1));
    let before_last = generation(Generation::MAX.get() - 1);
    for far in [generation(1_000_002), before_last, Generation::MAX] {
        let refused = store.continue_above(far, None).unwrap_err();
        let PublishError::Store(refused @ Error::TooFarAbove { .. }) = refused else {
            panic!("{refused:?}");
        };
        let text = refused.to_string();
        for part in [&far.to_string(), "logs", "dns_active_generation", "1000001"] {
            assert!(text.contains(part), "{text}");
        }
    }
    assert_eq!(store.publish(plan(2)).unwrap(), generation(2));
    let next = generation(1_000_003);
    let continued = store.continue_above(generation(1_000_002), None).unwrap();
    assert_eq!(continued, Continued::Published { generation: next });
}
