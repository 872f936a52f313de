//! Each conjunct of the invariant and each guard is needed: without it, a condition fails. Both
//! solvers find a state of an [`Instance`] in which it does.
//!
//! The other conjuncts are there because they are claimed, and nothing rests on them: z3 proves
//! everything else without all of them at once. (cvc5 is not asked: it uses one of them,
//! although others say the same.)

use std::fmt::Write;
use std::path::PathBuf;

use crate::induction;
use crate::instance::Instance;
use crate::protocol::Protocol;
use crate::solver::{Solver, Verdict};
use crate::workers::each;
use crate::{Error, root, tables};

/// A row of the table: without this conjunct or guard, this step breaks this conjunct.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    without: String,
    step: String,
    breaks: String,
}

/// Holds each row of the protocol's table against the solvers. Says whether every conjunct and
/// every guard has a row that holds.
pub(crate) fn check(protocol: &Protocol) -> Result<bool, Error> {
    let instance = Instance::of(protocol);
    let rows = rows(protocol)?;
    let items = items(protocol);
    let of_items = each(&items, |without| {
        let row = rows.iter().find(|row| row.without == *without);
        row.map_or(Ok(false), |row| {
            Ok::<_, Error>(row.is_claim() || fails(&instance, row)?)
        })
    })?;
    let claimed = rows.iter().filter(|row| row.is_claim());
    let claimed: Vec<_> = claimed.map(|row| row.without.as_str()).collect();
    println!(
        "{}: of {} conjuncts and guards, {} are needed and {} are claimed: proof/needed.md",
        protocol.title,
        items.len(),
        of_items.iter().filter(|good| **good).count() - claimed.len(),
        claimed.len()
    );
    for (name, good) in items.iter().zip(&of_items) {
        if !good {
            println!("  {name}: not shown to be needed");
        }
    }
    let resting = resting_on(protocol, &claimed)?;
    for name in &resting {
        println!("  {name} rests on what proof/needed.md says nothing rests on");
    }
    Ok(of_items.into_iter().all(|good| good) && resting.is_empty())
}

/// Writes the tables: keeps each row that holds, and searches one for the other conjuncts and
/// guards.
pub(crate) fn write(protocols: &[Protocol]) -> Result<bool, Error> {
    let mut text = String::from(HEAD);
    let mut all = true;
    for protocol in protocols {
        let _ = write!(
            text,
            "\n## {}\n\n| without | step | breaks |\n|---|---|---|\n",
            protocol.title
        );
        let instance = Instance::of(protocol);
        let (items, kept) = (items(protocol), rows(protocol)?);
        let rows = each(&items, |without| {
            match kept.iter().find(|row| row.without == *without) {
                Some(row) if fails(&instance, row)? => Ok(Some(row.clone())),
                _ => search(&instance, without),
            }
        })?;
        for (without, row) in items.iter().zip(rows) {
            match row {
                Some(row) => {
                    let Row { step, breaks, .. } = row;
                    let _ = writeln!(text, "| `{without}` | {step} | `{breaks}` |");
                }
                None if is_claim(without) => {
                    let _ = writeln!(text, "| `{without}` | | {CLAIMED} |");
                }
                None => {
                    println!("{}, {without}: nothing fails without it", protocol.title);
                    all = false;
                }
            }
        }
    }
    std::fs::write(path(), text).map_err(|error| Error::File(path(), error.to_string()))?;
    Ok(all)
}

/// What the table says of a conjunct that is there because it is claimed.
const CLAIMED: &str = "it is claimed, and nothing rests on it";

/// Whether a conjunct is claimed: its name has a capital letter.
fn is_claim(name: &str) -> bool {
    let name = name.strip_prefix("inv.");
    name.is_some_and(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
}

impl Row {
    /// Whether the conjunct needs no failure.
    fn is_claim(&self) -> bool {
        self.breaks == CLAIMED && is_claim(&self.without)
    }
}

const HEAD: &str = "\
# What the proof needs

Without the conjunct or guard on the left, the step breaks the conjunct on the right: both solvers
find a state in which it does, with two endpoints, two pins and so on, and numbers from 0 to 3. The
state satisfies the rest of the invariant; it need not be reachable.

A conjunct on which nothing rests is in the invariant because it is claimed: its name begins with a
capital letter. z3 proves all other conditions without all of these conjuncts at once.

Written by `cargo run -p proof -- needed`, and checked by `cargo run -p proof`.
";

fn path() -> PathBuf {
    root().join("proof/needed.md")
}

/// The rows of the protocol's table.
fn rows(protocol: &Protocol) -> Result<Vec<Row>, Error> {
    let text = tables::read(&path())?;
    let rows = tables::rows(&text, &protocol.title);
    let row = |cells: Vec<&str>| match cells.as_slice() {
        [without, step, breaks] => Some(Row {
            without: (*without).into(),
            step: (*step).into(),
            breaks: (*breaks).into(),
        }),
        _ => None,
    };
    Ok(rows.filter_map(row).collect())
}

/// All conjuncts and guards.
fn items(protocol: &Protocol) -> Vec<String> {
    let mut items = protocol.with_prefix("inv.");
    for step in protocol.steps() {
        items.extend(protocol.guards(step));
    }
    items.into_iter().map(str::to_owned).collect()
}

/// Whether both solvers find a state in which the row's condition fails.
fn fails(instance: &Instance, row: &Row) -> Result<bool, Error> {
    let Some((of, term)) = instance.condition(&row.step, &row.breaks) else {
        return Ok(false);
    };
    if row.without == row.breaks || !of.assumes(&row.without) {
        return Ok(false);
    }
    for solver in Solver::BOTH {
        if !instance.refutes(of, &[term], Some(&row.without), solver)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The other conditions that z3 does not prove without all of these conjuncts.
fn resting_on(protocol: &Protocol, claimed: &[&str]) -> Result<Vec<String>, Error> {
    let mut resting = Vec::new();
    for of in &mut induction::obligations(protocol) {
        let mut z3 = of.session(protocol, claimed, Solver::Z3)?;
        let others = |(name, _): &(String, String)| !claimed.contains(&name.as_str());
        of.conditions.retain(others);
        let verdicts = of.decide(&mut z3)?;
        for ((name, _), verdict) in of.conditions.iter().zip(verdicts) {
            if verdict != Verdict::Unsat {
                resting.push(format!("{name} after {}", of.name));
            }
        }
    }
    Ok(resting)
}

/// A row for this conjunct or guard, if there is one. z3 first looks at all conditions of a step
/// at once.
fn search(instance: &Instance, without: &str) -> Result<Option<Row>, Error> {
    for of in instance.obligations.iter().filter(|of| of.assumes(without)) {
        let others = of.conditions.iter().filter(|(name, _)| name != without);
        let terms: Vec<_> = others.clone().map(|(_, term)| term.as_str()).collect();
        if !instance.refutes(of, &terms, Some(without), Solver::Z3)? {
            continue;
        }
        for (breaks, _) in others {
            let row = Row {
                without: without.into(),
                step: of.name.clone(),
                breaks: breaks.clone(),
            };
            if fails(instance, &row)? {
                return Ok(Some(row));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proved;

    #[test]
    fn the_table_has_a_row_for_each_conjunct_and_guard_and_no_other() {
        for protocol in proved().unwrap() {
            let rows = rows(&protocol).unwrap().into_iter();
            let rows: Vec<_> = rows.map(|row| row.without).collect();
            assert_eq!(rows, items(&protocol));
        }
    }
}
