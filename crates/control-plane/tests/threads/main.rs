//! Enactors, and the threads of the control plane: step by step, and under faults of
//! the health source, of the store and of an Enactor, and told to stop at any time.
//! Gates and channels order the threads; nothing here depends on time.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod enactor_loop;
mod hooked;
mod jitter;
mod pass;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use control_plane::{
    CheckedTarget, ControlPlane, Enactor, EnactorThread, Fleet, Health, HealthError, HealthSource,
    Pace, Pass, PassError, PlanError, Planned, Planner, PlannerThread, Status, TargetHealth,
    TargetState, ThreadReport, Waker, Watchlist, chain,
};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use parking_lot::Mutex;
use plan_store::{DnsStore, EndpointName, Generation, MemoryStore, Pin, PlanStore, Retention};

use crate::hooked::{Fate, Hooked};

/// Nothing here takes as long. A test that waits longer fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Never, as far as these tests go.
const NEVER: Duration = Duration::from_hours(1);

const FLEET: &str = r#"
    [[endpoint]]
    name = "a.example"
    target = [
        { address = "192.0.2.1", zone = "z1", capacity = 100 },
        { address = "192.0.2.2", zone = "z2", capacity = 100 },
        { address = "192.0.2.3", zone = "z3", capacity = 100 },
        { address = "192.0.2.4", zone = "z3", capacity = 100 },
    ]
    [[endpoint]]
    name = "b.example"
    target = [{ address = "192.0.2.1", zone = "z1", capacity = 100 }]
"#;

fn fleet(text: &str) -> Fleet {
    Fleet::parse(text, Path::new("test.toml")).unwrap()
}

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

/// A reading in which these targets of `FLEET` are down.
fn down(targets: &[u8]) -> Health {
    let now = Instant::now();
    let report = |last: u8| {
        let state = if targets.contains(&last) {
            TargetState::Down {
                since: now,
                was_up: true,
            }
        } else {
            TargetState::Up
        };
        (IpAddr::from([192, 0, 2, last]), state.into())
    };
    Health::new(now, (1..=4).map(report))
}

/// A reading that changes a weight, another one for each number.
fn drifted(number: u32) -> Health {
    let report = |last: u8| {
        let capacity = Some(if last == 4 { 50 + number } else { 100 });
        let state = TargetState::Up;
        (
            IpAddr::from([192, 0, 2, last]),
            TargetHealth { state, capacity },
        )
    };
    Health::new(Instant::now(), (1..=4).map(report))
}

/// A reading that names no target.
fn nothing() -> Health {
    Health::new::<IpAddr>(Instant::now(), [])
}

/// Publishes a plan of the fleet as the Planner would, weights by `number`.
fn publish(store: &Hooked, number: u32) -> Generation {
    let mut planner = Planner::new(store.store.clone(), fleet(FLEET));
    match planner.tick(&drifted(number)).unwrap() {
        Planned::Published { generation } | Planned::Unchanged { generation } => generation,
        other => unreachable!("{other:?}"),
    }
}

fn pace() -> Pace {
    Pace {
        backoff_first: Duration::from_millis(1),
        backoff_max: Duration::from_millis(2),
        recheck: None,
        seed: 1,
    }
}

/// Starts an Enactor whose passes come out of the channel, in words.
fn enactor<S: DnsStore + Clone + 'static>(
    store: &S,
    pace: Pace,
) -> (EnactorThread, Receiver<String>) {
    let (report, passes) = unbounded();
    let enactor = Enactor::new("enactor", store.clone());
    let thread = EnactorThread::start(enactor, pace, move |pass| {
        let _ = report.send(match pass {
            Ok(Pass::Applied { plan, .. }) => format!("applied {plan}"),
            Ok(other) => format!("{other:?}"),
            Err(error) => chain(&error),
        });
    });
    (thread.unwrap(), passes)
}

fn next<T>(channel: &Receiver<T>) -> T {
    channel.recv_timeout(PATIENCE).unwrap()
}

