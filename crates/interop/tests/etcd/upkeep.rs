//! The upkeep of the cluster by its leader: compaction of the history, and full members.

use std::sync::Arc;
use std::time::Duration;

use control_plane::Enactor;
use interop::cluster::{Cluster, PATIENCE, wait_until};
use plan_store::{DnsStore, EndpointName, Generation, Plan, RecordSet, Target};
use plan_store_etcd::{EtcdConfig, EtcdStore, Leadership};

use crate::load::{PREFIX, config, connect, plan, publish_and_apply};
use crate::restore::{CacheFile, shown};

/// A store whose leader keeps about a second of history.
fn leader(cluster: &Cluster, quota: u64) -> EtcdStore {
    let config = EtcdConfig {
        history: Some(Duration::from_secs(1)),
        quota,
        request_timeout: PATIENCE,
        lease_ttl: PATIENCE,
        ..config(cluster.endpoints(), PREFIX)
    };
    EtcdStore::connect(config).unwrap()
}

#[test]
fn the_leader_compacts_the_history_and_a_follower_that_is_too_far_behind_lists() {
    let cluster = Cluster::start(1);
    let writer = connect(&cluster, PREFIX);
    let mut serials = 8..;
    let mut next = || plan(serials.next().unwrap());
    publish_and_apply(&writer, &mut next);
    let cache = CacheFile::new("compacted");
    let server = cache.store(&cluster);
    server.catch_up(PATIENCE).unwrap();
    let revision = server.health().revision.unwrap();
    let behind = cache.copy_at(revision, "compacted-copy");

    let leader = leader(&cluster, 1 << 30);
    let candidate = leader.stand_for_election("the leader");
    let mut newest = Generation::FIRST;
    wait_until("the history is compacted beyond that", || {
        newest = publish_and_apply(&writer, &mut next);
        leader.storage().compacted > revision
    });
    assert!(matches!(candidate.leadership(), Leadership::Leading));
    // A server that follows all the time has not lost anything.
    server.catch_up(PATIENCE).unwrap();
    assert_eq!((shown(&server), server.health().losses), (Some(newest), 0));
    let late = behind.store(&cluster);
    late.catch_up(PATIENCE).unwrap();
    let health = late.health();
    assert_eq!(
        (shown(&late), health.restores, health.kept),
        (Some(newest), 0, 0)
    );
    // A store that does not lead compacts nothing.
    assert_eq!(writer.storage().compacted, 0);
}

#[test]
fn a_full_member_is_noticed_before_it_refuses_plans_and_when_it_does() {
    const QUOTA: u64 = 4 << 20;
    let cluster = Cluster::with_quota(1, QUOTA);
    let leader = leader(&cluster, QUOTA);
    let _candidate = leader.stand_for_election("the leader");
    let is_nearly_full = |size: u64| size >= QUOTA / 100 * 80;
    let known = || {
        let storage = leader.storage();
        storage.members.first().map_or(0, |member| member.size)
    };
    wait_until("the member says how full it is", || known() > 0);
    assert!(!is_nearly_full(known()));
    let large = vec![7; 200_000];
    let mut notes = 0..;
    while !is_nearly_full(figure(&cluster, "dbSize")) {
        let name = notes.next().unwrap().to_string();
        leader.set_note(&name, &large).unwrap();
    }
    wait_until("the leader knows", || is_nearly_full(known()));
    assert!(!leader.storage().no_space, "it is noticed before");
    wait_until("etcd refuses", || {
        let name = notes.next().unwrap().to_string();
        let set = leader.set_note(&name, &large);
        set.is_err_and(|error| error.to_string().contains("space exceeded"))
    });
    wait_until("the leader has noticed", || leader.storage().no_space);
}

/// A fleet's plan: 200 endpoints with six targets each, of which one changes with each plan.
fn fleet(change: u32) -> Arc<Plan> {
    let endpoints = (0..200).map(|at| {
        let name: EndpointName = format!("endpoint-{at}.service.example").parse().unwrap();
        let weight = if at == change % 200 { change / 200 } else { 7 };
        let targets = (0..6_u8).map(|target| {
            let [high, low] = u16::try_from(at).unwrap().to_be_bytes();
            let weight = u8::try_from(weight + 1).unwrap();
            Target::new(
                [10, high, low, target].into(),
                if target == 0 { weight } else { 9 },
            )
        });
        (name, RecordSet::new(5, targets).unwrap())
    });
    Arc::new(Plan::new(endpoints).unwrap())
}

/// A figure of the member's own status.
fn figure(cluster: &Cluster, name: &str) -> u64 {
    let status = cluster.ask(0, &["endpoint", "status"]);
    status[0]["Status"][name].as_u64().unwrap()
}

fn publish(store: &(impl DnsStore + Clone), change: u32) {
    publish_and_apply(store, || fleet(change));
}

/// docs/etcd.md has these figures.
#[test]
fn a_change_takes_a_bounded_space_and_compaction_bounds_the_whole() {
    const CHANGES: u32 = 100;
    let cluster = Cluster::start(1);
    let store = connect(&cluster, PREFIX);
    let enactor = Enactor::new("other", store.clone());
    (0..10).for_each(|change| publish(&store, change));
    let before = figure(&cluster, "dbSizeInUse");
    for change in 10..10 + CHANGES {
        publish(&store, change);
        // Another Enactor finds everything done.
        let _ = enactor.pass().unwrap();
    }
    let per_change = (figure(&cluster, "dbSizeInUse") - before) / u64::from(CHANGES);
    println!("a change takes {per_change} bytes");
    assert!(per_change < 64 << 10, "{per_change}");

    let leader = leader(&cluster, 1 << 30);
    let _candidate = leader.stand_for_election("the leader");
    let mut changes = 10 + CHANGES..;
    let grown = figure(&cluster, "dbSizeInUse");
    wait_until("the history is compacted", || {
        publish(&store, changes.next().unwrap());
        figure(&cluster, "dbSizeInUse") < grown / 2
    });
    println!(
        "{grown} bytes before compaction, {} after",
        figure(&cluster, "dbSizeInUse")
    );
}
