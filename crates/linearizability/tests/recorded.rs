//! A recorded pass runs what an Enactor without a record runs.

use linearizability::record::{History, Recorded};
use linearizability::spec::Hold;
use plan_store_conformance::counted::activate_all_reaches_the_inner_store;

#[test]
fn a_recorded_pass_is_the_inner_stores() {
    let history = History::default();
    activate_all_reaches_the_inner_store(|store| Recorded::new(store, 1, Hold::Pin, &history));
}
