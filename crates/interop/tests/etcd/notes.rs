//! Notes: small named byte strings beside the plans.

use crate::load::{answered, connect, publish_and_apply};
use crate::outside::Outside;
use interop::cluster::Cluster;

#[test]
fn a_note_is_kept_beside_the_plans_of_its_prefix() {
    let cluster = Cluster::start(1);
    let (store, other) = (connect(&cluster, "/notes/"), connect(&cluster, "/other/"));
    assert_eq!(store.note("drains").unwrap(), None);
    let large = vec![7; 1 << 20];
    for bytes in [&b"\0one\xff"[..], b"", &large] {
        store.set_note("drains", bytes).unwrap();
        assert_eq!(
            connect(&cluster, "/notes/")
                .note("drains")
                .unwrap()
                .as_deref(),
            Some(bytes)
        );
    }
    assert_eq!(store.note("drain").unwrap(), None);
    assert_eq!(other.note("drains").unwrap(), None);
    let error = store.set_note("drains", &vec![7; 1_700_000]).unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");

    let mut serial = 8..;
    publish_and_apply(&store, || crate::load::plan(serial.next().unwrap()));
    assert!(answered(store.note("drains")).unwrap().is_some());
    Outside::of(&cluster, "/notes/").assert_whole();
}
