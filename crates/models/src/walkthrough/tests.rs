//! Tests of the schedules, of the moments and of the page's texts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use incident::{Actor, Event, Step, Variant};
use plan_store::{Activation, Generation, Standing};

use super::execution::Kept;
use super::schedule::Schedule;
use super::{Run, Walkthrough};
use crate::checker::Loads;
use crate::must_be;
use crate::outage::{Protocol, Setup};

/// Steps of the Planner (P) and of Enactors (a number).
fn steps(actors: &str) -> Vec<Step> {
    let actor = |c: char| match c.to_digit(10) {
        Some(number) => Actor::Enactor(u8::try_from(number).unwrap()),
        None => Actor::Planner,
    };
    let generation = Generation::FIRST;
    let step = |(at, c)| Step {
        number: at + 1,
        actor: actor(c),
        event: Event::PickedUp { generation },
    };
    actors.chars().enumerate().map(step).collect()
}

fn followed(schedule: &str, race: &str) -> usize {
    Schedule::of(&steps(schedule)).followed_by(&steps(race))
}

#[test]
fn a_race_follows_a_schedule_as_far_as_its_passes_allow() {
    assert_eq!(followed("22P111122", "22P111122"), 9);
    assert_eq!(followed("22P111122", "22P11112"), 9, "a pass ended early");
    assert_eq!(followed("22P1112", "22P11112"), 7, "a pass is longer");
    assert_eq!(followed("22P111122", "22P221111"), 3);
    assert_eq!(followed("22P111122", "P22111122"), 0);
}

#[test]
fn steps_of_the_same_actor_share_a_position() {
    let beside = |race: &str| Schedule::of(&steps("2P12")).beside(&steps(race));
    let same = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)];
    assert_eq!(beside("2P12"), same);
    assert_eq!(beside("2P1")[3..], [(3, 3), (4, 3)]);
    assert_eq!(beside("2P112")[3..], [(3, 3), (3, 4), (4, 5)]);
    let other_order = beside("22P1");
    assert_eq!(
        other_order,
        [(0, 0), (1, 1), (1, 2), (2, 3), (3, 4), (4, 4)]
    );
}

/// The page starts from the same execution that `explore` draws in the terminal.
#[test]
fn the_counterexample_is_the_one_that_is_drawn() {
    for protocol in Protocol::ALL {
        let drawn = protocol.explore(Setup::SMALL).findings.counterexample(None);
        let run = Run::counterexample(protocol, None, Setup::SMALL);
        let run = run.map(|run| (run.execution.steps, run.execution.verdict));
        assert_eq!(run, drawn, "{protocol}");
        assert_eq!(run.is_some(), protocol != Protocol::Repaired);
    }
}

/// How many executions of the protocol the journal explains, of how many.
fn explained(protocol: Protocol) -> (usize, usize) {
    let explained = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&explained);
    let explored = protocol.watch(Setup::SMALL, move |execution| {
        count.fetch_add(execution.moments().is_some().into(), Ordering::Relaxed);
    });
    (explained.load(Ordering::Relaxed), explored.executions)
}

/// loom lets no thread run between a step on the incident's store and its record. So the
/// moments of every execution end in the state that the store was left in, if no load returns
/// an older value.
#[test]
fn the_moments_of_the_incidents_store_end_as_the_store_does() {
    for protocol in [
        Protocol::Incident(Variant::Incident),
        Protocol::Incident(Variant::SpareActiveAndRollback),
        Protocol::LockPerPass,
    ] {
        let (explained, executions) = Loads::Rmw.during(|| explained(protocol));
        assert_eq!(explained, executions, "{protocol}");
    }
}

#[test]
fn an_execution_that_is_recorded_late_or_reads_older_values_is_left_out() {
    let (explained, executions) = explained(Protocol::Repaired);
    assert!(
        explained * 2 > executions && explained < executions,
        "{explained} of {executions}"
    );
}

/// The counterexample of the incident's protocol.
fn incident() -> Run {
    let protocol = Protocol::Incident(Variant::Incident);
    must_be(Run::counterexample(protocol, None, Setup::SMALL))
}

