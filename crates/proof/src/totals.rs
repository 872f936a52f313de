//! The totals of the proof, and whether docs/proof.md states them.

use crate::induction::Obligation;
use crate::protocol::Protocol;
use crate::{Error, root, tables};

/// How much a proof consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Totals {
    pub(crate) steps: usize,
    pub(crate) conjuncts: usize,
    pub(crate) claims: usize,
    /// What the solvers are asked.
    pub(crate) conditions: usize,
    /// Pairs of a step and a conjunct that need no solver.
    pub(crate) untouched: usize,
}

impl Totals {
    pub(crate) fn of(protocol: &Protocol, obligations: &[Obligation]) -> Self {
        Self {
            steps: protocol.steps().len(),
            conjuncts: protocol.with_prefix("inv.").len(),
            claims: protocol.with_prefix("claim.").len(),
            conditions: obligations.iter().map(|of| of.conditions.len()).sum(),
            untouched: obligations.iter().map(|of| of.untouched).sum(),
        }
    }

    /// The row of the protocol in docs/proof.md.
    fn row(self, title: &str) -> String {
        let Self {
            steps,
            conjuncts,
            claims,
            conditions,
            untouched,
        } = self;
        format!("| {title} | {steps} | {conjuncts} | {claims} | {conditions} | {untouched} |")
    }

    /// Whether docs/proof.md has the row. Prints it if it does not.
    pub(crate) fn are_in_docs(self, title: &str) -> Result<bool, Error> {
        let page = tables::read(&root().join("docs/proof.md"))?;
        let row = self.row(title);
        let stated = page.lines().any(|line| line == row);
        if !stated {
            println!("  docs/proof.md does not have this row; correct the page: {row}");
        }
        Ok(stated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{induction, proved};

    #[test]
    fn the_page_states_the_totals() {
        for protocol in proved().unwrap() {
            let totals = Totals::of(&protocol, &induction::obligations(&protocol));
            assert!(totals.are_in_docs(&protocol.title).unwrap());
        }
    }

    #[test]
    fn each_number_is_in_the_row() {
        let totals = Totals {
            steps: 1,
            conjuncts: 2,
            claims: 3,
            conditions: 4,
            untouched: 5,
        };
        assert_eq!(totals.row("etcd"), "| etcd | 1 | 2 | 3 | 4 | 5 |");
        assert!(!totals.are_in_docs("etcd").unwrap());
    }
}
