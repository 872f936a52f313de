//! Passes of two real Enactors, the second with a newer plan: a pass that is overtaken
//! stops at that endpoint, reports it, and does not sweep.
//!
//! Plan 2 is active and plan 3 is published. A slow Enactor makes a pass, while another
//! thread publishes plan 4 and makes a pass with it. Plan 1 is not in use, so a sweep by
//! either Enactor deletes it, and the outcome shows which of them swept first. The outcome
//! of an execution is the results of the two passes, and the state at the end.

use control_plane::{Enactor, Pass};
use plan_store::dns::{MemoryPin, MemoryStore, Reader};
use plan_store::primitives::Primitives;
use plan_store::{
    Activation, DnsStore, EndpointName, EndpointState, Generation, Layer, PlanStore, RetainReason,
    Retention, Standing, StepError, Swept,
};
use std::convert::Infallible;

use crate::checker::{Checker as _, Loom};
use crate::mutant::{self, Access, Change, Mutation};
use crate::{Explored, endpoints, explore, must, must_be, plan};
use crate::{Instrumented, Watched};

const RETENTION: Retention = Retention::newest(0);

/// The results of both passes, and where the two endpoints stand at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Outcome {
    slow: Pass,
    quick: Pass,
    end: [EndpointState; 2],
}

/// Explores the two passes. All plans name both endpoints, except plan 3, which names only
/// the first `third` of them.
fn two_passes<S: DnsStore + Clone + 'static>(
    name: &str,
    bound: usize,
    store: fn() -> S,
    third: u8,
) -> Explored<Outcome> {
    explore::<Loom, _>(name, Some(bound), move |found| {
        let (store, names) = (store(), endpoints(2));
        for octet in 1..=2 {
            must(store.publish(plan(&names, octet)));
        }
        let pin = must_be(must(store.latest()));
        for (_, outcome) in store.activate_all(&pin) {
            let _ = must(outcome);
        }
        drop(pin);
        must(store.publish(plan(&endpoints(third), 3)));
        let newer = plan(&names, 4);

        let (slow, quick) = (
            Enactor::new("slow", store.clone()),
            Enactor::new("quick", store.clone()),
        );
        let publishing = store.clone();
        let (slow, quick) = Loom::run_two(
            move || must(slow.pass()),
            move || {
                must(publishing.publish(newer));
                must(quick.pass())
            },
        );
        let end = [0, 1].map(|at| must(store.state(&names[at])));
        found.note(Outcome { slow, quick, end });
    })
}

fn watched() -> Watched<Instrumented> {
    Watched::new(RETENTION)
}

fn memory<P: Primitives>() -> MemoryStore<P> {
    MemoryStore::with_primitives(RETENTION)
}

/// The slow pass activates both endpoints, and may be overtaken at any of them.
pub fn an_overtaken_pass_stops() -> usize {
    let explored = two_passes("an overtaken pass", 3, watched, 2);
    let mut expected = newer_plan_first();
    // Plan 3 was active everywhere before plan 4 was.
    let end = [active(4, 3), active(4, 3)];
    expected.extend(older_plan_first(end));
    explored.findings.assert_outcomes(expected);
    explored.assert_observed();
    explored.executions
}

/// The slow pass withdraws the second endpoint, which plan 4 names again.
pub fn a_stale_withdrawal_is_refused() -> usize {
    let explored = two_passes("a stale withdrawal", 3, watched, 1);
    let mut expected = newer_plan_first();
    // Plan 3 had withdrawn the endpoint before plan 4 brought it back.
    expected.extend(older_plan_first([active(4, 3), active(4, None)]));
    // Plan 4 was active at that endpoint before the slow Enactor asked which endpoints are
    // stale. So plan 3 had nothing left to do there.
    let spared = [(2, RetainReason::Rollback), (3, RetainReason::Rollback)];
    for (slow, quick) in [(&[][..], &[1][..]), (&[1], &[])] {
        expected.push(Outcome {
            slow: applied(3, 1, slow, &spared[..1]),
            quick: applied(4, 2, quick, &spared),
            end: [active(4, 3), active(4, 2)],
        });
    }
    explored.findings.assert_outcomes(expected);
    explored.assert_observed();
    explored.executions
}

/// A slow Enactor that is not told that it was overtaken goes on, reports its plan as
/// applied, and sweeps.
pub fn a_pass_needs_to_be_told_that_it_is_stale() {
    let store = || NeverStale(memory::<Instrumented>());
    let explored = two_passes("a pass that is not told", 2, store, 2);
    let spared = [(2, RetainReason::Rollback), (3, RetainReason::Rollback)];
    explored.findings.assert_seen(&[Outcome {
        slow: applied(3, 1, &[1], &spared[..1]),
        quick: applied(4, 2, &[], &spared),
        end: [active(4, 3), active(4, 2)],
    }]);
}

