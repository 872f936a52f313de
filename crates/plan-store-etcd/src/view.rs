//! The view: the cluster at one revision, as readers show it.
//!
//! # Who may touch what
//! | | reads | changes |
//! |---|---|---|
//! | the view | readers, at any time | the follower, which replaces it whole |
//! | the status | any thread, under its lock | the follower |
//!
//! # Rules
//! 1. A view is the content of the cluster at its revision, with one exception. An endpoint
//!    may still have an older answer, if the plan of the newer one was swept before the
//!    follower could read it. A still newer answer follows.
//! 2. An endpoint's answer is replaced only by one of a newer plan. So what a reader sees of
//!    an endpoint never goes back, whichever member it comes from, also after a start from
//!    disk, and also if the cluster itself has gone back. An endpoint whose answer is newer
//!    than what the cluster has is *kept*.
//! 3. An endpoint that is kept and that the cluster does not know goes when the cluster has
//!    a newer plan active: that plan would have withdrawn it.
//! 4. An answer holds the records of one plan; it is replaced, never changed.

use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use imbl::{HashMap, OrdSet};
use parking_lot::{Condvar, Mutex, MutexGuard};
use plan_store::{EndpointName, Generation, RecordSet, Resolution, Standing};

use crate::Error;
use crate::layout::StoredStanding;

/// All endpoints with their answers. It is cheap to clone and change, because versions
/// share what does not change.
#[derive(Clone, Default)]
pub(crate) struct View {
    /// The cluster's id; 0 if there is none yet.
    pub(crate) cluster: u64,
    pub(crate) revision: i64,
    /// The newest plan, active or not. Unknown in a view from disk.
    pub(crate) newest: Option<Generation>,
    /// A key that is followed and the revision at which it was last written, as of
    /// `revision`. It tells this cluster's history from another one.
    pub(crate) witness: Option<(Vec<u8>, i64)>,
    answers: HashMap<EndpointName, Resolution>,
    kept: OrdSet<EndpointName>,
    /// Those of the kept endpoints that the cluster does not know.
    lost: OrdSet<EndpointName>,
    /// The newest plan that the cluster has been seen to have active somewhere.
    newest_active: Option<Generation>,
    /// The endpoints that are not withdrawn. In this order, the names below a name follow
    /// it.
    not_withdrawn: OrdSet<EndpointName>,
}

impl View {
    /// An empty view, at this revision of this cluster.
    pub(crate) fn at(cluster: u64, revision: i64) -> Self {
        Self {
            cluster,
            revision,
            ..Self::default()
        }
    }

    pub(crate) fn answer(&self, endpoint: &EndpointName) -> Option<&Resolution> {
        self.answers.get(endpoint)
    }

    pub(crate) fn answers(&self) -> impl ExactSizeIterator<Item = (&EndpointName, &Resolution)> {
        self.answers.iter()
    }

    /// The oldest generation that an endpoint is answered from.
    fn oldest_shown(&self) -> Option<Generation> {
        let answered = |answer: &Resolution| match *answer {
            Resolution::Answer { generation, .. } => Some(generation),
            _ => None,
        };
        self.answers.values().filter_map(answered).min()
    }

    /// Sets an endpoint's answer.
    pub(crate) fn set(&mut self, endpoint: EndpointName, answer: Resolution) {
        if let Resolution::Withdrawn { .. } = answer {
            self.not_withdrawn.remove(&endpoint);
        } else {
            self.not_withdrawn.insert(endpoint.clone());
        }
        self.answers.insert(endpoint, answer);
    }

    /// Sets an endpoint's answer, which the cluster does not have yet or not any more.
    pub(crate) fn keep(&mut self, endpoint: EndpointName, answer: Resolution) {
        self.kept.insert(endpoint.clone());
        self.set(endpoint, answer);
    }

    /// Shows where the cluster has an endpoint, unless what is shown is newer.
    pub(crate) fn update(
        &mut self,
        endpoint: EndpointName,
        stored: StoredStanding,
        answer: Resolution,
    ) {
        self.newest_active = self.newest_active.max(stored.standing().active());
        self.lost.remove(&endpoint);
        let shown = self.answers.get(&endpoint);
        // A kept endpoint is not emptied by a plan that has only brought it.
        let is_emptied = || self.is_kept(&endpoint) && answer == Resolution::Vacant;
        if shown.is_some_and(|shown| is_newer(shown, stored, &answer) || is_emptied()) {
            self.kept.insert(endpoint);
        } else {
            self.kept.remove(&endpoint);
            self.set(endpoint, answer);
        }
    }

    /// Notes that the store does not know an endpoint any more. It is removed unless it is
    /// kept.
    pub(crate) fn remove(&mut self, endpoint: &EndpointName) {
        if self.is_kept(endpoint) {
            self.lost.insert(endpoint.clone());
        } else {
            self.not_withdrawn.remove(endpoint);
            self.answers.remove(endpoint);
        }
    }

