//! The page of `explore --html` in a browser: the steps, the store at each step, themes,
//! keyboard and phone. What it shows is compared with the journal of the same execution.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use incident::{Event, Step, Verdict};
use models::outage::{Protocol, Setup};
use models::walkthrough::Walkthrough;
use plan_store::{Activation, Generation};
use scraper::{Html, Selector};
use serde_json::{Value, json};

use crate::chromium::Open;

const DESKTOP: (u32, u32) = (1280, 1000);
const PHONE: (u32, u32) = (360, 740);

/// A page in a file, with the steps that it shows.
struct Page {
    file: PathBuf,
    walkthrough: Walkthrough,
}

impl Page {
    /// The page of the incident's counterexample.
    fn incident() -> &'static Self {
        static PAGE: OnceLock<Page> = OnceLock::new();
        PAGE.get_or_init(|| Self::write(Protocol::ALL[0]))
    }

    /// The page of the repaired store.
    fn repaired() -> &'static Self {
        static PAGE: OnceLock<Page> = OnceLock::new();
        PAGE.get_or_init(|| Self::write(Protocol::Repaired))
    }

    fn write(protocol: Protocol) -> Self {
        let walkthrough = Walkthrough::explore(protocol, None, Setup::SMALL).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.join(format!("walkthrough-{}.html", protocol.id()));
        fs::write(&file, walkthrough.html()).unwrap();
        Self { file, walkthrough }
    }

    fn open(&self, query: &str, size: (u32, u32)) -> Open {
        Open::new(&self.file, query, size)
    }

    fn html(&self) -> Html {
        Html::parse_document(&fs::read_to_string(&self.file).unwrap())
    }

    /// The number of the step before the race, and of the last step.
    fn numbers(&self) -> (usize, usize) {
        let (steps, _) = self.walkthrough.steps();
        // Two plans are published, and one name is resolved.
        (3, steps.len())
    }
}

/// The number of the current step in this run; `null` before the race.
fn step(open: &Open, run: usize) -> Value {
    open.ask(&format!(
        "(() => {{
            const it = RUNS[{run}].querySelector('.current .step');
            return it.getAttribute('aria-current') === 'step' ? Number(it.id.split('-').at(-1)) : -1;
        }})()"
    )
    .replace("RUNS", RUNS))
}

/// The visible runs.
const RUNS: &str = "[...document.querySelectorAll('.run')].filter((it) => it.checkVisibility())";

/// The visible state of the first run, as rows of cells.
fn state(open: &Open) -> Vec<Vec<String>> {
    let rows = open.ask(
        "[...document.querySelectorAll('.run tr')].filter((it) => it.checkVisibility() && it.closest('.run').matches(':first-child'))
            .map((row) => [...row.children].map((cell) => cell.textContent))",
    );
    serde_json::from_value(rows).unwrap()
}

fn go(open: &Open, to: &str) {
    open.ask(&format!("document.querySelector('[data-go={to}]').click()"));
}

/// The store according to the journal: what is active, and which plans are deleted by which
/// step, after the step with this number.
fn expected(steps: &[Step], number: usize) -> (Generation, BTreeSet<(Generation, usize)>) {
    let mut active = Generation::FIRST;
    let mut deleted = BTreeSet::new();
    for step in steps.iter().take(number) {
        match &step.event {
            Event::Stepped {
                generation,
                outcome: Activation::Activated { .. },
                ..
            } => active = *generation,
            Event::Swept { swept, .. } => {
                deleted.extend(swept.deleted.iter().map(|plan| (*plan, step.number)));
            }
            _ => {}
        }
    }
    (active, deleted)
}

/// Asserts that the page shows what the journal says of this step.
fn assert_shows(open: &Open, steps: &[Step], verdict: &Verdict, number: usize) {
    let shown = state(open);
    let has = |row: &[&str]| {
        shown
            .iter()
            .any(|it| it.iter().zip(row).all(|(a, b)| a == b))
    };
    let (active, deleted) = expected(steps, number);
    let plan = if deleted.iter().any(|(plan, _)| *plan == active) {
        format!("✗ plan {active}, deleted: dangling")
    } else {
        format!("plan {active}")
    };
    assert!(has(&["a.example", &plan]), "{number}: {shown:?}");
    for plan in 1..=3 {
        let plan = Generation::new(plan).unwrap();
        let by = deleted.iter().find(|(deleted, _)| *deleted == plan);
        let published = |step: &Step| matches!(step.event, Event::Published { generation, .. } if generation == plan);
        let is_known = steps.iter().take(number).any(published);
        let kept = by.map_or("yes".into(), |(_, by)| format!("✗ deleted by step {by}"));
        assert_eq!(
            has(&[&plan.to_string(), &kept]),
            is_known,
            "{number}: {shown:?}"
        );
    }
    for (invariant, breach) in verdict {
        let by = breach.broken_at.to_string();
        let row = [format!("✗ {invariant}"), by];
        let is_broken = breach.broken_at <= number;
        assert_eq!(has(&[&row[0], &row[1]]), is_broken, "{number}: {shown:?}");
    }
    // The line under the current step names exactly the invariants that it breaks.
    let named = open.ask(
        "[...document.querySelectorAll('.run:first-child .current .broken b')].map((it) => it.textContent)",
    );
    let here = verdict
        .iter()
        .filter(|(_, breach)| breach.broken_at == number);
    let here: Vec<_> = here
        .map(|(invariant, _)| format!("✗ {invariant}"))
        .collect();
    assert_eq!(named, json!(here), "{number}");
}