/// A health source that the test feeds.
struct Fed(Receiver<Box<dyn FnOnce() -> Result<Health, HealthError> + Send>>);

impl HealthSource for Fed {
    fn read(&mut self) -> Result<Health, HealthError> {
        // Closed: the test is over, and so is this reading.
        let reading = self.0.recv();
        reading.map_or_else(|_| Ok(nothing()), |reading| reading())
    }
}

type Feed = Sender<Box<dyn FnOnce() -> Result<Health, HealthError> + Send>>;

/// Starts a Planner on a fed source; its ticks come out of the channel.
fn planner<S: DnsStore + Clone + 'static>(
    store: &S,
    enactors: Vec<Waker>,
) -> (PlannerThread, Feed, Receiver<Result<Planned, String>>) {
    let (feed, readings) = unbounded();
    let (report, ticks) = unbounded();
    let planner = Planner::new(store.clone(), fleet(FLEET));
    let thread = PlannerThread::start(
        planner,
        Fed(readings),
        Duration::from_millis(1),
        enactors,
        move |planned| {
            let _ = report.send(planned.as_ref().map(|p| *p).map_err(|error| chain(error)));
        },
    );
    (thread.unwrap(), feed, ticks)
}

fn feed(feed: &Feed, reading: impl FnOnce() -> Result<Health, HealthError> + Send + 'static) {
    feed.send(Box::new(reading)).unwrap();
}

#[test]
fn a_faulty_health_source_changes_nothing_and_the_next_good_reading_counts() {
    let store = MemoryStore::new(Retention::newest(3));
    let (_planner, source, ticks) = planner(&store, Vec::new());
    feed(&source, || Ok(down(&[])));
    let first = next(&ticks).unwrap();
    assert_eq!(
        first,
        Planned::Published {
            generation: generation(1)
        }
    );

    feed(&source, || Err(HealthError::new("no route")));
    assert!(next(&ticks).unwrap_err().contains("no route"));
    feed(&source, || Ok(nothing()));
    assert!(next(&ticks).unwrap_err().contains("names no target"));
    feed(&source, || panic!("a fault of the source"));
    assert!(next(&ticks).unwrap_err().contains("a fault of the source"));
    assert_eq!(store.generations(), [generation(1)]);

    feed(&source, || Ok(down(&[3])));
    let changed = next(&ticks).unwrap();
    assert_eq!(
        changed,
        Planned::Published {
            generation: generation(2)
        }
    );
    // All unhealthy is no reading to believe.
    feed(&source, || Ok(down(&[1, 2, 3, 4])));
    let _ = next(&ticks);
    let plan = Arc::clone(store.latest().unwrap().unwrap().plan());
    assert!(plan.endpoints().all(|(_, records)| !records.a().is_empty()));
}

#[test]
fn a_stalled_health_source_does_not_hold_up_the_end() {
    let store = MemoryStore::new(Retention::newest(3));
    let (planner, source, ticks) = planner(&store, Vec::new());
    let (entered, inside) = unbounded();
    let (_hold, until) = unbounded::<()>();
    feed(&source, move || {
        entered.send(()).unwrap();
        let _ = until.recv(); // Until the test is over.
        Ok(down(&[]))
    });
    next(&inside);
    drop(planner);
    assert!(ticks.try_recv().is_err(), "nothing was planned");
    assert_eq!(store.generations(), []);
}

