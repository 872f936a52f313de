//! Steps: the activation of a plan at an endpoint, or the withdrawal of the endpoint.

use plan_store::{Activation, EndpointName, EndpointState, Generation, Standing, StepError};
use tracing::debug;

use crate::Error;
use crate::error::corrupt;
use crate::layout::{StoredStanding, generation_value};
use crate::pins::Held;
use crate::proto::etcd::{TxnRequest, TxnResponse};
use crate::shared::{Shared, generation_in, standing_of};
use crate::txn::{Answers, get, is, nested, peek, put, replace, txn};

/// Moves an endpoint to where it is to stand, under a pin on the plan that moves it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) endpoint: EndpointName,
    pub(crate) to: StoredStanding,
}

/// The result of a step's transaction.
enum Met {
    /// The step is done, or was done before, or is stale.
    End(Activation),
    /// Nothing is done, because the endpoint stands here and not where the store expected
    /// it.
    Elsewhere(StoredStanding),
}

/// The outcome of a step, or why it failed.
pub(crate) type Outcome = Result<Activation, StepError<Error>>;

/// How many endpoints share a request. etcd's limit is 128 operations or comparisons in a
/// transaction, and those of its largest nested transaction count too.
pub(crate) const BATCH: usize = 64;

impl Shared {
    /// Takes a step, wherever the endpoint stands.
    pub(crate) async fn step(&self, held: &Held, step: &Step) -> Outcome {
        self.step_from(self.guess(held, step), held, step).await
    }

    /// Tries again only if another step has moved the endpoint meanwhile and this step
    /// may still be taken from there.
    async fn step_from(&self, mut seen: StoredStanding, held: &Held, step: &Step) -> Outcome {
        loop {
            let request = self.step_txn(held, step, seen);
            let met = match self.client.txn_once(request).await {
                Ok(answer) => self.met(held, step, seen, answer)?,
                Err(error) => return unanswered(error),
            };
            match met {
                Met::End(activation) => return Ok(activation),
                Met::Elsewhere(here) => seen = here,
            }
        }
    }

    /// Takes up to [`BATCH`] steps in one request, each with its own comparisons.
    pub(crate) async fn step_all(&self, held: &Held, steps: &[Step]) -> Vec<Outcome> {
        let guesses: Vec<_> = steps.iter().map(|step| self.guess(held, step)).collect();
        let requests = steps.iter().zip(&guesses);
        let requests = requests.map(|(step, &seen)| nested(self.step_txn(held, step, seen)));
        let request = txn([], requests.collect::<Vec<_>>(), []);
        let mut answers = match self.client.txn_once(request).await {
            Ok(answer) => Answers::of(answer),
            Err(error) => return steps.iter().map(|_| unanswered(error.clone())).collect(),
        };
        let mut outcomes = Vec::with_capacity(steps.len());
        for (step, seen) in steps.iter().zip(guesses) {
            let answer = answers.nested().map_err(StepError::from);
            let met = answer.and_then(|answer| self.met(held, step, seen, answer));
            outcomes.push(match met {
                Ok(Met::End(activation)) => Ok(activation),
                Ok(Met::Elsewhere(here)) => self.step_from(here, held, step).await,
                Err(error) => Err(error),
            });
        }
        outcomes
    }

    /// Reads and remembers where all endpoints stand.
    pub(crate) async fn look_ahead(&self) -> Result<(), Error> {
        let standings = self.read_standings(0).await?;
        *self.standings.lock() = standings.into_iter().collect();
        Ok(())
    }

    /// Where a step expects the endpoint to stand. That is where the endpoint was last
    /// seen, if the plan may take a step from there, and otherwise where it stands if this
    /// plan brought it.
    fn guess(&self, held: &Held, step: &Step) -> StoredStanding {
        let guess = self.standings.lock().get(&step.endpoint).copied();
        let guess = guess.filter(|&seen| seen < StoredStanding::limit(held.generation));
        guess.unwrap_or(StoredStanding::vacant(held.generation))
    }

    /// The transaction of a step; see the [crate's documentation](crate#transactions).
    /// `seen` must be below the plan's limit. Then a standing that equals `seen` is below
    /// it too.
    fn step_txn(&self, held: &Held, step: &Step, seen: StoredStanding) -> TxnRequest {
        debug_assert!(seen < StoredStanding::limit(held.generation), "{seen:?}");
        let active = self.keys.active(&step.endpoint);
        let rollback = generation_value(seen.standing().active());
        let compare = [is(active.clone(), seen.to_value()), held.fence.holds()];
        let success = [
            put(active.clone(), step.to.to_value()),
            replace(self.keys.rollback(&step.endpoint), rollback),
        ];
        let failure = [get(active), peek(held.fence.key.clone())];
        txn(compare, success, failure)
    }

    /// Reads the answer to a step's transaction, which compared with `seen`. If the pin is
    /// still there and the step was not done, the endpoint stands elsewhere.
    fn met(
        &self,
        held: &Held,
        step: &Step,
        seen: StoredStanding,
        answer: TxnResponse,
    ) -> Result<Met, StepError<Error>> {
        let generation = held.generation;
        let (succeeded, mut answers) = (answer.succeeded, Answers::of(answer));
        if succeeded {
            answers.replaced()?;
            let rollback = answers.replaced()?;
            let replaced = EndpointState {
                standing: seen.standing(),
                rollback: rollback.as_ref().map_or(Ok(None), generation_in)?,
            };
            self.standings.lock().insert(step.endpoint.clone(), step.to);
            return Ok(Met::End(Activation::Activated { replaced }));
        }
        let (active, pin) = (answers.key()?, answers.key()?);
        let Some(active) = active else {
            self.standings.lock().remove(&step.endpoint);
            return match step.to.standing() {
                Standing::Withdrawn(_) => Ok(Met::End(Activation::Already)),
                _ => Err(corrupt(&self.keys.active(&step.endpoint), "it is missing").into()),
            };
        };
        let (_, here) = standing_of(&self.keys.actives(), &active)?;
        self.standings.lock().insert(step.endpoint.clone(), here);
        if here >= StoredStanding::limit(generation) {
            return Ok(Met::End(refusal(here, generation)));
        }
        if pin.is_none_or(|pin| pin.create_revision != held.fence.created) {
            return Err(Error::PinLost { generation }.into());
        }
        Ok(Met::Elsewhere(here))
    }
}

/// The outcome of a step whose transaction failed with this error.
fn unanswered(error: Error) -> Outcome {
    if error.not_applied() {
        Err(error.into())
    } else {
        debug!(%error, "outcome of a step unknown");
        Ok(Activation::Unknown)
    }
}

/// Why this plan may not move an endpoint that stands here.
fn refusal(here: StoredStanding, plan: Generation) -> Activation {
    match here.generation() {
        active if active == plan => Activation::Already,
        newer => Activation::Stale { newer },
    }
}