#[test]
fn a_journal_that_does_not_explain_an_answer_has_no_moments() {
    let run = incident();
    let changed = |change: &dyn Fn(&mut Event)| {
        let mut execution = run.execution.clone();
        execution
            .steps
            .iter_mut()
            .for_each(|step| change(&mut step.event));
        execution.moments().is_some()
    };
    let second = Generation::new(2).unwrap();
    assert!(changed(&|_| {}));
    assert!(!changed(&|event| {
        if let Event::Checked { newest } = event {
            *newest = Some(second);
        }
    }));
    assert!(!changed(&|event| {
        if let Event::Stepped { outcome, .. } = event {
            *outcome = Activation::Already;
        }
    }));
    assert!(!changed(&|event| {
        if let Event::Swept { swept, .. } = event {
            swept.deleted.clear();
        }
    }));
    assert!(!changed(&|event| {
        if let Event::PickedUp { generation } = event {
            *generation = Generation::FIRST;
        }
    }));
}

#[test]
fn the_moments_show_the_deletion_of_the_plan_that_becomes_active() {
    let run = incident();
    let g = |n| Generation::new(n).unwrap();
    let moment = |taken: usize| &run.moments[taken];
    let active = |taken| {
        let states = moment(taken).endpoints.values();
        states.map(|state| state.standing).collect::<Vec<_>>()
    };
    // 22P111122: the seventh step sweeps, the eighth is the stale overwrite.
    assert_eq!(moment(2).pins, BTreeMap::from([(Actor::Enactor(2), g(2))]));
    assert_eq!(active(5), [Standing::Active(g(1))]);
    assert_eq!(active(7), [Standing::Active(g(3))]);
    assert_eq!(moment(6).plans[&g(2)], Kept::There);
    assert_eq!(moment(7).plans[&g(2)], Kept::DeletedBy(10));
    assert_eq!(active(8), [Standing::Active(g(2))]);
    assert_eq!(moment(8).plans[&g(2)], Kept::DeletedBy(10));
    assert_eq!(moment(9).pins, BTreeMap::new(), "both passes have ended");
}

#[test]
fn every_other_protocol_is_shown_under_the_same_schedule() {
    let protocol = Protocol::Incident(Variant::Incident);
    let walkthrough = must_be(Walkthrough::explore(protocol, None, Setup::SMALL));
    let others = walkthrough.others.iter().map(|run| run.protocol);
    assert!(others.eq(Protocol::ALL.into_iter().skip(1)));
    for run in &walkthrough.others {
        let followed = walkthrough.schedule.followed_by(run.execution.race());
        let follows = followed == walkthrough.schedule.len();
        // A thread waits for the lock, where the schedule lets it run.
        assert_eq!(
            follows,
            run.protocol != Protocol::LockPerPass,
            "{}",
            run.protocol
        );
        let broken = run.execution.verdict.keys();
        assert!(broken.clone().all(|it| run.protocol.broken().contains(it)));
        let breaks = run.execution.verdict.len();
        assert_eq!(
            breaks == 0,
            run.protocol == Protocol::Repaired,
            "{}",
            run.protocol
        );
    }
    let html = walkthrough.html();
    let refused = "Enactor 2 tries to activate plan 2 at a.example. The store refuses it as stale";
    // The three protocols that decide freshness in the write.
    assert_eq!(html.matches(refused).count(), 3);
}

#[test]
fn a_protocol_that_breaks_nothing_is_shown_under_the_incidents_schedule() {
    let run = Walkthrough::explore(Protocol::Repaired, None, Setup::SMALL);
    let walkthrough = must_be(run);
    assert_eq!(
        walkthrough.schedule,
        Schedule::of(incident().execution.race())
    );
    let (steps, verdict) = walkthrough.steps();
    assert!(verdict.is_empty());
    let refused = |step: &&Step| {
        matches!(
            &step.event,
            Event::Stepped {
                outcome: Activation::Stale { .. },
                ..
            }
        )
    };
    assert_eq!(steps.iter().filter(refused).count(), 1);
}
