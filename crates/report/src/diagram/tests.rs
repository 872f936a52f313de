//! The picture in each language.

use std::sync::Arc;

use incident::{Actor, Event, Journal};
use plan_store::{
    Activation, EndpointName, EndpointState, Generation, Plan, RecordSet, Resolution, RetainReason,
    Standing, Swept, Target,
};

use super::svg;
use crate::lang::Lang;

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

/// The texts of a picture.
fn texts(svg: &str) -> impl Iterator<Item = &str> {
    let texts = svg.split("<text ").skip(1);
    texts
        .filter_map(|text| text.split_once('>')?.1.split_once("</text>"))
        .map(|(text, _)| text)
}

#[test]
fn in_japanese_only_names_and_numbers_stay_untranslated() {
    let journal = small_journal();
    let (steps, verdict) = (journal.steps(), journal.verdict());
    let is_japanese = |c: char| ('\u{3040}'..='\u{9fff}').contains(&c);
    for width in [400.0, 1000.0] {
        let svg = |lang| svg("", &steps, &verdict, width, lang).inline();
        let english = svg(Lang::En);
        assert!(!english.contains(is_japanese), "{english}");
        let japanese = svg(Lang::Ja);
        assert_eq!(
            japanese.matches("<circle").count(),
            english.matches("<circle").count()
        );
        for text in texts(&japanese) {
            let is_name = ["Planner", "Enactor "]
                .iter()
                .any(|name| text.starts_with(name));
            let is_initial = text.chars().count() == 1;
            let is_number = text.parse::<u32>().is_ok();
            // The store's message is quoted.
            let is_quoted = text.contains("something");
            let is_plain = is_name || is_initial || is_number || is_quoted;
            assert!(is_plain || text.contains(is_japanese), "{text}");
        }
        for word in [
            "公開",
            "取得",
            "確認",
            "有効化",
            "取り下げ",
            "掃除",
            "削除",
            "失敗",
            "復旧",
        ] {
            assert!(japanese.contains(word), "{word}: {japanese}");
        }
    }
}
