//! Checks every invariant, by its name, after every operation.

use plan_store::{
    EndpointName, EndpointState, Generation, Pin, PlanStore, Resolution, Resolve, Retention,
    Standing,
};

use super::session::{Op, Said, Script, Session, endpoints};
use crate::Stores;

/// The invariant that broke and how. Its name comes first.
type Broken = String;

/// Performs a script on a store and checks the invariants. It uses one reader of its own
/// throughout.
///
/// # Errors
/// The invariant that broke, its name first, and how.
pub fn watch<M: Stores>(stores: &M, script: &Script) -> Result<(), Broken> {
    let mut session = Session::new(stores, script);
    let mut reader = session.store.reader();
    let mut history: Vec<Seen> = endpoints().map(Seen::nothing).collect();
    for op in &script.ops {
        session.perform(op);
        session.settle();
        pinned_kept(&session)?;
        for seen in &mut history {
            let endpoint = &seen.endpoint;
            let state = session.state(endpoint);
            active_and_rollback_kept(&session, state)?;
            seen.monotonic(state)?;
            for resolution in [
                session.store.resolve(endpoint),
                reader.resolve(endpoint).clone(),
            ] {
                whole_answer(&session, endpoint, &resolution)?;
                seen.never_empty(op, &resolution)?;
            }
            seen.keep(state);
        }
    }
    progress_and_reclaimed(session, script.retention())
}

/// What the watch has seen of an endpoint.
struct Seen {
    endpoint: EndpointName,
    state: EndpointState,
    newest_active: Option<Generation>,
}

impl Seen {
    fn nothing(endpoint: EndpointName) -> Self {
        Self {
            endpoint,
            state: EndpointState::VACANT,
            newest_active: None,
        }
    }

    /// No active generation is lower than an earlier one. The same holds for the generation
    /// of a withdrawal, until the endpoint is forgotten.
    fn monotonic(&self, now: EndpointState) -> Result<(), Broken> {
        let withdrawn = matches!(self.state.standing, Standing::Withdrawn(_));
        let forgotten = withdrawn && now == EndpointState::VACANT;
        let rises = now.standing.generation() >= self.state.standing.generation();
        let active = now.standing.active();
        holds(
            "Monotonic",
            (rises || forgotten) && (active.is_none() || active >= self.newest_active),
            || format!("{}: {:?} became {now:?}", self.endpoint, self.state),
        )
    }

    /// An endpoint that was active before `op` answers, unless `op` withdraws it.
    fn never_empty(&self, op: &Op, resolution: &Resolution) -> Result<(), Broken> {
        let answered = self.state.standing.active().is_some();
        let withdraws = matches!(op, Op::Withdraw(..) | Op::Pass);
        let holding = match resolution {
            Resolution::Answer { .. } => true,
            Resolution::Withdrawn { .. } => !answered || withdraws,
            Resolution::Vacant | Resolution::Unknown => !answered,
            Resolution::Dangling { .. } => false,
        };
        holds("NeverEmpty", holding, || {
            format!("{} answers {resolution:?} after {op:?}", self.endpoint)
        })
    }

    fn keep(&mut self, now: EndpointState) {
        self.state = now;
        self.newest_active = self.newest_active.max(now.standing.active());
    }
}

fn active_and_rollback_kept<M: Stores>(
    session: &Session<'_, M>,
    state: EndpointState,
) -> Result<(), Broken> {
    let kept = |plan: Option<Generation>| plan.is_none_or(|plan| session.keeps(plan));
    let says = || format!("a plan of {state:?} is deleted");
    holds("ActiveKept", kept(state.standing.active()), says)?;
    holds("RollbackKept", kept(state.rollback), says)
}

fn pinned_kept<M: Stores>(session: &Session<'_, M>) -> Result<(), Broken> {
    session.pins.iter().try_for_each(|pin| {
        let plan = pin.generation();
        let kept = session.store.pin(plan);
        let same = kept.is_ok_and(|kept| kept.plan() == pin.plan());
        holds("PinnedKept", same, || format!("plan {plan} is deleted"))
    })
}

/// An answer's records are those with which its plan was published. No other plan has the
/// same records.
fn whole_answer<M: Stores>(
    session: &Session<'_, M>,
    endpoint: &EndpointName,
    resolution: &Resolution,
) -> Result<(), Broken> {
    let Resolution::Answer {
        generation,
        records,
    } = resolution
    else {
        return Ok(());
    };
    let plan = session.published.get(generation);
    let published = plan.and_then(|plan| plan.records(endpoint));
    let same = published == Some(records);
    holds("WholeAnswer", same, || {
        format!("{endpoint} does not answer from plan {generation} alone: {records:?}")
    })
}

/// At rest: one publish (unless generations are exhausted) and one pass.
fn progress_and_reclaimed<M: Stores>(
    mut session: Session<'_, M>,
    retention: Retention,
) -> Result<(), Broken> {
    session.pins.clear();
    let published = session.perform(&Op::Publish(vec![0, 1]));
    session.perform(&Op::Pass);
    let states: Vec<EndpointState> = endpoints().map(|e| session.state(&e)).collect();
    if let Said::Generation(generation) = published {
        let active: Vec<_> = states.iter().map(|s| s.standing.active()).collect();
        let everywhere = active == [generation, generation, None, None];
        holds("Progress", everywhere, || format!("active: {active:?}"))?;
    }
    let latest = session.store.latest().ok().flatten();
    let Some(applied) = latest.map(|pin| pin.generation()) else {
        return Ok(());
    };
    let is_in_use = |plan| {
        let by = |s: &EndpointState| s.standing.active() == plan || s.rollback == plan;
        states.iter().any(by)
    };
    let mut plans = session.published.keys().copied();
    let left = plans.find(|&plan| {
        session.keeps(plan) && !retention.keeps(plan, applied) && !is_in_use(Some(plan))
    });
    holds("Reclaimed", left.is_none(), || {
        format!("plan {left:?} is not in use after plan {applied}, and the sweep did not delete it")
    })
}

fn holds(name: &str, holding: bool, says: impl FnOnce() -> String) -> Result<(), Broken> {
    if holding {
        Ok(())
    } else {
        Err(format!("{name}: {}", says()))
    }
}
