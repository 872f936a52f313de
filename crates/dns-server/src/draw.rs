//! Drawing targets by weight.
//!
//! # Algorithm
//! Successive weighted draws without replacement: each target not yet drawn is
//! next with a probability of its weight over the sum of the weights that are
//! left. The targets stand in classes by their weight's power of two, eight for
//! weights 1 to 255. A draw picks a class by its remaining sum, then a member
//! evenly, and keeps it with a probability of its weight over the class's
//! largest, which is at least a half; if not, it picks a member again. So a draw
//! takes constant expected time whatever the weights are, and an answer of *n*
//! targets time in proportion to *n*. (Rejection within classes: Devroye,
//! *Non-Uniform Random Variate Generation*, 1986, II.3 and III.4.)
//!
//! What is drawn changes places with the last member of its class that is left,
//! and nothing is put back for the next answer: where members stand does not
//! matter to an even pick.

use fastrand::Rng as Random;

/// One for each bit of a weight.
const CLASSES: usize = u8::BITS as usize;

/// The targets of one record set and family, ready to be drawn from.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    /// By class.
    members: Box<[Member]>,
    /// The classes that have members come first.
    classes: [Class; CLASSES],
    /// How many those are.
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    weight: u8,
    /// Which target this is.
    target: u16,
}

/// A run of members whose weights have the same highest bit.
#[derive(Clone, Copy, Default, Debug)]
struct Class {
    first: usize,
    /// How many members can still be drawn.
    left: usize,
    /// The sum of their weights.
    sum: u32,
    /// The largest weight.
    top: u8,
}

impl Draw {
    /// Targets with these weights, in their order. A weight of 0 keeps a target
    /// out, unless all weights are 0: then all are alike.
    pub(crate) fn new(weights: impl IntoIterator<Item = u8> + Clone) -> Self {
        let all_zero = weights.clone().into_iter().all(|weight| weight == 0);
        let weights = weights.into_iter().map(|w| if all_zero { 1 } else { w });
        let mut members: Vec<_> = (0..)
            .zip(weights)
            .filter(|&(_, weight)| weight > 0)
            .map(|(target, weight)| Member { weight, target })
            .collect();
        members.sort_by_key(|member| class_of(member.weight));
        let mut classes = [Class::default(); CLASSES];
        let mut first = 0;
        let mut used = 0;
        let alike = |a: &Member, b: &Member| class_of(a.weight) == class_of(b.weight);
        for (class, members) in classes.iter_mut().zip(members.chunk_by(alike)) {
            *class = Class::of(first, members);
            first += members.len();
            used += 1;
        }
        Self {
            members: members.into(),
            classes,
            used,
        }
    }

    /// How many targets can be drawn.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Draws `count` targets, or as many as there are, and hands on each.
    pub(crate) fn each(&mut self, count: usize, rng: &mut Random, mut take: impl FnMut(usize)) {
        let mut classes = self.classes;
        let classes = &mut classes[..self.used];
        let mut sum = classes.iter().map(|class| class.sum).sum();
        for _ in 0..count.min(self.members.len()) {
            let class = pick_class(classes, sum, rng);
            let member = class.take(&mut self.members, rng);
            sum -= u32::from(member.weight);
            take(usize::from(member.target));
        }
    }
}

fn class_of(weight: u8) -> usize {
    weight.checked_ilog2().unwrap_or(0) as usize
}

/// A class, by the weight that is left in it.
fn pick_class<'c>(classes: &'c mut [Class], sum: u32, rng: &mut Random) -> &'c mut Class {
    if let [_] = classes {
        return &mut classes[0];
    }
    let mut rest = rng.u32(..sum);
    let at = classes.iter().position(|class| {
        let here = rest < class.sum;
        if !here {
            rest -= class.sum;
        }
        here
    });
    // `rest` began below the sum of all, so one of them was it.
    &mut classes[at.unwrap_or(0)]
}

impl Class {
    /// The class of these members, which stand together from `first` on.
    fn of(first: usize, members: &[Member]) -> Self {
        let weights = members.iter().map(|member| member.weight);
        Self {
            first,
            left: members.len(),
            sum: weights.clone().map(u32::from).sum(),
            top: weights.max().unwrap_or(0),
        }
    }

