//! Random capacities and random stalls, both repeatable by a seed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use control_plane::{
    CheckedTarget, Fleet, Health, HealthError, HealthSource, ScriptedHealth, TargetHealth,
    TargetState,
};
use fastrand::Rng;
use parking_lot::Mutex;

use incident::{Actor, Hook, Point};

/// A health source whose capacities drift: each reading reports a different target at less
/// than its full capacity.
pub struct Drift {
    targets: Vec<(CheckedTarget, u32)>,
    script: Option<ScriptedHealth>,
    reading: usize,
    hook: Arc<dyn Hook>,
    rng: Rng,
}

impl Drift {
    /// The drift of this fleet's targets. If there is a script, the drift applies to what
    /// the script reports. The hook is called before each reading.
    pub fn new(
        fleet: &Fleet,
        script: Option<ScriptedHealth>,
        hook: Arc<dyn Hook>,
        seed: u64,
    ) -> Self {
        // A target may serve several endpoints; it drifts once.
        let once: BTreeMap<_, _> = fleet
            .targets()
            .map(|target| (target.into(), target.capacity))
            .collect();
        Self {
            targets: once.into_iter().collect(),
            script,
            reading: 0,
            hook,
            rng: Rng::with_seed(seed),
        }
    }
}

impl HealthSource for Drift {
    fn read(&mut self) -> Result<Health, HealthError> {
        self.hook.reach(Actor::Planner, &Point::ReadHealth);
        let script = self.script.as_mut().map(HealthSource::read);
        let said = script.transpose()?;
        self.reading += 1;
        let drifting = self.reading % self.targets.len().max(1);
        let drifted = self.rng.u32(40..90);
        let targets = self.targets.iter().enumerate();
        let health = targets.map(|(at, &(target, capacity))| {
            let up = TargetState::Up.into();
            let TargetHealth {
                state,
                capacity: now,
            } = said.as_ref().map_or(up, |said| said.of(target));
            // All capacities are in hundredths, so that a capacity of 1 can drift too.
            // Only their ratio matters.
            let percent = if at == drifting { drifted } else { 100 };
            let capacity = Some(now.unwrap_or(capacity).saturating_mul(percent));
            (target, TargetHealth { state, capacity })
        });
        Ok(Health::new(Instant::now(), health))
    }
}

/// A hook that delays actors at random. Most calls return at once. A few sleep for up to
/// 30 ms, in which the Planner publishes many plans.
#[derive(Debug)]
pub struct Stalls {
    rng: Mutex<Rng>,
}

impl Stalls {
    /// Stalls from this seed. They repeat only if the threads call the hook in the same
    /// order.
    pub fn new(seed: u64) -> Arc<Self> {
        let rng = Mutex::new(Rng::with_seed(seed));
        Arc::new(Self { rng })
    }
}

impl Hook for Stalls {
    fn reach(&self, _: Actor, point: &Point) {
        if !matches!(point, Point::Step(_) | Point::Sweep) {
            return;
        }
        let (dice, stall) = {
            let mut rng = self.rng.lock();
            (rng.u8(..), rng.u64(1..30))
        };
        match dice {
            0..8 => thread::sleep(Duration::from_millis(stall)),
            8..64 => thread::yield_now(),
            _ => {}
        }
    }
}

impl fmt::Debug for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drift")
            .field("reading", &self.reading)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use incident::NoHook;

    const FLEET: &str = r#"
        [[endpoint]]
        name = "a.example"
        target = [
            { address = "192.0.2.1", zone = "z1", capacity = 1 },
            { address = "192.0.2.2", zone = "z2", capacity = 200 },
        ]
        # Only the first target.
        [[endpoint]]
        name = "b.example"
        target = [{ address = "192.0.2.1", zone = "z1", capacity = 1 }]
        [[health]]
        at = 2
        target = "192.0.2.1"
        healthy = false
        [[health]]
        at = 3
        target = "192.0.2.2"
        capacity = 0
    "#;

    /// The first readings, of both targets: healthy or not, and at what capacity.
    fn readings(scripted: bool, seed: u64) -> Vec<[(bool, u32); 2]> {
        let fleet = Fleet::parse(FLEET, Path::new("test.toml")).unwrap();
        let script = scripted.then(|| ScriptedHealth::new(&fleet));
        let mut drift = Drift::new(&fleet, script, Arc::new(NoHook), seed);
        let reading = |_| {
            let health = drift.read().unwrap();
            ["192.0.2.1", "192.0.2.2"].map(|address| {
                let target = health.of(address.parse::<std::net::IpAddr>().unwrap());
                (target.state == TargetState::Up, target.capacity.unwrap())
            })
        };
        (0..4).map(reading).collect()
    }

    #[test]
    fn each_reading_reports_a_different_target_at_less_than_its_capacity() {
        let drifting = readings(false, 1).into_iter().map(|[first, second]| {
            assert!(first.0 && second.0, "all healthy");
            assert!((40..=100).contains(&first.1) && (8_000..=20_000).contains(&second.1));
            [first.1 < 100, second.1 < 20_000]
        });
        let (first, second) = ([true, false], [false, true]);
        assert_eq!(drifting.collect::<Vec<_>>(), [second, first, second, first]);
    }

    #[test]
    fn drift_applies_to_what_the_script_reports() {
        let (drift, scripted) = (readings(false, 1), readings(true, 1));
        assert_eq!(scripted[0], drift[0], "before the first step");
        let down = |reading: usize| (false, drift[reading][0].1);
        assert_eq!(scripted[1], [down(1), drift[1][1]]);
        assert_eq!(scripted[2], [down(2), (true, 0)]);
        assert_eq!(scripted[3], [down(3), (true, 0)]);
    }

    #[test]
    fn a_seed_repeats_the_drift() {
        assert_eq!(readings(true, 1), readings(true, 1));
        assert_ne!(readings(false, 1), readings(false, 2));
    }
}
