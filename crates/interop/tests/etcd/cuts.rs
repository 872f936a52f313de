//! The network between the members of a cluster of three is cut and healed, while the
//! cluster is under load. Clients reach every member all the time. A member that does not
//! reach a majority gives them no answer. The results are judged as for the other faults.

use std::thread;

use incident::OneByOne;
use linearizability::record::{Recorded, RecordedPin};
use plan_store::{Activation, PlanStore, Resolution};
use plan_store_etcd::{EtcdPin, EtcdStore};

use crate::faults::alone;
use crate::load::{Load, PREFIX, connect_to, endpoint};
use interop::cluster::{Cluster, wait_until};

/// A client that knows only one member, and has picked up a plan there.
struct Bound {
    store: EtcdStore,
    recorded: Recorded<OneByOne<EtcdStore>>,
    pin: RecordedPin<EtcdPin>,
}

impl Bound {
    fn to(member: usize, cluster: &Cluster, load: &Load) -> Self {
        let store = connect_to([&cluster.endpoints()[member]], PREFIX);
        let client = 10 + u32::try_from(member).unwrap();
        let recorded = load.record(store.clone(), client);
        let mut pin = None;
        wait_until("the client has picked up a plan", || {
            pin = recorded.latest().ok().flatten();
            pin.is_some()
        });
        Self {
            store,
            recorded,
            pin: pin.unwrap(),
        }
    }

    /// Takes a step, picks up a plan, and reads, all at once. Asserts that none of this is
    /// acknowledged or answered.
    fn is_told_nothing(&self) {
        let Self {
            store,
            recorded,
            pin,
        } = self;
        thread::scope(|scope| {
            scope.spawn(|| {
                let told = recorded.activate(pin, &endpoint(0));
                let nothing = matches!(told, Ok(Activation::Unknown) | Err(_));
                assert!(nothing, "an activation without a majority: {told:?}");
            });
            scope.spawn(|| {
                let told = recorded.latest().map(|pin| pin.is_some());
                assert!(told.is_err(), "a pin without a majority: {told:?}");
            });
            scope.spawn(|| {
                let told = store.state(&endpoint(0));
                assert!(told.is_err(), "a read without a majority: {told:?}");
            });
            scope.spawn(|| {
                let told = store.resolve(&endpoint(0));
                let nothing = matches!(told, Resolution::Unknown);
                assert!(nothing, "an answer without a majority: {told:?}");
            });
        });
    }

    /// Asserts that the member answers again. Call it after the cut has healed.
    fn is_told(&self) {
        wait_until("its member answers again", || {
            self.store.state(&endpoint(0)).is_ok()
        });
    }
}

#[test]
fn the_leader_is_cut_off() {
    let _alone = alone();
    Load::on(
        Cluster::with_network(3),
        "leader cut off",
        |cluster, load| {
            let old = cluster.leader();
            let bound = Bound::to(old, cluster, load);
            load.after("leader cut off", || {
                cluster.cut_off(&[old]);
                bound.is_told_nothing();
                // The same holds when the others have elected another leader.
                cluster.leader_but(Some(old));
                bound.is_told_nothing();
            });
            assert_is_behind(cluster, old);
            load.after("healed", || cluster.heal());
            bound.is_told();
        },
    );
}

#[test]
fn a_follower_is_cut_off() {
    let _alone = alone();
    let cluster = Cluster::with_network(3);
    Load::on(cluster, "follower cut off", |cluster, load| {
        let follower = cluster.follower();
        let bound = Bound::to(follower, cluster, load);
        load.after("follower cut off", || cluster.cut_off(&[follower]));
        bound.is_told_nothing();
        assert_is_behind(cluster, follower);
        load.after("healed", || cluster.heal());
        bound.is_told();
    });
}

#[test]
fn all_are_cut_from_one_another() {
    let _alone = alone();
    Load::on(Cluster::with_network(3), "all cut", |cluster, load| {
        let members: Vec<_> = (0..cluster.size()).collect();
        let bound = members.iter().map(|&at| Bound::to(at, cluster, load));
        let bound: Vec<_> = bound.collect();
        load.after("all cut from one another, then healed", || {
            cluster.cut_off(&members);
            let cut = load.history.now();
            for &at in &members {
                cluster.wait_until_leaderless(at);
            }
            thread::scope(|scope| {
                for client in &bound {
                    scope.spawn(|| client.is_told_nothing());
                }
            });
            let operations = load.history.operations().into_iter();
            let mut later = operations.filter(|operation| operation.called > cut);
            let told = later.find(|operation| !operation.op.is_open());
            assert!(told.is_none(), "an answer without a majority: {told:?}");
            cluster.heal();
        });
        bound.iter().for_each(Bound::is_told);
    });
}

/// Asserts that the member runs, and has not heard of the others' latest changes.
fn assert_is_behind(cluster: &Cluster, member: usize) {
    let there = cluster.revision_at(member);
    let others = cluster.revision_at(cluster.leader_but(Some(member)));
    assert!(there < others, "{there} there, {others} at the others");
}
