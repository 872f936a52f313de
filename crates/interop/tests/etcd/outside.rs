//! Checks the store from etcd's own history: every revision of its keys, read with
//! `etcdctl` and interpreted without any of the store's code. Each revision is held against the
//! invariants, and against the steps that the protocol allows.

mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use data_encoding::BASE64;
use interop::started;
use serde_json::Value;

use interop::cluster::{Cluster, wait_until};

/// The history of a store's keys, revision by revision, and the invariants that it broke.
#[derive(Default, Debug)]
pub(crate) struct Outside {
    /// How many revisions there were.
    pub(crate) revisions: usize,
    /// All pairs of an endpoint and a plan that was ever active there.
    pub(crate) activated: BTreeSet<(String, u64)>,
    /// The plans that were deleted.
    pub(crate) deleted: BTreeSet<u64>,
    /// The invariants that broke, each with its revision and what happened.
    pub(crate) broken: Vec<String>,
    now: Keys,
}

/// The keys at one revision.
#[derive(Clone, Default, Debug)]
struct Keys {
    /// The newest generation; 0 before the first.
    head: u64,
    plans: BTreeSet<u64>,
    standings: BTreeMap<String, Standing>,
    rollbacks: BTreeMap<String, u64>,
    /// The key of each pin, and the plan that it holds.
    pins: BTreeMap<String, u64>,
}

/// Where an endpoint stands. `Vacant` has the plan that brought the endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Vacant(u64),
    Withdrawn(u64),
    Active(u64),
}

/// A change of one key; `None` deletes it.
struct Change {
    key: String,
    value: Option<Vec<u8>>,
}

impl Outside {
    /// Replays the history of the keys below a prefix, as one member has it.
    pub(crate) fn of(cluster: &Cluster, prefix: &str) -> Self {
        let mut outside = Self::default();
        let mut revision = (0, Vec::new());
        for (at, change) in changes(cluster, prefix) {
            if at != revision.0 {
                outside.see(revision.0, &std::mem::take(&mut revision.1));
                revision.0 = at;
            }
            revision.1.push(change);
        }
        outside.see(revision.0, &revision.1);
        outside
    }

    /// Where every endpoint stands at the end, if a plan is active there.
    pub(crate) fn active(&self) -> BTreeMap<&str, u64> {
        let standings = self.now.standings.iter();
        let active = standings.filter_map(|(endpoint, here)| Some((&**endpoint, here.active()?)));
        active.collect()
    }

    /// The plans that are pinned at the end.
    pub(crate) fn pinned(&self) -> BTreeSet<u64> {
        self.now.pins.values().copied().collect()
    }

    /// Panics if an invariant was broken.
    pub(crate) fn assert_whole(&self) {
        assert!(self.broken.is_empty(), "{:#?}", self.broken);
    }

    /// All changes of one revision take effect at once.
    fn see(&mut self, revision: i64, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        self.revisions += 1;
        let before = self.now.clone();
        for change in changes {
            self.now.apply(change);
        }
        let mut breach = |invariant: &str, what: String| {
            self.broken
                .push(format!("{invariant} at {revision}: {what}"));
        };
        if let Err(why) = step::check(&before, changes) {
            breach("Step", why);
        }
        for plan in before.plans.difference(&self.now.plans) {
            self.deleted.insert(*plan);
            if before
                .pins
                .iter()
                .any(|(key, on)| on == plan && self.now.pins.contains_key(key))
            {
                breach("PinnedKept", format!("plan {plan} is deleted but pinned"));
            }
        }
        for (endpoint, here) in &self.now.standings {
            let was = before.standings.get(endpoint);
            if was.is_some_and(|was| here.number() < was.number()) {
                breach("Monotonic", format!("{endpoint}: {was:?} became {here:?}"));
            }
            if let Some(plan) = here.active() {
                self.activated.insert((endpoint.clone(), plan));
                if !self.now.plans.contains(&plan) {
                    breach(
                        "ActiveKept",
                        format!("{endpoint}: plan {plan} is not there"),
                    );
                }
            }
            let rollback = self.now.rollbacks.get(endpoint).copied();
            if rollback.is_some_and(|plan| plan != 0 && !self.now.plans.contains(&plan)) {
                breach(
                    "RollbackKept",
                    format!("{endpoint}: plan {rollback:?} is not there"),
                );
            }
            let left = was.and_then(|was| was.active()).unwrap_or(0);
            if was.is_some_and(|was| was != here) && rollback != Some(left) {
                breach(
                    "Rollback",
                    format!("{endpoint}: {left} was left, not {rollback:?}"),
                );
            }
        }
        for (endpoint, was) in &before.standings {
            if was.active().is_some() && !self.now.standings.contains_key(endpoint) {
                breach("ActiveKept", format!("{endpoint}: forgotten at {was:?}"));
            }
        }
    }
}