#[test]
fn a_publish_wakes_all_enactors_once_the_plan_is_there() {
    // The Enactors are paused, so that a wake-up stays pending. The Planner's publish is
    // held up.
    let (entered, inside) = unbounded();
    let (hold, until) = unbounded::<()>();
    let store = Hooked::new(move |call, _| {
        if call == "publish" {
            entered.send(()).unwrap();
            let _ = until.recv();
        }
        Fate::Done
    });
    let enactors = [(); 2].map(|()| enactor(&store, pace()));
    for (thread, _) in &enactors {
        thread.pause();
    }
    let wakers = enactors.iter().map(|(thread, _)| thread.waker()).collect();
    let (_planner, source, ticks) = planner(&store, wakers);
    feed(&source, || Ok(down(&[])));
    next(&inside);
    // Their passes find no plan, and answer all wake-ups that were sent too early.
    for (thread, passes) in &enactors {
        thread.resume();
        assert_eq!(next(passes), "NoPlan");
    }
    drop(hold);
    next(&ticks).unwrap();
    for (_, passes) in &enactors {
        assert_eq!(next(passes), "applied 1");
    }

    // A tick that publishes nothing wakes no Enactor.
    feed(&source, || Ok(down(&[])));
    next(&ticks).unwrap();
    for (thread, passes) in enactors {
        thread.pause();
        thread.resume();
        assert_eq!(next(&passes), "applied 1");
        thread.stop();
        assert_eq!(passes.try_iter().count(), 0);
    }
}

#[test]
fn a_tick_that_panics_or_fails_counts_as_failed_and_the_next_one_publishes() {
    let fates = Mutex::new(vec![Fate::Done, Fate::Failed]);
    let trap = AtomicBool::new(true);
    let store = Hooked::new(move |call, _| {
        if call != "publish" {
            return Fate::Done;
        }
        assert!(!trap.swap(false, Ordering::SeqCst), "a trap");
        fates.lock().pop().unwrap()
    });
    let (_planner, source, ticks) = planner(&store, Vec::new());
    for failure in ["planner panicked: a trap;", "told to fail"] {
        feed(&source, || Ok(down(&[])));
        let error = next(&ticks).unwrap_err();
        assert!(error.contains(failure), "{error}");
    }
    feed(&source, || Ok(down(&[])));
    let generation = generation(1);
    assert_eq!(next(&ticks), Ok(Planned::Published { generation }));
}

#[test]
fn a_tick_looks_at_the_store_once() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&calls);
    let store = Hooked::new(move |call, _| {
        noted.lock().push(call);
        Fate::Done
    });
    let mut planner = Planner::new(store, fleet(FLEET));
    let mut tick = |health: &Health| {
        calls.lock().clear();
        let _ = planner.tick(health);
        calls.lock().clone()
    };
    assert_eq!(tick(&nothing()), [""; 0]);
    assert_eq!(tick(&down(&[])), ["latest", "publish"]);
    assert_eq!(tick(&down(&[])), ["latest"]);
    assert_eq!(tick(&down(&[4])), ["latest", "publish"]);
    // All but one are down, and suspected: they are served again.
    assert_eq!(tick(&down(&[2, 3, 4])), ["latest", "publish"]);
    assert_eq!(tick(&down(&[2, 3, 4])), ["latest"]);
}

#[test]
fn an_enactor_takes_another_pace_while_it_runs() {
    let store = Hooked::new(|_, _| Fate::Done);
    publish(&store, 1);
    let never = pace();
    assert_eq!(never.recheck, None);
    let (thread, passes) = enactor(&store, never);
    thread.set_pace(Pace {
        recheck: Some(Duration::from_millis(1)),
        ..never
    });
    assert_eq!(next(&passes), "applied 1");
}

/// A handle's thread has let go of everything once the handle is dropped. A drop that
/// did not wait would have to lose every one of these races.
#[test]
fn dropping_a_handle_waits_for_its_thread() {
    let store = Hooked::new(|_, _| Fate::Done);
    publish(&store, 1);
    for _ in 0..100 {
        let token = Arc::new(());
        let hold = Arc::clone(&token);
        let report = move |_: &Result<Pass, PassError>| drop(Arc::clone(&hold));
        let enactor = Enactor::new("enactor", store.clone());
        let thread = EnactorThread::start(enactor, pace(), report).unwrap();
        thread.waker().wake();
        drop(thread);
        assert_eq!(
            Arc::strong_count(&token),
            1,
            "the Enactor's thread still runs"
        );

        let hold = Arc::clone(&token);
        let (source, readings) = unbounded();
        let planner = Planner::new(store.store.clone(), fleet(FLEET));
        let report = move |_: &Result<Planned, PlanError>| drop(Arc::clone(&hold));
        let thread = PlannerThread::start(planner, Fed(readings), NEVER, vec![], report);
        feed(&source, || Ok(down(&[])));
        drop(thread.unwrap());
        assert_eq!(
            Arc::strong_count(&token),
            1,
            "the Planner's thread still runs"
        );
    }
}

