//! A process under load is killed at random points. Whatever it had acknowledged is there when the
//! folder is opened again.
//!
//! The process is this test's own program: it runs [`load_until_killed`], and writes a line for each
//! change after the store has acknowledged it.

use std::collections::BTreeSet;
use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use control_plane::Enactor;
use fastrand::Rng;
use plan_store::{
    Activation, EndpointState, Generation, Layer, Pin, PlanStore, Retention, Standing, StepError,
    Swept,
};
use plan_store_disk::{DiskPin, DiskStore, Error};

use crate::folder::Folder;
use crate::world::{Content, ENDPOINTS, endpoint, names, plan, publish_next};

const KEEP: Retention = Retention::newest(2);

/// Names the folder in the environment of the process that is killed.
const FOLDER: &str = "PLAN_STORE_DISK_LOAD";

/// `KILLS=1000` kills so many processes, for a longer test.
fn kills() -> u32 {
    env::var("KILLS").map_or(40, |text| text.parse().unwrap())
}

/// Writes a line at once.
fn say(line: &str) {
    let line = format!("{line}\n");
    io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Says what the store has acknowledged.
#[derive(Clone)]
struct Says(DiskStore);

impl Layer for Says {
    type Inner = DiskStore;
    type Error = Error;
    type Pin = DiskPin;
    type Reader = plan_store::Reader;

    fn inner(&self) -> &DiskStore {
        &self.0
    }

    fn wrap(&self, pin: DiskPin) -> DiskPin {
        pin
    }

    fn reader(&self) -> Self::Reader {
        self.0.reader()
    }

    fn activate(
        &self,
        pin: &DiskPin,
        endpoint: &plan_store::EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<Error>>,
    ) -> Result<Activation, StepError<Error>> {
        let outcome = step();
        if let Ok(Activation::Activated { .. } | Activation::Already) = outcome {
            say(&format!("at {} {endpoint}", pin.generation()));
        }
        outcome
    }

    fn withdraw(
        &self,
        pin: &DiskPin,
        endpoint: &plan_store::EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<Error>>,
    ) -> Result<Activation, StepError<Error>> {
        let outcome = step();
        if let Ok(Activation::Activated { .. }) = outcome {
            say(&format!("at {} {endpoint}", pin.generation()));
        }
        outcome
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, plan_store::Failed<Error>> {
        let swept = self.0.sweep(applied)?;
        for plan in &swept.deleted {
            say(&format!("deleted {plan}"));
        }
        Ok(swept)
    }
}

/// The process that is killed. As a test of its own it does nothing.
#[test]
fn load_until_killed() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let store = DiskStore::open(Path::new(&folder), KEEP).unwrap();
    say("open");
    thread::scope(|scope| {
        for name in ["az1", "az2"] {
            let enactor = Enactor::new(name, Says(store.clone()));
            scope.spawn(move || {
                loop {
                    let _ = enactor.pass().unwrap();
                }
            });
        }
        for number in 0_u64.. {
            let published = publish_next(&store);
            say(&format!("published {published}"));
            store.set_note("note", &number.to_be_bytes()).unwrap();
            say(&format!("note {number}"));
        }
    });
}

/// What a process has acknowledged.
#[derive(Default, Debug)]
struct Acknowledged {
    published: u32,
    note: Option<u64>,
    deleted: BTreeSet<u32>,
    /// The newest generation that each endpoint was said to be at.
    at: [u32; ENDPOINTS as usize],
    lines: usize,
}

impl Acknowledged {
    fn hear(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (word, number) = (words.next().unwrap(), words.next().map(str::parse::<u64>));
        let number = || u32::try_from(number.clone().unwrap().unwrap()).unwrap();
        match word {
            "published" => self.published = number(),
            "note" => self.note = Some(number().into()),
            "deleted" => drop(self.deleted.insert(number())),
            "at" => {
                let name = words.next().unwrap();
                let at = (0..ENDPOINTS).find(|&at| endpoint(at).as_str() == name);
                let place = &mut self.at[at.unwrap() as usize];
                *place = number().max(*place);
            }
            _ => return,
        }
        self.lines += 1;
    }
}

/// Runs the process until it has said so many lines, and kills it.
fn kill_after(folder: &Folder, lines: usize) -> Acknowledged {
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kills::load_until_killed", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut acknowledged = Acknowledged::default();
    let mut begun = false;
    while !begun || acknowledged.lines < lines {
        let line = said
            .next()
            .unwrap_or_else(|| panic!("the process has ended by itself"))
            .unwrap();
        begun |= line == "open";
        acknowledged.hear(&line);
    }
    process.kill().unwrap();
    // What it had said before it was killed counts too. Each line is written at once.
    for line in said.map_while(Result::ok) {
        acknowledged.hear(&line);
    }
    process.wait().unwrap();
    acknowledged
}

/// Asserts that the folder has what was acknowledged.
fn check(store: &DiskStore, acknowledged: &Acknowledged) {
    let content = Content::of(store);
    let newest = content.generations.last().map_or(0, |plan| plan.get());
    assert!(
        newest >= acknowledged.published,
        "{acknowledged:?}, {content:?}"
    );
    for plan in &content.generations {
        assert!(
            !acknowledged.deleted.contains(&plan.get()),
            "{plan} is back"
        );
    }
    for at in 0..ENDPOINTS {
        let EndpointState { standing, rollback } = content.states[at as usize];
        let known = standing.generation().map_or(0, Generation::get);
        // A sweep forgets an endpoint that a plan has withdrawn. Then a newer plan may add it
        // again, and nothing is active there yet.
        let said = acknowledged.at[at as usize];
        let withdrawn = (said.max(1)..=newest).any(|plan| !names(plan, at));
        let forgotten = standing == Standing::Vacant && withdrawn;
        assert!(
            known >= said || forgotten,
            "{at}: {known} is older than {said}"
        );
        if let Some(active) = standing.active() {
            let records = content.answers[at as usize].records();
            let of_the_plan = plan(active.get()).records(&endpoint(at)).cloned();
            assert_eq!(records.cloned(), of_the_plan, "{at} at {active}");
        }
        if let Some(rollback) = rollback {
            assert!(
                content.generations.contains(&rollback),
                "{at}: {rollback} is gone"
            );
        }
    }
    if let Some(said) = acknowledged.note {
        let note = content
            .note
            .map(|note| u64::from_be_bytes(note.try_into().unwrap()));
        assert!(note >= Some(said), "{note:?} is older than {said}");
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_at_a_random_point() {
    let folder = Folder::new();
    let mut chance = Rng::with_seed(7);
    let (mut lines, mut newest) = (0, 0);
    for _ in 0..kills() {
        let acknowledged = kill_after(&folder, chance.usize(..60));
        lines += acknowledged.lines;
        let store = DiskStore::open(folder.path(), KEEP).unwrap();
        check(&store, &acknowledged);
        let now = store.generations().last().map_or(0, |plan| plan.get());
        assert!(
            now >= newest,
            "generations went back from {newest} to {now}"
        );
        newest = now;
    }
    println!(
        "{} kills, {lines} acknowledged changes, {newest} plans",
        kills()
    );
    assert!(newest > kills(), "{newest} plans");
}

/// The check can fail.
#[test]
#[should_panic(expected = "is older than")]
fn an_activation_that_is_lost_is_noticed() {
    let folder = Folder::new();
    let store = DiskStore::open(folder.path(), KEEP).unwrap();
    publish_next(&store);
    let mut acknowledged = Acknowledged::default();
    acknowledged.hear("published 1");
    acknowledged.hear("at 1 e0.example");
    check(&store, &acknowledged);
}
