//! The protocols of the table: which invariants each breaks, and how.

use std::collections::HashMap;
use std::time::Duration;

use tinyjson::JsonValue;

use crate::protocol::{Bounded, Protocol};
use crate::solver::{Solver, SolverError};
use crate::unroll::{self, Found, Goal};
use crate::workers::each;
use crate::{Error, file, root};

/// Two passes, with a lease each, and one publish are no longer than this.
const DEPTH: usize = 15;

/// A pass of one more Enactor is no longer than this.
const PASS: usize = 6;

/// The files, in the order of the table.
const FILES: [&str; 13] = [
    "incident",
    "lock-per-endpoint",
    "recheck-before-each",
    "large-retention",
    "no-clean-up",
    "lock-per-pass",
    "lease-per-pass",
    "lease-token-per-enactor",
    "lease-token-at-endpoint",
    "spare-active",
    "spare-both",
    "cas-only",
    "cas-both-spared",
];

/// The invariants as the files name them, in the order of the columns.
const INVARIANTS: [&str; 5] = [
    "inv.Monotonic",
    "inv.ActiveKept",
    "inv.RollbackKept",
    "inv.PinnedKept",
    "inv.LatestWins",
];

/// The name of the column of an invariant, as in docs/verdicts.json.
fn column(invariant: &str) -> &str {
    invariant.trim_start_matches("inv.")
}

/// How many Enactors the files have.
pub(crate) const ENACTORS: usize = 2;

/// Searches all of them with both solvers, prints a line for each, and says whether all
/// is as docs/verdicts.json has it.
pub(crate) fn all() -> Result<bool, Error> {
    let expected = verdicts()?;
    println!("Steps of the shortest execution that breaks each invariant; - none is found\n");
    println!(
        "{:<33}{:>6}{:>7}{:>7}{:>7}{:>7}{:>6}{:>7}",
        "protocol", "Mono.", "Active", "Rollb.", "Pinned", "Latest", "z3 s", "cvc5 s"
    );
    let mut good = true;
    for searched in each(&FILES, |name| Searched::of(name))? {
        let cells = cells(&searched.found);
        let [mono, active, rollback, pinned, latest] = &cells;
        let [z3, cvc5] = searched.took.map(|took| took.as_secs_f64());
        let title = &searched.title;
        println!(
            "{title:<33}{mono:>6}{active:>7}{rollback:>7}{pinned:>7}{latest:>7}{z3:>6.1}{cvc5:>7.1}"
        );
        if !searched.confirmed {
            println!("  cvc5 does not find the same");
        }
        good &= searched.confirmed && agrees(title, &cells, &expected);
    }
    println!("\nNeverEmpty and Progress break in the states in which ActiveKept breaks\n");
    Ok(good)
}

/// What the solvers found in one protocol.
struct Searched {
    title: String,
    /// By z3, about each column.
    found: Vec<Found>,
    /// Whether cvc5 finds the same.
    confirmed: bool,
    took: [Duration; 2],
}

impl Searched {
    fn of(name: &str) -> Result<Self, Error> {
        let protocol = Protocol::read(&file(name))?;
        let bounded = with_enactors(&protocol, ENACTORS);
        let goals = INVARIANTS.map(Goal::Breaks);
        let (found, z3) = unroll::search(&bounded, &goals, DEPTH, Solver::Z3)?;
        let (confirmed, cvc5) = unroll::confirm(&bounded, &goals, &found, DEPTH, Solver::Cvc5)?;
        Ok(Self {
            title: protocol.title,
            found,
            confirmed,
            took: [z3, cvc5],
        })
    }
}

/// Prints the executions that z3 finds.
pub(crate) fn print_traces(protocol: &Protocol, enactors: usize) -> Result<(), SolverError> {
    let bounded = with_enactors(protocol, enactors);
    let depth = DEPTH + PASS * (enactors - ENACTORS);
    let goals = INVARIANTS.map(Goal::Breaks);
    let (found, _) = unroll::search(&bounded, &goals, depth, Solver::Z3)?;
    for (column, found) in INVARIANTS.map(column).into_iter().zip(found) {
        let Found::Broken(steps) = found else {
            continue;
        };
        println!("\n{column} breaks:");
        for (i, step) in (1..).zip(steps) {
            let choices = step.choices.join(", ");
            println!(
                "{i:>4}  {:<12}{choices:<10}{}",
                step.name,
                step.changes.join(", ")
            );
        }
    }
    Ok(())
}

