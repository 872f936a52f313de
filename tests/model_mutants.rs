//! Every ordering, compare-and-swap and count of the store earns its place: with
//! any one of them weakened, some model of a race fails.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed model")]

use std::collections::BTreeMap;
use std::panic::{self, catch_unwind};
use std::sync::Mutex;
use std::thread;

use models::checker::LoomOn;
use models::mutant::{Access, Change, Mutable, Mutation, Site, accesses};
use models::outage::{Protocol, Setup};
use models::{races, say};

/// A model that a mutant must not pass.
type Check = (&'static str, fn());

fn checks() -> Vec<Check> {
    let mut checks = races::all::<LoomOn<Mutable>>();
    checks.push(("stale overwrite, then delete", outage));
    checks
}

fn outage() {
    let explored = Protocol::Repaired.explore::<LoomOn<Mutable>>(Setup::SMALL);
    explored.findings.assert_broken(&[]);
    explored.findings.assert_seen(&["stale", "deleted"]);
}

/// The store's accesses, as the models make them unchanged.
fn all_accesses() -> BTreeMap<Site, Access> {
    for (_, check) in checks() {
        check();
    }
    accesses()
}

/// The first model that the mutant fails.
fn caught_by(mutation: Mutation) -> Option<&'static str> {
    let fails = |check: fn()| mutation.during(|| catch_unwind(check)).is_err();
    let caught = checks().into_iter().find(|(_, check)| fails(*check));
    caught.map(|(name, _)| name)
}

#[test]
fn every_mutant_of_an_atomic_access_fails_some_model() {
    let mutants: Vec<_> = all_accesses()
        .into_iter()
        .flat_map(|(site, access)| access.changes().into_iter().map(move |c| (site, access, c)))
        .collect();
    assert!(mutants.len() >= 10, "the store is not what is mutated");
    // What a mutant says when it fails is of no interest.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let survivors = try_all(&mutants);
    panic::set_hook(hook);
    assert!(
        survivors.is_empty(),
        "not needed by any model: {survivors:#?}"
    );
}

/// Tries the mutants, each on a thread of its own, says what caught each, and
/// returns those that nothing caught.
fn try_all(mutants: &[(Site, Access, Change)]) -> Vec<String> {
    let survivors = Mutex::new(Vec::new());
    for &(site, access, change) in mutants {
        let mutation = Mutation {
            site: Some(site),
            change,
        };
        let caught = thread::spawn(move || caught_by(mutation)).join().unwrap();
        let mutant = format!("{site:22} {access:35} {change:20}");
        say(&format!("mutant {mutant} {}", caught.unwrap_or("SURVIVES")));
        if caught.is_none() {
            survivors.lock().unwrap().push(mutant);
        }
    }
    survivors.into_inner().unwrap()
}
