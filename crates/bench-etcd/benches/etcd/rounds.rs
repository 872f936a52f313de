//! Medians of rounds, in tables.

use std::time::{Duration, Instant};

/// The times of one round.
pub(crate) struct Round {
    whole: Duration,
    each: Vec<Duration>,
}

impl Round {
    /// Runs this many steps, divided among the writers.
    pub(crate) fn run(writers: usize, steps: usize, step: &(dyn Fn(usize) + Sync)) -> Self {
        let begun = Instant::now();
        let each = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..writers)
                .map(|first| {
                    let mine = (first..steps).step_by(writers);
                    scope.spawn(move || mine.map(|at| timed(|| step(at))).collect::<Vec<_>>())
                })
                .collect();
            let all = writers
                .into_iter()
                .flat_map(|writer| writer.join().unwrap());
            all.collect()
        });
        let whole = begun.elapsed();
        Self { whole, each }
    }

    pub(crate) fn of(whole: Duration) -> Self {
        let each = vec![whole];
        Self { whole, each }
    }

    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
        let steps = self.each.len() as f64;
        steps / self.whole.as_secs_f64()
    }
}

fn timed(step: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    step();
    begun.elapsed()
}

/// The rounds of each kind. The last column is the ratio of a kind's rate to the rate of
/// the first kind.
pub(crate) struct Table {
    title: String,
    kinds: Vec<(&'static str, Vec<Round>)>,
}

impl Table {
    pub(crate) fn new(title: String) -> Self {
        let kinds = Vec::new();
        Self { title, kinds }
    }

    pub(crate) fn add(&mut self, kind: &'static str, round: Round) {
        match self.kinds.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, rounds)) => rounds.push(round),
            None => self.kinds.push((kind, vec![round])),
        }
    }

    pub(crate) fn print(&self) {
        println!(
            "\n{:28}{:>10}{:>12}{:>12}{:>9}",
            self.title, "/ s", "p50", "p99", "of first"
        );
        for (kind, rounds) in &self.kinds {
            let rates = rounds.iter().map(Round::rate);
            let first = self.kinds[0].1.iter().map(Round::rate);
            let ratios = rates.clone().zip(first).map(|(rate, first)| rate / first);
            let mut each: Vec<_> = rounds.iter().flat_map(|round| round.each.clone()).collect();
            each.sort_unstable();
            println!(
                "  {kind:26}{:>10.0}{:>12.2?}{:>12.2?}{:>9.2}",
                median(rates),
                each[each.len() / 2],
                each[each.len() * 99 / 100],
                median(ratios),
            );
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
