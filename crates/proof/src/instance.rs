//! Conditions in an instance of finite size, which both solvers decide. With quantifiers, a solver
//! may give up before it finds a state in which a condition fails.

use std::collections::{HashMap, HashSet};

use crate::induction::{self, Obligation};
use crate::protocol::{Bounded, Definition, Protocol};
use crate::sexpr::Sexpr;
use crate::solver::{Logic, Session, Solver, SolverError, Verdict};

/// How many values each sort has that the file leaves open.
const SIZE: usize = 2;

/// The largest number.
const NUMBERS: usize = 3;

/// A protocol of finite size, with its conditions.
pub(crate) struct Instance {
    bounded: Bounded,
    pub(crate) obligations: Vec<Obligation>,
}

impl Instance {
    pub(crate) fn of(protocol: &Protocol) -> Self {
        let bounded = protocol.bounded(|_| SIZE, NUMBERS);
        let obligations = induction::obligations(&bounded.protocol);
        Self {
            bounded,
            obligations,
        }
    }

    /// The term of a condition of this step, with the obligation that it is a part of.
    pub(crate) fn condition(&self, step: &str, name: &str) -> Option<(&Obligation, &str)> {
        let of = self.obligations.iter().find(|of| of.name == step)?;
        let (_, term) = of.conditions.iter().find(|(other, _)| other == name)?;
        Some((of, term))
    }

    /// Whether the solver finds a state of the instance in which all that the obligation assumes
    /// holds, `without` this, and one of the terms does not. The state after the step is in the
    /// instance too.
    pub(crate) fn refutes(
        &self,
        of: &Obligation,
        terms: &[&str],
        without: Option<&str>,
        solver: Solver,
    ) -> Result<bool, SolverError> {
        let assumed = of.assumed.iter().map(String::as_str);
        let assumed: Vec<_> = assumed.filter(|name| Some(*name) != without).collect();
        let after = self.after(of);
        let mut session = Session::start(solver, Logic::Bits)?;
        session.tell(&self.bounded.sorts())?;
        let of_state = after.iter().map(|definition| definition.name.as_str());
        let names = assumed.iter().chain(terms).copied().chain(of_state);
        session.tell(&self.text(of, names.collect()))?;
        for name in &assumed {
            session.tell(&format!("(assert {name})"))?;
        }
        for definition in after {
            session.tell(&self.bounded.in_range(definition))?;
        }
        let refuted = terms.iter().map(|term| Sexpr::atom(*term).not());
        // Between `push` and `pop`, z3 takes its incremental solver, which is quicker here.
        Ok(session.check_with(&Sexpr::any(refuted))? == Verdict::Sat)
    }

    /// The definitions of the state after the step.
    fn after(&self, of: &Obligation) -> Vec<&Definition> {
        let protocol = &self.bounded.protocol;
        let changed = |name: &str| protocol.definition(&format!("{}.{name}", of.name));
        let state = protocol.state().into_iter();
        state
            .filter_map(|function| changed(&function.name))
            .collect()
    }

    /// The functions and definitions that these names rest on, and no others.
    fn text<'t>(&'t self, of: &'t Obligation, mut open: Vec<&'t str>) -> String {
        let protocol = &self.bounded.protocol;
        let definitions = || protocol.definitions.iter().chain(&of.definitions);
        let by_name: HashMap<_, _> = definitions().map(|d| (d.name.as_str(), d)).collect();
        let mut mentioned = HashSet::new();
        while let Some(name) = open.pop() {
            if mentioned.insert(name.to_owned())
                && let Some(definition) = by_name.get(name)
            {
                definition.body.atoms(&mut |atom| open.push(atom));
            }
        }
        let functions = protocol.functions.iter();
        let functions = functions.filter(|f| mentioned.contains(&f.name));
        let mut text: String = functions
            .map(|function| self.bounded.declare(function, &function.name))
            .collect();
        let definitions = definitions().filter(|d| mentioned.contains(&d.name));
        text.extend(definitions.map(|definition| self.bounded.define(definition)));
        text
    }
}
