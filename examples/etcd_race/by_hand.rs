//! The incident's protocol on etcd, as one would write it with `etcdctl`: look, then
//! put; delete what is old.
//!
//! | key | value |
//! |---|---|
//! | `latest` | the newest generation |
//! | `plan/<generation>` | the plan |
//! | `active/<endpoint>` | where it stands: `0`, `7` for plan 7, `w7` for withdrawn by it |
//! | `rollback/<endpoint>` | the rollback target, `0` for none |
//!
//! A flip is one transaction, as it was: the rollback target is set to what is active,
//! which must be there, and the endpoint to the plan. That the plan is newer than what is
//! active was looked up at the start of the pass. What a sweep deletes is old; nothing
//! asks who needs it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use incident::Error as IncidentError;
use plan_store::{
    Activation, EndpointName, EndpointState, Error, Generation, Pin, Plan, PlanStore, RecordSet,
    Resolution, Resolve, Retention, Standing, Swept, Target, activate_one_by_one,
};

/// The incident's store, in the keys below a prefix.
#[derive(Clone)]
pub(crate) struct ByHand {
    /// Where the members are, as `etcdctl` wants to know it.
    pub(crate) endpoints: String,
    pub(crate) prefix: String,
    pub(crate) threshold: Retention,
}

/// What a transaction of `etcdctl` came to.
#[derive(PartialEq, Eq)]
enum Came {
    ToSuccess,
    ToFailure,
}

impl ByHand {
    /// Runs `etcdctl`, and says what it says.
    fn ctl(&self, arguments: &[&str], input: &str) -> Result<String, Error> {
        let failed = |error: String| Error::Backend(format!("etcdctl: {error}").into());
        let mut child = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .env("ETCDCTL_ENDPOINTS", &self.endpoints)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("{error}; is it installed?")))?;
        if let Some(mut stdin) = child.stdin.take() {
            let written = stdin.write_all(input.as_bytes());
            written.map_err(|error| failed(error.to_string()))?;
        }
        let output = child
            .wait_with_output()
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }

    /// Deletes whatever begins so.
    pub(crate) fn clear(&self, prefix: &str) -> Result<(), Error> {
        self.ctl(&["del", "--prefix", prefix], "").map(drop)
    }

    fn key(&self, rest: impl std::fmt::Display) -> String {
        format!("{}{rest}", self.prefix)
    }

    fn get(&self, rest: impl std::fmt::Display) -> Result<Option<String>, Error> {
        let text = self.ctl(&["get", "--print-value-only", &self.key(rest)], "")?;
        let value = text.strip_suffix('\n').unwrap_or(&text);
        Ok((!value.is_empty()).then(|| value.to_owned()))
    }

    /// All keys that begin so, by what follows, with their values.
    fn all(&self, rest: &str) -> Result<BTreeMap<String, String>, Error> {
        let prefix = self.key(rest);
        let text = self.ctl(&["get", "--prefix", &prefix], "")?;
        let mut lines = text.lines();
        let mut all = BTreeMap::new();
        while let (Some(key), Some(value)) = (lines.next(), lines.next()) {
            all.insert(key[prefix.len()..].to_owned(), value.to_owned());
        }
        Ok(all)
    }

    fn put(&self, rest: impl std::fmt::Display, value: &str) -> Result<(), Error> {
        self.ctl(&["put", &self.key(rest), value], "").map(drop)
    }

    fn plans(&self) -> Result<Vec<Generation>, Error> {
        let plans = self.all("plan/")?;
        plans.keys().map(|key| generation(key)).collect()
    }

    fn plan(&self, generation: Generation) -> Result<Option<Arc<Plan>>, Error> {
        let text = self.get(plan_key(generation))?;
        text.map(|text| decode(&text).map(Arc::new)).transpose()
    }

    fn states(&self) -> Result<BTreeMap<EndpointName, Standing>, Error> {
        let active = self.all("active/")?.into_iter();
        let state = |(name, value): (String, String)| Ok((name.parse()?, standing(&value)?));
        active.map(state).collect()
    }

    /// One transaction: flips the endpoint to `target`, or fails as a whole.
    fn flip(&self, endpoint: &EndpointName, target: Standing) -> Result<Activation, Error> {
        let replaced = self.state(endpoint)?;
        if replaced.standing == target {
            return Ok(Activation::Already);
        }
        let left = replaced.standing.active();
        let condition =
            left.map(|plan| format!("version(\"{}\") > \"0\"\n", self.key(plan_key(plan))));
        let rollback = left.map_or(0, Generation::get);
        let (active, value) = (self.key(format_args!("active/{endpoint}")), show(target));
        let put_rollback = self.key(format_args!("rollback/{endpoint}"));
        let text = format!(
            "{}\nput {active} {value}\nput {put_rollback} {rollback}\n\n\n",
            condition.unwrap_or_default()
        );
        match (self.txn(&text)?, left) {
            (Came::ToFailure, Some(active)) => {
                let endpoint = endpoint.clone();
                Err(IncidentError::Stuck { endpoint, active }.into())
            }
            _ => Ok(Activation::Activated { replaced }),
        }
    }

    fn txn(&self, text: &str) -> Result<Came, Error> {
        let said = self.ctl(&["txn"], text)?;
        Ok(match said.lines().next() {
            Some("SUCCESS") => Came::ToSuccess,
            _ => Came::ToFailure,
        })
    }

    /// What people did by hand in the end.
    pub(crate) fn repair(&self, endpoint: &EndpointName) -> Result<(), Error> {
        if let Some(newest) = self.latest()? {
            self.put(
                format_args!("active/{endpoint}"),
                &newest.generation.to_string(),
            )?;
            self.put(format_args!("rollback/{endpoint}"), "0")?;
        }
        Ok(())
    }
}

