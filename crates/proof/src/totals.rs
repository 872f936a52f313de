//! The totals of the proof, and whether docs/proof.md states them.

use crate::induction::Obligation;
use crate::protocol::Protocol;
use crate::{Error, root};

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

    /// What docs/proof.md must say.
    fn phrases(self) -> [String; 4] {
        let Self {
            steps,
            conjuncts,
            claims,
            conditions,
            untouched,
        } = self;
        [
            format!(
                "describes the store as {steps} steps. Its invariant has {conjuncts} conjuncts."
            ),
            format!("whether {claims} claims about"),
            format!("These are {conditions} conditions."),
            format!("{untouched} more pairs of a step and a conjunct"),
        ]
    }

    /// The phrases that the page does not have, however its lines are broken.
    fn missing(self, page: &str) -> Vec<String> {
        let words: Vec<_> = page.split_whitespace().collect();
        let page = words.join(" ");
        let phrases = self.phrases().into_iter();
        phrases.filter(|phrase| !page.contains(phrase)).collect()
    }

    /// Whether docs/proof.md states these totals. Prints what it lacks.
    pub(crate) fn are_in_docs(self) -> Result<bool, Error> {
        let path = root().join("docs/proof.md");
        let page =
            std::fs::read_to_string(&path).map_err(|error| Error::File(path, error.to_string()))?;
        let missing = self.missing(&page);
        for phrase in &missing {
            println!("  docs/proof.md does not say \"{phrase}\"; correct the page");
        }
        Ok(missing.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{induction, store};

    #[test]
    fn the_page_states_the_totals() {
        let store = store().unwrap();
        let totals = Totals::of(&store, &induction::obligations(&store));
        assert!(totals.are_in_docs().unwrap());
    }

    #[test]
    fn each_wrong_number_is_reported() {
        let totals = Totals {
            steps: 1,
            conjuncts: 2,
            claims: 3,
            conditions: 4,
            untouched: 5,
        };
        let page = totals.phrases().join("\n").replace(' ', "\n");
        assert_eq!(totals.missing(&page), [""; 0]);
        for number in ["1", "2", "3", "4", "5"] {
            let wrong = page.replace(number, "9");
            assert_eq!(totals.missing(&wrong).len(), 1, "{number}");
        }
    }
}
