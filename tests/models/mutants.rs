//! Every ordering, compare-and-swap and count of the store is needed: if any one of them is
//! weakened, at least one model of a race fails.

use std::collections::BTreeMap;
use std::panic::{catch_unwind, resume_unwind};
use std::thread;

use models::mutant::{self, Access, Change, Mutation, Site};
use models::outage::{Protocol, Setup};
use models::races::{self, Check};
use models::{Seen, say};

use crate::apart::apart;

/// The models of which a mutant must fail at least one.
fn checks() -> Vec<Check> {
    let mut checks = races::all();
    checks.push(("stale overwrite, then delete", outage));
    checks
}

fn outage() -> usize {
    let explored = Protocol::Repaired.explore(Setup::SMALL);
    explored.findings.assert_broken(&[]);
    let seen = explored.findings.seen();
    seen.assert_seen(&[Seen::Stale, Seen::Deleted]);
    let allowed = Setup::SMALL.serial(true);
    explored.findings.assert_within(&allowed, allowed.len());
    explored.executions
}

/// The accesses of the unchanged store that the models make.
fn all_accesses() -> BTreeMap<Site, Access> {
    mutant::accesses(|| {
        for (_, check) in checks() {
            check();
        }
    })
}

/// The first model that fails with this mutant.
fn caught_by(mutation: Mutation) -> Option<&'static str> {
    let fails = |check: fn() -> usize| mutation.during(|| catch_unwind(check)).is_err();
    let caught = checks().into_iter().find(|(_, check)| fails(*check));
    caught.map(|(name, _)| name)
}

#[test]
fn every_mutant_of_an_atomic_access_fails_some_model() {
    apart(no_mutant_survives);
}

fn no_mutant_survives() {
    let mutants: Vec<_> = all_accesses()
        .into_iter()
        .flat_map(|(site, access)| access.changes().into_iter().map(move |c| (site, access, c)))
        .collect();
    // The table of `docs/mutants.md` has the same number.
    assert_eq!(mutants.len(), 10, "{mutants:#?}");
    let survivors: Vec<_> = mutants.into_iter().filter_map(survives).collect();
    assert!(
        survivors.is_empty(),
        "no model fails without: {survivors:#?}"
    );
}

/// Tries a mutant on a thread of its own, and prints which model caught it. Returns the
/// mutant's name if no model did.
fn survives((site, access, change): (Site, Access, Change)) -> Option<String> {
    let mutation = Mutation {
        site: Some(site),
        change,
    };
    let caught = thread::spawn(move || caught_by(mutation)).join();
    let caught = caught.unwrap_or_else(|panic| resume_unwind(panic));
    let mutant = format!("{site:22} {access:35} {change:20}");
    say(&format!("mutant {mutant} {}", caught.unwrap_or("SURVIVES")));
    caught.is_none().then_some(mutant)
}
