//! Compares the speed of the store on etcd with that of bare etcd:
//!
//! ```sh
//! cargo bench -p bench-etcd
//! ```
//!
//! It starts its own clusters on loopback, so `etcd` must be installed
//! (`apt-get install etcd-server`). Rounds of the different kinds take turns, and the
//! tables have medians. So the ratios mean something even on a machine with other load.
//! With `-- --test` each kind runs once, for a moment.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed benchmark"
)]

mod cluster;
mod etcd;
mod rounds;
mod world;

use crate::cluster::Cluster;
use crate::rounds::{Round, Table};
use crate::world::World;

/// How much is measured.
#[derive(Clone, Copy)]
struct Length {
    rounds: usize,
    /// The steps of all writers together in each round. Each step is at an endpoint of its
    /// own.
    steps: usize,
    endpoints: usize,
}

const FULL: Length = Length {
    rounds: 15,
    steps: 400,
    endpoints: 1000,
};
const TEST: Length = Length {
    rounds: 1,
    steps: 16,
    endpoints: 100,
};

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let (length, sizes) = if test {
        (TEST, &[1][..])
    } else {
        (FULL, &[1, 3][..])
    };
    for &members in sizes {
        let cluster = Cluster::start(members);
        println!("\nA cluster of {members}");
        let world = World::new(&cluster.endpoints(), length.endpoints);
        steps(&world, length);
        passes(&world, length);
        latency(&world, length);
    }
}

/// Each writer takes one step at a time. The kinds of steps: a transaction of one
/// comparison and one put, a transaction of the same shape as an activation's, and an
/// activation.
fn steps(world: &World, length: Length) {
    for writers in [1, 8] {
        let mut table = Table::new(format!("steps, by {writers} at a time"));
        for _ in 0..length.rounds {
            let run = |step: &(dyn Fn(usize) + Sync)| Round::run(writers, length.steps, step);
            // Publishing a plan writes much, and the steps right after it wait for that. So
            // they are not counted.
            let pin = world.publish();
            drop(run(&|at| world.bare(at)));
            table.add("bare transaction", run(&|at| world.bare(at)));
            table.add("activation's transaction", run(&|at| world.like(at)));
            table.add("activate", run(&|at| world.activate(&pin, at)));
        }
        table.print();
    }
}

/// A pass over all endpoints, and a pass that finds nothing to do.
fn passes(world: &World, length: Length) {
    let mut table = Table::new(format!("passes over {} endpoints", length.endpoints));
    for _ in 0..length.rounds {
        drop(world.publish());
        let all = length.endpoints;
        table.add("all to do", Round::run(1, 1, &|_| world.pass(all)));
        table.add("nothing to do", Round::run(1, 1, &|_| world.pass(0)));
    }
    table.print();
}

/// Measures how long it takes until a reader shows a change.
fn latency(world: &World, length: Length) {
    let mut table = Table::new("until a reader shows it".into());
    for _ in 0..length.rounds {
        let pin = world.publish();
        let activate = || world.activate(&pin, 0);
        table.add("activate", Round::of(world.until_shown(0, activate)));
        let last = length.endpoints - 1;
        let pass = || {
            drop(world.publish());
            world.pass(length.endpoints);
        };
        table.add("publish and pass", Round::of(world.until_shown(last, pass)));
    }
    table.print();
}