    /// Keeps all endpoints, because the cluster was restored from a backup.
    pub(crate) fn keep_all(&mut self) {
        self.kept = self.answers.keys().cloned().collect();
    }

    /// Begins a list of this cluster at this revision.
    pub(crate) fn begin_list(&mut self, cluster: u64, revision: i64) {
        (self.cluster, self.revision) = (cluster, revision);
        (self.newest, self.newest_active) = (None, None);
    }

    /// Removes the endpoints that the cluster does not know and has gone beyond.
    pub(crate) fn remove_passed(&mut self) {
        let beyond = self.newest_active;
        let generation = |name| self.answers.get(name).and_then(Resolution::generation);
        let passed = self.lost.iter().filter(|name| generation(*name) < beyond);
        for name in passed.cloned().collect::<Vec<_>>() {
            self.lost.remove(&name);
            self.kept.remove(&name);
            self.remove(&name);
        }
    }

    pub(crate) fn is_kept(&self, endpoint: &EndpointName) -> bool {
        self.kept.contains(endpoint)
    }

    /// How many endpoints are kept.
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// The newest generation that is shown anywhere.
    pub(crate) fn newest_shown(&self) -> Option<Generation> {
        self.answers
            .values()
            .filter_map(Resolution::generation)
            .max()
    }

    /// Whether an endpoint below this name is not withdrawn.
    pub(crate) fn has_descendant(&self, name: &EndpointName) -> bool {
        let after = (Excluded(name.clone()), Unbounded);
        let next = self.not_withdrawn.range(after).next();
        next.is_some_and(|other| other.is_below(name))
    }
}

/// Whether what is shown of an endpoint is newer than what the cluster has: by its
/// generation, or because the cluster has handed out the same generation again.
fn is_newer(shown: &Resolution, stored: StoredStanding, answer: &Resolution) -> bool {
    let Some(generation) = shown.generation() else {
        return false;
    };
    let differs = || !matches!(shown, Resolution::Dangling { .. }) && shown != answer;
    generation > stored.generation() || generation == stored.generation() && differs()
}

/// The answer of an endpoint that stands here. `records` are its records in the active
/// plan; `None` if no plan is active or the active plan is not in the store.
pub(crate) fn answer_at(stored: StoredStanding, records: Option<Arc<RecordSet>>) -> Resolution {
    match (stored.standing(), records) {
        (Standing::Vacant, _) => Resolution::Vacant,
        (Standing::Withdrawn(generation), _) => Resolution::Withdrawn { generation },
        (Standing::Active(generation), Some(records)) => Resolution::Answer {
            generation,
            records,
        },
        (Standing::Active(generation), None) => Resolution::Dangling { generation },
    }
}

/// The health of a store's connection and of its readers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// Whether the cluster answers. If there are readers: whether it is followed; if not, they
    /// show it as it was last seen.
    pub connected: bool,
    /// The cluster's revision that readers show. `None` if there is no view yet; then every
    /// endpoint is unknown.
    pub revision: Option<i64>,
    /// Whether the view is still the one from the snapshot on disk.
    pub from_disk: bool,
    /// The time since the last message from the cluster. `None` if there was none since the
    /// start.
    pub last_contact: Option<Duration>,
    /// How often the connection was lost.
    pub losses: u64,
    /// How often it was noticed that the cluster had been restored from a backup.
    pub restores: u64,
    /// How many endpoints show a newer generation than the cluster has, because the cluster
    /// was restored from a backup.
    pub kept: usize,
    /// The newest plan that the follower has seen, active or not.
    pub newest: Option<Generation>,
    /// The newest generation that readers show.
    pub newest_shown: Option<Generation>,
    /// The oldest generation that readers answer an endpoint from.
    pub oldest_shown: Option<Generation>,
    /// Why the cluster is not followed, or why the snapshot is not written.
    pub error: Option<Error>,
}

/// The current view, and its status.
pub(crate) struct Shown {
    pub(crate) view: Arc<ArcSwap<View>>,
    status: Mutex<Status>,
    changed: Condvar,
}

#[derive(Default)]
struct Status {
    connected: bool,
    /// The revision of the view, if there is one.
    revision: Option<i64>,
    newest: Option<Generation>,
    from_disk: bool,
    last_contact: Option<Instant>,
    losses: u64,
    restores: u64,
    error: Option<Error>,
}

impl Status {
    fn contact(&mut self) {
        self.connected = true;
        self.error = None;
        self.last_contact = Some(Instant::now());
        self.from_disk = false;
    }
}

