//! An Enactor in a process of its own. The test stops it in the middle of a pass, and then
//! kills it, or suspends it for longer than its lease.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use control_plane::Enactor;
use incident::{Actor, Hook, Journal, Observed, OneByOne, Point};
use plan_store::{Activation, Generation, PlanStore, RetainReason, Swept};
use plan_store_etcd::{EtcdConfig, EtcdStore};

use crate::load::{answered, config, connect, endpoint, plan, publish_and_apply};
use crate::outside::Outside;
use interop::cluster::{Cluster, signal, wait_until};

const PREFIX: &str = "/process/";

/// The environment variable that tells a copy of this program to be an Enactor, and where
/// its cluster is.
const CLUSTER: &str = "AN_ENACTOR_OF";

/// How long its pins outlive it. While it lives it renews them, even on a busy machine.
const LEASE: Duration = Duration::from_secs(6);

/// An Enactor's process. It stops before each of its steps and prints which step comes
/// next.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(cluster: &Cluster) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "processes::an_enactor_for_the_other_tests",
                "--nocapture",
            ])
            .env(CLUSTER, cluster.endpoints().join(","))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            input,
            output,
        }
    }

    /// Lets it go on from step to step until it prints this.
    fn run_until(&mut self, wanted: &str) -> String {
        loop {
            let said = self.says();
            if said.contains(wanted) {
                return said;
            }
            if said.contains("before ") {
                self.go_on();
            }
        }
    }

    /// Lets it go on to the end of the first pass in which etcd answered.
    fn run_to_the_end_of_a_pass(&mut self) -> String {
        loop {
            let told = self.run_until("pass: ");
            if !told.contains("NoAnswer") && !told.contains("Unreachable") {
                return told;
            }
        }
    }

    fn go_on(&mut self) {
        writeln!(self.input, "go on").unwrap();
    }

    fn says(&mut self) -> String {
        let mut line = String::new();
        let length = self.output.read_line(&mut line).unwrap();
        assert!(length > 0, "the Enactor has ended");
        line
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stops before each step until a line comes. Ends the process when standard input is
/// closed.
struct StandardInput;

impl Hook for StandardInput {
    fn reach(&self, _: Actor, point: &Point) {
        println!("before {point}");
        let mut line = String::new();
        if std::io::stdin()
            .read_line(&mut line)
            .is_ok_and(|length| length == 0)
        {
            std::process::exit(0);
        }
    }
}

/// Not a test by itself: [`Process`] runs it.
#[test]
fn an_enactor_for_the_other_tests() {
    let Ok(endpoints) = env::var(CLUSTER) else {
        return;
    };
    let store = EtcdStore::connect(EtcdConfig {
        lease_ttl: LEASE,
        ..config(endpoints.split(','), PREFIX)
    });
    let store = store.unwrap();
    let (journal, gate) = (Journal::judging_only(), Arc::new(StandardInput));
    let store = Observed::hooked(OneByOne(store), Actor::Enactor(1), &journal, gate);
    let enactor = Enactor::new("process", store);
    loop {
        println!("pass: {:?}", enactor.pass());
    }
}

/// Publishes a plan, and applies it with an Enactor in this process.
pub(crate) fn publish_and_pass(store: &EtcdStore, serial: u16) -> Generation {
    publish_and_apply(store, || plan(serial))
}

/// A cluster on which a process has pinned plan 1 and has activated it at the first
/// endpoint, but not yet at the second.
fn in_mid_pass() -> (Cluster, EtcdStore, Process) {
    let cluster = Cluster::start(3);
    let store = connect(&cluster, PREFIX);
    wait_until("plan 1 is published", || {
        answered(store.publish(plan(8))).is_some()
    });
    let mut process = Process::start(&cluster);
    process.run_until(&Point::Step(endpoint(1)).to_string());
    let active = |at| store.state(&endpoint(at)).unwrap().standing.active();
    assert_eq!(active(0), Some(Generation::FIRST));
    assert_eq!(active(1), None, "it is in mid-pass");
    (cluster, store, process)
}

/// Publishes and makes passes with other Enactors, and asserts that the plan that the
/// process holds is kept. Returns the newest plan.
fn others_go_on(store: &EtcdStore) -> Generation {
    let first = Generation::FIRST;
    let mut newest = first;
    for serial in 9..12 {
        newest = publish_and_pass(store, serial);
    }
    wait_until("a sweep has been answered", || {
        answered(store.sweep(newest)).is_some_and(|Swept { spared, .. }| {
            assert!(
                spared.contains(&(first, RetainReason::Pinned)),
                "PinnedKept"
            );
            true
        })
    });
    newest
}

/// Sweeps until the process's plan is deleted, which happens when its lease has run out.
fn sweep_until_it_is_deleted(store: &EtcdStore, newest: Generation) {
    wait_until("plan 1 is deleted", || {
        answered(store.sweep(newest)).is_some()
            && answered(store.generations())
                .is_some_and(|plans| !plans.contains(&Generation::FIRST))
    });
}

#[test]
fn a_process_that_is_killed_in_mid_pass_keeps_its_plan_for_its_lease_only() {
    let (cluster, store, mut process) = in_mid_pass();
    let newest = others_go_on(&store);
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    sweep_until_it_is_deleted(&store, newest);
    let outside = Outside::of(&cluster, PREFIX);
    outside.assert_whole();
    assert!(
        outside
            .active()
            .values()
            .all(|plan| *plan == u64::from(newest.get()))
    );
}

#[test]
fn a_process_that_stalls_for_longer_than_its_lease_does_no_harm() {
    let (cluster, store, mut process) = in_mid_pass();
    let newest = others_go_on(&store);
    signal(&process.child, "STOP");
    sweep_until_it_is_deleted(&store, newest);

    signal(&process.child, "CONT");
    process.go_on();
    let told = process.run_to_the_end_of_a_pass();
    assert!(
        told.contains("Stale") && told.contains(&newest.to_string()),
        "{told}"
    );
    let next = process.run_to_the_end_of_a_pass();
    assert!(
        next.contains("Applied"),
        "it goes on with the newest plan: {next}"
    );
    Outside::of(&cluster, PREFIX).assert_whole();
}

#[test]
fn a_process_whose_lease_is_over_takes_no_step_even_where_no_other_enactor_was() {
    let (cluster, store, mut process) = in_mid_pass();
    signal(&process.child, "STOP");
    wait_until("its lease is over", || {
        Outside::of(&cluster, PREFIX).pinned().is_empty()
    });
    // No other Enactor has been at the second endpoint, and the plan still exists.
    assert_eq!(store.generations().unwrap(), [Generation::FIRST]);

    signal(&process.child, "CONT");
    process.go_on();
    let told = process.run_to_the_end_of_a_pass();
    assert!(told.contains("PinLost"), "{told}");
    assert_eq!(store.state(&endpoint(1)).unwrap().standing.active(), None);
    let next = process.run_to_the_end_of_a_pass();
    assert!(next.contains("Applied"), "it takes a new lease: {next}");
    Outside::of(&cluster, PREFIX).assert_whole();
}

/// Two processes have separate pins on the same plan.
#[test]
fn a_plan_that_another_process_holds_can_be_activated_here_and_is_kept() {
    let (cluster, store, mut process) = in_mid_pass();
    let mut told = Vec::new();
    wait_until("it is activated here", || {
        let Some(pin) = answered(store.pin(Generation::FIRST)) else {
            return false;
        };
        told.extend(answered(store.activate(&pin, &endpoint(1))));
        matches!(told.last(), Some(last) if *last != Activation::Unknown)
    });
    // The outcome is *already* if an earlier try was done without an answer.
    let done = matches!(*told, [Activation::Activated { .. }]);
    let unknown = matches!(*told, [Activation::Unknown, ..]);
    assert!(done || unknown, "{told:?}");
    process.go_on();
    let told = process.run_to_the_end_of_a_pass();
    assert!(told.contains("Applied"), "{told}");
    Outside::of(&cluster, PREFIX).assert_whole();
}
