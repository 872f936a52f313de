//! Each race of the store on its own: with two threads all interleavings there are, with
//! three those of up to two or three preemptions. `crates/models/src/races` has a file
//! for each race.

use models::checker::{PlainLoads, RmwLoads};
use models::races::{
    activate_against_activate, activate_against_sweep, activate_hands_on,
    denial_against_changing_places, pin_against_sweep, publish_against_sweep,
    reader_against_activate, reader_against_coming_and_going, sweep_against_sweep,
    withdraw_against_activate,
};

use crate::apart::apart;

/// A race holds, in so many executions with plain loads and so many with rmw loads.
macro_rules! races {
    ($($name:ident: $race:ident::$holds:ident, $plain:literal, $rmw:literal;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn holds_with_plain_loads() {
                apart(|| assert_eq!($race::$holds::<PlainLoads>(), $plain));
            }

            #[test]
            fn holds_with_rmw_loads() {
                apart(|| assert_eq!($race::$holds::<RmwLoads>(), $rmw));
            }
        }
    )*};
}

races! {
    two_activations: activate_against_activate::holds, 54, 90;
    a_withdrawal_against_an_activation: withdraw_against_activate::holds, 72, 120;
    a_pin_against_a_sweep: pin_against_sweep::holds, 486, 585;
    an_activation_against_a_sweep: activate_against_sweep::holds, 264, 525;
    two_sweeps: sweep_against_sweep::holds, 75, 1_008;
    activations_hand_on: activate_hands_on::holds, 3_656, 822;
    a_reader_against_activations: reader_against_activate::holds_for_a_reader, 1_158, 5_853;
    a_follower_against_activations: reader_against_activate::holds_for_a_follower, 1_707, 13_569;
    a_reader_of_what_comes_and_goes: reader_against_coming_and_going::holds_for_a_reader, 1_566, 10_932;
    a_follower_of_what_comes_and_goes: reader_against_coming_and_going::holds_for_a_follower, 1_743, 39_165;
    a_denial_against_changing_places: denial_against_changing_places::holds, 39, 126;
    a_publish_against_a_sweep: publish_against_sweep::holds, 7_260, 6_281;
}

/// Without the protection that it is about, a race is lost.
mod controls {
    use super::*;

    #[test]
    fn two_activations_need_their_compare_and_swap() {
        activate_against_activate::needs_its_compare_and_swap();
    }

    #[test]
    fn a_withdrawal_against_an_activation_needs_its_compare_and_swap() {
        withdraw_against_activate::needs_its_compare_and_swap();
    }

    #[test]
    fn a_pin_against_a_sweep_needs_its_compare_and_swap() {
        pin_against_sweep::needs_its_compare_and_swap();
    }

    #[test]
    fn an_activation_against_a_sweep_needs_its_orderings() {
        activate_against_sweep::needs_its_orderings();
    }

    #[test]
    fn two_sweeps_need_their_compare_and_swap() {
        sweep_against_sweep::needs_its_compare_and_swap();
    }

    #[test]
    fn activations_that_hand_on_need_their_orderings() {
        activate_hands_on::needs_the_words_orderings();
    }

    #[test]
    fn a_reader_against_activations_needs_its_second_look() {
        reader_against_activate::needs_the_readers_second_look();
    }

    #[test]
    fn a_reader_of_what_comes_and_goes_needs_the_count() {
        reader_against_coming_and_going::needs_the_count();
    }

    #[test]
    fn a_denial_against_changing_places_needs_its_second_look() {
        denial_against_changing_places::needs_the_readers_second_look();
    }

    #[test]
    fn a_publish_against_a_sweep_needs_to_spare_what_is_pinned() {
        publish_against_sweep::needs_to_spare_what_is_pinned();
    }
}