impl Shown {
    pub(crate) fn nothing() -> Self {
        Self {
            view: Arc::default(),
            status: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The current view.
    pub(crate) fn get(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Shows a view from disk.
    pub(crate) fn show_from_disk(&self, view: View) {
        let mut status = self.status.lock();
        status.revision = Some(view.revision);
        status.from_disk = true;
        self.view.store(Arc::new(view));
        self.changed.notify_all();
    }

    /// Shows a view from the cluster.
    pub(crate) fn show(&self, view: View) {
        let mut status = self.status.lock();
        status.revision = Some(view.revision);
        status.newest = view.newest;
        status.contact();
        self.view.store(Arc::new(view));
        self.changed.notify_all();
    }

    /// Notes that the cluster has answered, and has nothing newer than the view.
    pub(crate) fn contact(&self) {
        self.status.lock().contact();
    }

    /// Notes that the cluster was restored from a backup.
    pub(crate) fn restored(&self) {
        self.status.lock().restores += 1;
    }

    /// Notes that the cluster is not followed any more.
    pub(crate) fn lost(&self, error: Error) {
        let mut status = self.status.lock();
        if std::mem::take(&mut status.connected) {
            status.losses += 1;
        }
        status.error = Some(error);
    }

    /// Notes an error that does not end following the cluster.
    pub(crate) fn warn(&self, error: Error) {
        self.status.lock().error = Some(error);
    }

    pub(crate) fn health(&self) -> Health {
        let view = self.get();
        let status = self.status.lock();
        Health {
            connected: status.connected,
            revision: status.revision,
            from_disk: status.from_disk,
            last_contact: status.last_contact.map(|at| at.elapsed()),
            losses: status.losses,
            restores: status.restores,
            kept: view.kept(),
            newest: status.newest,
            newest_shown: view.newest_shown(),
            oldest_shown: view.oldest_shown(),
            error: status.error.clone(),
        }
    }

    /// Waits until the view is of this revision or a later one.
    pub(crate) fn wait_for(&self, revision: i64, within: Duration) -> Result<(), Error> {
        let status = self.wait_until(within, |status| status.revision >= Some(revision));
        status.map(drop).map_err(|status| Error::NoView {
            waited: within,
            reason: match &status.error {
                Some(error) => error.to_string(),
                None => "the view is behind".into(),
            },
        })
    }

    /// Waits until there is a newer plan than this one, and returns its generation.
    pub(crate) fn wait_for_plan_after(
        &self,
        than: Option<Generation>,
        within: Duration,
    ) -> Option<Generation> {
        let status = self.wait_until(within, |status| status.newest > than);
        status.ok()?.newest
    }

    /// Waits until the status is as wanted. `Err` if that takes too long.
    fn wait_until(
        &self,
        within: Duration,
        wanted: impl Fn(&Status) -> bool,
    ) -> Result<MutexGuard<'_, Status>, MutexGuard<'_, Status>> {
        let until = Instant::now() + within;
        let mut status = self.status.lock();
        while !wanted(&status) {
            if self.changed.wait_until(&mut status, until).timed_out() {
                return if wanted(&status) {
                    Ok(status)
                } else {
                    Err(status)
                };
            }
        }
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use plan_store::Target;

    use super::*;

    fn name(text: &str) -> EndpointName {
        text.parse().unwrap()
    }

    #[test]
    fn the_descendants_of_a_name_are_the_endpoints_below_it_that_are_not_withdrawn() {
        let generation = Generation::FIRST;
        let mut view = View::default();
        view.set(name("a.b.example"), Resolution::Vacant);
        view.set(name("c.bb.example"), Resolution::Withdrawn { generation });
        view.set(name("example"), Resolution::Vacant);
        assert!(view.has_descendant(&name("b.example")) && view.has_descendant(&name("example")));
        for not in ["bb.example", "a.b.example", "c.example", "xample"] {
            assert!(!view.has_descendant(&name(not)), "{not}");
        }
        view.set(name("c.bb.example"), Resolution::Vacant);
        assert!(view.has_descendant(&name("bb.example")));
        view.remove(&name("c.bb.example"));
        assert!(!view.has_descendant(&name("bb.example")));
    }

    #[test]
    fn an_older_view_stays_as_it_is() {
        let endpoint = name("db.example");
        let target = Target::new([192, 0, 2, 1].into(), 1);
        let records = Arc::new(RecordSet::new(5, [target]).unwrap());
        let shown = Shown::nothing();
        let before = shown.get();
        let mut view = View::clone(&before);
        view.revision = 7;
        view.newest = Some(Generation::FIRST);
        view.set(
            endpoint.clone(),
            answer_at(StoredStanding::active(Generation::FIRST), Some(records)),
        );
        shown.show(view);
        assert_eq!(before.answer(&endpoint), None);
        let answer = shown.get().answer(&endpoint).cloned();
        assert!(
            matches!(answer, Some(Resolution::Answer { .. })),
            "{answer:?}"
        );
        assert_eq!(
            shown.wait_for_plan_after(None, Duration::ZERO),
            Some(Generation::FIRST)
        );
        assert_eq!(
            shown.wait_for_plan_after(Some(Generation::FIRST), Duration::ZERO),
            None
        );
        shown.wait_for(7, Duration::ZERO).unwrap();
        assert!(shown.wait_for(8, Duration::ZERO).is_err());
    }
}
