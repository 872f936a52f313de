//! What the diagram looks like, and that its columns line up whatever is in them.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::sync::Arc;

use common::fleet;
use drill::{Error, diagram, outage};
use incident::{Actor, Event, IncidentStore, Journal, Variant};
use plan_store::{
    Activation, EndpointName, EndpointState, Generation, MemoryStore, Plan, PlanStore, RecordSet,
    Resolution, RetainReason, Standing, Swept, Target,
};

const PLANNER: Actor = Actor::Planner;
const ONE: Actor = Actor::Enactor(1);
const TWO: Actor = Actor::Enactor(2);

fn endpoints() -> [EndpointName; 2] {
    ["a.example", "b.example"].map(|name| name.parse().unwrap())
}

/// A plan with the same records for both.
fn plan() -> Arc<Plan> {
    let records = |name: &EndpointName| {
        let target = Target::new([192, 0, 2, 1].into(), 255);
        RecordSet::new(name, 5, [target]).unwrap()
    };
    Arc::new(Plan::new(endpoints().map(|name| (name.clone(), records(&name)))).unwrap())
}

fn g(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

fn on(generation: u32) -> EndpointState {
    EndpointState {
        standing: Standing::Active(g(generation)),
        rollback: None,
    }
}

/// A step of the actor at both endpoints.
fn steps(journal: &Journal, actor: Actor, generation: u32, withdraws: bool, outcome: Activation) {
    for endpoint in endpoints() {
        let generation = g(generation);
        let event = Event::Stepped {
            endpoint,
            generation,
            withdraws,
            outcome,
        };
        journal.record(actor, event);
    }
}

fn sweep(deleted: &[u32], spared: &[u32]) -> Event {
    let spared = spared
        .iter()
        .map(|&number| (g(number), RetainReason::Active));
    Event::Swept {
        applied: g(9),
        swept: Swept {
            deleted: deleted.iter().copied().map(g).collect(),
            spared: spared.collect(),
        },
    }
}

/// What clients are told at both endpoints.
fn resolved(journal: &Journal, resolution: &Resolution) {
    for endpoint in endpoints() {
        let resolution = resolution.clone();
        let event = Event::Resolved {
            endpoint,
            resolution,
            told: None,
        };
        journal.record(Actor::Resolver, event);
    }
}

/// One event of each kind, as good as that goes.
fn small_journal() -> Arc<Journal> {
    let journal = Journal::keeping_steps();
    let (generation, plan) = (g(2), plan());
    let records = Arc::clone(plan.records(&endpoints()[0]).unwrap());
    journal.record(PLANNER, Event::Published { generation, plan });
    resolved(&journal, &Resolution::Vacant);
    let answer = Resolution::Answer {
        generation,
        records,
    };
    resolved(&journal, &answer);
    journal.record(ONE, Event::PickedUp { generation });
    journal.record(ONE, Event::Checked { newest: None });
    let newest = Some(g(12));
    journal.record(TWO, Event::Checked { newest });
    let replaced = EndpointState::VACANT;
    steps(&journal, TWO, 12, false, Activation::Activated { replaced });
    let replaced = on(12);
    steps(&journal, ONE, 2, false, Activation::Activated { replaced });
    steps(&journal, ONE, 2, false, Activation::Already);
    steps(&journal, ONE, 2, false, Activation::Unknown);
    steps(&journal, ONE, 2, true, Activation::Stale { newer: g(12) });
    let replaced = on(2);
    steps(&journal, TWO, 12, true, Activation::Activated { replaced });
    journal.record(TWO, sweep(&[], &[]));
    journal.record(TWO, sweep(&[], &[3, 4]));
    journal.record(TWO, sweep(&[1, 2, 3, 4], &[5]));
    resolved(&journal, &Resolution::Dangling { generation });
    let failed = |error: String| Event::Failed { error, gone: None };
    journal.record(ONE, failed("something was wrong ".repeat(6)));
    journal.record(TWO, failed("something else was wrong".into()));
    journal.record(Actor::Operator, Event::NoProgress { generation: g(13) });
    for endpoint in endpoints() {
        let generation = g(13);
        let event = Event::Repaired {
            endpoint,
            generation,
        };
        journal.record(Actor::Operator, event);
    }
    journal
}

#[test]
fn a_small_journal_looks_like_this() {
    let journal = small_journal();
    let drawn = diagram::draw(&journal.steps(), &journal.verdict());
    let expected = "
     Planner      Enactor 1            Enactor 2            Enactor 3            Resolver
   1 ● publish 2  │                    │                    │                    │
   2 │            │                    │                    │                    ● no such name ×2
   4 │            │                    │                    │                    ● from plan 2 ×2
   6 │            ● pick up 2          │                    │                    │
   7 │            ● check: none active │                    │                    │
   8 │            │                    ● check: active 12   │                    │
   9 │            │                    ● activate 12 ×2     │                    │
  11 │            ● activate 12→2 ×2   │                    │                    │
     ✗ Monotonic: a.example: plan 2 over plan 12
  13 │            ● already on 2 ×2    │                    │                    │
  15 │            ● activate 2: ? ×2   │                    │                    │
  17 │            ● STALE: 2 < 12 ×2   │                    │                    │
  19 │            │                    ● withdraw 2→12 ×2   │                    │
  21 │            │                    ● sweep: none old    │                    │
  22 │            │                    ● sweep, spare 3,4   │                    │
  23 │            │                    ● delete 1..4        │                    │
  24 │            │                    │                    │                    ● NOERROR empty ×2
     ✗ ActiveKept: a.example: active plan 2 is deleted (by step 23)
     ✗ NeverEmpty: a.example has resolved before, and now to nothing (by step 23)
  26 │            ● FAILED             │                    │                    │
     because: something was wrong something was wrong something was wrong something was wrong
       something was wrong something was wrong
  27 │            │                    ● FAILED             │                    │
  28 ── Operator: plan 13 is not active everywhere: stuck ──
     ✗ Progress: plan 13 was published and could not be applied
  29 ── Operator: repairs by hand, to plan 13 ×2 ──
";
    assert_eq!(format!("\n{drawn}"), expected);
}

/// Where the lifelines of the diagram are.
const COLUMNS: [usize; 5] = [5, 18, 39, 60, 81];

/// Asserts that each step's line has its mark or a lifeline in each column and
/// nowhere else, and that all lines fit.
fn assert_lines_up(drawn: &str) {
    for line in drawn.lines().skip(1) {
        let chars: Vec<char> = line.chars().collect();
        assert!(chars.len() <= 100, "{} columns: {line}", chars.len());
        if chars[5..].starts_with(&['─', '─']) || chars[..5] == [' '; 5] {
            continue;
        }
        let mark = |at: &usize| matches!(chars[*at], '│' | '●');
        let marks: Vec<usize> = (0..chars.len()).filter(mark).collect();
        assert_eq!(marks, COLUMNS, "{line}");
        assert_eq!(chars.iter().filter(|&&c| c == '●').count(), 1, "{line}");
        assert!(COLUMNS[1..].iter().all(|at| chars[at - 1] == ' '), "{line}");
    }
}

#[test]
fn the_outage_and_the_fixed_run_line_up_in_100_columns() {
    let repair = |store: &IncidentStore, endpoint: &EndpointName| -> Result<(), Error> {
        Ok(store.repair(&store.latest()?.unwrap(), endpoint)?)
    };
    // Generations of one, two and three digits.
    for keep_newest in [1, 3, 12, 120] {
        let fleet = fleet(keep_newest);
        let incident = IncidentStore::new(Variant::LockPerEndpoint, fleet.retention());
        let broken = outage(&fleet, incident, 1, Some(&repair)).unwrap();
        let drawn = diagram::draw(&broken.steps, &broken.verdict);
        assert_lines_up(&drawn);
        for invariant in ["Monotonic", "ActiveKept", "NeverEmpty", "Progress"] {
            assert!(drawn.contains(&format!("     ✗ {invariant}: ")), "{drawn}");
        }
        assert!(drawn.contains("Operator: repairs by hand"));

        let fixed = outage(&fleet, MemoryStore::new(fleet.retention()), 1, None).unwrap();
        let drawn = diagram::draw(&fixed.steps, &fixed.verdict);
        assert_lines_up(&drawn);
        assert!(
            drawn.contains("STALE: 2 < ") && !drawn.contains('✗'),
            "{drawn}"
        );
    }
}

#[test]
fn a_text_that_is_too_long_is_cut_and_the_count_is_kept() {
    let journal = Journal::keeping_steps();
    let (generation, replaced) = (Generation::MAX.get(), on(Generation::MAX.get() - 1));
    steps(
        &journal,
        TWO,
        generation,
        false,
        Activation::Activated { replaced },
    );
    let drawn = diagram::draw(&journal.steps(), &journal.verdict());
    assert_lines_up(&drawn);
    assert!(drawn.contains("● activate 21474… ×2 │"), "{drawn}");
}

#[test]
fn nothing_is_drawn_of_nothing_but_the_names() {
    let drawn = diagram::draw(&[], &Journal::keeping_steps().verdict());
    assert_eq!(drawn.lines().count(), 1);
    let names = ["Planner", "Enactor 1", "Enactor 2", "Enactor 3", "Resolver"];
    for (name, at) in names.iter().zip(COLUMNS) {
        assert!(drawn[at..].starts_with(name), "{drawn}");
    }
}
