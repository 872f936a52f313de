//! Backups: taken while changes go on, damaged, and restored above what was served.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use plan_store::{Generation, Pin, PlanStore, Resolution, Retention, Standing};
use plan_store_disk::{Backup, BackupError, DiskStore, RestoreError};

use crate::folder::Folder;
use crate::world::{Content, ENDPOINTS, endpoint, names, pass, plan, publish_next};

const KEEP: Retention = Retention::newest(2);

fn open(folder: &Folder) -> DiskStore {
    DiskStore::open(folder.path(), KEEP).unwrap()
}

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

/// A store with so many plans and a note.
fn filled(folder: &Folder, plans: u32) -> DiskStore {
    let store = open(folder);
    for _ in 0..plans {
        publish_next(&store);
        let _ = pass(&store);
    }
    store.set_note("note", b"a note").unwrap();
    store
}

/// The backup of a store with five plans.
fn backup_of_five() -> (Vec<u8>, Content) {
    let folder = Folder::new();
    let store = filled(&folder, 5);
    (store.backup().unwrap(), Content::of(&store))
}

fn read(bytes: &[u8]) -> Backup {
    Backup::read(bytes).unwrap()
}

#[test]
fn a_backup_that_is_above_what_was_served_is_restored_as_it_was() {
    let (bytes, before) = backup_of_five();
    let folder = Folder::new();
    let restored = read(&bytes).restore(folder.path(), Some(generation(4)), false);
    let restored = restored.unwrap();
    assert_eq!(
        (restored.backup, restored.newest),
        (generation(5), generation(5))
    );
    let store = open(&folder);
    assert_eq!(Content::of(&store), before);
    assert_eq!(publish_next(&store), generation(6));
}

#[test]
fn what_was_served_after_the_backup_is_never_served_again_under_its_generation() {
    let (bytes, _) = backup_of_five();
    for above in [5, 6, 1_000_005] {
        let folder = Folder::new();
        let restored = read(&bytes).restore(folder.path(), Some(generation(above)), false);
        let newest = generation(above + 1);
        assert_eq!(restored.unwrap().newest, newest);
        let store = open(&folder);
        assert_eq!(*store.latest().unwrap().unwrap().plan(), plan(5));
        for at in 0..ENDPOINTS {
            let standing = store.state(&endpoint(at)).unwrap().standing;
            match store.resolve(&endpoint(at)) {
                Resolution::Answer { generation, .. } => {
                    assert!(names(5, at) && generation == newest, "{at}: {generation}");
                }
                Resolution::Dangling { .. } => panic!("{at} dangles"),
                _ => assert!(!names(5, at), "{at}: {standing:?}"),
            }
            if let Standing::Withdrawn(by) = standing {
                assert!(by == newest || by <= generation(5), "{at}: {by}");
            }
        }
        assert_eq!(store.note("note").unwrap().as_deref(), Some(&b"a note"[..]));
        let next = store.publish(plan(6)).unwrap();
        assert_eq!(next, newest.next().unwrap());
        let _ = pass(&store);
        drop(store);
        assert_eq!(open(&folder).newest_active().unwrap(), Some(next));
    }
}

/// The newest plan of the backup took endpoints away, and nobody had withdrawn them yet.
#[test]
fn endpoints_that_the_latest_plan_does_not_name_are_withdrawn() {
    let folder = Folder::new();
    let store = filled(&folder, 5);
    publish_next(&store);
    let gone = |at: &u32| names(5, *at) && !names(6, *at);
    let gone: Vec<_> = (0..ENDPOINTS).filter(gone).collect();
    let active =
        |store: &DiskStore, at| matches!(store.resolve(&endpoint(at)), Resolution::Answer { .. });
    assert!(!gone.is_empty() && gone.iter().all(|&at| active(&store, at)));
    let bytes = store.backup().unwrap();
    drop(store);
    read(&bytes)
        .restore(folder.path(), Some(generation(9)), true)
        .unwrap();
    let store = open(&folder);
    assert!(gone.iter().all(|&at| !active(&store, at)));
    assert_eq!(store.newest_active().unwrap(), Some(generation(10)));
}

#[test]
fn a_store_that_is_still_there_is_replaced_only_if_that_is_said_and_its_generations_count() {
    let (bytes, _) = backup_of_five();
    let folder = Folder::new();
    let store = filled(&folder, 8);
    let before = Content::of(&store);
    let in_use = read(&bytes).restore(folder.path(), None, true).unwrap_err();
    assert!(in_use.to_string().contains("end that process"), "{in_use}");
    drop(store);
    let refused = read(&bytes).restore(folder.path(), Some(generation(100)), false);
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, RestoreError::NotEmpty { .. }),
        "{refused}"
    );
    assert!(
        refused.to_string().contains("its newest plan is 8"),
        "{refused}"
    );
    assert_eq!(Content::of(&open(&folder)), before);
    // A number below those of the store that is there changes nothing.
    for above in [None, Some(generation(6))] {
        let restored = read(&bytes).restore(folder.path(), above, true).unwrap();
        let newest = open(&folder).latest().unwrap().unwrap().generation();
        assert_eq!(restored.newest, newest);
        assert!(newest > generation(8), "{newest}");
    }
    let restored = read(&bytes).restore(folder.path(), Some(generation(50)), true);
    assert_eq!(restored.unwrap().newest, generation(51));
}

