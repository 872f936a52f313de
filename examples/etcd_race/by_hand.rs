//! The incident's protocol on etcd, written with `etcdctl`: it reads and then puts, and it
//! deletes old plans.
//!
//! | key | value |
//! |---|---|
//! | `latest` | the newest generation |
//! | `plan/<generation>` | `there`; the content stays in this process |
//! | `active/<endpoint>` | the active plan, `0` for none |
//! | `rollback/<endpoint>` | the rollback target, `0` for none |
//!
//! An activation is one transaction, as in the incident. It sets the rollback target to the
//! active plan, which must exist, and the endpoint to the new plan.
//! Whether the new plan is newer than the active one is checked only at the start of the
//! pass. A sweep deletes old plans and does not ask whether one is active.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use incident::Error;
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, Pin, PinError, Plan, PlanStore,
    PublishError, RecordSet, Resolution, Resolve, Retention, Standing, StepError, Swept,
    activate_one_by_one,
};

use crate::etcdctl::{Etcdctl, failure};

/// The incident's store.
#[derive(Clone)]
pub(crate) struct ByHand {
    pub(crate) etcd: Etcdctl,
    pub(crate) threshold: Retention,
    pub(crate) contents: Arc<Mutex<BTreeMap<Generation, Arc<Plan>>>>,
}

impl ByHand {
    /// The plan's content, if its key is there.
    fn plan(&self, generation: Generation) -> Result<Option<Arc<Plan>>, Error> {
        let there = self.etcd.get(&plan_key(generation))?.is_some();
        let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(contents.get(&generation).filter(|_| there).cloned())
    }

    /// The active plan of each endpoint.
    fn active(&self) -> Result<BTreeMap<EndpointName, Option<Generation>>, Error> {
        let active = self.etcd.all("active/")?.into_iter();
        let parsed = active.map(|(name, value)| {
            let name = name.parse().map_err(failure)?;
            Ok((name, generation(&value)?))
        });
        parsed.collect()
    }

    /// The repair that people made by hand in the end.
    pub(crate) fn repair(&self, endpoint: &EndpointName) -> Result<(), Error> {
        if let Some(newest) = self.latest().map_err(plan_store::Error::from)? {
            let newest = newest.generation.to_string();
            self.etcd.put(&format!("active/{endpoint}"), &newest)?;
            self.etcd.put(&format!("rollback/{endpoint}"), "0")?;
        }
        Ok(())
    }
}

impl PlanStore for ByHand {
    type Key = EndpointName;
    type Value = RecordSet;
    type Error = Error;
    type Pin = Copied;
    type Reader = Follows;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError<Error>> {
        let latest = self.etcd.get("latest")?;
        let latest = latest.map_or(Ok(None), |text| generation(&text))?;
        let next = latest.map_or(Ok(Generation::FIRST), Generation::next);
        let next = next.map_err(PublishError::GenerationsExhausted)?;
        let known = self.active()?;
        let new = plan
            .endpoints()
            .filter(|(name, _)| !known.contains_key(*name));
        for (name, _) in new {
            self.etcd.put(&format!("active/{name}"), "0")?;
        }
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        contents.insert(next, plan);
        self.etcd.put(&plan_key(next), "there")?;
        self.etcd.put("latest", &next.to_string())?;
        Ok(next)
    }

    fn latest(&self) -> Result<Option<Copied>, PinError<Error>> {
        let plans = self.etcd.all("plan/")?;
        let Some((newest, _)) = plans.last_key_value() else {
            return Ok(None);
        };
        generation(newest)?
            .map(|newest| self.pin(newest))
            .transpose()
    }

