//! The store of October 2025: a DNS zone whose reference to the active plan can dangle.
//!
//! # What stands for what
//! | the incident | here |
//! |---|---|
//! | a plan's records in the zone: leaves, and one weighted record | the plan is in `plans` |
//! | the root alias and the rollback record of an endpoint | its word |
//! | a change batch, all or nothing | one section under the lock, one compare-and-swap in it |
//! | the TXT record that is an endpoint's lock | the cell's own lock; an Enactor that finds it taken waits |
//! | the clean-up | [`PlanStore::sweep`], which deletes by age alone, except what the variant spares |
//! | an operator's repair | [`IncidentStore::repair`] |
//!
//! # Applying a plan at an endpoint
//! 1. Build the plan's records, if they do not exist.
//! 2. In one transaction, set the rollback record to the active plan and flip the root to
//!    the new plan. The active plan must exist for that. If it was deleted, this
//!    transaction and all later ones fail: [`Error::Stuck`].
//!
//! # What is missing, on purpose
//! Nothing ties a plan to the endpoints that refer to it. A pin is a copy and protects
//! nothing. Except in some variants, an activation compares no generations, and a sweep
//! reads no endpoint.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use plan_store::primitives::{Lock, Word};
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, Native, Pin, PinError, Plan,
    PlanStore, Primitives, PublishError, RecordSet, Resolution, Resolve, RetainReason, Retention,
    Standing, StepError, Swept, activate_one_by_one,
};
use tracing::{debug, info};

use crate::variant::{Freshness, Spares};
use crate::{Error, Variant};

/// The incident's store. Clones are handles on the same store.
pub struct IncidentStore<P: Primitives = Native> {
    shared: Arc<Shared<P>>,
}

struct Shared<P: Primitives> {
    variant: Variant,
    /// How much older than the applied plan a plan may be before a sweep deletes it.
    threshold: Retention,
    zone: P::Lock<Zone<P>>,
}

struct Zone<P: Primitives> {
    latest: Option<Generation>,
    plans: BTreeMap<Generation, Arc<Plan>>,
    cells: BTreeMap<EndpointName, Arc<Cell<P>>>,
}

/// An endpoint. The word has the active plan and the rollback target; it does not prove
/// that they exist.
struct Cell<P: Primitives> {
    word: P::Word,
    lock: P::Lock<()>,
}

impl IncidentStore {
    /// An empty store of this variant. A sweep keeps the plans that `threshold` says; the
    /// threshold of the incident is not public.
    pub fn new(variant: Variant, threshold: Retention) -> Self {
        Self::with_primitives(variant, threshold)
    }
}

impl<P: Primitives> IncidentStore<P> {
    /// An empty store on other primitives, a model checker's for example.
    pub fn with_primitives(variant: Variant, threshold: Retention) -> Self {
        let zone = P::Lock::new(Zone {
            latest: None,
            plans: BTreeMap::new(),
            cells: BTreeMap::new(),
        });
        Self {
            shared: Arc::new(Shared {
                variant,
                threshold,
                zone,
            }),
        }
    }

    /// The repair by hand that ended the outage: points the endpoint at the pinned plan,
    /// without a rollback target, whatever its state was. Switch the automation off first.
    ///
    /// # Errors
    /// [`Error::UnknownEndpoint`]; [`StepError::NotInPlan`].
    pub fn repair(&self, pin: &IncidentPin, endpoint: &EndpointName) -> Result<(), Error> {
        check_named(pin, endpoint, true).map_err(plan_store::Error::from)?;
        self.build(pin);
        let cell = self.cell(endpoint).ok_or_else(|| Error::UnknownEndpoint {
            endpoint: endpoint.clone(),
        })?;
        let repaired = EndpointState {
            standing: Standing::Active(pin.generation),
            rollback: None,
        };
        let mut seen = cell.state();
        while let Err(current) = cell.replace(seen, repaired) {
            seen = current;
        }
        info!(%endpoint, generation = %pin.generation, "repair");
        Ok(())
    }

    fn cell(&self, endpoint: &EndpointName) -> Option<Arc<Cell<P>>> {
        self.shared
            .zone
            .read(|zone| zone.cells.get(endpoint).cloned())
    }

    fn state_of(&self, endpoint: &EndpointName) -> EndpointState {
        let cell = self.cell(endpoint);
        cell.map_or(EndpointState::VACANT, |cell| cell.state())
    }

    /// Builds the plan's records, if they do not exist.
    fn build(&self, pin: &IncidentPin) {
        self.shared.zone.write(|zone| {
            let plan = || Arc::clone(&pin.plan);
            zone.plans.entry(pin.generation).or_insert_with(plan);
        });
    }