#[test]
fn a_panic_says_which_part_it_was_and_what_it_said() {
    let store = MemoryStore::new(Retention::newest(3));
    let (_planner, source, ticks) = planner(&store, Vec::new());
    feed(&source, || panic!("a word"));
    feed(&source, || panic!("{} words", 2));
    feed(&source, || std::panic::panic_any(3));
    for said in ["a word", "2 words", "no message"] {
        let error = next(&ticks).unwrap_err();
        assert!(
            error.starts_with(&format!("health source panicked: {said};")),
            "{error}"
        );
    }
}

/// A thread whose `report` panics ends; its handle still takes orders, and stops.
#[test]
fn a_panic_in_a_report_ends_only_its_thread() {
    let (reported, reports) = unbounded();
    let store = Hooked::new(|_, _| Fate::Done);
    let tell = reported.clone();
    let thread = EnactorThread::start(Enactor::new("enactor", store.clone()), pace(), move |_| {
        tell.send("pass").unwrap();
        panic!("a trap");
    });
    let thread = thread.unwrap();
    thread.waker().wake();
    assert_eq!(next(&reports), "pass");
    thread.resume();
    thread.stop();

    let (source, readings) = unbounded();
    let planner = Planner::new(store.clone(), fleet(FLEET));
    let interval = Duration::from_millis(1);
    let thread = PlannerThread::start(planner, Fed(readings), interval, vec![], move |_| {
        reported.send("tick").unwrap();
        panic!("a trap");
    });
    let thread = thread.unwrap();
    feed(&source, || Ok(down(&[])));
    assert_eq!(next(&reports), "tick");
    thread.set_fleet(fleet(FLEET));
    drop(thread);
    assert_eq!(reports.try_iter().count(), 0);
}

#[test]
fn a_control_plane_plans_and_every_enactor_applies() {
    let store = MemoryStore::new(Retention::newest(3));
    let (report, reports) = unbounded();
    let (source, readings) = unbounded();
    let enactors = ["north", "south"].map(|name| Enactor::new(name, store.clone()));
    let control_plane = ControlPlane::start(
        Planner::new(store.clone(), fleet(FLEET)),
        Fed(readings),
        Duration::from_millis(1),
        enactors,
        pace(),
        move |done| {
            let _ = report.send(match done {
                ThreadReport::Planned(planned) => format!("{:?}", planned.as_ref().unwrap()),
                ThreadReport::Passed(index, pass) => {
                    let applied = matches!(pass, Ok(Pass::Applied { .. }));
                    format!("Enactor {index} applied: {applied}")
                }
            });
        },
    );
    let control_plane = control_plane.unwrap();
    assert_eq!(control_plane.enactors().len(), 2);
    feed(&source, || Ok(down(&[])));
    let mut seen = [(); 3].map(|()| next(&reports));
    seen.sort();
    let applied = [0, 1].map(|index| format!("Enactor {index} applied: true"));
    assert_eq!(seen[..2], applied);
    assert!(seen[2].starts_with("Published"), "{}", seen[2]);

    // The Planner's handle reaches its thread, and the Enactors outlive that thread.
    control_plane
        .planner()
        .set_fleet(fleet(&FLEET[..FLEET.rfind("[[").unwrap()]));
    let enactors = control_plane.stop_planner();
    assert_eq!(enactors.len(), 2);
    enactors[1].waker().wake();
    assert_eq!(next(&reports), "Enactor 1 applied: true");
}

