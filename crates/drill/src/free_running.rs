//! The threads of the outage, without a schedule.

use std::sync::Arc;

use control_plane::{Fleet, ScriptedHealth};
use incident::{Hook, Journal, probe};
use plan_store::DnsStore;

use crate::chance::Stalls;
use crate::rig::{Outcome, Rig};
use crate::{Client, Error};

/// Lets the threads run freely, with random stalls, while a client resolves. The fleet's
/// health follows its script and drifts. The run ends when `goes_on` returns false for the
/// outcome so far, or when the Enactors are stuck.
///
/// # Errors
/// [`Error::Thread`], and the errors of the store.
pub fn free_running<S: DnsStore<Reader: 'static> + Clone + 'static>(
    fleet: &Fleet,
    store: S,
    seed: u64,
    mut goes_on: impl FnMut(&Outcome) -> bool,
) -> Result<Outcome, Error> {
    let rig = Rig::new(fleet, store, Journal::judging_only());
    let (store, endpoints, journal) = (&rig.store, &rig.endpoints, &rig.journal);
    let stalls: Arc<dyn Hook> = Stalls::new(seed);
    let script = ScriptedHealth::new(fleet);
    let control_plane = rig.start(Some(script), &stalls, seed)?;
    let mut client = Client::start(store, endpoints)?;
    while !rig.is_stuck() && goes_on(&rig.outcome(false, false)) {
        client.resolve_all(endpoints, journal)?;
        probe::check_rollbacks(store, endpoints, journal)?;
    }
    drop(control_plane);
    let progresses = probe::conclude(store, endpoints, fleet.retention(), journal)?;
    Ok(rig.outcome(!progresses, false))
}
