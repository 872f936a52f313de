//! An Enactor that is a process of its own, held by the test in the midst of a pass, and
//! then killed, or stopped for longer than its lease.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use control_plane::{Enactor, Pass};
use incident::{Actor, Gate, Journal, Observed, Point};
use plan_store::{Activation, EndpointName, Generation, Needed, Pin, PlanStore, Swept};
use plan_store_etcd::EtcdStore;

use crate::cluster::{Cluster, signal, wait_until};
use crate::load::{connect, connect_to, endpoint, plan};
use crate::outside::Outside;

const PREFIX: &str = "/process/";

/// Tells a copy of this program that it is an Enactor, and where its cluster is.
const CLUSTER: &str = "AN_ENACTOR_OF";

/// An Enactor's process. It stops before each of its steps and says which it is.
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

    /// Lets it go on from step to step until it says this.
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

/// Stops before each step until a line comes; ends when none can come any more.
struct StandardInput;

impl Gate for StandardInput {
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

/// Not a test by itself: what [`Process`] runs.
#[test]
fn an_enactor_for_the_other_tests() {
    let Ok(endpoints) = env::var(CLUSTER) else {
        return;
    };
    let store = connect_to(endpoints.split(','), PREFIX);
    let (journal, gate) = (Journal::judging_only(), Arc::new(StandardInput));
    let store = Observed::gated(store, Actor::Enactor(1), &journal, gate);
    let enactor = Enactor::new("process", store);
    loop {
        println!("pass: {:?}", enactor.pass());
    }
}

/// A plan published, and applied by an Enactor in this process.
pub(crate) fn publish_and_pass(store: &EtcdStore, serial: u16) -> Generation {
    let generation = store.publish(plan(serial)).unwrap();
    let pass = Enactor::new("here", store.clone()).pass().unwrap();
    assert!(
        matches!(pass, Pass::Applied { plan, .. } if plan == generation),
        "{pass:?}"
    );
    generation
}

/// A cluster on which a process holds plan 1 and has activated it at the first endpoint,
/// but not yet at the second.
fn in_mid_pass() -> (Cluster, EtcdStore, Process) {
    let cluster = Cluster::start(3);
    let store = connect(&cluster, PREFIX);
    store.publish(plan(8)).unwrap();
    let mut process = Process::start(&cluster);
    process.run_until(&Point::Step(endpoint(1)).to_string());
    let active = |at| store.state(&endpoint(at)).unwrap().standing.active();
    assert_eq!(active(0), Some(Generation::FIRST));
    assert_eq!(active(1), None, "it is in mid-pass");
    (cluster, store, process)
}

/// Sweeps until plan 1 is deleted, and says whether it was spared before that because
/// somebody held it.
fn sweep_until_deleted(store: &EtcdStore, applied: Generation) -> bool {
    let (mut held, first) = (false, Generation::FIRST);
    wait_until("plan 1 is deleted", || {
        let Swept { deleted, spared } = store.sweep(applied).unwrap();
        held |= spared.contains(&(first, Needed::Pinned));
        deleted.contains(&first)
    });
    held
}

/// Others publish and pass on, and sweep until the process's plan is deleted, which it is
/// once its lease has run out. Returns the newest plan.
fn go_on_until_it_is_swept(store: &EtcdStore) -> Generation {
    let mut newest = Generation::FIRST;
    for serial in 9..12 {
        newest = publish_and_pass(store, serial);
    }
    assert!(
        sweep_until_deleted(store, newest),
        "PinnedKept: nobody held it"
    );
    newest
}

#[test]
fn a_process_that_is_killed_in_mid_pass_keeps_its_plan_for_its_lease_only() {
    let (cluster, store, mut process) = in_mid_pass();
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    let newest = go_on_until_it_is_swept(&store);
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
fn a_process_that_stands_still_for_longer_than_its_lease_does_no_harm() {
    let (cluster, store, mut process) = in_mid_pass();
    signal(&process.child, "STOP");
    let newest = go_on_until_it_is_swept(&store);

    signal(&process.child, "CONT");
    process.go_on();
    let told = process.run_until("pass: ");
    assert!(
        told.contains("Stale") && told.contains(&newest.to_string()),
        "{told}"
    );
    let next = process.run_until("pass: ");
    assert!(
        next.contains("Applied"),
        "it goes on with the newest plan: {next}"
    );
    Outside::of(&cluster, PREFIX).assert_whole();
}

#[test]
fn a_process_whose_lease_is_over_takes_no_step_even_where_nobody_was_first() {
    let (cluster, store, mut process) = in_mid_pass();
    signal(&process.child, "STOP");
    wait_until("its lease is over", || {
        Outside::of(&cluster, PREFIX).pinned().is_empty()
    });
    // Nobody has been at the second endpoint, and the plan is there.
    assert_eq!(store.generations().unwrap(), [Generation::FIRST]);

    signal(&process.child, "CONT");
    process.go_on();
    let told = process.run_until("pass: ");
    assert!(told.contains("PinLost"), "{told}");
    assert_eq!(store.state(&endpoint(1)).unwrap().standing.active(), None);
    let next = process.run_until("pass: ");
    assert!(next.contains("Applied"), "it takes a new lease: {next}");
    Outside::of(&cluster, PREFIX).assert_whole();
}

/// What two Enactors do to each other's pins is the store's to say.
#[test]
fn a_plan_that_another_process_holds_can_be_activated_here_and_is_kept() {
    let (cluster, store, mut process) = in_mid_pass();
    let pin = store.pin(Generation::FIRST).unwrap();
    let second: EndpointName = endpoint(1);
    let here = store.activate(&pin, &second).unwrap();
    assert!(matches!(here, Activation::Activated { .. }), "{here:?}");
    assert_eq!(pin.generation(), Generation::FIRST);
    process.go_on();
    let told = process.run_until("pass: ");
    assert!(told.contains("Applied"), "{told}");
    Outside::of(&cluster, PREFIX).assert_whole();
}