#[test]
fn each_step_shows_the_state_of_the_journal_and_the_invariants_that_it_breaks() {
    for page in [Page::incident(), Page::repaired()] {
        let (steps, verdict) = page.walkthrough.steps();
        let open = page.open("?beside=", DESKTOP);
        let (begin, end) = page.numbers();
        for number in begin..=end {
            assert_eq!(step(&open, 0), number);
            assert_shows(&open, steps, verdict, number);
            go(&open, "forward");
        }
        // At the end, another step forward changes nothing; and all the way back.
        assert_eq!(step(&open, 0), end);
        for number in (begin..end).rev() {
            go(&open, "back");
            assert_eq!(step(&open, 0), number);
            assert_shows(&open, steps, verdict, number);
        }
        go(&open, "back");
        assert_eq!(step(&open, 0), begin);
        assert_eq!(open.complaints(), [] as [String; 0]);
        let requests = open.requests();
        let others = requests[1..].iter().filter(|url| !url.starts_with("data:"));
        assert_eq!(others.count(), 0, "{requests:?}");
    }
}

#[test]
fn the_keyboard_steps_and_its_focus_is_shown() {
    let page = Page::incident();
    let (begin, end) = page.numbers();
    let open = page.open("?theme=light&beside=", DESKTOP);
    for (key, number) in [
        ("ArrowRight", begin + 1),
        ("ArrowRight", begin + 2),
        ("ArrowLeft", begin + 1),
        ("End", end),
        ("Home", begin),
    ] {
        open.press(key);
        assert_eq!(step(&open, 0), number, "{key}");
    }
    let focused = "(() => {
        const it = document.activeElement;
        return [it.id || it.dataset.theme || it.dataset.go || it.className, getComputedStyle(it).outlineStyle];
    })()";
    let mut reached = Vec::new();
    for _ in 0..9 {
        open.press("Tab");
        let now = open.ask(focused);
        assert_eq!(now[1], "solid", "no focus is shown: {now}");
        reached.push(now[0].clone());
    }
    let start = format!("incident-{begin}");
    let expected = [
        "skip", "light", "dark", "first", "back", "forward", "last", "other", &start,
    ];
    assert_eq!(json!(reached), json!(expected));
    // In the diagram, the focus moves with the cursor.
    open.press("ArrowDown");
    open.press("ArrowDown");
    open.press("ArrowUp");
    let next = format!("incident-{}", begin + 1);
    assert_eq!(open.ask(focused), json!([next, "solid"]));
}

#[test]
fn a_click_on_a_step_goes_there_and_the_live_region_says_it() {
    let open = Page::incident().open("?beside=", DESKTOP);
    let said = |open: &Open| {
        let said = open.ask("document.querySelector('[role=status]').innerText");
        said.as_str().unwrap().to_owned()
    };
    open.ask("document.querySelector('#incident-11').click()");
    assert_eq!(step(&open, 0), 11);
    let now = said(&open);
    for words in [
        "Step 11 of 17: Enactor 2 activates plan 2 at a.example, in place of plan 3.",
        "✗ Monotonic is broken here: a.example: plan 2 overwrote plan 3.",
    ] {
        assert!(now.contains(words), "{now}");
    }
    go(&open, "forward");
    assert!(
        said(&open).starts_with("Step 12 of 17: Enactor 2 sweeps"),
        "{}",
        said(&open)
    );
}

