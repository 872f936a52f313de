//! What differs from one day to the next: capacities that drift, and threads that
//! stall. A seed repeats both.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use control_plane::{
    Error, Fleet, FleetEndpoint, Health, HealthSource, ScriptedHealth, TargetHealth,
};
use fastrand::Rng;
use parking_lot::Mutex;

use crate::{Actor, Gate, Point};

/// Capacities as they drift on any day: each reading finds another target at
/// less than its capacity.
pub struct Drift {
    targets: Vec<(IpAddr, u32)>,
    script: Option<ScriptedHealth>,
    reading: usize,
    gate: Arc<dyn Gate>,
    rng: Rng,
}

impl Drift {
    /// The drift of this fleet's targets; on top of what the script says, if one
    /// is given. Stops at the gate before each reading.
    pub fn new(
        fleet: &Fleet,
        script: Option<ScriptedHealth>,
        gate: Arc<dyn Gate>,
        seed: u64,
    ) -> Self {
        let targets = fleet.endpoints().iter().flat_map(FleetEndpoint::targets);
        // A target may serve several endpoints; it drifts once.
        let once: BTreeMap<_, _> = targets
            .map(|target| (target.address, target.capacity))
            .collect();
        Self {
            targets: once.into_iter().collect(),
            script,
            reading: 0,
            gate,
            rng: Rng::with_seed(seed),
        }
    }
}

impl HealthSource for Drift {
    fn read(&mut self) -> Result<Health, Error> {
        self.gate.reach(Actor::Planner, &Point::ReadHealth);
        let script = self.script.as_mut().map(HealthSource::read);
        let said = script.transpose()?.unwrap_or_default();
        self.reading += 1;
        let drifting = self.reading % self.targets.len().max(1);
        let drifted = self.rng.u32(40..90);
        let targets = self.targets.iter().enumerate();
        let health = targets.map(|(at, &(address, capacity))| {
            let TargetHealth {
                healthy,
                capacity: now,
            } = said.of(address);
            // All in hundredths, so that a capacity of 1 can drift too. Only
            // their ratio counts.
            let percent = if at == drifting { drifted } else { 100 };
            let capacity = Some(now.unwrap_or(capacity).saturating_mul(percent));
            (address, TargetHealth { healthy, capacity })
        });
        Ok(health.collect())
    }
}

/// A gate at which actors stay for random times: mostly not at all, now and then
/// for so long that many plans go by.
#[derive(Debug)]
pub struct Stalls {
    rng: Mutex<Rng>,
}

impl Stalls {
    /// Stalls that this seed repeats, as far as the threads' order does.
    pub fn new(seed: u64) -> Arc<Self> {
        let rng = Mutex::new(Rng::with_seed(seed));
        Arc::new(Self { rng })
    }
}

impl Gate for Stalls {
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