impl PlanStore for ByHand {
    type Pin = Copied;
    type Reader = Follows;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, Error> {
        let latest = self.get("latest")?.map(|text| generation(&text));
        let next = latest
            .transpose()?
            .map_or(Ok(Generation::FIRST), Generation::next)?;
        let known = self.states()?;
        for (name, _) in plan
            .endpoints()
            .filter(|(name, _)| !known.contains_key(*name))
        {
            self.put(format_args!("active/{name}"), "0")?;
        }
        self.put(plan_key(next), &encode(&plan))?;
        self.put("latest", &next.to_string())?;
        Ok(next)
    }

    fn latest(&self) -> Result<Option<Copied>, Error> {
        let newest = self.plans()?.into_iter().max();
        newest.map(|generation| self.pin(generation)).transpose()
    }

    /// A copy, which holds nothing.
    fn pin(&self, generation: Generation) -> Result<Copied, Error> {
        let plan = self
            .plan(generation)?
            .ok_or(Error::NoSuchPlan { generation })?;
        Ok(Copied { generation, plan })
    }

    fn newest_active(&self) -> Result<Option<Generation>, Error> {
        let states = self.states()?.into_values();
        Ok(states.filter_map(Standing::generation).max())
    }

    fn activate(&self, pin: &Copied, endpoint: &EndpointName) -> Result<Activation, Error> {
        // Its records are built if they are not there, as they were.
        self.put(plan_key(pin.generation), &encode(&pin.plan))?;
        self.flip(endpoint, Standing::Active(pin.generation))
    }

