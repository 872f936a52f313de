//! The load on a cluster: a Planner, three Enactors and a reader, each with a connection of
//! its own, while faults happen to the members.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use control_plane::{Enactor, Pass, StepError};
use incident::OneByOne;
use linearizability::record::{History, Recorded};
use linearizability::search::{Operation, Verdict, check};
use linearizability::spec::{ENDPOINTS, Hold, Op, RETENTION};
use plan_store::{
    Activation, DnsStore, EndpointName, Generation, Plan, PlanStore, RecordSet, Resolution,
    Resolve, Target,
};
use plan_store_etcd::{EtcdConfig, EtcdReader, EtcdStore};

use crate::outside::Outside;
use interop::cluster::{Cluster, PATIENCE, wait_until};

pub(crate) const PREFIX: &str = "/load/";

/// How long a client waits if it has nothing to do or has failed.
const PAUSE: Duration = Duration::from_millis(20);

/// A running load.
pub(crate) struct Load {
    pub(crate) history: History,
    begin: Instant,
}

/// A store with long time-outs: its calls succeed however slow the machine is.
pub(crate) fn connect(cluster: &Cluster, prefix: &str) -> EtcdStore {
    let config = EtcdConfig {
        lease_ttl: PATIENCE,
        request_timeout: PATIENCE,
        ..config(cluster.endpoints(), prefix)
    };
    EtcdStore::connect(config).unwrap()
}

/// A store that soon gives up on a member that does not answer, and whose pins end soon
/// after the store is gone.
pub(crate) fn connect_to(
    endpoints: impl IntoIterator<Item = impl Into<String>>,
    prefix: &str,
) -> EtcdStore {
    EtcdStore::connect(config(endpoints, prefix)).unwrap()
}

pub(crate) fn config(
    endpoints: impl IntoIterator<Item = impl Into<String>>,
    prefix: &str,
) -> EtcdConfig {
    EtcdConfig {
        prefix: prefix.into(),
        retention: RETENTION,
        lease_ttl: Duration::from_secs(2),
        ..EtcdConfig::new(endpoints)
    }
}

/// Publishes the next plan and lets one Enactor apply it. Tries again if etcd did not
/// answer. Fails if the store refuses a step.
pub(crate) fn publish_and_apply<S: DnsStore + Clone>(
    store: &S,
    mut next: impl FnMut() -> Arc<Plan>,
) -> Generation {
    let enactor = Enactor::new("here", store.clone());
    let mut applied = None;
    wait_until("a plan is published and applied", || {
        let Some(newest) = answered(store.publish(next())) else {
            return false;
        };
        let Some(pass) = answered(enactor.pass()) else {
            return false;
        };
        assert!(
            matches!(pass, Pass::Applied { plan, .. } if plan == newest),
            "{pass:?}"
        );
        applied = Some(newest);
        true
    });
    applied.unwrap()
}

