//! The diagram: its look, and that it fits the terminal.

use std::path::Path;
use std::sync::Arc;

use control_plane::Fleet;
use drill::{Error, Outcome, diagram, outage};
use incident::{Actor, Event, IncidentStore, Journal, Step, Variant, Verdict};
use plan_store::{
    Activation, EndpointName, EndpointState, Generation, MemoryStore, Plan, PlanStore, RecordSet,
    Resolution, RetainReason, Standing, Swept, Target,
};

use crate::fleets::fleet;

const PLANNER: Actor = Actor::Planner;
const ONE: Actor = Actor::Enactor(1);
const TWO: Actor = Actor::Enactor(2);

fn endpoints() -> [EndpointName; 2] {
    ["a.example", "b.example"].map(|name| name.parse().unwrap())
}

/// A plan with the same records for both.
fn plan() -> Arc<Plan> {
    let records = || {
        let target = Target::new([192, 0, 2, 1].into(), 255);
        RecordSet::new(5, [target]).unwrap()
    };
    Arc::new(Plan::new(endpoints().map(|name| (name, records()))).unwrap())
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

/// Records the same answer for both endpoints.
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

/// A journal with at least one event of almost every kind.
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
    let drawn = diagram::draw(&journal.steps(), &journal.verdict(), 80);
    let expected = "
   Planner        Enactor 1             Enactor 2              Resolver
 1 ● publish 2    │                     │                      │
 2 │              │                     │                      ● no such name ×2
 4 │              │                     │                      ● from 2 ×2
 6 │              ● pick up 2           │                      │
 7 │              ● check: on none      │                      │
 8 │              │                     ● check: on 12         │
 9 │              │                     ● active 12 ×2         │
11 │              ● active 12→2 ×2      │                      │
   ✗ Monotonic: a.example: plan 2 overwrote plan 12
13 │              ● is on 2 ×2          │                      │
15 │              ● activate 2: ? ×2    │                      │
17 │              ● STALE: 2 < 12 ×2    │                      │
19 │              │                     ● withdrawn 2→12 ×2    │
21 │              │                     ● sweep: none          │
22 │              │                     ● sweep: keep 3,4      │
23 │              │                     ● delete 1..4          │
24 │              │                     │                      ● empty ×2
   ✗ ActiveKept: a.example: active plan 2 is deleted (by step 23)
   ✗ NeverEmpty: a.example resolved before and is empty now (by step 23)
26 │              ● FAILED              │                      │
   because: something was wrong something was wrong something was wrong
     something was wrong something was wrong something was wrong
27 │              │                     ● FAILED               │
28 ── Operator: plan 13 is not active everywhere: stuck ──
   ✗ Progress: plan 13 was published and could not be applied
29 ── Operator: repairs by hand, to plan 13 ×2 ──
";
    assert_eq!(format!("\n{drawn}"), expected);
}

/// The widths to draw at, from the narrowest to one with room to spare.
const WIDTHS: [usize; 7] = [40, 50, 60, 72, 80, 100, 200];

/// Asserts that no line is wider than that, at any width, and that each step's line has
/// its number and one mark.
fn assert_fits(steps: &[Step], verdict: &Verdict) {
    for width in WIDTHS {
        let drawn = diagram::draw(steps, verdict, width);
        for line in drawn.lines() {
            let length = line.chars().count();
            assert!(
                length <= width,
                "{length} characters of {width}: {line}\n{drawn}"
            );
        }
        let marks = drawn.lines().filter(|line| line.contains('●'));
        for line in marks {
            let number = line.split_whitespace().next().unwrap();
            assert!(number.parse::<usize>().is_ok(), "{line}");
            assert_eq!(line.matches('●').count(), 1, "{line}");
        }
    }
}

/// Asserts that each step's line has its mark or a lifeline below every name, and no mark or
/// lifeline elsewhere.
fn assert_lines_up(drawn: &str) {
    let names = drawn.lines().next().unwrap();
    let starts = ["Planner", "Enactor 1", "Enactor 2", "Enactor 3", "Resolver"];
    let columns: Vec<usize> = starts.iter().filter_map(|name| names.find(name)).collect();
    assert!(!columns.is_empty(), "{drawn}");
    for line in drawn.lines().filter(|line| line.contains('●')) {
        let is_mark = |c: &(usize, char)| matches!(c.1, '│' | '●');
        let marks = line.chars().enumerate().filter(is_mark);
        let marks: Vec<usize> = marks.map(|(at, _)| at).collect();
        assert_eq!(marks, columns, "{line}\n{drawn}");
    }
}

fn load(name: &str) -> Fleet {
    let fleets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fleets");
    Fleet::load(&fleets.join(name)).unwrap()
}

