//! Each conjunct of the invariant and each guard is needed: without it, a condition fails.
//!
//! z3 finds a model in which it does. cvc5 does not look for models of formulas with
//! quantifiers, so it is only asked not to prove the condition within [`SHORT`].
//!
//! The other conjuncts are there because they are claimed, and nothing rests on them: z3 proves
//! everything else without all of them at once. (cvc5 is not asked: it uses one of them,
//! although others say the same.)

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::induction::{self, Obligation};
use crate::protocol::Protocol;
use crate::sexpr::Sexpr;
use crate::solver::{Solver, Verdict};
use crate::{Error, LIMIT, root};

/// The time for one question to cvc5, which usually does not find an answer.
const SHORT: Duration = Duration::from_millis(300);

/// How often z3 is asked for a state.
const SEEDS: u32 = 8;

/// A row of the table: without this conjunct or guard, this step breaks this conjunct.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    without: String,
    step: String,
    breaks: String,
}

/// The protocol with its conditions.
struct Conditions<'p> {
    protocol: &'p Protocol,
    obligations: Vec<Obligation>,
}

/// Holds each row of the table against the solvers. Says whether every conjunct and every
/// guard has a row that holds.
pub(crate) fn check(protocol: &Protocol) -> Result<bool, Error> {
    let conditions = Conditions::of(protocol);
    let text = std::fs::read_to_string(path()).map_err(|error| table_error(&error))?;
    let rows: Vec<_> = text.lines().filter_map(row).collect();
    let (mut needed, mut claimed, mut bad) = (0, Vec::new(), Vec::new());
    for without in conditions.items() {
        match rows.iter().find(|row| row.without == without) {
            Some(row) if row.is_claim() => claimed.push(without),
            Some(row) if conditions.fails(row)? => needed += 1,
            _ => bad.push(without),
        }
    }
    println!(
        "Of {} conjuncts and guards, {needed} are needed and {} are claimed: proof/needed.md\n",
        conditions.items().len(),
        claimed.len()
    );
    for name in &bad {
        println!("  {name}: not shown to be needed");
    }
    let resting = conditions.resting_on(&claimed)?;
    for name in &resting {
        println!("  {name} rests on what proof/needed.md says nothing rests on");
    }
    Ok(bad.is_empty() && resting.is_empty())
}

/// Searches a row for each conjunct and guard, and writes the table.
pub(crate) fn write(protocol: &Protocol) -> Result<bool, Error> {
    let conditions = Conditions::of(protocol);
    let mut text = String::from(HEAD);
    let mut all = true;
    for without in conditions.items() {
        match conditions.search(&without)? {
            Some(row) => {
                let _ = writeln!(
                    text,
                    "| `{}` | {} | `{}` |",
                    row.without, row.step, row.breaks
                );
            }
            None if is_claim(&without) => {
                let _ = writeln!(text, "| `{without}` | | {CLAIMED} |");
            }
            None => {
                all = false;
                println!("{without}: nothing fails without it");
            }
        }
    }
    std::fs::write(path(), text).map_err(|error| table_error(&error))?;
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

Without the conjunct or guard on the left, the step breaks the conjunct on the right: z3 finds
a state in which it does, and cvc5 does not prove the condition within 0.3 s. The state satisfies
the rest of the invariant; it need not be reachable.

A conjunct on which nothing rests is in the invariant because it is claimed: its name begins with a
capital letter. z3 proves all other conditions without all of these conjuncts at once.

Written by `cargo run -p proof -- needed`, and checked by `cargo run -p proof`.

| without | step | breaks |
|---|---|---|
";

fn path() -> PathBuf {
    root().join("proof/needed.md")
}

fn table_error(error: &std::io::Error) -> Error {
    Error::File(path(), error.to_string())
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<_> = line
        .split('|')
        .map(|cell| cell.trim().trim_matches('`'))
        .collect();
    let [_, without, step, breaks, _] = cells.as_slice() else {
        return None;
    };
    without.contains('.').then(|| Row {
        without: (*without).into(),
        step: (*step).into(),
        breaks: (*breaks).into(),
    })
}

impl<'p> Conditions<'p> {
    fn of(protocol: &'p Protocol) -> Self {
        let obligations = induction::obligations(protocol);
        Self {
            protocol,
            obligations,
        }
    }

    /// All conjuncts and guards.
    fn items(&self) -> Vec<String> {
        let mut items = self.protocol.with_prefix("inv.");
        for step in self.protocol.steps() {
            items.extend(self.protocol.guards(step));
        }
        items.into_iter().map(str::to_owned).collect()
    }

    fn fails(&self, row: &Row) -> Result<bool, Error> {
        let Some(of) = self.obligations.iter().find(|of| of.name == row.step) else {
            return Ok(false);
        };
        let Some((_, term)) = of.conditions.iter().find(|(name, _)| *name == row.breaks) else {
            return Ok(false);
        };
        if row.without == row.breaks || !of.assumes(&row.without) {
            return Ok(false);
        }
        let (without, refuted) = ([row.without.as_str()], Sexpr::atom(term).not());
        let mut cvc5 = of.session(self.protocol, &without, Solver::Cvc5, SHORT)?;
        if cvc5.check_with(&refuted)? == Verdict::Unsat {
            return Ok(false);
        }
        // Whether z3 finds the state in time is a matter of luck, and of the seed.
        for seed in 0..SEEDS {
            let mut z3 = of.session(self.protocol, &without, Solver::Z3, LIMIT / 5)?;
            z3.tell(&format!("(set-option :smt.random_seed {seed})"))?;
            match z3.check_with(&refuted)? {
                Verdict::Sat => return Ok(true),
                Verdict::Unsat => return Ok(false),
                Verdict::Unknown => {}
            }
        }
        Ok(false)
    }

    /// The other conditions that z3 does not prove without all of these conjuncts.
    fn resting_on(&self, claimed: &[String]) -> Result<Vec<String>, Error> {
        let without: Vec<_> = claimed.iter().map(String::as_str).collect();
        let mut resting = Vec::new();
        for of in &self.obligations {
            let mut z3 = of.session(self.protocol, &without, Solver::Z3, LIMIT)?;
            let verdicts = of.decide(&mut z3)?;
            for ((name, _), verdict) in of.conditions.iter().zip(verdicts) {
                if verdict != Verdict::Unsat && !claimed.contains(name) {
                    resting.push(format!("{name} after {}", of.name));
                }
            }
        }
        Ok(resting)
    }

    fn search(&self, without: &str) -> Result<Option<Row>, Error> {
        for of in self.obligations.iter().filter(|of| of.assumes(without)) {
            let mut session = of.session(self.protocol, &[without], Solver::Z3, LIMIT / 5)?;
            for (breaks, term) in &of.conditions {
                let other = breaks != without;
                if other && session.check_with(&Sexpr::atom(term).not())? == Verdict::Sat {
                    let row = Row {
                        without: without.into(),
                        step: of.name.clone(),
                        breaks: breaks.clone(),
                    };
                    // Another session may take another way, and not find the state.
                    if self.fails(&row)? {
                        return Ok(Some(row));
                    }
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    #[test]
    fn the_table_has_a_row_for_each_conjunct_and_guard_and_no_other() {
        let protocol = store().unwrap();
        let text = std::fs::read_to_string(path()).unwrap();
        let rows = text.lines().filter_map(row).map(|row| row.without);
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows, Conditions::of(&protocol).items());
    }
}