/// With a compare-and-swap in two steps, the older plan withdraws what the newer plan has
/// just brought back.
pub fn a_withdrawal_needs_its_compare_and_swap() {
    let passes = || {
        let store = memory::<Instrumented>;
        two_passes("a torn withdrawal", 2, store, 1).findings
    };
    // Only the compare-and-swap of the endpoints: a torn count of pins would fail an
    // assertion of the store.
    let accesses = mutant::accesses(|| drop(passes()));
    let flip = accesses.into_iter().find(|(site, access)| {
        let of_cells = site.to_string().starts_with("memory/cell.rs");
        of_cells && matches!(access, Access::CompareExchange(..))
    });
    let torn = Mutation {
        site: Some(must_be(flip).0),
        change: Change::Torn,
    };
    let torn = torn.during(passes);
    let withdrawn = Standing::Withdrawn(generation(3));
    let lost = |outcome: &Outcome| outcome.end[1].standing == withdrawn;
    assert!(torn.outcomes().iter().any(lost), "{torn:#?}");
}

/// The outcomes in which plan 4 reaches an endpoint before plan 3, or the slow Enactor
/// picks up plan 4 too.
fn newer_plan_first() -> Vec<Outcome> {
    let [two, three] = [2, 3].map(|plan| (plan, RetainReason::Rollback));
    let (held, nowhere) = ((3, RetainReason::Pinned), [active(4, 2), active(4, 2)]);
    let (plan, newer) = (generation(3), generation(4));
    let stale = |at: usize| Pass::Stale {
        plan,
        newer,
        endpoint: endpoints(2).remove(at),
    };
    let mut outcomes = Vec::new();
    // Plan 3 reached no endpoint, and the quick sweep may find it still pinned.
    for slow in [Pass::StaleAtStart { plan, newer }, stale(0)] {
        let sweeps = [(&[1][..], &[two, held][..]), (&[1, 3], &[two])];
        outcomes.extend(sweeps.map(|(deleted, spared)| Outcome {
            slow: slow.clone(),
            quick: applied(4, 2, deleted, spared),
            end: nowhere,
        }));
    }
    // Plan 3 reached only the first endpoint. Its pass did not sweep, so plan 1 was still
    // there for the quick sweep.
    outcomes.push(Outcome {
        slow: stale(1),
        quick: applied(4, 2, &[1], &[two, three]),
        end: [active(4, 3), active(4, 2)],
    });
    // Both passes have plan 4. They share its endpoints and the plans to delete.
    for changed in 0..=2 {
        let shares: [(&[u32], &[u32]); 4] =
            [(&[], &[1, 3]), (&[1], &[3]), (&[3], &[1]), (&[1, 3], &[])];
        outcomes.extend(shares.map(|(slow, quick)| Outcome {
            slow: applied(4, changed, slow, &[two]),
            quick: applied(4, 2 - changed, quick, &[two]),
            end: nowhere,
        }));
    }
    outcomes
}

/// The outcomes in which plan 3 is applied everywhere, and then plan 4. The sweeps share
/// the plans to delete.
fn older_plan_first(end: [EndpointState; 2]) -> Vec<Outcome> {
    let [two, three] = [2, 3].map(|plan| (plan, RetainReason::Rollback));
    let sweeps: [(&[u32], &[Spared], &[u32]); 6] = [
        (&[], &[two], &[1, 2]),
        (&[1], &[two], &[2]),
        (&[], &[], &[1, 2]),
        (&[1], &[], &[2]),
        (&[2], &[], &[1]),
        (&[1, 2], &[], &[]),
    ];
    let outcomes = sweeps.map(|(slow, spared, quick)| Outcome {
        slow: applied(3, 2, slow, spared),
        quick: applied(4, 2, quick, &[three]),
        end,
    });
    outcomes.into()
}

/// A plan that a sweep spared, and why.
type Spared = (u32, RetainReason);

/// A pass that applied this plan, with what its sweep deleted and spared.
fn applied(plan: u32, changed: usize, deleted: &[u32], spared: &[Spared]) -> Pass {
    let swept = Swept {
        deleted: deleted.iter().copied().map(generation).collect(),
        spared: spared
            .iter()
            .map(|&(plan, why)| (generation(plan), why))
            .collect(),
    };
    let plan = generation(plan);
    Pass::Applied {
        plan,
        changed,
        swept,
    }
}

/// This plan is active, and that one is the rollback target.
fn active(plan: u32, rollback: impl Into<Option<u32>>) -> EndpointState {
    EndpointState {
        standing: Standing::Active(generation(plan)),
        rollback: rollback.into().map(generation),
    }
}

fn generation(number: u32) -> Generation {
    must_be(Generation::new(number))
}

/// A store that says *already* where the inner store says *stale*.
#[derive(Clone)]
struct NeverStale<S>(S);

impl<P: Primitives> Layer for NeverStale<MemoryStore<P>> {
    type Inner = MemoryStore<P>;
    type Error = Infallible;
    type Pin = MemoryPin<P>;
    type Reader = Reader<P>;

    fn inner(&self) -> &MemoryStore<P> {
        &self.0
    }

    fn wrap(&self, pin: MemoryPin<P>) -> MemoryPin<P> {
        pin
    }

    fn reader(&self) -> Reader<P> {
        self.0.reader()
    }

    fn activate(
        &self,
        _: &MemoryPin<P>,
        _: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError>,
    ) -> Result<Activation, StepError> {
        Ok(match step()? {
            Activation::Stale { .. } => Activation::Already,
            other => other,
        })
    }
}
