//! SMT-LIB text for the solvers.

use std::fmt::Write;

use crate::protocol::{Definition, Function, Protocol};
use crate::sexpr::Sexpr;

/// The protocol's sorts.
pub(crate) fn sorts(protocol: &Protocol) -> String {
    let mut text = String::new();
    for sort in &protocol.sorts {
        let _ = writeln!(text, "(declare-sort {sort} 0)");
    }
    for (sort, values) in &protocol.enumerations {
        let values = format!("({})", values.join(")("));
        let _ = writeln!(text, "(declare-datatypes (({sort} 0)) (({values})))");
    }
    text
}

/// A function under this name.
pub(crate) fn declare(function: &Function, name: &str) -> String {
    let arguments = function.arguments.join(" ");
    format!("(declare-fun {name} ({arguments}) {})\n", function.sort)
}

/// All of it as the file has it.
pub(crate) fn all(protocol: &Protocol) -> String {
    let mut text = sorts(protocol);
    for function in &protocol.functions {
        text += &declare(function, &function.name);
    }
    for definition in &protocol.definitions {
        text += &definition.to_string();
    }
    text
}

/// The words and the invariant as they are after `step`, each with `@` and the step's name
/// at its end.
pub(crate) fn after(protocol: &Protocol, step: &str) -> Vec<Definition> {
    let copied = |name: &str| !name.contains('.') || name.starts_with("inv.");
    let to = |name: &str| {
        if protocol.changes(step, name) {
            return Some(Sexpr::atom(format!("{step}.{name}")));
        }
        let copy = copied(name) && protocol.definition(name).is_some();
        copy.then(|| Sexpr::atom(format!("{name}@{step}")))
    };
    let definitions = protocol.definitions.iter().filter(|d| copied(&d.name));
    definitions
        .map(|definition| definition.renamed(&to))
        .collect()
}
