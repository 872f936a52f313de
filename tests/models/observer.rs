//! The observer: each atomic step of the store is one of the protocol in all races and in the
//! system, and here it fires.

use std::panic::catch_unwind;

use models::mutant::{Change, Mutation};
use models::observer::DEVIATES;
use models::races::{
    activate_against_activate, activate_against_sweep, pin_against_sweep, publish_against_pass,
    sweep_against_sweep,
};

use crate::apart::apart;

const UNRELEASED: Mutation = Mutation {
    site: None,
    change: Change::SubtractsNothing,
};

/// A race, a mutation, and a part of what the observer says about the two.
type Case = (fn() -> usize, Mutation, &'static str);

/// What the observer says first about a race with this mutation.
fn deviation(race: fn() -> usize, mutation: Mutation) -> String {
    let panic = mutation.during_observed(|| catch_unwind(race)).err();
    let text = panic.and_then(|panic| panic.downcast_ref::<String>().cloned());
    text.filter(|text| text.starts_with(DEVIATES))
        .unwrap_or_default()
}

/// A word that is torn changes under the access. A relaxed load returns a value from before an
/// activation that the sweep must see. A pin that is not given back stays in the word.
#[test]
fn a_deviation_from_the_protocol_is_named() {
    apart(|| {
        let cases: [Case; 5] = [
            (
                activate_against_activate::holds,
                Mutation::TORN,
                "Value(Cell(",
            ),
            (pin_against_sweep::holds, Mutation::TORN, "Value(Pins("),
            (sweep_against_sweep::holds, Mutation::TORN, "Value(Pins("),
            (
                activate_against_sweep::holds,
                Mutation::RELAXED,
                "OlderThanReleased",
            ),
            (pin_against_sweep::holds, UNRELEASED, "Value(Pins("),
        ];
        for (race, mutation, named) in cases {
            let deviation = deviation(race, mutation);
            assert!(deviation.contains(named), "{named}: {deviation}");
        }
    });
}

/// A race in which nothing happens would agree with any protocol.
#[test]
fn each_step_of_the_protocol_is_taken() {
    publish_against_pass::takes_each_step();
}