    /// Draws one of the members that are left.
    fn take(&mut self, members: &mut [Member], rng: &mut Random) -> Member {
        loop {
            let at = self.first + rng.usize(..self.left);
            let member = members[at];
            if member.weight == self.top || rng.u8(..self.top) < member.weight {
                self.left -= 1;
                self.sum -= u32::from(member.weight);
                members.swap(at, self.first + self.left);
                return member;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn drawn(draw: &mut Draw, count: usize, rng: &mut Random) -> Vec<usize> {
        let mut targets = Vec::new();
        draw.each(count, rng, |target| targets.push(target));
        targets
    }

    /// The probability of this sequence of draws, by definition.
    fn probability(weights: &[u8], sequence: &[usize]) -> f64 {
        let mut left: u32 = weights.iter().copied().map(u32::from).sum();
        let mut probability = 1.0;
        for &target in sequence {
            let weight = u32::from(weights[target]);
            probability *= f64::from(weight) / f64::from(left);
            left -= weight;
        }
        probability
    }

    /// Pearson's statistic of `draws` sequences of `count` against their
    /// probabilities, and its degrees of freedom.
    fn chi_squared(weights: &[u8], count: usize, draws: u32) -> (f64, f64) {
        let mut draw = Draw::new(weights.iter().copied());
        let mut rng = Random::with_seed(2025);
        let mut seen: BTreeMap<Vec<usize>, u32> = BTreeMap::new();
        for _ in 0..draws {
            *seen.entry(drawn(&mut draw, count, &mut rng)).or_default() += 1;
        }
        let mut statistic = 0.0;
        let mut cells = 0;
        let mut total = 0.0;
        for (sequence, &times) in &seen {
            let expected = probability(weights, sequence) * f64::from(draws);
            statistic += (f64::from(times) - expected).powi(2) / expected;
            total += expected;
            cells += 1;
        }
        // What never came up, all taken together.
        statistic += f64::from(draws) - total;
        (statistic, f64::from(cells - 1))
    }

    #[test]
    fn sequences_come_up_as_often_as_their_weights_say() {
        let cases: &[(&[u8], usize)] = &[
            (&[1, 1, 1, 1], 2),
            (&[1, 2, 3], 3),
            (&[255, 1, 128, 127], 2),
            (&[7, 0, 5, 6, 4], 3),
            (&[200, 3, 3, 90, 17, 1], 1),
        ];
        for &(weights, count) in cases {
            let (statistic, freedom) = chi_squared(weights, count, 200_000);
            // Five standard deviations over the mean: of correct draws, fewer
            // than one in a thousand seeds is this far off.
            let limit = freedom + 5.0 * (2.0 * freedom).sqrt();
            assert!(
                statistic < limit,
                "{weights:?}, {count} of them: {statistic:.1} over {limit:.1}"
            );
        }
    }

    #[test]
    fn weight_zero_is_drawn_only_when_nothing_else_is_there() {
        let mut rng = Random::with_seed(1);
        let mut some = Draw::new([0, 9, 0, 1]);
        let mut all = drawn(&mut some, 8, &mut rng);
        all.sort_unstable();
        assert_eq!(all, [1, 3]);
        let mut none = Draw::new([0, 0, 0]);
        let mut all = drawn(&mut none, 8, &mut rng);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
        assert!(drawn(&mut Draw::new([]), 8, &mut rng).is_empty());
    }

    proptest! {
        #[test]
        fn a_draw_is_repeated_by_its_seed_and_has_no_target_twice(
            weights in prop::collection::vec(any::<u8>(), 1..64),
            count in 1_usize..80,
            seed: u64,
        ) {
            let run = || {
                let mut draw = Draw::new(weights.iter().copied());
                let mut rng = Random::with_seed(seed);
                [drawn(&mut draw, count, &mut rng), drawn(&mut draw, count, &mut rng)]
            };
            let [first, second] = run();
            prop_assert_eq!([&first, &second], [&run()[0], &run()[1]]);
            for mut targets in [first, second] {
                let can_be_drawn = Draw::new(weights.iter().copied()).len();
                prop_assert_eq!(targets.len(), count.min(can_be_drawn));
                targets.sort_unstable();
                prop_assert!(targets.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
    }
}
