//! The mutants of the store in `tests/mutants/structure.d`, as mutants of its protocol. Each file
//! in `proof/mutants/` has the name of a patch and replaces definitions of `memory-store.smt2`. A
//! condition fails with it: both solvers find a state of an [`Instance`] in which it does.
//!
//! `proof/mutants.md` names the condition. It also says of each other patch why it has no
//! counterpart.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::instance::Instance;
use crate::protocol::Protocol;
use crate::solver::{Solver, SolverError};
use crate::workers::each;
use crate::{Error, file, root, tables};

/// A row of the first table.
struct Row {
    mutant: String,
    /// The definitions that it replaces or adds.
    changes: Vec<String>,
    step: String,
    breaks: String,
}

/// Holds each row against the solvers.
pub(crate) fn check() -> Result<bool, Error> {
    let (rows, others) = read()?;
    let base = Protocol::read(&file("memory-store"))?;
    let wrong = each(&rows, |row| row.wrong(&base))?;
    println!(
        "Of {} mutants of the store, {} fail in the protocol and {} have no counterpart: \
         proof/mutants.md\n",
        rows.len() + others.len(),
        wrong.iter().filter(|wrong| wrong.is_none()).count(),
        others.len()
    );
    for wrong in wrong.iter().flatten() {
        println!("  {wrong}");
    }
    Ok(wrong.iter().all(Option::is_none))
}

impl Row {
    /// What is wrong with the row.
    fn wrong(&self, base: &Protocol) -> Result<Option<String>, Error> {
        let mutant = Protocol::read(&mutant_file(&self.mutant))?;
        let changes = changes(base, &mutant);
        if changes != self.changes {
            let changes = changes.join("`, `");
            return Ok(Some(format!("{}: it changes `{changes}`", self.mutant)));
        }
        let instance = Instance::of(&mutant);
        if let Some((of, term)) = instance.condition(&self.step, &self.breaks) {
            let mut fails = true;
            for solver in Solver::BOTH {
                fails &= instance.refutes(of, &[term], None, solver)?;
            }
            if fails {
                return Ok(None);
            }
        }
        let fails = failing(&instance)?.join(", ");
        Ok(Some(format!("{}: what fails is [{fails}]", self.mutant)))
    }
}

/// All conditions that fail, each with its step, by z3.
fn failing(instance: &Instance) -> Result<Vec<String>, SolverError> {
    let mut failing = Vec::new();
    for of in &instance.obligations {
        for (name, term) in &of.conditions {
            if instance.refutes(of, &[term], None, Solver::Z3)? {
                failing.push(format!("{} {name}", of.name));
            }
        }
    }
    Ok(failing)
}

/// The definitions of a mutant that are not the base's, in alphabetical order.
fn changes(base: &Protocol, mutant: &Protocol) -> Vec<String> {
    let same = |name: &str, text: String| {
        let of_base = base.definition(name);
        of_base.is_some_and(|of_base| of_base.to_string() == text)
    };
    let all = mutant.definitions.iter();
    let changed = all.filter(|d| !same(&d.name, d.to_string()));
    let names: BTreeSet<_> = changed.map(|d| d.name.clone()).collect();
    names.into_iter().collect()
}

fn table() -> PathBuf {
    root().join("proof/mutants.md")
}

fn mutant_file(name: &str) -> PathBuf {
    root()
        .join("proof/mutants")
        .join(name)
        .with_extension("smt2")
}

/// The rows of the first table, and the mutants in the second one.
fn read() -> Result<(Vec<Row>, Vec<String>), Error> {
    let path = table();
    let text = tables::read(&path)?;
    let malformed = |row: &[&str]| Error::File(table(), format!("a row has other cells: {row:?}"));
    let mut rows = Vec::new();
    for cells in tables::rows(&text, "With a counterpart") {
        let [mutant, changes, step, breaks] = cells.as_slice() else {
            return Err(malformed(&cells));
        };
        rows.push(Row {
            mutant: (*mutant).into(),
            changes: changes.split("`, `").map(str::to_owned).collect(),
            step: (*step).into(),
            breaks: (*breaks).into(),
        });
    }
    let mut others = Vec::new();
    for cells in tables::rows(&text, "Without one") {
        let [mutant, reason] = cells.as_slice() else {
            return Err(malformed(&cells));
        };
        if reason.is_empty() {
            return Err(Error::File(table(), format!("{mutant} has no reason")));
        }
        others.push((*mutant).into());
    }
    Ok((rows, others))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The names of the files in this folder, without their extensions, in alphabetical order.
    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let names = paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    #[test]
    fn each_mutant_of_the_store_is_in_one_of_the_tables() {
        let (rows, others) = read().unwrap();
        let mut listed: Vec<_> = rows.iter().map(|row| row.mutant.clone()).collect();
        assert_eq!(listed, names(&root().join("proof/mutants")), "alphabetical");
        listed.extend(others);
        listed.sort();
        let mut patches = names(&root().join("tests/mutants/structure.d"));
        patches.retain(|name| name.starts_with("store-"));
        assert_eq!(listed, patches);
    }
}
