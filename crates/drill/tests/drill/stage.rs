//! The stage holds an actor until the schedule releases it. After the stage is dropped, no
//! actor is held.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use drill::{Error, Stage};
use incident::{Actor, Hook, Point};

/// The time after which a hanging test fails. Nothing else depends on it.
const FAIL_SAFE: Duration = Duration::from_mins(1);

const PASS: [Point; 3] = [Point::PickUp, Point::Check, Point::Sweep];

/// Starts an actor that reaches these points one after the other, and sends each point that
/// it has passed. The channel closes when the actor ends.
fn actor(
    hook: Arc<dyn Hook>,
    actor: Actor,
    points: &'static [Point],
    past: Sender<(Actor, Point)>,
) {
    thread::spawn(move || {
        for point in points {
            hook.reach(actor, point);
            past.send((actor, point.clone())).unwrap();
        }
    });
}

/// The points passed so far. Exact for actors that are held.
fn told(past: &Receiver<(Actor, Point)>) -> Vec<(Actor, Point)> {
    past.try_iter().collect()
}

fn wait_for_the_end(past: &Receiver<(Actor, Point)>) -> usize {
    let next = || past.recv_timeout(FAIL_SAFE);
    let end = std::sync::mpsc::RecvTimeoutError::Disconnected;
    let mut count = 0;
    loop {
        match next() {
            Ok(_) => count += 1,
            Err(error) => {
                assert_eq!(error, end, "an actor is still held");
                return count;
            }
        }
    }
}

#[test]
fn a_held_actor_stays_until_it_is_released() {
    let [one, two, _] = Actor::ENACTORS;
    let (stage, (past, log)) = (Stage::new(), channel());
    actor(stage.hook(), one, &PASS, past.clone());
    actor(stage.hook(), two, &PASS, past);

    stage.run(one, &Point::Check).unwrap();
    assert_eq!(told(&log), [(one, Point::PickUp)]);
    stage.run(two, &Point::Sweep).unwrap();
    assert_eq!(told(&log), [(two, Point::PickUp), (two, Point::Check)]);
    stage.run(one, &Point::Sweep).unwrap();
    assert_eq!(told(&log), [(one, Point::Check)]);

    drop(stage);
    assert_eq!(wait_for_the_end(&log), 2, "both pass their last point");
}

#[test]
fn an_actor_runs_past_the_points_before_its_goal_and_stops_at_the_next_of_its_kind() {
    const PASSES: [Point; 5] = [
        Point::PickUp,
        Point::Sweep,
        Point::PickUp,
        Point::Sweep,
        Point::PassEnd,
    ];
    let planner = Actor::Planner;
    let (stage, (past, log)) = (Stage::new(), channel());
    actor(stage.hook(), planner, &PASSES, past);
    stage.run(planner, &Point::Sweep).unwrap();
    assert_eq!(told(&log).len(), 1);
    stage.run(planner, &Point::Sweep).unwrap();
    assert_eq!(told(&log).len(), 2, "held at the second sweep");
    stage.run(planner, &Point::PassEnd).unwrap();
    assert_eq!(told(&log).len(), 1);
    drop(stage);
    assert_eq!(wait_for_the_end(&log), 1);
}

#[test]
fn a_schedule_that_panics_releases_all_actors() {
    let (stage, (past, log)) = (Stage::new(), channel());
    for enactor in Actor::ENACTORS {
        actor(stage.hook(), enactor, &PASS, past.clone());
    }
    drop(past);
    let directed = catch_unwind(AssertUnwindSafe(move || {
        stage.run(Actor::Enactor(1), &Point::Check).unwrap();
        panic!("the schedule fails");
    }));
    assert!(directed.is_err());
    assert_eq!(wait_for_the_end(&log), 9);
}

#[test]
fn a_wrong_schedule_ends_in_an_error_that_names_the_actor_and_the_point() {
    let enactor = Actor::Enactor(2);
    let stage = Stage::with_patience(Duration::from_millis(10));
    let (past, log) = channel();
    let wait_in_vain = || stage.run(enactor, &Point::PassEnd).unwrap_err();
    let absent = wait_in_vain();
    assert!(matches!(absent, Error::NobodyThere { actor, .. } if actor == enactor));
    assert_eq!(
        absent.to_string(),
        "Enactor 2 did not reach the end of a pass; the schedule does not fit this fleet or store"
    );
    // The actor is held, but never reaches this goal.
    actor(stage.hook(), enactor, &PASS, past);
    assert!(matches!(wait_in_vain(), Error::NobodyThere { .. }));
    drop(stage);
    assert_eq!(wait_for_the_end(&log), PASS.len());
}

#[test]
fn each_point_has_a_name_for_people() {
    let step = Point::Step("a.example".parse().unwrap());
    let points = [
        (Point::ReadHealth, "its health source"),
        (Point::Publish, "a publish"),
        (Point::PickUp, "a pick-up"),
        (Point::Check, "the check"),
        (step, "its step at a.example"),
        (Point::Sweep, "a sweep"),
        (Point::PassEnd, "the end of a pass"),
    ];
    for (point, name) in points {
        assert_eq!(point.to_string(), name);
    }
}