    /// One transaction: flips the endpoint to `target`, or fails as a whole.
    ///
    /// The bug of October 2025 is [`Freshness::AtStart`]: then nothing here asks whether the
    /// endpoint has a newer plan by now.
    fn flip(
        &self,
        endpoint: &EndpointName,
        target: Standing,
    ) -> Result<Activation, StepError<Error>> {
        let freshness = self.shared.variant.freshness();
        if freshness == Freshness::BeforeWrite
            && let Some(newer) = newer(self.state_of(endpoint), target)
        {
            return Ok(Activation::Stale { newer });
        }
        self.shared.zone.read(|zone| {
            let Some(cell) = zone.cells.get(endpoint) else {
                return Ok(Activation::Already);
            };
            let mut seen = cell.state();
            loop {
                if seen.standing == target {
                    return Ok(Activation::Already);
                }
                if freshness == Freshness::InWrite
                    && let Some(newer) = newer(seen, target)
                {
                    return Ok(Activation::Stale { newer });
                }
                zone.check_rollback(endpoint, seen)?;
                match cell.replace(seen, seen.moved_to(target)) {
                    Ok(()) => return Ok(Activation::Activated { replaced: seen }),
                    Err(current) => seen = current,
                }
            }
        })
    }

    /// Flips under the endpoint's lock, if this variant has one.
    fn locked_flip(
        &self,
        endpoint: &EndpointName,
        target: Standing,
    ) -> Result<Activation, StepError<Error>> {
        match self.cell(endpoint).filter(|_| self.shared.variant.locks()) {
            Some(cell) => cell.lock.write(|()| self.flip(endpoint, target)),
            None => self.flip(endpoint, target),
        }
    }
}

/// The endpoint's plan, if it is newer than the target.
fn newer(seen: EndpointState, target: Standing) -> Option<Generation> {
    let there = seen.standing.generation()?;
    (Some(there) > target.generation()).then_some(there)
}

impl<P: Primitives> Zone<P> {
    /// The plans that a sweep spares, with the reason. A plan that is both active and a
    /// rollback target counts as active.
    fn needed(&self, spares: Spares) -> BTreeMap<Generation, RetainReason> {
        if spares == Spares::Nothing {
            return BTreeMap::new();
        }
        let states: Vec<_> = self.cells.values().map(|cell| cell.state()).collect();
        let rollback = states.iter().filter_map(|state| state.rollback);
        let active = states.iter().filter_map(|state| state.standing.active());
        rollback
            .filter(|_| spares == Spares::ActiveAndRollback)
            .map(|generation| (generation, RetainReason::Rollback))
            .chain(active.map(|generation| (generation, RetainReason::Active)))
            .collect()
    }

    /// The rollback record can be set only to a plan that exists.
    fn check_rollback(&self, endpoint: &EndpointName, seen: EndpointState) -> Result<(), Error> {
        match seen.standing.active() {
            Some(active) if !self.plans.contains_key(&active) => Err(Error::Stuck {
                endpoint: endpoint.clone(),
                active,
            }),
            _ => Ok(()),
        }
    }
}

impl<P: Primitives> Cell<P> {
    fn vacant() -> Self {
        Self {
            word: P::Word::new(EndpointState::VACANT.to_word()),
            lock: P::Lock::new(()),
        }
    }

    fn state(&self) -> EndpointState {
        EndpointState::from_word(self.word.load(Acquire))
    }

    fn replace(&self, seen: EndpointState, next: EndpointState) -> Result<(), EndpointState> {
        let (seen, next) = (seen.to_word(), next.to_word());
        let outcome = self.word.compare_exchange(seen, next, AcqRel, Acquire);
        outcome.map(|_| ()).map_err(EndpointState::from_word)
    }
}

fn check_named(
    pin: &IncidentPin,
    endpoint: &EndpointName,
    wanted: bool,
) -> Result<(), StepError<Error>> {
    let generation = pin.generation;
    match (pin.plan.names(endpoint), wanted) {
        (false, true) => Err(StepError::NotInPlan { generation }),
        (true, false) => Err(StepError::StillInPlan { generation }),
        _ => Ok(()),
    }
}

impl<P: Primitives> PlanStore for IncidentStore<P> {
    type Key = EndpointName;
    type Value = RecordSet;
    type Error = Error;
    type Pin = IncidentPin;
    type Reader = IncidentReader<P>;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError<Error>> {
        let endpoints = plan.endpoints().len();
        let generation = self.shared.zone.write(|zone| {
            let generation = zone
                .latest
                .map_or(Ok(Generation::FIRST), Generation::next)
                .map_err(PublishError::GenerationsExhausted)?;
            for (name, _) in plan.endpoints() {
                if !zone.cells.contains_key(name) {
                    zone.cells.insert(name.clone(), Arc::new(Cell::vacant()));
                }
            }
            zone.plans.insert(generation, plan);
            zone.latest = Some(generation);
            Ok::<_, PublishError<Error>>(generation)
        })?;
        info!(%generation, names = endpoints, "publish");
        Ok(generation)
    }

