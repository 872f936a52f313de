//! The order of the steps in one execution, and how far another execution follows it.

use incident::{Actor, Step};

/// The actors of a race, in the order of their steps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Schedule(Vec<Actor>);

impl Schedule {
    pub(crate) fn of(race: &[Step]) -> Self {
        Self(race.iter().map(|step| step.actor).collect())
    }

    /// How many steps there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many of the steps come in the same order in this race. A thread whose pass has
    /// ended cannot take its later steps. A thread whose pass takes more steps here takes
    /// them when it likes.
    pub(crate) fn followed_by(&self, race: &[Step]) -> usize {
        let mut rest = race;
        for (at, &actor) in self.0.iter().enumerate() {
            let planned = &self.0[at..];
            while let Some(extra) = rest.first().filter(|step| step.actor != actor)
                && times(extra.actor, rest) > planned.iter().filter(|&&a| a == extra.actor).count()
            {
                rest = &rest[1..];
            }
            match rest.split_first() {
                Some((step, later)) if step.actor == actor => rest = later,
                _ if times(actor, rest) == 0 => {}
                _ => return at,
            }
        }
        self.len()
    }

    /// Puts a race beside this schedule: for each position, how many steps of the schedule and
    /// how many steps of the race are taken by then. The first position is before all steps.
    /// Steps of the same actor share a position where possible (the longest common
    /// subsequence).
    pub(crate) fn beside(&self, race: &[Step]) -> Vec<(usize, usize)> {
        let (mut at, mut positions) = ((0, 0), vec![(0, 0)]);
        while at != (self.len(), race.len()) {
            let alike = self.0.get(at.0) == race.get(at.1).map(|step| &step.actor);
            let (skips_ours, skips_theirs) = (
                common(&self.0[(at.0 + 1).min(self.len())..], &race[at.1..]),
                common(&self.0[at.0..], &race[(at.1 + 1).min(race.len())..]),
            );
            at = if alike {
                (at.0 + 1, at.1 + 1)
            } else if at.1 == race.len() || at.0 < self.len() && skips_ours >= skips_theirs {
                (at.0 + 1, at.1)
            } else {
                (at.0, at.1 + 1)
            };
            positions.push(at);
        }
        positions
    }
}

/// How many of the steps this actor takes.
fn times(actor: Actor, steps: &[Step]) -> usize {
    steps.iter().filter(|step| step.actor == actor).count()
}

/// The length of the longest common subsequence.
fn common(ours: &[Actor], theirs: &[Step]) -> usize {
    let mut best = vec![0; theirs.len() + 1];
    for actor in ours {
        let mut before = 0;
        for (at, step) in theirs.iter().enumerate() {
            let above = best[at + 1];
            best[at + 1] = if step.actor == *actor {
                before + 1
            } else {
                above.max(best[at])
            };
            before = above;
        }
    }
    best[theirs.len()]
}
