//! Causes: what has happened since the last plan, for the history.
//!
//! # Rules
//! 1. What happens is written down when it happens, once, up to a limit.
//! 2. A publish takes all of it. A tick that finds nothing to publish throws it away, for it
//!    was not the cause of anything. Under a freeze it is kept.

use std::fmt;

/// So many causes are kept for one plan.
const MOST: usize = 8;
/// Most characters of a cause's text.
const TEXT: usize = 200;

/// The origin of a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Author {
    Health,
    FleetFile,
    DrainExpiry,
    Person(String),
}

/// The causes since the last plan.
#[derive(Debug, Default)]
pub(super) struct Causes(Vec<(Author, String)>);

impl Causes {
    pub(super) fn add(&mut self, author: Author, text: impl Into<String>) {
        let cause = (author, text.into());
        if self.0.len() < MOST && !self.0.contains(&cause) {
            self.0.push(cause);
        }
    }

    /// Names the person behind the cause that was added last.
    pub(super) fn name_last(&mut self, person: &str) {
        if let Some((Author::Person(name), _)) = self.0.last_mut() {
            person.clone_into(name);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The authors and the causes, and starts again.
    pub(super) fn take(&mut self) -> (String, String) {
        let causes = std::mem::take(&mut self.0);
        if causes.is_empty() {
            // A wait for first checks is over, or a suspicion.
            let text = "the time of a wait is over".to_owned();
            return (Author::Health.to_string(), text);
        }
        let mut authors: Vec<_> = causes
            .iter()
            .map(|(author, _)| author.to_string())
            .collect();
        authors.dedup();
        let texts: Vec<_> = causes.into_iter().map(|(_, text)| text).collect();
        let text = texts.join("; ").chars().take(TEXT).collect();
        (authors.join(", "), text)
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Health => f.write_str("health"),
            Self::FleetFile => f.write_str("fleet file"),
            Self::DrainExpiry => f.write_str("drain expiry"),
            Self::Person(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Under a freeze, causes may come for weeks.
    #[test]
    fn causes_are_written_down_once_and_up_to_a_limit() {
        let mut causes = Causes::default();
        for number in [1, 1, 2, 3, 4, 5, 6, 7, 8, 9] {
            causes.add(Author::Health, number.to_string());
        }
        let (author, text) = causes.take();
        assert_eq!((&*author, &*text), ("health", "1; 2; 3; 4; 5; 6; 7; 8"));
        causes.add(Author::Health, "x".repeat(2 * TEXT));
        assert_eq!(causes.take().1.len(), TEXT);
    }
}
