//! Each race of the store on its own. Races of two threads are explored in all
//! interleavings, races of three threads in those with up to two or three preemptions.
//! `crates/models/src/races` has a file for each race.

use models::checker::Loads;
use models::races::{
    activate_against_activate, activate_against_sweep, activate_all_against_activate_all,
    activate_hands_on, denial_against_changing_places, pin_against_sweep, publish_against_forget,
    publish_against_pass, publish_against_pick_up, publish_against_sweep, reader_against_activate,
    reader_against_coming_and_going, reader_against_forget, reader_overtaken_twice,
    sweep_against_sweep, sweep_ahead_of_publish, two_publishers, withdraw_against_activate,
    withdraw_against_return,
};

use crate::apart::apart;

/// Tests that a race holds, with the numbers of executions with plain loads and with rmw
/// loads.
macro_rules! races {
    ($($name:ident: $race:ident::$holds:ident, $plain:literal, $rmw:literal;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn holds_with_plain_loads() {
                apart(|| assert_eq!($race::$holds(), $plain));
            }

            #[test]
            fn holds_with_rmw_loads() {
                apart(|| assert_eq!(Loads::Rmw.during($race::$holds), $rmw));
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
    calls_against_activations: reader_against_activate::holds_for_calls, 388, 580;
    a_reader_overtaken_twice: reader_overtaken_twice::holds_for_a_reader, 477, 734;
    a_follower_overtaken_twice: reader_overtaken_twice::holds_for_a_follower, 477, 734;
    a_reader_against_a_forgetting: reader_against_forget::holds_for_a_reader, 156, 3_339;
    a_follower_against_a_forgetting: reader_against_forget::holds_for_a_follower, 156, 7_128;
    a_denial_against_changing_places: denial_against_changing_places::holds_for_one_that_comes_back, 552, 1_578;
    a_denial_against_a_new_endpoint: denial_against_changing_places::holds_for_a_new_one, 84, 99;
    two_publishers_at_once: two_publishers::holds, 12, 12;
    a_publish_against_a_pick_up_and_readers: publish_against_pick_up::holds_for_a_reader, 1_872, 2_563;
    a_publish_against_a_pick_up_and_followers: publish_against_pick_up::holds_for_a_follower, 1_872, 2_563;
    a_publish_against_a_forgetting_and_a_reader: publish_against_forget::holds_for_a_reader, 3_641, 3_570;
    a_publish_against_a_forgetting_and_a_follower: publish_against_forget::holds_for_a_follower, 4_249, 4_629;
    a_publish_against_a_pass: publish_against_pass::holds, 395, 364;
    a_sweep_ahead_of_the_plans: sweep_ahead_of_publish::holds, 27, 39;
    two_walks: activate_all_against_activate_all::holds, 219, 522;
    a_withdrawal_against_a_return: withdraw_against_return::holds, 408, 840;
    a_publish_against_a_sweep: publish_against_sweep::holds, 7_260, 6_281;
}

/// Without its protection, each race is lost.
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
    fn a_denial_against_a_new_endpoint_needs_the_count() {
        denial_against_changing_places::needs_the_count();
    }

    #[test]
    fn a_reader_overtaken_twice_needs_to_look_until_it_finds_its_plan() {
        reader_overtaken_twice::needs_to_look_until_it_finds_its_plan();
    }

    #[test]
    fn a_reader_against_a_forgetting_needs_the_count() {
        reader_against_forget::needs_the_count();
    }

    #[test]
    fn two_publishers_need_one_section() {
        two_publishers::needs_one_section();
    }

    #[test]
    fn a_publish_against_a_pick_up_needs_the_count() {
        publish_against_pick_up::needs_the_count();
    }

    #[test]
    fn a_publish_against_a_forgetting_needs_the_count() {
        publish_against_forget::needs_the_count();
    }

    #[test]
    fn a_publish_against_a_pass_needs_its_compare_and_swap() {
        publish_against_pass::needs_its_compare_and_swap();
    }

    #[test]
    fn a_sweep_ahead_of_the_plans_needs_to_stop_at_the_newest_plan() {
        sweep_ahead_of_publish::needs_to_stop_at_the_newest_plan();
    }

    #[test]
    fn two_walks_need_their_compare_and_swap() {
        activate_all_against_activate_all::needs_its_compare_and_swap();
    }

    #[test]
    fn a_withdrawal_against_a_return_needs_its_compare_and_swap() {
        withdraw_against_return::needs_its_compare_and_swap();
    }

    #[test]
    fn a_publish_against_a_sweep_needs_to_spare_what_is_pinned() {
        publish_against_sweep::needs_to_spare_what_is_pinned();
    }
}