/// An Enactor that is in a pass holds up the end, and the Planner has stopped before.
#[test]
fn a_control_plane_stops_its_planner_first() {
    struct Told(
        Fed,
        #[expect(dead_code, reason = "its drop tells")] Sender<()>,
    );

    impl HealthSource for Told {
        fn read(&mut self) -> Result<Health, HealthError> {
            self.0.read()
        }
    }

    let (entered, inside) = unbounded();
    let (hold, until) = unbounded::<()>();
    let store = Hooked::new(move |call, _| {
        if call == "sweep" {
            entered.send(()).unwrap();
            let _ = until.recv();
        }
        Fate::Done
    });
    let (source, readings) = unbounded();
    let (there, gone) = unbounded();
    let control_plane = ControlPlane::start(
        Planner::new(store.clone(), fleet(FLEET)),
        Told(Fed(readings), there),
        NEVER,
        [Enactor::new("enactor", store)],
        pace(),
        |_| {},
    );
    let control_plane = control_plane.unwrap();
    feed(&source, || Ok(down(&[])));
    next(&inside);
    let ending = std::thread::spawn(move || drop(control_plane));
    // The Planner's source is dropped when its thread ends.
    let planner = gone.recv_timeout(PATIENCE);
    drop(hold);
    ending.join().unwrap();
    assert_eq!(planner, Err(RecvTimeoutError::Disconnected));
}

#[test]
fn a_change_is_held_until_its_id_is_confirmed() {
    let store = MemoryStore::new(Retention::newest(3));
    let (planner, source, ticks) = planner(&store, Vec::new());
    let handle = planner.handle();
    assert_eq!(*handle.status(), Status::default());
    feed(&source, || Ok(down(&[])));
    next(&ticks).unwrap();
    planner.set_fleet(fleet(&FLEET[..FLEET.rfind("[[").unwrap()]));
    for _ in 0..2 {
        feed(&source, || Ok(down(&[])));
        next(&ticks).unwrap();
    }
    let status = handle.status();
    let [held] = &status.held[..] else {
        panic!("{status:?}")
    };
    assert_eq!(held.endpoint.as_str(), "b.example");
    assert_eq!(store.generations(), [generation(1)]);
    let unknown = "0".parse().unwrap();
    let confirm = |ids: &[_]| handle.confirm(ids, "tester", PATIENCE);
    assert_eq!(confirm(&[held.id, unknown]), Some(Err(unknown)));
    assert_eq!(*handle.status(), *status, "all or none");
    assert_eq!(confirm(&[held.id]), Some(Ok(())));
    assert_eq!(handle.status().held, []);
    assert_eq!(confirm(&[held.id]), Some(Err(held.id)));
    feed(&source, || Ok(down(&[])));
    let generation = generation(2);
    assert_eq!(next(&ticks).unwrap(), Planned::Published { generation });
    let newest = Some(generation);
    let nothing_held = Status {
        newest,
        ..Status::default()
    };
    assert_eq!(*handle.status(), nothing_held);
    // A handle may outlive the thread.
    drop(planner);
    assert_eq!(confirm(&[held.id]), None);
}

/// A source that tells what it is to watch.
struct Watching(Fed, Sender<Watchlist>);

impl HealthSource for Watching {
    fn watch(&mut self, list: &Watchlist) {
        let _ = self.1.send(list.clone());
    }

    fn read(&mut self) -> Result<Health, HealthError> {
        self.0.read()
    }
}