/// The protocol with as many Enactors, two of which the file names.
fn with_enactors(protocol: &Protocol, enactors: usize) -> Bounded {
    let mut protocol = protocol.clone();
    for number in ENACTORS..enactors {
        protocol.add_value("Enactor", &format!("other-{}", number - 1));
    }
    protocol.bounded(|_| 2, 3)
}

fn cells(found: &[Found]) -> [String; INVARIANTS.len()] {
    let cell = |found: &Found| match found {
        Found::Broken(steps) => steps.len().to_string(),
        Found::Not => "-".into(),
        Found::Unknown => "?".into(),
    };
    std::array::from_fn(|i| found.get(i).map_or_else(|| "?".into(), cell))
}

/// Whether this is what the table has. Prints what differs.
fn agrees(
    title: &str,
    cells: &[String; INVARIANTS.len()],
    expected: &HashMap<String, Row>,
) -> bool {
    let mut good = true;
    let Some(row) = expected.get(title) else {
        println!("  docs/verdicts.json has no {title:?}");
        return false;
    };
    for (column, cell) in INVARIANTS.map(column).into_iter().zip(cells) {
        if cell == "?" {
            println!("  {column}: z3 gave up");
            good = false;
        }
        if row.get(column).map(String::as_str) != Some(if cell == "-" { "✓" } else { "✗" }) {
            println!("  {column}: docs/verdicts.json says {:?}", row.get(column));
            good = false;
        }
    }
    let one = ["ActiveKept", "NeverEmpty", "Progress"].map(|column| row.get(column));
    if one.iter().any(|verdict| *verdict != one[0]) {
        println!("  docs/verdicts.json tells ActiveKept, NeverEmpty and Progress apart");
        good = false;
    }
    good
}

/// A verdict for each invariant.
type Row = HashMap<String, String>;

/// What the model checkers found, by protocol.
fn verdicts() -> Result<HashMap<String, Row>, Error> {
    let path = root().join("docs/verdicts.json");
    let wrong = |what: String| Error::File(path.clone(), what);
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    let json: JsonValue = text.parse().map_err(|error| wrong(format!("{error}")))?;
    let rows = json.get::<Vec<JsonValue>>().into_iter().flatten();
    Ok(rows.filter_map(row).collect())
}

fn row(row: &JsonValue) -> Option<(String, Row)> {
    let [title, cells] = row.get::<Vec<JsonValue>>()?.as_slice() else {
        return None;
    };
    let cells = cells.get::<HashMap<String, JsonValue>>()?.iter();
    let cell = |(name, verdict): (&String, &JsonValue)| {
        Some((name.clone(), verdict.get::<String>()?.clone()))
    };
    Some((
        title.get::<String>()?.clone(),
        cells.filter_map(cell).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_searched_or_proved() {
        let files = std::fs::read_dir(root().join("proof")).unwrap();
        let files = files.map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|path| path.extension().is_some_and(|e| e == "smt2"))
            .collect();
        let mut known: Vec<_> = FILES.iter().map(|name| file(name)).collect();
        known.extend(["memory-store", "etcd"].map(file));
        files.sort();
        known.sort();
        assert_eq!(files, known);
    }

    #[test]
    fn each_protocol_has_its_row_of_the_table_and_its_invariants() {
        let verdicts = verdicts().unwrap();
        for name in FILES {
            let protocol = Protocol::read(&file(name)).unwrap();
            assert!(verdicts.contains_key(&protocol.title), "{}", protocol.title);
            for invariant in INVARIANTS {
                assert!(protocol.definition(invariant).is_some());
            }
        }
    }

    #[test]
    fn a_file_with_a_base_replaces_definitions_and_adds_some() {
        let base = Protocol::read(&file("incident")).unwrap();
        let variant = Protocol::read(&file("lease-token-at-endpoint")).unwrap();
        let body = |protocol: &Protocol, name: &str| {
            let definition = protocol.definition(name);
            definition.map(|definition| definition.body.to_string())
        };
        assert_eq!(body(&base, "refused").unwrap(), "false");
        assert_eq!(body(&variant, "refused").unwrap(), "(< (token ?a) fence)");
        assert_eq!(body(&base, "flip.active"), body(&variant, "flip.active"));
        assert!(variant.changes("flip", "fence") && !base.changes("flip", "fence"));
    }
}
