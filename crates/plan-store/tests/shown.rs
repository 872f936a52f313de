//! What names, generations and record sets show of themselves.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use plan_store::{EndpointName, Generation};

fn name(text: &str) -> EndpointName {
    text.parse().unwrap()
}

#[test]
fn what_is_shown_is_what_it_is() {
    assert_eq!(Generation::new(7).unwrap().to_string(), "7");
    let target = plan_store::Target::new([192, 0, 2, 1].into(), 255);
    let records = plan_store::RecordSet::new(&name("a.example"), 30, [target]).unwrap();
    assert_eq!(records.ttl(), 30);
    let by_name = std::collections::BTreeMap::from([(name("A.example"), 1)]);
    assert_eq!(by_name.get(&name("a.EXAMPLE.")), Some(&1));
}