/// Also of the endpoint that the fleet does not name any more.
#[test]
fn row_11_the_source_is_told_to_watch_what_is_served() {
    let store = MemoryStore::new(Retention::newest(3));
    let (source, readings) = unbounded();
    let (telling, lists) = unbounded();
    let (report, ticks) = unbounded();
    let all = fleet(&FLEET.replace(
        r#"name = "b.example""#,
        r#"name = "c.example"
        target = [{ address = "192.0.2.9", zone = "z1", capacity = 1 }]
        [[endpoint]]
        name = "b.example""#,
    ));
    let planner = PlannerThread::start(
        Planner::new(store, all.clone()),
        Watching(Fed(readings), telling),
        NEVER,
        vec![],
        move |_| report.send(()).unwrap(),
    );
    let planner = planner.unwrap();
    let told = || {
        let list = next(&lists);
        let mut checks = list.targets.values().map(|watched| &watched.check);
        assert!(checks.all(|check| check == all.health_check()));
        let targets = list.targets.into_keys();
        targets.map(|target| target.address).collect::<Vec<_>>()
    };
    let watched = |targets: &[u8]| {
        let targets = targets.iter().map(|&last| [192, 0, 2, last].into());
        targets.collect::<Vec<IpAddr>>()
    };
    assert_eq!(told(), watched(&[1, 2, 3, 4, 9]));
    feed(&source, || {
        let target = CheckedTarget::from(IpAddr::from([192, 0, 2, 9]));
        let up = (target, TargetState::Up.into());
        let health = down(&[]);
        Ok(Health::new(health.at(), health.reports().chain([up])))
    });
    next(&ticks);
    // What is held keeps its targets on the list, and a new target is told at once: the
    // next reading is an hour away.
    let without = FLEET.replace("192.0.2.4", "192.0.2.7");
    planner.set_fleet(fleet(&without));
    assert_eq!(told(), watched(&[1, 2, 3, 4, 7, 9]));
    let handle = planner.handle();
    let id = handle.status().held[0].id;
    assert_eq!(handle.confirm(&[id], "tester", PATIENCE), Some(Ok(())));
    assert_eq!(told(), watched(&[1, 2, 3, 4, 7]));
}

/// What the checks name, such as a file of certificates, may have changed.
#[test]
fn the_source_is_told_again_after_the_same_fleet() {
    let store = MemoryStore::new(Retention::newest(3));
    let (source, readings) = unbounded();
    let (telling, lists) = unbounded();
    let (report, ticks) = unbounded();
    let planner = PlannerThread::start(
        Planner::new(store, fleet(FLEET)),
        Watching(Fed(readings), telling),
        NEVER,
        vec![],
        move |_| report.send(()).unwrap(),
    );
    let planner = planner.unwrap();
    let first = next(&lists);
    assert_eq!(first, Watchlist::of(&fleet(FLEET)));
    // The next reading is an hour away.
    feed(&source, || Ok(down(&[])));
    next(&ticks);
    planner.set_fleet(fleet(FLEET));
    assert_eq!(next(&lists), first);
}

/// The Planner that asks once an hour is told to ask each millisecond.
#[test]
fn row_12_another_fleet_brings_its_interval() {
    let store = MemoryStore::new(Retention::newest(3));
    let (source, readings) = unbounded();
    let (report, ticks) = unbounded();
    let hourly = format!("timings = {{ planner_interval_ms = 600000 }}\n{FLEET}");
    let planner = PlannerThread::start(
        Planner::new(store, fleet(&hourly)),
        Fed(readings),
        Duration::from_mins(10),
        vec![],
        move |_| report.send(()).unwrap(),
    );
    let planner = planner.unwrap();
    for _ in 0..3 {
        feed(&source, || Ok(down(&[])));
    }
    next(&ticks);
    planner.set_fleet(fleet(&hourly.replace("600000", "1")));
    next(&ticks);
    next(&ticks);
}