    /// Returns a copy of the plan. It does not keep the plan from being deleted.
    fn pin(&self, generation: Generation) -> Result<Copied, PinError<Error>> {
        let plan = self.plan(generation)?;
        let plan = plan.ok_or(PinError::NoSuchPlan { generation })?;
        Ok(Copied { generation, plan })
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed<Error>> {
        Ok(self.active()?.into_values().flatten().max())
    }

    fn activate(
        &self,
        pin: &Copied,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError<Error>> {
        // As in the incident, the plan's own records are built first if they are missing.
        self.etcd.put(&plan_key(pin.generation), "there")?;
        let replaced = self.state(endpoint)?;
        let left = replaced.standing.active();
        if left == Some(pin.generation) {
            return Ok(Activation::Already);
        }
        let exists = left.map(plan_key);
        let rollback = left.map_or(0, Generation::get).to_string();
        let puts = [
            (&*format!("active/{endpoint}"), &*pin.generation.to_string()),
            (&*format!("rollback/{endpoint}"), &*rollback),
        ];
        match (self.etcd.put_if(exists.as_deref(), puts)?, left) {
            (false, Some(active)) => {
                let endpoint = endpoint.clone();
                Err(Error::Stuck { endpoint, active }.into())
            }
            _ => Ok(Activation::Activated { replaced }),
        }
    }

    fn activate_all<'a>(
        &'a self,
        pin: &'a Copied,
    ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, StepError<Error>>)> {
        activate_one_by_one(self, pin)
    }

    /// Always empty: every plan of this race names every endpoint.
    fn stale_endpoints(&self, _: &Copied) -> Result<Vec<EndpointName>, StepError<Error>> {
        Ok(Vec::new())
    }

    fn withdraw(&self, _: &Copied, _: &EndpointName) -> Result<Activation, StepError<Error>> {
        Err(failure("this store withdraws no endpoint").into())
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed<Error>> {
        let read = |key: String| {
            let value = self.etcd.get(&key)?;
            value.map_or(Ok(None), |text| generation(&text))
        };
        let active = read(format!("active/{endpoint}"))?;
        Ok(EndpointState {
            standing: active.map_or(Standing::Vacant, Standing::Active),
            rollback: read(format!("rollback/{endpoint}"))?,
        })
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<Error>> {
        let mut swept = Swept::default();
        for key in self.etcd.all("plan/")?.into_keys() {
            let old = generation(&key)?.filter(|old| !self.threshold.keeps(*old, applied));
            if let Some(old) = old {
                self.etcd.delete(&plan_key(old))?;
                swept.deleted.push(old);
            }
        }
        Ok(swept)
    }

    fn reader(&self) -> Follows {
        Follows {
            store: self.clone(),
            last: Resolution::Unknown,
        }
    }

    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        self.reader().resolve(endpoint).clone()
    }
}

/// A copy of a plan.
pub(crate) struct Copied {
    generation: Generation,
    plan: Arc<Plan>,
}

impl Pin for Copied {
    fn generation(&self) -> Generation {
        self.generation
    }

    fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
}

/// A resolver's view: it follows the active reference, wherever that leads.
pub(crate) struct Follows {
    store: ByHand,
    last: Resolution,
}

impl Follows {
    fn look(&self, endpoint: &EndpointName) -> Result<Resolution, Error> {
        let state = self.store.state(endpoint).map_err(|Failed(error)| error)?;
        let Some(generation) = state.standing.active() else {
            return Ok(Resolution::Vacant);
        };
        let plan = self.store.plan(generation)?;
        let records = plan.and_then(|plan| plan.records(endpoint).cloned());
        Ok(match records {
            Some(records) => Resolution::Answer {
                generation,
                records,
            },
            None => Resolution::Dangling { generation },
        })
    }
}

impl Resolve for Follows {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        // If etcd does not answer, the reader keeps the last answer.
        if let Ok(now) = self.look(endpoint) {
            self.last = now;
        }
        &self.last
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        let endpoints = self.store.active().unwrap_or_default();
        endpoints.keys().any(|endpoint| endpoint.is_below(name))
    }
}

/// All numbers have the same length, so that the keys are in the order of the numbers.
fn plan_key(generation: Generation) -> String {
    format!("plan/{:010}", generation.get())
}

/// Parses a generation; `None` for `0`.
fn generation(text: &str) -> Result<Option<Generation>, Error> {
    let number = text.parse::<u32>();
    let number = number.map_err(|_| failure(format!("`{text}` is not a number")))?;
    Ok(Generation::new(number))
}