#[test]
fn every_other_protocol_can_stand_beside_it_on_the_same_schedule() {
    let open = Page::incident().open("", DESKTOP);
    let beside = |open: &Open| open.ask(&format!("{RUNS}.map((it) => it.id)"));
    assert_eq!(beside(&open), json!(["incident", "memory-store"]));
    open.ask("document.querySelector('#incident-11').click()");
    assert_eq!(step(&open, 1), 11);
    let said = open.ask("document.querySelector('[role=status]').innerText");
    let said = said.as_str().unwrap();
    let refused = "MemoryStore, step 11: Enactor 2 tries to activate plan 2 at a.example. The store refuses it as stale";
    assert!(
        said.contains("incident, step 11: ") && said.contains(refused),
        "{said}"
    );
    // The refused pass has ended, so it does not sweep.
    go(&open, "forward");
    let said = open.ask("document.querySelector('[role=status]').innerText");
    assert!(
        said.as_str()
            .unwrap()
            .contains("MemoryStore: no step here."),
        "{said}"
    );
    for protocol in &Protocol::ALL[1..] {
        let id = protocol.id();
        open.ask(&format!(
            "(() => {{
                const other = document.querySelector('#other');
                other.value = '{id}';
                other.dispatchEvent(new Event('change'));
            }})()"
        ));
        assert_eq!(beside(&open), json!(["incident", id]));
        assert_eq!(step(&open, 0), 12, "the cursor stays");
        // Both runs get to their last step.
        go(&open, "last");
        let ends = open.ask(&format!(
            "{RUNS}.map((it) => [...it.querySelectorAll('.row')].at(-1).classList.contains('current'))"
        ));
        assert_eq!(ends, json!([true, true]), "{id}");
        open.ask("document.querySelector('#incident-12').click()");
    }
}

#[test]
fn both_themes_are_drawn() {
    let open = Page::incident().open("?theme=light&step=11", DESKTOP);
    let all = [0.0, 0.0, 1280.0, 1000.0];
    let light = open.look(all);
    open.ask("document.querySelector('[data-theme=dark]').click()");
    let dark = open.look(all);
    for shot in [&light, &dark] {
        assert!(shot.colours() > 8 && shot.drawn() > 0.01);
    }
    assert!(light.light() > dark.light() + 60.0);
    let pressed = "[...document.querySelectorAll('.themes button')].map((it) => it.ariaPressed)";
    assert_eq!(open.ask(pressed), json!(["false", "true"]));
}

#[test]
fn a_phone_never_scrolls_sideways_and_shows_the_state_under_the_step() {
    let page = Page::incident();
    let open = page.open("", PHONE);
    let (begin, end) = page.numbers();
    for _ in begin..=end {
        let width = open.ask("[document.documentElement.scrollWidth, innerWidth]");
        assert_eq!(width, json!([360, 360]));
        let states = "[...document.querySelectorAll('.state')].filter((it) => it.checkVisibility())
            .every((it) => it.closest('.row').classList.contains('current'))";
        assert_eq!(open.ask(states), true);
        let shown =
            open.ask("document.querySelector('.run .current .state table').checkVisibility()");
        assert_eq!(shown, true);
        go(&open, "forward");
    }
    // Fingers hit the buttons.
    let sizes = "[...document.querySelectorAll('[data-go]')].every((it) => it.offsetHeight >= 36 && it.offsetWidth >= 44)";
    assert_eq!(open.ask(sizes), true);
    let names = "[...document.querySelectorAll('[data-go]')].map((it) => it.ariaLabel)";
    assert_eq!(open.ask(names), json!(["First", "Back", "Forward", "Last"]));
}

#[test]
fn without_scripts_it_is_a_list_of_steps_that_unfold() {
    for page in [Page::incident(), Page::repaired()] {
        let html = page.html();
        assert!(html.errors.is_empty(), "{:?}", html.errors);
        let all = |selector: &str| {
            let selector = Selector::parse(selector).unwrap();
            html.select(&selector).collect::<Vec<_>>()
        };
        let ids: Vec<_> = all("[id]")
            .iter()
            .map(|it| it.attr("id").unwrap())
            .collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "an id is there twice");
        for link in all("a[href]") {
            let href = link.attr("href").unwrap();
            assert!(ids.iter().any(|id| href == format!("#{id}")), "{href}");
        }
        assert_eq!(all("section.run").len(), Protocol::ALL.len());
        assert!(all("section.run[hidden]").is_empty());
        let (begin, end) = page.numbers();
        let rows = all("section.run:first-child li.row");
        assert_eq!(rows.len(), end - begin + 1);
        for landmark in ["header", "main", "footer", "section[aria-label]", "h1"] {
            assert_eq!(all(landmark).len(), 1, "{landmark}");
        }
        // What needs scripts is hidden without them.
        for scripted in [".bar[hidden]", ".themes[hidden]", ".panel[hidden]"] {
            assert!(!all(scripted).is_empty(), "{scripted}");
        }
        let unfold = all("li.row > details > summary").len();
        assert_eq!(unfold, all("li.row").len());
    }
}
