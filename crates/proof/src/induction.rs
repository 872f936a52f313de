//! The proof for any number of everything: the invariant holds in a new store, each step
//! keeps it, and the claims follow from it.

use crate::protocol::{Definition, Protocol};
use crate::sexpr::Sexpr;
use crate::solver::{Logic, Session, Solver, SolverError, Verdict};
use crate::text;

/// The conditions of a step, of the new store or of the claims: what is assumed, and what
/// must follow.
pub(crate) struct Obligation {
    /// What it is about.
    pub(crate) name: String,
    /// Definitions beside those of the file.
    pub(crate) definitions: Vec<Definition>,
    pub(crate) assumed: Vec<String>,
    /// The name of each condition, and the term that must follow.
    pub(crate) conditions: Vec<(String, String)>,
    /// How many conjuncts the step cannot break, for it changes nothing that they mention.
    pub(crate) untouched: usize,
}

/// All conditions of a protocol.
pub(crate) fn obligations(protocol: &Protocol) -> Vec<Obligation> {
    let names = |prefix: &str| -> Vec<String> {
        let names = protocol.with_prefix(prefix).into_iter();
        names.map(str::to_owned).collect()
    };
    let simple = |name: &str, assumed: &str, prefix: &str| Obligation {
        name: name.into(),
        definitions: Vec::new(),
        assumed: names(assumed),
        conditions: names(prefix)
            .into_iter()
            .map(|name| (name.clone(), name))
            .collect(),
        untouched: 0,
    };
    let mut all = vec![simple("a new store", "init.", "inv.")];
    for step in protocol.steps() {
        all.push(of_step(protocol, step));
    }
    all.push(simple("claims", "inv.", "claim."));
    all
}

fn of_step(protocol: &Protocol, step: &str) -> Obligation {
    let invariant = protocol.with_prefix("inv.");
    let touched = |conjunct: &&&str| {
        let mentions = protocol.mentions(conjunct);
        mentions.iter().any(|name| protocol.changes(step, name))
    };
    let conditions: Vec<_> = invariant.iter().filter(touched).collect();
    let assumed = invariant
        .iter()
        .chain(&protocol.guards(step))
        .map(|&name| name.into())
        .collect();
    Obligation {
        name: step.into(),
        definitions: text::after(protocol, step),
        assumed,
        untouched: invariant.len() - conditions.len(),
        conditions: conditions
            .into_iter()
            .map(|name| ((*name).to_owned(), format!("{name}@{step}")))
            .collect(),
    }
}

impl Obligation {
    /// Starts a solver and tells it the protocol and what is assumed, `without` these.
    pub(crate) fn session(
        &self,
        protocol: &Protocol,
        without: &[&str],
        solver: Solver,
    ) -> Result<Session, SolverError> {
        let mut session = Session::start(solver, Logic::Any)?;
        session.tell(&text::all(protocol))?;
        for definition in &self.definitions {
            session.tell(&definition.to_string())?;
        }
        for assumed in &self.assumed {
            if !without.contains(&assumed.as_str()) {
                session.tell(&format!("(assert {assumed})"))?;
            }
        }
        Ok(session)
    }

    /// Whether each condition follows: `Unsat` is a proof.
    pub(crate) fn decide(&self, session: &mut Session) -> Result<Vec<Verdict>, SolverError> {
        let conditions = self.conditions.iter();
        conditions
            .map(|(_, term)| session.check_with(&Sexpr::atom(term).not()))
            .collect()
    }

    /// Whether this is assumed.
    pub(crate) fn assumes(&self, name: &str) -> bool {
        self.assumed.iter().any(|assumed| assumed == name)
    }
}