#[test]
fn without_a_store_and_without_a_number_nothing_is_restored() {
    let (bytes, _) = backup_of_five();
    let folder = Folder::new();
    drop(open(&folder));
    let plans = folder.path().join("plans.redb");
    let empty = fs::read(&plans).unwrap();
    let unknown = |replace| {
        read(&bytes)
            .restore(folder.path(), None, replace)
            .unwrap_err()
    };
    assert!(matches!(unknown(false), RestoreError::NoFloor { .. }));
    assert!(
        unknown(false).to_string().contains("at least 5"),
        "{}",
        unknown(false)
    );
    // A damaged store does not say what was served either, and is kept for a rescue.
    let damaged = &empty[..empty.len() / 2];
    fs::write(&plans, damaged).unwrap();
    let refused = read(&bytes)
        .restore(folder.path(), Some(generation(7)), false)
        .unwrap_err();
    assert!(
        matches!(refused, RestoreError::NotEmpty { .. }),
        "{refused}"
    );
    assert!(matches!(unknown(true), RestoreError::NoFloor { .. }));
    assert_eq!(fs::read(&plans).unwrap(), damaged);
    let restored = read(&bytes).restore(folder.path(), Some(generation(7)), true);
    assert_eq!(restored.unwrap().newest, generation(8));
}

/// Such a store began after the one that was backed up was lost, and says nothing about what that
/// one served after the backup.
#[test]
fn a_store_that_is_behind_the_backup_does_not_say_what_was_served() {
    let (bytes, _) = backup_of_five();
    let folder = Folder::new();
    let before = Content::of(&filled(&folder, 3));
    let restore = |above| read(&bytes).restore(folder.path(), above, true);
    let refused = restore(None).unwrap_err();
    assert!(matches!(refused, RestoreError::NoFloor { .. }), "{refused}");
    assert_eq!(Content::of(&open(&folder)), before);
    assert_eq!(restore(Some(generation(7))).unwrap().newest, generation(8));
}

#[test]
fn a_number_with_a_digit_too_many_is_refused() {
    let (bytes, _) = backup_of_five();
    let folder = Folder::new();
    let far = generation(1_000_006);
    let refused = read(&bytes)
        .restore(folder.path(), Some(far), false)
        .unwrap_err();
    assert!(
        matches!(refused, RestoreError::TooFarAbove { .. }),
        "{refused}"
    );
    assert!(!folder.path().join("plans.redb").exists());
    // In steps, each of which counts from the store that is there.
    for above in [1_000_005, 2_000_006] {
        let above = generation(above);
        let restored = read(&bytes)
            .restore(folder.path(), Some(above), true)
            .unwrap();
        assert_eq!(restored.newest, above.next().unwrap());
    }
}

#[test]
fn damage_anywhere_is_noticed_before_anything_is_touched() {
    let (good, _) = backup_of_five();
    for cut in 0..good.len() {
        let error = Backup::read(&good[..cut]).unwrap_err();
        let expected = if cut == 0 {
            error == BackupError::NotABackup
        } else {
            matches!(error, BackupError::Damaged { .. })
        };
        assert!(expected, "cut at {cut}: {error}");
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(Backup::read(&bad).is_err(), "flipped at {at}");
    }
    let longer = [&good[..], &[0]].concat();
    assert!(matches!(
        Backup::read(&longer),
        Err(BackupError::Damaged { .. })
    ));
    let mut later = good;
    later[16] = 2;
    let error = Backup::read(&later).unwrap_err();
    assert_eq!(error, BackupError::OtherVersion { found: 2 });
}

#[test]
fn an_empty_store_and_other_files_are_no_backups() {
    let folder = Folder::new();
    let empty = open(&folder).backup().unwrap();
    assert_eq!(Backup::read(&empty).unwrap_err(), BackupError::NoPlan);
    let database = fs::read(folder.path().join("plans.redb")).unwrap();
    assert_eq!(
        Backup::read(&database).unwrap_err(),
        BackupError::NotABackup
    );
}

/// Each backup is of one moment: each plan has its own content, and no endpoint dangles, which
/// `Content::of` checks. So a backup that mixed two moments would fail here.
#[test]
fn backups_under_load_are_each_of_one_moment() {
    let folder = Folder::new();
    let store = filled(&folder, 2);
    let ended = AtomicBool::new(false);
    let backups: Vec<_> = thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                publish_next(&store);
                let _ = pass(&store);
            }
        });
        let mut before = None;
        let mut backups = Vec::new();
        // It ends early only if it panics, and then the scope does.
        while backups.len() < 20 && !publishing.is_finished() {
            let newest = store.generations().last().copied();
            if newest == before {
                thread::yield_now();
                continue;
            }
            before = newest;
            backups.push((newest, store.backup()));
        }
        ended.store(true, Ordering::Relaxed);
        backups
    });
    let mut seen = Vec::new();
    for (newest, bytes) in backups {
        let backup = read(&bytes.unwrap());
        assert!(
            Some(backup.newest()) >= newest,
            "what was acknowledged is in it"
        );
        let folder = Folder::new();
        let below = Generation::FIRST;
        backup.restore(folder.path(), Some(below), false).unwrap();
        let content = Content::of(&open(&folder));
        assert!(content.generations.last() >= newest.as_ref());
        seen.push(backup.newest());
    }
    assert!(seen.is_sorted(), "{seen:?}");
}
