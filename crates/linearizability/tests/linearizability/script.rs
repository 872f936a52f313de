//! A script for one client, which makes each call of a store. On a correct store its
//! history has an order. If one call is wrong, there is no order, and the search names the
//! call.

use linearizability::record::{History, Recorded};
use linearizability::search::Verdict;
use linearizability::spec::{ENDPOINTS, Hold, RETENTION};
use plan_store::{DnsStore, Generation, MemoryStore, Pin, PlanStore, Resolve};

use crate::wrong::{Fault, Wrong};
use crate::{decide, endpoint, look_at_all, plan};

/// Each fault, with the operation at which the search gets stuck.
const FAULTS: [(Fault, &str); 18] = [
    (Fault::Publish, "Publish {"),
    (Fault::PickUp, "PickUp("),
    (Fault::PinOther, "Pin {"),
    (Fault::PinRefused, "Pin {"),
    (Fault::LetGo, "Spare {"),
    (Fault::Activate, "Activate {"),
    (Fault::ActivateAll, "Activate {"),
    (Fault::Withdraw, "Withdraw {"),
    (Fault::State, "State {"),
    (Fault::Resolve, "Resolve {"),
    (Fault::NoDescendant, "HasDescendant {"),
    (Fault::AlwaysDescendant, "HasDescendant {"),
    (Fault::NoneStale, "StaleEndpoint {"),
    (Fault::AllStale, "StaleEndpoint {"),
    (Fault::Delete, "Delete {"),
    (Fault::DeleteUntold, "Pin {"),
    (Fault::Spare, "Spare {"),
    (Fault::ForgetsTooEarly, "State {"),
];

/// The history of one client of this store.
fn script(store: Wrong) -> History {
    let history = History::default();
    let client = Recorded::new(store, 0, Hold::Pin, &history);
    let mut reader = client.reader();
    client.publish(plan(1)).unwrap();
    look(&client, &mut reader);
    let first = client.latest().unwrap().unwrap();
    let _ = client.activate(&first, &endpoint(0)).unwrap();
    apply(&client, &first);
    look(&client, &mut reader);
    // The second plan leaves out the last endpoint.
    client.publish(plan(2)).unwrap();
    // A wrong store may refuse the pin.
    if let Ok(overtaken) = client.pin(Generation::FIRST) {
        apply(&client, &overtaken);
    }
    apply(&client, &client.latest().unwrap().unwrap());
    look(&client, &mut reader);
    drop(first);
    // The third plan leaves out all endpoints except the first.
    client.publish(plan(4)).unwrap();
    let third = client.latest().unwrap().unwrap();
    apply(&client, &third);
    look(&client, &mut reader);
    // The first plan can be deleted; the second is a rollback target.
    client.sweep(third.generation()).unwrap();
    for generation in (1..=3).filter_map(Generation::new) {
        drop(client.pin(generation));
    }
    look(&client, &mut reader);
    history
}

/// Applies a plan as an Enactor does, and asks a second time for stale endpoints.
fn apply<S: DnsStore>(store: &S, pin: &S::Pin) {
    for (_, outcome) in store.activate_all(pin) {
        let _ = outcome.unwrap();
    }
    for endpoint in store.stale_endpoints(pin).unwrap() {
        let _ = store.withdraw(pin, &endpoint);
    }
    store.stale_endpoints(pin).unwrap();
}

fn look(store: &impl DnsStore, reader: &mut impl Resolve) {
    for at in 0..ENDPOINTS {
        store.state(&endpoint(at)).unwrap();
    }
    look_at_all(reader);
}

#[test]
fn the_script_on_a_correct_store_has_an_order() {
    let history = script(Wrong::new(MemoryStore::new(RETENTION), None));
    assert_eq!(decide(&history), Verdict::Linearizable, "{history}");
}

#[test]
fn one_wrong_call_is_rejected_and_named() {
    for (fault, operation) in FAULTS {
        let history = script(Wrong::new(MemoryStore::new(RETENTION), fault));
        let verdict = decide(&history);
        let named = matches!(&verdict, Verdict::Illegal(stuck) if stuck.contains(operation));
        assert!(named, "{fault:?}: {verdict:?}:\n{history}");
    }
}
