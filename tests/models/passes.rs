//! The Enactor's pass under loom, against a pass with a newer plan.

use models::checker::Loads;
use models::passes::{
    a_pass_needs_to_be_told_that_it_is_stale, a_stale_withdrawal_is_refused,
    a_withdrawal_needs_its_compare_and_swap, an_overtaken_pass_stops,
};

#[test]
fn an_overtaken_pass_stops_says_so_and_does_not_sweep() {
    assert_eq!(an_overtaken_pass_stops(), 6_787);
    assert_eq!(Loads::Rmw.during(an_overtaken_pass_stops), 6_251);
}

#[test]
fn a_stale_withdrawal_in_a_pass_is_refused() {
    assert_eq!(a_stale_withdrawal_is_refused(), 5_799);
    assert_eq!(Loads::Rmw.during(a_stale_withdrawal_is_refused), 6_536);
}

#[test]
fn a_pass_that_is_not_told_that_it_is_stale_goes_on_and_sweeps() {
    a_pass_needs_to_be_told_that_it_is_stale();
}

#[test]
fn a_withdrawal_in_a_pass_needs_its_compare_and_swap() {
    a_withdrawal_needs_its_compare_and_swap();
}
