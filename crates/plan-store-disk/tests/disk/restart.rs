//! What a store knows after it was closed and opened again, and which folders it refuses.

use std::error::Error as _;
use std::fs;

use plan_store::{Activation, Pin, PlanStore, Retention, Standing};
use plan_store_disk::{DiskStore, OpenError};

use crate::folder::Folder;
use crate::world::{Content, endpoint, pass, plan, publish_next};

const KEEP: Retention = Retention::newest(2);

fn open(folder: &Folder) -> DiskStore {
    DiskStore::open(folder.path(), KEEP).unwrap()
}

#[test]
fn generations_rollback_targets_withdrawals_and_notes_survive() {
    let folder = Folder::new();
    let mut before = Content::of(&open(&folder));
    for number in 1..=60 {
        let store = open(&folder);
        assert_eq!(Content::of(&store), before, "before plan {number}");
        publish_next(&store);
        if number % 5 > 0 {
            let _ = pass(&store);
        }
        store.set_note("note", &[number]).unwrap();
        before = Content::of(&store);
    }
    assert!(before.generations.len() < 6, "{before:?}");
    let rollbacks = before
        .states
        .iter()
        .filter(|state| state.rollback.is_some());
    assert!(rollbacks.count() > 3);
}

#[test]
fn a_store_that_goes_on_decides_as_one_that_never_stopped() {
    let folder = Folder::new();
    let store = open(&folder);
    publish_next(&store);
    let _ = pass(&store);
    publish_next(&store);
    let _ = pass(&store);
    publish_next(&store);
    drop(store);
    let store = open(&folder);
    let newer = store.latest().unwrap().unwrap();
    let older = store.pin(plan_store::Generation::FIRST).unwrap();
    let stale = store.activate(&older, &endpoint(0)).unwrap();
    assert!(matches!(stale, Activation::Stale { newer } if newer.get() == 2));
    let before = store.state(&endpoint(0)).unwrap();
    let activated = store.activate(&newer, &endpoint(0)).unwrap();
    assert_eq!(activated, Activation::Activated { replaced: before });
    assert_eq!(
        store.activate(&newer, &endpoint(0)).unwrap(),
        Activation::Already
    );
    assert_eq!(store.publish(plan(4)).unwrap().get(), 4);
}

/// The store in memory refuses these steps too. So only a restart shows what is on the disk.
#[test]
fn a_step_that_is_refused_leaves_nothing_on_the_disk() {
    let (folder, other) = (Folder::new(), Folder::new());
    let (store, other) = (open(&folder), open(&other));
    for _ in 1..=3 {
        publish_next(&store);
        let _ = pass(&store);
    }
    publish_next(&store);
    for _ in 1..=6 {
        publish_next(&other);
    }
    let (own, foreign) = (
        store.latest().unwrap().unwrap(),
        other.latest().unwrap().unwrap(),
    );
    let (absent, named) = (endpoint(3), endpoint(0));
    assert!(own.plan().names(&named) && !own.plan().names(&absent));
    assert!(matches!(
        store.state(&absent).unwrap().standing,
        Standing::Withdrawn(_)
    ));
    let before = Content::of(&store);
    let refused = [
        store.activate(&own, &absent),
        store.withdraw(&own, &named),
        store.activate(&foreign, &named),
        store.withdraw(&foreign, &absent),
    ];
    assert!(refused.iter().all(Result::is_err), "{refused:?}");
    assert!(store.activate_all(&foreign).all(|(_, step)| step.is_err()));
    assert!(store.stale_endpoints(&foreign).is_err());
    drop((own, store));
    assert_eq!(Content::of(&open(&folder)), before);
}

#[test]
fn a_second_opener_is_refused_and_told_what_to_do() {
    let folder = Folder::new();
    let store = open(&folder);
    let error = DiskStore::open(folder.path(), KEEP).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
    assert!(text.contains("end that process"), "{text}");
    let second = store.clone();
    drop(store);
    assert!(DiskStore::open(folder.path(), KEEP).is_err());
    drop(second);
    open(&folder);
}

#[test]
fn readers_and_pins_outlive_the_handle() {
    let folder = Folder::new();
    let store = open(&folder);
    publish_next(&store);
    let _ = pass(&store);
    let (mut reader, pin) = (store.reader(), store.latest().unwrap().unwrap());
    let content = Content::of(&store);
    drop(store);
    let answer = plan_store::Resolve::resolve(&mut reader, &endpoint(0)).clone();
    assert_eq!(answer, content.answers[0]);
    let store = open(&folder);
    let foreign = store.activate(&pin, &endpoint(0));
    assert!(foreign.is_err(), "{foreign:?}");
    assert_eq!(pin.generation().get(), 1);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for bad in [
        file.clone(),
        file.join("below"),
        "/proc/no-such-folder".into(),
    ] {
        let error = DiskStore::open(&bad, KEEP).unwrap_err();
        assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(bad.to_str().unwrap()), "{text}");
        assert!(error.source().is_some());
    }
}

/// The plans may be on a volume that is not mounted. A new store in their place would begin again
/// with generation 1.
#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_not_replaced_by_a_new_store() {
    let (folder, volume) = (Folder::new(), Folder::new());
    drop(open(&volume));
    fs::create_dir_all(folder.path()).unwrap();
    let (link, file) = (
        folder.path().join("plans.redb"),
        volume.path().join("plans.redb"),
    );
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let away = volume.path().join("away");
    fs::rename(&file, &away).unwrap();

    let error = DiskStore::open(folder.path(), KEEP).unwrap_err();
    assert!(
        error.to_string().contains(link.to_str().unwrap()),
        "{error}"
    );
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(!file.exists(), "nothing is made where the link leads");

    fs::rename(&away, &file).unwrap();
    assert_eq!(publish_next(&open(&folder)).get(), 1);
}