/// The outage, repaired by hand, on the store of October 2025.
fn broken(fleet: &Fleet) -> Outcome {
    let repair = |store: &IncidentStore, endpoint: &EndpointName| -> Result<(), Error> {
        Ok(store.repair(&store.latest().unwrap().unwrap(), endpoint)?)
    };
    let store = IncidentStore::new(Variant::LockPerEndpoint, fleet.retention());
    outage(fleet, store, 1, Some(&repair)).unwrap()
}

/// The same schedule on the repaired store.
fn fixed(fleet: &Fleet) -> Outcome {
    outage(fleet, MemoryStore::new(fleet.retention()), 1, None).unwrap()
}

#[test]
fn the_shipped_fleets_line_up_in_80_columns_and_fit_into_fewer() {
    for name in ["small.toml", "dynamodb-us-east-1.toml"] {
        let fleet = load(name);
        for outcome in [broken(&fleet), fixed(&fleet)] {
            assert_fits(&outcome.steps, &outcome.verdict);
            assert_lines_up(&diagram::draw(&outcome.steps, &outcome.verdict, 80));
        }
    }
}

#[test]
fn the_outage_and_the_fixed_run_fit_whatever_the_generations() {
    // Generations of one, two and three digits.
    for keep_newest in [1, 3, 12, 120] {
        let fleet = fleet(keep_newest);
        let broken = broken(&fleet);
        assert_fits(&broken.steps, &broken.verdict);
        let drawn = diagram::draw(&broken.steps, &broken.verdict, 100);
        assert_lines_up(&drawn);
        for invariant in ["Monotonic", "ActiveKept", "NeverEmpty", "Progress"] {
            assert!(drawn.contains(&format!(" ✗ {invariant}: ")), "{drawn}");
        }
        assert!(drawn.contains("Operator: repairs by hand"));

        let fixed = fixed(&fleet);
        assert_fits(&fixed.steps, &fixed.verdict);
        let drawn = diagram::draw(&fixed.steps, &fixed.verdict, 100);
        assert_lines_up(&drawn);
        assert!(
            drawn.contains("STALE: 2 < ") && !drawn.contains('✗'),
            "{drawn}"
        );
    }
}

#[test]
fn only_actors_that_take_part_have_a_lifeline() {
    // A Planner and two Enactors, as in a counterexample of `explore`.
    let journal = Journal::keeping_steps();
    let (generation, plan) = (g(1), plan());
    journal.record(PLANNER, Event::Published { generation, plan });
    for enactor in [ONE, TWO] {
        journal.record(enactor, Event::PickedUp { generation });
        let replaced = EndpointState::VACANT;
        steps(
            &journal,
            enactor,
            1,
            false,
            Activation::Activated { replaced },
        );
        journal.record(enactor, sweep(&[], &[1]));
    }
    journal.record(Actor::Operator, Event::NoProgress { generation });
    assert_fits(&journal.steps(), &journal.verdict());
    let drawn = diagram::draw(&journal.steps(), &journal.verdict(), 80);
    assert_lines_up(&drawn);
    let names: Vec<_> = drawn.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(names, ["Planner", "Enactor", "1", "Enactor", "2"]);
}

#[test]
fn a_text_that_is_too_long_is_cut_and_its_count_is_kept() {
    let journal = Journal::keeping_steps();
    let (generation, replaced) = (Generation::MAX.get(), on(Generation::MAX.get() - 1));
    let activated = Activation::Activated { replaced };
    steps(&journal, TWO, generation, true, activated);
    let event = Event::PickedUp {
        generation: g(generation),
    };
    journal.record(ONE, event);
    assert_fits(&journal.steps(), &journal.verdict());
    let drawn = diagram::draw(&journal.steps(), &journal.verdict(), 40);
    assert!(drawn.contains("● withdrawn 214"), "{drawn}");
    assert!(drawn.contains("… ×2\n"), "{drawn}");
}

#[test]
fn in_a_narrow_terminal_a_text_covers_lifelines_and_names_are_short() {
    let journal = small_journal();
    let drawn = diagram::draw(&journal.steps(), &journal.verdict(), 40);
    let names: Vec<_> = drawn.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(names, ["P", "E1", "E2", "R"]);
    assert!(drawn.contains("● active 12→2 ×2"), "{drawn}");
    // A smaller width is replaced by the smallest one.
    let narrowest = |width| diagram::draw(&journal.steps(), &journal.verdict(), width);
    assert_eq!(narrowest(0), narrowest(diagram::MIN_WIDTH));
}

#[test]
fn an_empty_journal_has_an_empty_diagram() {
    let verdict = Journal::keeping_steps().verdict();
    assert_eq!(diagram::draw(&[], &verdict, 80), "\n");
}
