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

/// Two processes change the same note. Each of them counts on.
#[test]
fn of_two_processes_that_compare_none_is_lost() {
    const EACH: u8 = 30;
    let cluster = Cluster::start(1);
    let (one, two) = (connect(&cluster, "/notes/"), connect(&cluster, "/notes/"));
    // Both have read that there is no note. The second one is told that it came too late.
    assert!(one.replace_note("orders", None, &[1]).unwrap());
    assert!(!two.replace_note("orders", None, &[2]).unwrap());
    assert!(!two.replace_note("orders", Some(&[]), &[2]).unwrap());
    assert_eq!(two.note("orders").unwrap().as_deref(), Some(&[1][..]));
    // The control: without the comparison, the first one is lost.
    one.set_note("orders", &[2]).unwrap();
    two.set_note("orders", &[0]).unwrap();

    let add_one = |store: &plan_store_etcd::EtcdStore| {
        loop {
            let before = store.note("orders").unwrap().unwrap();
            let after = [before[0] + 1];
            if store.replace_note("orders", Some(&before), &after).unwrap() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for store in [&one, &two] {
            scope.spawn(move || (0..EACH).for_each(|_| add_one(store)));
        }
    });
    assert_eq!(one.note("orders").unwrap(), Some(vec![2 * EACH]));
}
