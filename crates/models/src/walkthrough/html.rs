//! The page as HTML. Without scripts it is a list of steps, in which each step unfolds the
//! store at that moment.

use std::fmt::{self, Write as _};

use incident::{Actor, Breach, Invariant, Step};
use plan_store::Generation;

use super::execution::{Kept, Moment};
use super::{Run, Walkthrough, words};
use crate::outage::Protocol;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The threads of the race. Each has a lifeline, from left to right.
const THREADS: [Actor; 3] = [Actor::Planner, Actor::Enactor(1), Actor::Enactor(2)];

/// The actors of the checks at rest, with a lifeline each.
const CHECKS: [Actor; 2] = [Actor::Resolver, Actor::Operator];

/// A text with the characters escaped that HTML gives a meaning, in elements and in
/// attributes with double quotes.
struct Escaped<T>(T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The whole page.
pub(super) fn page(walkthrough: &Walkthrough) -> String {
    let run = &walkthrough.run;
    let name = Escaped(run.protocol).to_string();
    let others: String = walkthrough
        .others
        .iter()
        .map(|other| self::run(other, walkthrough, true))
        .collect();
    format!(
        "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<link rel=\"icon\" href=\"data:,\">
<title>The race, step by step: {name}</title>
<style>{STYLE}</style>
</head>
<body>
<a class=\"skip\" href=\"#main\">Skip to the steps</a>
<header>
<div class=\"themes\" role=\"group\" aria-label=\"Colours\" hidden>
<button type=\"button\" data-theme=\"light\">Light</button>
<button type=\"button\" data-theme=\"dark\">Dark</button>
</div>
<h1>The race, step by step: {name}</h1>
<p class=\"lead\">{lead}</p>
</header>
<main id=\"main\" tabindex=\"-1\">
{bar}
<div class=\"runs\">
{first}{others}</div>
</main>
<footer>
<h2>How to read this page</h2>
{notes}
</footer>
<script>{SCRIPT}</script>
</body>
</html>
",
        lead = lead(walkthrough),
        bar = bar(walkthrough),
        first = self::run(run, walkthrough, false),
        notes = notes(walkthrough),
    )
}

fn lead(walkthrough: &Walkthrough) -> String {
    let run = &walkthrough.run;
    let (name, from) = (Escaped(run.protocol), Escaped(walkthrough.from));
    if walkthrough.from == run.protocol {
        format!(
            "An execution of the protocol <em>{name}</em> that loom found, with the store and the \
             threads at each step. Beside it: what if another protocol ran on the same schedule?"
        )
    } else {
        format!(
            "<em>{name}</em> breaks no invariant. So this is its execution under the schedule \
             of another protocol’s counterexample, <em>{from}</em>, with the store and the \
             threads at each step. Beside it: what if another protocol ran on the same schedule?"
        )
    }
}

/// The buttons, the choice of the other protocol, and the sentence about the step.
fn bar(walkthrough: &Walkthrough) -> String {
    let mut options = String::from("<option value=\"\">no other protocol</option>");
    for other in &walkthrough.others {
        let (id, name) = (other.protocol.id(), Escaped(other.protocol));
        let _ = write!(options, "<option value=\"{id}\">{name}</option>");
    }
    format!(
        "<section class=\"bar\" aria-label=\"Steps\" hidden>
<div class=\"controls\">
<div class=\"buttons\" role=\"group\" aria-label=\"Go to a step\">
<button type=\"button\" data-go=\"first\" aria-label=\"First\">|◀<span> First</span></button>
<button type=\"button\" data-go=\"back\" aria-label=\"Back\">◀<span> Back</span></button>
<button type=\"button\" data-go=\"forward\" aria-label=\"Forward\"><span>Forward </span>▶</button>
<button type=\"button\" data-go=\"last\" aria-label=\"Last\"><span>Last </span>▶|</button>
</div>
<label>What if it ran on <select id=\"other\">{options}</select></label>
<p class=\"keys\">Keys: <kbd>←</kbd> <kbd>→</kbd> <kbd>Home</kbd> <kbd>End</kbd></p>
</div>
<div id=\"status\" role=\"status\"></div>
</section>"
    )
}

fn notes(walkthrough: &Walkthrough) -> String {
    let protocols = walkthrough.others.len() + 1;
    format!(
        "<ul>
<li>Time runs downwards. Each actor has a lifeline: P is the Planner, 1 and 2 are the Enactors, \
R is a resolver, and C is a check that is made at rest. ✗ marks a broken invariant, at the step \
that broke it.</li>
<li>At the start, plan 1 is active and plan 2 is published. Then the Planner publishes plan 3 while \
each Enactor makes one pass, which ends with a sweep. After the threads have ended, checks are made \
at rest. They publish one more plan and make one more pass, whose steps are not shown.</li>
<li>The schedule is the order of the actors’ steps. A step can consist of several accesses to the \
store, and other threads can run between them. So several executions can have the same order. For \
each of the {protocols} protocols, this page shows one that loom ran on the protocol’s code: the \
execution that follows the schedule furthest, and of those the one that breaks the most \
invariants.</li>
<li>On the incident’s store, a pin is a copy of the plan and protects nothing. An activation first \
builds the plan’s records if they do not exist. A sweep can delete them before the write, and then \
the write activates a deleted plan.</li>
<li>One schedule without a broken invariant proves nothing. docs/verification.md says what is \
verified, and how far.</li>
</ul>
<p><code>cargo run --example explore --features loom -- --protocol ID --html FILE</code> makes this \
page for another protocol, from its own counterexample; <code>--help</code> lists the names.</p>"
    )
}

/// One execution. `is_other` says that it stands beside the first one.
fn run(run: &Run, walkthrough: &Walkthrough, is_other: bool) -> String {
    let (id, name) = (run.protocol.id(), Escaped(run.protocol));
    let execution = &run.execution;
    let verdict = &execution.verdict;
    let positions = positions(run, walkthrough, is_other);
    let about = words::about(run.protocol);
    let result = Escaped(words::result(
        run.protocol,
        verdict,
        departs(run, walkthrough),
    ));
    let start = start(run);
    let race = execution.race();
    let threads: String = (1..=race.len()).map(|taken| row(run, taken)).collect();
    let all = race.len() + execution.checks().len();
    let checks: String = (race.len() + 1..=all)
        .map(|taken| row(run, taken))
        .collect();
    format!(
        "<section class=\"run\" id=\"{id}\" aria-labelledby=\"{id}-name\" data-race=\"{}\"{positions}>
<h2 id=\"{id}-name\">{name}</h2>
<p class=\"about\">{about}</p>
<p class=\"result\">{result}</p>
<div class=\"both\">
<div class=\"diagram\">
<h3>The threads run</h3>
<div class=\"race\">
{lifelines}
<ol class=\"steps\">
{start}{threads}</ol>
</div>
<h3>At rest</h3>
<div class=\"checks\">
{lifelines_of_checks}
<ol class=\"steps\">
{checks}</ol>
</div>
</div>
<div class=\"panel\" role=\"region\" aria-label=\"The store and the threads: {name}\" hidden></div>
</div>
</section>
",
        race.len(),
        lifelines = lifelines(&THREADS),
        lifelines_of_checks = lifelines(&CHECKS),
    )
}

/// How the script of the page finds its way: in the first execution to the one beside it, and in
/// another from the first one's steps to its own.
fn positions(run: &Run, walkthrough: &Walkthrough, is_other: bool) -> String {
    if is_other {
        let positions = walkthrough.schedule.beside(run.execution.race());
        let positions = positions
            .iter()
            .map(|(ours, theirs)| format!("{ours}:{theirs}"));
        let positions: Vec<_> = positions.collect();
        return format!(" data-positions=\"{}\"", positions.join(" "));
    }
    let beside = match run.protocol {
        Protocol::Repaired => walkthrough.from,
        _ => Protocol::Repaired,
    };
    format!(
        " data-beside=\"{}\" data-last=\"{}\"",
        beside.id(),
        run.execution.steps.len()
    )
}

/// The row before the first step.
fn start(run: &Run) -> String {
    let (id, begin) = (run.protocol.id(), run.execution.set_up());
    format!(
        "<li class=\"row start\"><a class=\"step\" id=\"{id}-{begin}\" href=\"#{id}-{begin}\">\
         <span class=\"said\">Before the race. Plan 1 is active, and plan 2 is published.</span></a>\n{}</li>\n",
        state(run, 0, begin)
    )
}

/// The marks above the lifelines.
fn lifelines(actors: &[Actor]) -> String {
    let marks = actors
        .iter()
        .map(|actor| format!("<b>{}</b>", words::mark(*actor)));
    let marks = marks.collect::<Vec<_>>().concat();
    format!("<p class=\"lifelines\" aria-hidden=\"true\">{marks}</p>")
}

/// The number of the first step that is not in the schedule's order, if there is one.
fn departs(run: &Run, walkthrough: &Walkthrough) -> Option<usize> {
    let race = run.execution.race();
    let followed = walkthrough.schedule.followed_by(race);
    if followed == walkthrough.schedule.len() {
        return None;
    }
    let positions = walkthrough.schedule.beside(race);
    let taken = positions.iter().find(|(ours, _)| *ours == followed)?.1;
    race.get(taken).map(|step| step.number)
}

/// The row of the step after which this many steps of the race and the checks are taken.
fn row(run: &Run, taken: usize) -> String {
    let execution = &run.execution;
    let step = &execution.steps[execution.set_up() + taken - 1];
    let (id, number) = (run.protocol.id(), step.number);
    let before = &run.moments[(taken - 1).min(run.moments.len() - 1)];
    let said = words::sentence(step, before.pins.get(&step.actor).copied());
    let mut lanes = THREADS.iter().chain(&CHECKS).zip([0, 1, 2, 0, 1]);
    let lane = lanes.find(|(actor, _)| **actor == step.actor);
    let verdict = &execution.verdict;
    let broken: String = verdict
        .iter()
        .filter_map(|(invariant, breach)| breaks(*invariant, breach, number))
        .collect();
    let class = if verdict.values().any(|breach| breach.broken_at == number) {
        " bad"
    } else {
        ""
    };
    format!(
        "<li class=\"row lane-{lane}{class}\"><a class=\"step\" id=\"{id}-{number}\" href=\"#{id}-{number}\">\
         <span class=\"number\">{number}</span><span class=\"mark\" aria-hidden=\"true\">{mark}</span>\
         <span class=\"said\">{said}</span></a>\n{broken}{state}</li>\n",
        lane = lane.map_or(0, |(_, lane)| lane),
        mark = words::mark(step.actor),
        said = Escaped(said),
        state = state(run, taken, number),
    )
}

/// The line about an invariant that this step broke, or at which its breach was seen.
fn breaks(invariant: Invariant, breach: &Breach, number: usize) -> Option<String> {
    let (by, seen, what) = (breach.broken_at, breach.seen_at, Escaped(&breach.what));
    let said = if by == number && seen == number {
        format!("<b>✗ {invariant}</b> is broken here: {what}.")
    } else if by == number {
        format!("<b>✗ {invariant}</b> is broken by this step, as step {seen} shows: {what}.")
    } else if seen == number {
        format!("<b>✗ {invariant}</b> was broken by step {by}, and this step shows it: {what}.")
    } else {
        return None;
    };
    let class = if by == number { "broken" } else { "shown" };
    Some(format!("<p class=\"{class}\">{said}</p>\n"))
}

/// The store and the threads after this many steps.
fn state(run: &Run, taken: usize, number: usize) -> String {
    let last = run.moments.len() - 1;
    let moment = &run.moments[taken.min(last)];
    let at_rest = if taken > last {
        "<p>As the threads left it. The steps of the checks themselves are not shown.</p>\n"
    } else {
        ""
    };
    format!(
        "<details class=\"state\"><summary>The store and the threads</summary>\n{at_rest}{}{}{}{}</details>",
        plans(moment),
        endpoints(moment),
        threads(run, moment, taken),
        broken(run, number),
    )
}

/// A table. The first cell of a row names the row.
fn table(caption: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head = head
        .iter()
        .map(|cell| format!("<th scope=\"col\">{cell}</th>"));
    let head = head.collect::<Vec<_>>().concat();
    let mut body = String::new();
    for row in rows {
        body.push_str("<tr>");
        for (at, cell) in row.into_iter().enumerate() {
            let cell = Escaped(cell);
            let _ = match at {
                0 => write!(body, "<th scope=\"row\">{cell}</th>"),
                _ => write!(body, "<td>{cell}</td>"),
            };
        }
        body.push_str("</tr>\n");
    }
    format!(
        "<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>\n"
    )
}

fn plans(moment: &Moment) -> String {
    let rows = moment.plans.iter().map(|(&plan, kept)| {
        let kept = match kept {
            Kept::There => "yes".into(),
            Kept::DeletedBy(step) => format!("✗ deleted by step {step}"),
        };
        let pins = moment.pins.iter().filter(|(_, pinned)| **pinned == plan);
        let pins: Vec<_> = pins.map(|(actor, _)| actor.to_string()).collect();
        vec![plan.to_string(), kept, none_if_empty(&pins)]
    });
    table("Plans", &["plan", "in the store", "pinned by"], rows)
}

fn endpoints(moment: &Moment) -> String {
    let gone = |plan: Option<Generation>| {
        let kept = plan.and_then(|plan| moment.plans.get(&plan));
        if matches!(kept, Some(Kept::DeletedBy(_))) {
            "✗ "
        } else {
            ""
        }
    };
    let rows = moment.endpoints.iter().map(|(endpoint, state)| {
        let active = match gone(state.standing.active()) {
            "" => words::active(*state),
            gone => format!("{gone}{}, deleted: dangling", words::active(*state)),
        };
        let rollback = match (state.rollback, gone(state.rollback)) {
            (None, _) => "none".into(),
            (Some(plan), "") => format!("plan {plan}"),
            (Some(plan), gone) => format!("{gone}plan {plan}, deleted"),
        };
        vec![endpoint.to_string(), active, rollback]
    });
    table(
        "Endpoints",
        &["endpoint", "active", "rollback target"],
        rows,
    )
}

fn threads(run: &Run, moment: &Moment, taken: usize) -> String {
    let race = run.execution.race();
    let (past, future) = race.split_at(taken.min(race.len()));
    let rows = THREADS.iter().map(|actor| {
        let own = |step: &&Step| step.actor == *actor;
        let before = past.iter().rev().find(own).map(|step| &step.event);
        let next = match future.iter().find(own) {
            Some(step) => words::intent(step, before),
            None => "has ended".into(),
        };
        let holds = moment.pins.get(actor).map(|plan| format!("plan {plan}"));
        vec![actor.to_string(), holds.unwrap_or("nothing".into()), next]
    });
    table("Threads", &["thread", "holds", "next"], rows)
}

/// The invariants that are broken after the step with this number.
fn broken(run: &Run, number: usize) -> String {
    let verdict = run.execution.verdict.iter();
    let rows = verdict
        .filter(|(_, breach)| breach.broken_at <= number)
        .map(|(invariant, breach)| vec![format!("✗ {invariant}"), breach.broken_at.to_string()]);
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return "<p class=\"whole\">No invariant is broken so far.</p>\n".into();
    }
    table("Broken so far", &["invariant", "by step"], rows.into_iter())
}

fn none_if_empty(names: &[String]) -> String {
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}
