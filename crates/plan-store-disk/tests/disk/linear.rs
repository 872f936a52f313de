//! The store is linearizable: for each call of a Planner, Enactors, an operator and readers there
//! is a moment within it, such that a sequential store gives the same answers in that order.

use std::thread;

use control_plane::{Enactor, Fleet};
use fastrand::Rng;
use incident::OneByOne;
use linearizability::record::{History, Recorded};
use linearizability::search::{Verdict, check};
use linearizability::spec::{ENDPOINTS, Hold, NAMES, Op, RETENTION};
use plan_store::{
    Activation, DnsStore, EndpointName, Generation, Plan, PlanStore, RecordSet, Resolve, Target,
};
use plan_store_disk::DiskStore;

use crate::folder::Folder;

const HISTORIES: u64 = 30;
const PLANS: u8 = 8;
const PASSES: usize = 5;
const LOOKS: usize = 25;

fn endpoint(at: usize) -> EndpointName {
    NAMES[at].parse().unwrap()
}

/// Each plan names the first endpoint, and one, both or none of the others below it.
fn plan(number: u8) -> Plan {
    let others: &[usize] = [&[][..], &[1, 2], &[1], &[2]][usize::from(number % 4)];
    let named = [0].iter().chain(others).map(|&at| {
        let target = Target::new([192, 0, 2, number].into(), 255);
        (endpoint(at), RecordSet::new(5, [target]).unwrap())
    });
    Plan::new(named).unwrap()
}

fn look(reader: &mut impl Resolve, chance: &mut Rng) {
    match chance.usize(..=ENDPOINTS) {
        ENDPOINTS => drop(reader.has_descendant(&endpoint(0))),
        at => drop(reader.resolve(&endpoint(at)).clone()),
    }
}

/// Reads a plan of any age, or an endpoint.
fn operate(store: &impl DnsStore, chance: &mut Rng) {
    if chance.bool() {
        drop(store.state(&endpoint(chance.usize(..ENDPOINTS))));
        return;
    }
    let generation = Generation::new(chance.u32(1..=u32::from(PLANS) + 1)).unwrap();
    if let Ok(pin) = store.pin(generation) {
        thread::yield_now();
        drop(store.stale_endpoints(&pin));
    }
}

/// The history of one run of the whole system.
fn history(store: &DiskStore, seed: u64) -> History {
    let history = History::default();
    // The steps of a walk share commits, and the history needs a time for each. So they are taken
    // one by one.
    let store = OneByOne(store.clone());
    let client = |number: u32| Recorded::new(store.clone(), number, Hold::Pin, &history);
    let chance = |number: u64| Rng::with_seed(seed ^ number << 32);
    let planner = client(0);
    planner.publish(plan(1).into()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 2..=PLANS {
                planner.publish(plan(number).into()).unwrap();
            }
        });
        for number in 1..=3 {
            let enactor = Enactor::new("enactor", client(number));
            scope.spawn(move || {
                for _ in 0..PASSES {
                    let _ = enactor.pass().unwrap();
                }
            });
        }
        for number in [4, 5] {
            let (mut reader, mut chance) = (client(number).reader(), chance(number.into()));
            scope.spawn(move || {
                for _ in 0..LOOKS {
                    look(&mut reader, &mut chance);
                    thread::yield_now();
                }
            });
        }
        let (operator, mut chance) = (client(7), chance(7));
        scope.spawn(move || {
            for _ in 0..LOOKS {
                operate(&operator, &mut chance);
            }
        });
    });
    let _ = Enactor::new("last", client(6)).pass().unwrap();
    history
}

#[test]
fn the_store_is_linearizable() {
    let (mut operations, mut activated, mut deleted) = (0, 0, 0);
    for seed in 0..HISTORIES {
        let folder = Folder::new();
        let store = DiskStore::open(folder.path(), RETENTION).unwrap();
        let history = history(&store, seed);
        match check(&history.operations()) {
            Verdict::Linearizable => {}
            Verdict::Illegal(stuck) => {
                panic!("seed {seed}: no order explains the history: {stuck}\n{history}")
            }
            Verdict::Undecided(tried) => panic!("seed {seed}: undecided after {tried} tries"),
        }
        for operation in history.operations() {
            operations += 1;
            match operation.op {
                Op::Activate {
                    told: Activation::Activated { .. },
                    ..
                } => activated += 1,
                Op::Delete { .. } => deleted += 1,
                _ => {}
            }
        }
    }
    println!("{operations} operations, {activated} activated, {deleted} deleted");
    assert!(activated > 0 && deleted > 0, "nothing happened");
}

/// The schedule of October 2025: an Enactor stalls between its check and its first activation,
/// while others activate newer plans and sweep. `drill`'s own tests show that it brings down the
/// store of that day.
#[test]
fn the_incidents_schedule_breaks_nothing() {
    let fleet = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/fleets/dynamodb-us-east-1.toml"
    );
    let fleet = Fleet::load(fleet.as_ref()).unwrap();
    let folder = Folder::new();
    let store = DiskStore::open(folder.path(), fleet.retention()).unwrap();
    let outcome = drill::outage(&fleet, OneByOne(store), 1, None).unwrap();
    assert!(outcome.verdict.is_empty(), "{:?}", outcome.verdict);
    assert!(!outcome.stuck);
    assert!(outcome.tally.stale > 0, "the late Enactor is told so");
}