    fn activate_all<'a>(
        &'a self,
        pin: &'a Copied,
    ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, Error>)> {
        activate_one_by_one(self, pin)
    }

    fn stale_endpoints(&self, pin: &Copied) -> Result<Vec<EndpointName>, Error> {
        let older = |standing: Standing| standing.generation() < Some(pin.generation);
        let stale_endpoints = self.states()?.into_iter();
        let stale_endpoints =
            stale_endpoints.filter(|(name, here)| !pin.plan.names(name) && older(*here));
        Ok(stale_endpoints.map(|(name, _)| name).collect())
    }

    fn withdraw(&self, pin: &Copied, endpoint: &EndpointName) -> Result<Activation, Error> {
        self.flip(endpoint, Standing::Withdrawn(pin.generation))
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Error> {
        let standing = match self.get(format_args!("active/{endpoint}"))? {
            Some(text) => standing(&text)?,
            None => Standing::Vacant,
        };
        let rollback = self.get(format_args!("rollback/{endpoint}"))?;
        let rollback = rollback.filter(|text| text != "0");
        let rollback = rollback.map(|text| generation(&text)).transpose()?;
        Ok(EndpointState { standing, rollback })
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        for old in self.plans()? {
            if !self.threshold.keeps(old, applied) {
                self.ctl(&["del", &self.key(plan_key(old))], "")?;
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

/// A resolver's view: it follows what is active, wherever that leads.
pub(crate) struct Follows {
    store: ByHand,
    last: Resolution,
}

impl Follows {
    fn look(&self, endpoint: &EndpointName) -> Result<Resolution, Error> {
        Ok(match self.store.state(endpoint)?.standing {
            Standing::Vacant => Resolution::Vacant,
            Standing::Withdrawn(generation) => Resolution::Withdrawn { generation },
            Standing::Active(generation) => {
                let plan = self.store.plan(generation)?;
                let records = plan.and_then(|plan| plan.records(endpoint).cloned());
                match records {
                    Some(records) => Resolution::Answer {
                        generation,
                        records,
                    },
                    None => Resolution::Dangling { generation },
                }
            }
        })
    }
}

impl Resolve for Follows {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        // Without an answer it stays with the last one.
        if let Ok(now) = self.look(endpoint) {
            self.last = now;
        }
        &self.last
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        let states = self.store.states().unwrap_or_default();
        states.keys().any(|endpoint| endpoint.is_below(name))
    }
}

/// With as many digits as any has, so that they are in order.
fn plan_key(generation: Generation) -> String {
    format!("plan/{:010}", generation.get())
}

fn bad(what: &str, text: &str) -> Error {
    Error::Backend(format!("`{text}` in etcd is no {what}").into())
}

fn generation(text: &str) -> Result<Generation, Error> {
    let number = text.parse().ok().and_then(Generation::new);
    number.ok_or_else(|| bad("generation", text))
}

fn standing(text: &str) -> Result<Standing, Error> {
    Ok(match text.strip_prefix('w') {
        Some(by) => Standing::Withdrawn(generation(by)?),
        None if text == "0" => Standing::Vacant,
        None => Standing::Active(generation(text)?),
    })
}

fn show(standing: Standing) -> String {
    match standing {
        Standing::Vacant => "0".into(),
        Standing::Active(generation) => generation.to_string(),
        Standing::Withdrawn(generation) => format!("w{generation}"),
    }
}

/// `name ttl address/weight …`, the endpoints with `;` between.
fn encode(plan: &Plan) -> String {
    let mut text = String::new();
    for (name, records) in plan.endpoints() {
        // Writing to a string does not fail.
        let _ = write!(text, "{name} {}", records.ttl());
        for target in records.targets() {
            let _ = write!(text, " {}/{}", target.address, target.weight);
        }
        text.push(';');
    }
    text
}

fn decode(text: &str) -> Result<Plan, Error> {
    let endpoints = text.split_terminator(';').map(|endpoint| {
        let mut words = endpoint.split(' ');
        let name: EndpointName = words.next().unwrap_or_default().parse()?;
        let ttl = words.next().and_then(|ttl| ttl.parse().ok());
        let target = |word: &str| {
            let (address, weight) = word.split_once('/')?;
            Some(Target::new(address.parse().ok()?, weight.parse().ok()?))
        };
        let targets: Option<Vec<_>> = words.map(target).collect();
        let (Some(ttl), Some(targets)) = (ttl, targets) else {
            return Err(bad("endpoint", endpoint));
        };
        let records = RecordSet::new(&name, ttl, targets)?;
        Ok((name, records))
    });
    Plan::new(endpoints.collect::<Result<Vec<_>, _>>()?)
}