#[test]
fn another_fleet_is_planned_with_from_the_next_reading_on() {
    let store = MemoryStore::new(Retention::newest(3));
    let (planner, source, ticks) = planner(&store, Vec::new());
    feed(&source, || Ok(down(&[])));
    next(&ticks).unwrap();
    let grown = FLEET.replace(
        r#"name = "b.example""#,
        r#"name = "c.example"
        target = [{ address = "192.0.2.3", zone = "z1", capacity = 1 }]
        [[endpoint]]
        name = "b.example""#,
    );
    planner.set_fleet(fleet(&grown));
    feed(&source, || Ok(down(&[])));
    let tick = next(&ticks).unwrap();
    assert_eq!(
        tick,
        Planned::Published {
            generation: generation(2)
        }
    );
    let plan = Arc::clone(store.latest().unwrap().unwrap().plan());
    assert_eq!(plan.endpoints().len(), 3);
}

#[test]
fn an_enactor_that_panics_in_mid_pass_leaves_nothing_behind_and_goes_on() {
    let armed = Arc::new(AtomicBool::new(true));
    let trap = Arc::clone(&armed);
    let store = Hooked::new(move |call, endpoint| {
        let here = call == "activate" && endpoint.unwrap().as_str() == "b.example";
        assert!(!(here && trap.swap(false, Ordering::SeqCst)), "a trap");
        Fate::Done
    });
    let first = publish(&store, 1);
    let (thread, passes) = enactor(&store, pace());
    thread.waker().wake();
    let failed = next(&passes);
    assert!(failed.contains("a trap"), "{failed}");
    // Of its own accord, after the back-off.
    assert_eq!(next(&passes), "applied 1");
    // It holds no pin: once the plan is not needed, a sweep deletes it.
    for number in 2..=3 {
        publish(&store, number);
        thread.waker().wake();
        assert_eq!(next(&passes), format!("applied {number}"));
    }
    assert!(
        store.store.pin(first).is_err(),
        "{:?}",
        store.store.generations()
    );
    assert!(!armed.load(Ordering::SeqCst));
}

#[test]
fn while_one_enactor_is_stuck_in_mid_pass_another_applies() {
    let (hold, until) = unbounded::<()>();
    let (entered, inside) = unbounded();
    let first = AtomicBool::new(true);
    let store = Hooked::new(move |call, _| {
        if call == "activate" && first.swap(false, Ordering::SeqCst) {
            entered.send(()).unwrap();
            let _ = until.recv();
        }
        Fate::Done
    });
    publish(&store, 1);
    let (slow, slow_passes) = enactor(&store, pace());
    slow.waker().wake();
    next(&inside);
    publish(&store, 2);
    let (quick, quick_passes) = enactor(&store, pace());
    quick.waker().wake();
    assert_eq!(next(&quick_passes), "applied 2");
    assert!(
        store.store.pin(generation(1)).is_ok(),
        "the slow one holds it"
    );
    drop(hold);
    let told = next(&slow_passes);
    assert!(told.starts_with("Stale"), "{told}");
}

#[test]
fn many_wake_ups_while_paused_are_one_pass_of_the_newest_plan() {
    let store = Hooked::new(|_, _| Fate::Done);
    let (thread, passes) = enactor(&store, pace());
    thread.pause();
    for number in 1..=5 {
        publish(&store, number);
        thread.waker().wake();
    }
    publish(&store, 6);
    thread.resume();
    assert_eq!(next(&passes), "applied 6");
    thread.stop();
    assert_eq!(passes.try_iter().count(), 0, "no wake-up was queued");
}

#[test]
fn no_shutdown_is_lost_wherever_the_thread_is() {
    // Idle.
    let store = Hooked::new(|_, _| Fate::Done);
    enactor(&store, pace()).0.stop();
    // Paused.
    let (thread, _) = enactor(&store, pace());
    thread.pause();
    thread.stop();
    // Backing off, for an hour.
    let failing = Hooked::new(|_, _| Fate::Failed);
    let slow = Pace {
        backoff_first: NEVER,
        backoff_max: NEVER,
        ..pace()
    };
    let (thread, passes) = enactor(&failing, slow);
    thread.waker().wake();
    next(&passes);
    thread.stop();
    // In mid-pass: it finishes the pass.
    let (entered, inside) = unbounded();
    let (hold, until) = unbounded::<()>();
    let gated = Hooked::new(move |call, _| {
        if call == "stale_endpoints" {
            entered.send(()).unwrap();
            let _ = until.recv();
        }
        Fate::Done
    });
    publish(&gated, 1);
    let (thread, passes) = enactor(&gated, pace());
    thread.waker().wake();
    next(&inside);
    let ending = std::thread::spawn(move || drop(thread));
    drop(hold);
    assert_eq!(next(&passes), "applied 1");
    ending.join().unwrap();
}

