//! The hot paths, whose instructions callgrind counts. The count is the same each time, so
//! CI can check it. Times mean nothing there.
//!
//! ```sh
//! crates/bench/instructions
//! ```
//!
//! Without an argument, this program lists the paths, each with the limit of instructions
//! for one step. The limit is a fifth more than the count at the time when it was set. With
//! a path's name, the program prepares the path, and then does a thousand steps in a
//! function of that name. callgrind counts only in that function.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bench::world;
use plan_store::memory::MemoryPin;
use plan_store::{EndpointName, MemoryStore, Plan, PlanStore, Resolve, Retention};

/// A path: its name, the most instructions that a step may take, and the code.
type Path = (&'static str, u32, fn());

const PATHS: [Path; 8] = [
    ("atomic_load", 5, atomic_load),
    ("follower_resolve", 9, follower_resolve),
    ("reader_resolve", 265, reader_resolve),
    ("activate", 500, activate),
    ("activate_all", 195, activate_all),
    ("pin_and_let_go", 76, pin_and_let_go),
    ("change_and_publish", 2_750, change_and_publish),
    ("sweep", 38, sweep),
];

const STEPS: u16 = 1_000;

fn main() {
    let wanted = std::env::args().nth(1);
    for (name, limit, run) in PATHS {
        match &wanted {
            None => println!("{name} {limit}"),
            Some(wanted) if wanted == name => run(),
            Some(_) => {}
        }
    }
}

/// A plan with one endpoint for each step.
fn plan() -> Arc<Plan> {
    Arc::new(world::plan(STEPS.into()))
}

fn endpoint() -> EndpointName {
    world::endpoint(u32::from(STEPS) / 2)
}

fn atomic_load() {
    #[inline(never)]
    fn atomic_load_steps(word: &AtomicU64) {
        for _ in 0..STEPS {
            black_box(word.load(Ordering::Acquire));
        }
    }
    atomic_load_steps(&AtomicU64::new(1));
}

fn follower_resolve() {
    #[inline(never)]
    fn follower_resolve_steps(follower: &mut plan_store::Follower) {
        for _ in 0..STEPS {
            black_box(follower.resolve());
        }
    }
    let mut follower = world::store_of(plan(), 1).follow(endpoint());
    follower.resolve();
    follower_resolve_steps(&mut follower);
}

fn reader_resolve() {
    #[inline(never)]
    fn reader_resolve_steps(reader: &mut plan_store::Reader, name: &EndpointName) {
        for _ in 0..STEPS {
            black_box(reader.resolve(name));
        }
    }
    let mut reader = world::store_of(plan(), 1).reader();
    reader.resolve(&endpoint());
    reader_resolve_steps(&mut reader, &endpoint());
}

/// A store, and one picked-up plan for each step. No plan is active yet.
fn picked_up() -> (MemoryStore, Vec<MemoryPin>) {
    let (store, plan) = (MemoryStore::new(Retention::newest(0)), plan());
    let publish = |_| {
        store.publish(Arc::clone(&plan)).unwrap();
        store.latest().unwrap().unwrap()
    };
    let pins = (0..STEPS).map(publish).collect();
    (store, pins)
}

fn activate() {
    #[inline(never)]
    fn activate_steps(store: &MemoryStore, pins: &[MemoryPin], name: &EndpointName) {
        for pin in pins {
            let _ = black_box(store.activate(pin, name).unwrap());
        }
    }
    let (store, pins) = picked_up();
    activate_steps(&store, &pins, &endpoint());
}

fn activate_all() {
    #[inline(never)]
    fn activate_all_steps(store: &MemoryStore, pin: &MemoryPin) {
        for (_, outcome) in store.activate_all(pin) {
            black_box(outcome.is_ok());
        }
    }
    let (store, pins) = picked_up();
    activate_all_steps(&store, &pins[0]);
}

fn pin_and_let_go() {
    #[inline(never)]
    fn pin_and_let_go_steps(store: &MemoryStore) {
        for _ in 0..STEPS {
            drop(black_box(store.latest().unwrap()));
        }
    }
    pin_and_let_go_steps(&world::store_of(plan(), 1));
}

/// Changes a hundredth of a hundred thousand endpoints, and publishes the plan. Each
/// changed endpoint is a step.
fn change_and_publish() {
    type Changes = Vec<(EndpointName, Option<Arc<plan_store::RecordSet>>)>;
    #[inline(never)]
    fn change_and_publish_steps(store: &MemoryStore, plan: &Plan, changes: Changes) {
        let next = plan.changed(changes).unwrap();
        store.publish(Arc::new(next)).unwrap();
    }
    let endpoints = u32::from(STEPS) * 100;
    let plan = Arc::new(world::plan(endpoints));
    let store = world::store_of(Arc::clone(&plan), 1);
    let changes = world::changes(endpoints, 7).into_iter();
    let changes = changes.map(|(name, set)| (name, Some(set))).collect();
    change_and_publish_steps(&store, &plan, changes);
}

/// A sweep that deletes a plan reads each endpoint. Each endpoint is a step.
fn sweep() {
    #[inline(never)]
    fn sweep_steps(store: &MemoryStore, pin: &MemoryPin) {
        let swept = store.sweep(plan_store::Pin::generation(pin)).unwrap();
        assert_eq!(swept.deleted.len(), 1);
    }
    let (store, plan) = (MemoryStore::new(Retention::newest(1)), plan());
    store.publish(Arc::clone(&plan)).unwrap();
    for _ in 0..2 {
        store.publish(Arc::clone(&plan)).unwrap();
        let pin = store.latest().unwrap().unwrap();
        assert!(store.activate_all(&pin).all(|(_, outcome)| outcome.is_ok()));
    }
    let pin = store.latest().unwrap().unwrap();
    sweep_steps(&store, &pin);
}