/// The result; `None` if etcd refused or did not answer.
pub(crate) fn answered<T>(result: Result<T, impl Error + 'static>) -> Option<T> {
    match result {
        Ok(answer) => Some(answer),
        Err(error) if is_etcds(&error) => {
            println!("  again: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn is_etcds(error: &(dyn Error + 'static)) -> bool {
    let unknown = |cause: &StepError| matches!(cause, StepError::OutcomeUnknown { .. });
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.any(|cause| {
        cause.is::<plan_store_etcd::Error>() || cause.downcast_ref().is_some_and(unknown)
    })
}

pub(crate) fn endpoint(at: usize) -> EndpointName {
    let letter = char::from(b'a' + u8::try_from(at).unwrap());
    format!("{letter}.example").parse().unwrap()
}

/// A plan with unique records. All plans name the first endpoint; the others come and go.
pub(crate) fn plan(serial: u16) -> Arc<Plan> {
    let named = (0..ENDPOINTS).filter(|at| *at == 0 || usize::from(serial / 8) % (at + 2) != 0);
    let [high, low] = serial.to_be_bytes();
    let records = || {
        let target = Target::new([10, 0, high, low].into(), 255);
        RecordSet::new(5, [target]).unwrap()
    };
    let named = named.map(endpoint);
    Arc::new(Plan::new(named.map(|name| (name, records()))).unwrap())
}

impl Load {
    /// Puts the cluster under load while `faults` happen, and judges the results.
    pub(crate) fn on(mut cluster: Cluster, name: &str, faults: impl FnOnce(&mut Cluster, &Self)) {
        let load = Self {
            history: History::default(),
            begin: Instant::now(),
        };
        let quiet = AtomicBool::new(false);
        let planner = load.client(&cluster, 0);
        thread::scope(|scope| {
            // However this scope ends, it tells the other threads to end.
            let _end = End(&quiet);
            scope.spawn(|| publish(&planner, &load, &quiet));
            for number in 1..=3 {
                let store = load.client(&cluster, number);
                scope.spawn(|| enact(store, &quiet));
            }
            let reader = connect_to(cluster.endpoints(), PREFIX).reader();
            scope.spawn(|| look(reader, &quiet));
            load.wait_for_more_activations();
            faults(&mut cluster, &load);
            load.wait_for_more_activations();
        });
        drop(planner);
        cluster.wait_until_healthy();
        load.judge(&cluster, name);
    }

    fn client(&self, cluster: &Cluster, number: u32) -> Recorded<OneByOne<EtcdStore>> {
        self.record(connect_to(cluster.endpoints(), PREFIX), number)
    }

    /// A store whose answers become part of the history.
    pub(crate) fn record(&self, store: EtcdStore, number: u32) -> Recorded<OneByOne<EtcdStore>> {
        Recorded::new(OneByOne(store), number, Hold::Lease, &self.history)
    }

    /// The times at which activations were acknowledged, in order.
    fn activated(&self) -> Vec<Instant> {
        let operations = self.history.operations().into_iter();
        let activated = operations.filter(|operation| {
            let Op::Activate { told, .. } = operation.op else {
                return false;
            };
            matches!(told, Activation::Activated { .. })
        });
        activated.map(|operation| operation.told_at).collect()
    }

    /// Waits until some steps have been taken after this call.
    pub(crate) fn wait_for_more_activations(&self) {
        let now = Instant::now();
        wait_until("plans are activated", || {
            let later = self.activated();
            later.into_iter().filter(|at| *at > now).count() > 30
        });
    }

    /// Causes a fault, and waits until the cluster works again. Prints how long no plan
    /// could be activated.
    pub(crate) fn after(&self, what: &str, fault: impl FnOnce()) {
        let before = Instant::now();
        fault();
        self.wait_for_more_activations();
        let mut last = before;
        let mut longest = Duration::ZERO;
        for at in self.activated() {
            if at > before {
                longest = longest.max(at - last);
                last = at;
            }
        }
        println!(
            "  {what}: {:.2} s without an activation",
            longest.as_secs_f64()
        );
    }

    fn judge(&self, cluster: &Cluster, name: &str) {
        // Progress: one publish, one undisturbed pass.
        let store = self.record(connect(cluster, PREFIX), 9);
        let mut contents = (0..=u16::MAX).rev().map(plan);
        let newest = publish_and_apply(&store, || contents.next().unwrap());
        drop(store);

        let outside = Outside::of(cluster, PREFIX);
        outside.assert_whole();
        let operations = self.history.operations();
        let activated = acknowledged(&operations, |op| match *op {
            Op::Activate {
                generation,
                at,
                told: Activation::Activated { .. },
                ..
            } => Some((endpoint(at).to_string(), u64::from(generation.get()))),
            _ => None,
        });
        let lost: Vec<_> = activated.difference(&outside.activated).collect();
        assert!(lost.is_empty(), "acknowledged, but never there: {lost:?}");
        assert!(
            activated.len() > 30 && outside.deleted.len() > 3,
            "nothing happened"
        );
        let active = outside.active();
        assert!(
            active.values().all(|plan| *plan == u64::from(newest.get())),
            "LatestWins: {active:?}"
        );
        println!(
            "{name}: {} operations, {} of unknown outcome, {} activations acknowledged, {} plans deleted, {} revisions, in {:.0} s",
            operations.len(),
            operations.iter().filter(|entry| entry.op.is_open()).count(),
            activated.len(),
            outside.deleted.len(),
            outside.revisions,
            self.begin.elapsed().as_secs_f64(),
        );
        self.explain(operations, &activated, &outside);
    }

    /// Looks for an order of all operations. An operation of unknown outcome that does not
    /// appear in etcd's own history was not done, so it is left out. That makes no history
    /// easier to explain, and makes the search much shorter.
    fn explain(
        &self,
        mut operations: Vec<Operation>,
        activated: &BTreeSet<(String, u64)>,
        outside: &Outside,
    ) {
        let deleted = acknowledged(&operations, |op| match *op {
            Op::Delete { generation, .. } => Some(u64::from(generation.get())),
            _ => None,
        });
        operations.retain(|entry| match entry.op {
            Op::Activate {
                generation,
                at,
                told: Activation::Unknown,
                ..
            } => {
                let step = (endpoint(at).to_string(), u64::from(generation.get()));
                outside.activated.contains(&step) && !activated.contains(&step)
            }
            Op::MayDelete { generation, .. } => {
                let plan = u64::from(generation.get());
                outside.deleted.contains(&plan) && !deleted.contains(&plan)
            }
            _ => true,
        });
        let open = operations.iter().filter(|entry| entry.op.is_open()).count();
        let begin = Instant::now();
        let verdict = check(&operations);
        assert_eq!(
            verdict,
            Verdict::Linearizable,
            "no order explains it:\n{}",
            self.history
        );
        println!(
            "  an order found in {:.1} s, with {open} operations that may have been done",
            begin.elapsed().as_secs_f64(),
        );
    }
}

/// The acknowledged operations that `what` selects.
fn acknowledged<T: Ord>(operations: &[Operation], what: impl Fn(&Op) -> Option<T>) -> BTreeSet<T> {
    let found = operations
        .iter()
        .filter_map(|operation| what(&operation.op));
    found.collect()
}

/// Tells all threads to end when it is dropped.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Publishes a plan whenever the last one has become active somewhere. No two attempts
/// publish the same content, so that they can be told apart.
fn publish(store: &Recorded<OneByOne<EtcdStore>>, load: &Load, quiet: &AtomicBool) {
    for serial in 1.. {
        let before = load.activated().len();
        // The outcome may be unknown. The next plan follows the newest plan in either case.
        let _ = store.publish(plan(serial));
        while load.activated().len() == before {
            if quiet.load(Ordering::SeqCst) {
                return;
            }
            thread::sleep(PAUSE);
        }
        if quiet.load(Ordering::SeqCst) {
            return;
        }
    }
}

fn enact(store: Recorded<OneByOne<EtcdStore>>, quiet: &AtomicBool) {
    let enactor = Enactor::new("enactor", store);
    while !quiet.load(Ordering::SeqCst) {
        // Without a cluster the pass fails, and the loop tries again.
        if !matches!(enactor.pass(), Ok(Pass::Applied { changed: 1.., .. })) {
            thread::sleep(PAUSE);
        }
    }
}

/// Resolves all endpoints again and again. Asserts that no answer goes back, and that none
/// becomes empty except by a withdrawal.
fn look(mut reader: EtcdReader, quiet: &AtomicBool) {
    let mut seen: [Option<Generation>; ENDPOINTS] = [None; ENDPOINTS];
    while !quiet.load(Ordering::SeqCst) {
        for (at, seen) in seen.iter_mut().enumerate() {
            let answer = reader.resolve(&endpoint(at)).clone();
            let now = answer.generation();
            let answers = matches!(answer, Resolution::Answer { .. });
            assert!(
                at > 0 || seen.is_none() || answers,
                "NeverEmpty: {answer:?} after {seen:?}"
            );
            assert!(
                now.is_none() || now >= *seen,
                "Monotonic: {answer:?} after {seen:?}"
            );
            *seen = now.or(*seen);
        }
        thread::sleep(PAUSE);
    }
}