/// What a pass asked of each endpoint, in order: steps and reads.
type Calls = Arc<Mutex<BTreeMap<EndpointName, Vec<&'static str>>>>;

#[test]
fn after_a_lost_reply_an_enactor_reads_before_it_steps_again() {
    let unanswered = Arc::new(AtomicUsize::new(0));
    for seed in 0..200 {
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        let calls = Calls::default();
        let lossy = Arc::new(AtomicBool::new(true));
        let (noted, losing) = (Arc::clone(&calls), Arc::clone(&lossy));
        let lost = Arc::clone(&unanswered);
        let store = Hooked::new(move |call, endpoint| {
            if let Some(endpoint) = endpoint {
                noted.lock().entry(endpoint.clone()).or_default().push(call);
            }
            if !losing.load(Ordering::SeqCst) || call == "state" {
                return Fate::Done;
            }
            let fate = match random.lock().u8(..6) {
                0 | 1 => Fate::Done,
                2 => Fate::Failed,
                3 => Fate::Lost { done: true },
                _ => Fate::Lost { done: false },
            };
            if matches!(fate, Fate::Lost { .. }) && endpoint.is_some() {
                lost.fetch_add(1, Ordering::SeqCst);
            }
            fate
        });
        let enactor = Enactor::new("enactor", store.clone());
        let mut before = BTreeMap::new();
        for number in 1..=4 {
            // The second and the fourth plan do not name b.example.
            let text = if number % 2 == 0 {
                &FLEET[..FLEET.rfind("[[").unwrap()]
            } else {
                FLEET
            };
            let wanted = fleet(text);
            let mut planner = Planner::new(store.store.clone(), wanted.clone());
            planner.tick(&drifted(number)).unwrap();
            if let Some(id) = planner.status().held.first().map(|held| held.id) {
                assert!(planner.confirm(id, Instant::now()));
                planner.tick(&drifted(number)).unwrap();
            }
            for _ in 0..5 {
                calls.lock().clear();
                let _ = enactor.pass();
                no_step_without_a_read_between(&calls);
                for endpoint in fleet(FLEET).endpoints() {
                    let now = store
                        .store
                        .state(endpoint.name())
                        .unwrap()
                        .standing
                        .generation();
                    let then = before.insert(endpoint.name().clone(), now).flatten();
                    assert!(now.is_none() || now >= then, "seed {seed}: went back");
                }
            }
        }
        lossy.store(false, Ordering::SeqCst);
        let applied = enactor.pass().unwrap();
        assert!(
            matches!(applied, Pass::Applied { .. }),
            "seed {seed}: {applied:?}"
        );
        let latest = store.store.latest().unwrap().unwrap();
        for (endpoint, _) in latest.plan().endpoints() {
            let active = store.store.state(endpoint).unwrap().standing.active();
            assert_eq!(active, Some(latest.generation()), "seed {seed}");
        }
    }
    assert!(
        unanswered.load(Ordering::SeqCst) > 1000,
        "few replies were lost"
    );
}

/// At each endpoint a second step is taken only after a read.
fn no_step_without_a_read_between(calls: &Calls) {
    for (endpoint, calls) in calls.lock().iter() {
        for pair in calls.windows(2) {
            assert!(pair.contains(&"state"), "{endpoint}: {calls:?}");
        }
    }
}
