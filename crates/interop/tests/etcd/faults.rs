//! Faults of members of a cluster of three, while the cluster is under load. After each
//! fault, an order explains the answers of all clients, no key's history breaks an
//! invariant, and everything that was acknowledged is there.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::load::Load;
use interop::cluster::Cluster;

/// Lets one such test run at a time, because they depend on the load of the machine.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn the_leader_is_killed() {
    let _alone = alone();
    Load::on(Cluster::start(3), "leader killed", |cluster, load| {
        for _ in 0..2 {
            let leader = cluster.leader();
            load.after("leader killed", || cluster.kill(leader));
            load.after("started again", || cluster.restart(leader));
        }
    });
}

#[test]
fn a_follower_is_killed_and_two_are() {
    let _alone = alone();
    Load::on(Cluster::start(3), "followers killed", |cluster, load| {
        let follower = cluster.follower();
        load.after("follower killed", || cluster.kill(follower));
        let other = cluster.follower();
        load.after("most members killed, and started again", || {
            cluster.kill(other);
            cluster.restart(follower);
        });
        load.after("all started again", || cluster.restart(other));
    });
}

#[test]
fn members_are_paused() {
    let _alone = alone();
    Load::on(Cluster::start(3), "paused", |cluster, load| {
        let leader = cluster.leader();
        load.after("leader paused", || cluster.pause(leader));
        load.after("leader goes on", || cluster.resume(leader));
        let follower = cluster.follower();
        load.after("follower paused", || cluster.pause(follower));
        load.after("follower goes on", || cluster.resume(follower));
    });
}

#[test]
fn a_members_disk_is_wiped() {
    let _alone = alone();
    Load::on(Cluster::start(3), "disk wiped", |cluster, load| {
        let leader = cluster.leader();
        load.after("the leader's disk wiped", || cluster.wipe(leader));
    });
}