    fn latest(&self) -> Result<Option<IncidentPin>, PinError<Error>> {
        Ok(self.shared.zone.read(|zone| {
            let newest = zone.plans.last_key_value();
            newest.map(|(&generation, plan)| IncidentPin::new(generation, plan))
        }))
    }

    fn pin(&self, generation: Generation) -> Result<IncidentPin, PinError<Error>> {
        self.shared.zone.read(|zone| {
            let plan = zone.plans.get(&generation);
            plan.map(|plan| IncidentPin::new(generation, plan))
                .ok_or(PinError::NoSuchPlan { generation })
        })
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed<Error>> {
        Ok(self.shared.zone.read(|zone| {
            let states = zone.cells.values().map(|cell| cell.state());
            states.filter_map(|state| state.standing.generation()).max()
        }))
    }

    fn activate(
        &self,
        pin: &IncidentPin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError<Error>> {
        check_named(pin, endpoint, true)?;
        self.build(pin);
        let generation = pin.generation;
        let activation = self.locked_flip(endpoint, Standing::Active(generation))?;
        debug!(%endpoint, %generation, %activation, "activate");
        Ok(activation)
    }

    fn activate_all<'a>(
        &'a self,
        pin: &'a IncidentPin,
    ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, StepError<Error>>)> {
        activate_one_by_one(self, pin)
    }

    fn stale_endpoints(&self, pin: &IncidentPin) -> Result<Vec<EndpointName>, StepError<Error>> {
        let by = Some(pin.generation);
        Ok(self.shared.zone.read(|zone| {
            let stale = zone.cells.iter().filter(|(name, cell)| {
                !pin.plan.names(name) && cell.state().standing.generation() < by
            });
            stale.map(|(name, _)| name.clone()).collect()
        }))
    }

    fn withdraw(
        &self,
        pin: &IncidentPin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError<Error>> {
        check_named(pin, endpoint, false)?;
        let generation = pin.generation;
        let activation = self.locked_flip(endpoint, Standing::Withdrawn(generation))?;
        info!(%endpoint, %generation, %activation, "withdraw");
        Ok(activation)
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed<Error>> {
        Ok(self.state_of(endpoint))
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<Error>> {
        let shared = &self.shared;
        let spares = shared.variant.spares();
        let swept = shared.zone.write(|zone| {
            let needed = zone.needed(spares);
            let mut swept = Swept::default();
            zone.plans.retain(|&generation, _| {
                if spares == Spares::All || shared.threshold.keeps(generation, applied) {
                    return true;
                }
                match needed.get(&generation) {
                    Some(&why) => swept.spared.push((generation, why)),
                    None => swept.deleted.push(generation),
                }
                needed.contains_key(&generation)
            });
            swept
        });
        info!(%applied, plans = %swept, "sweep");
        Ok(swept)
    }

    fn reader(&self) -> IncidentReader<P> {
        IncidentReader {
            store: self.clone(),
            last: Resolution::Unknown,
        }
    }

    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        self.reader().resolve(endpoint).clone()
    }
}

/// A copy of a plan. It protects nothing in the store.
#[derive(Clone, Debug)]
pub struct IncidentPin {
    generation: Generation,
    plan: Arc<Plan>,
}

impl IncidentPin {
    fn new(generation: Generation, plan: &Arc<Plan>) -> Self {
        let plan = Arc::clone(plan);
        Self { generation, plan }
    }
}

impl Pin for IncidentPin {
    fn generation(&self) -> Generation {
        self.generation
    }

    fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
}

/// A resolver's view. It follows the root alias, even to a plan that was deleted.
#[derive(Debug)]
pub struct IncidentReader<P: Primitives = Native> {
    store: IncidentStore<P>,
    last: Resolution,
}

impl<P: Primitives> Resolve for IncidentReader<P> {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        self.last = self.store.shared.zone.read(|zone| {
            let Some(cell) = zone.cells.get(endpoint) else {
                return Resolution::Unknown;
            };
            match cell.state().standing {
                Standing::Vacant => Resolution::Vacant,
                Standing::Withdrawn(generation) => Resolution::Withdrawn { generation },
                Standing::Active(generation) => {
                    let records = zone
                        .plans
                        .get(&generation)
                        .and_then(|plan| plan.records(endpoint));
                    match records.cloned() {
                        Some(records) => Resolution::Answer {
                            generation,
                            records,
                        },
                        None => Resolution::Dangling { generation },
                    }
                }
            }
        });
        &self.last
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        self.store.shared.zone.read(|zone| {
            let mut below = zone.cells.iter().filter(|(other, _)| other.is_below(name));
            below.any(|(_, cell)| !matches!(cell.state().standing, Standing::Withdrawn(_)))
        })
    }
}

impl<P: Primitives> Clone for IncidentStore<P> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<P: Primitives> fmt::Debug for IncidentStore<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = self.shared.variant;
        f.debug_struct("IncidentStore")
            .field("variant", &variant)
            .finish_non_exhaustive()
    }
}