impl Keys {
    fn apply(&mut self, Change { key, value }: &Change) {
        let Some((kind, name)) = key.split_once('/') else {
            // Else it is `leader`, or the end of the history.
            if let ("head", Some(value)) = (key.as_str(), value) {
                self.head = number(value);
            }
            return;
        };
        let number = || value.as_deref().map(number);
        match kind {
            "plan" => {
                let plan = hex(name);
                if value.is_some() {
                    self.plans.insert(plan);
                } else {
                    self.plans.remove(&plan);
                }
            }
            "active" => set(&mut self.standings, name, number().map(Standing::of)),
            "rollback" => set(&mut self.rollbacks, name, number()),
            "pin" => {
                let plan = hex(name.split('/').next().unwrap());
                set(&mut self.pins, name, value.is_some().then_some(plan));
            }
            "plan-chunk" | "note" | "successor-of" => {}
            _ => panic!("{key} is not a key of a store"),
        }
    }
}

fn set<T>(map: &mut BTreeMap<String, T>, name: &str, value: Option<T>) {
    match value {
        Some(value) => {
            map.insert(name.into(), value);
        }
        None => {
            map.remove(name);
        }
    }
}

fn number(value: &[u8]) -> u64 {
    u64::from_be_bytes(value.try_into().unwrap())
}

fn hex(digits: &str) -> u64 {
    u64::from_str_radix(digits, 16).unwrap()
}

impl Standing {
    fn of(number: u64) -> Self {
        match number % 4 {
            0 => Self::Vacant(number / 4),
            1 => Self::Withdrawn(number / 4),
            2 => Self::Active(number / 4),
            _ => panic!("{number} is not a standing"),
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Vacant(plan) => 4 * plan,
            Self::Withdrawn(plan) => 4 * plan + 1,
            Self::Active(plan) => 4 * plan + 2,
        }
    }

    fn active(self) -> Option<u64> {
        match self {
            Self::Active(plan) => Some(plan),
            Self::Vacant(_) | Self::Withdrawn(_) => None,
        }
    }
}

/// All changes below a prefix until now, with their revisions.
fn changes(cluster: &Cluster, prefix: &str) -> Vec<(i64, Change)> {
    // Changes after this one do not matter.
    let put = cluster.ask(0, &["put", &format!("{prefix}zz-end"), ""]);
    let end = put["header"]["revision"].as_i64().unwrap();
    let mut changes = Vec::new();
    wait_until("the history is read up to its end", || {
        changes = changes_until(end, cluster, prefix);
        changes.last().is_some_and(|(revision, _)| *revision >= end)
    });
    changes
}

/// The changes until revision `end`, or fewer if the member is lost meanwhile.
fn changes_until(end: i64, cluster: &Cluster, prefix: &str) -> Vec<(i64, Change)> {
    let mut watch = cluster.ctl(0);
    let watch = watch
        .args(["watch", "--prefix", "--rev=1", prefix])
        .stdout(Stdio::piped());
    let mut watch = started("etcdctl", watch.spawn());
    let mut changes: Vec<(i64, Change)> = Vec::new();
    for line in BufReader::new(watch.stdout.take().unwrap()).lines() {
        let answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let events = answer["Events"].as_array().unwrap();
        changes.extend(events.iter().map(|event| change(event, prefix)));
        if changes.last().is_some_and(|(revision, _)| *revision >= end) {
            break;
        }
    }
    let _ = watch.kill();
    let _ = watch.wait();
    changes
}

fn change(event: &Value, prefix: &str) -> (i64, Change) {
    let text = |name: &str| {
        let base64 = event["kv"][name].as_str().unwrap_or_default();
        BASE64.decode(base64.as_bytes()).unwrap()
    };
    let key = String::from_utf8(text("key")).unwrap();
    let key = key.strip_prefix(prefix).unwrap().to_owned();
    let deleted = event["type"] == 1;
    let value = (!deleted).then(|| text("value"));
    let revision = event["kv"]["mod_revision"].as_i64().unwrap();
    (revision, Change { key, value })
}
