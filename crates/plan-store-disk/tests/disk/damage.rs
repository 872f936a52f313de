//! A file that is damaged, or of another version.

use std::fs;

use fastrand::Rng;
use plan_store::Retention;
use plan_store_disk::{DiskStore, OpenError};
use redb::{Database, TableDefinition};

use crate::folder::Folder;
use crate::medium::Medium;
use crate::world::{Content, pass, publish_next};

const KEEP: Retention = Retention::newest(2);

/// A folder with some plans, and what they are.
fn filled() -> (Folder, Content) {
    let folder = Folder::new();
    let store = DiskStore::open(folder.path(), KEEP).unwrap();
    for _ in 0..5 {
        publish_next(&store);
        let _ = pass(&store);
    }
    store.set_note("note", b"a note").unwrap();
    (folder, Content::of(&store))
}

/// Changes random bytes, one or a whole sector. The store says that the file is damaged, or the
/// bytes did not matter.
#[test]
fn damage_is_noticed_wherever_it_is() {
    let (folder, before) = filled();
    let file = folder.path().join("plans.redb");
    let good = fs::read(&file).unwrap();
    let mut chance = Rng::with_seed(3);
    let mut noticed = 0;
    for number in 0..400 {
        let mut bad = good.clone();
        let at = chance.usize(..bad.len());
        if number % 2 == 0 {
            bad[at] ^= 1 << chance.u8(..8);
        } else {
            let sector = at / 512 * 512;
            bad[sector..sector + 512].fill_with(|| chance.u8(..));
        }
        match DiskStore::on(Medium::new(bad, 0, 0).opener(), KEEP) {
            Ok(store) => assert_eq!(Content::of(&store), before, "damage at {at}"),
            Err(error) => {
                noticed += 1;
                let says = matches!(
                    error,
                    OpenError::Damaged { .. } | OpenError::OtherFormat { .. }
                );
                assert!(says, "damage at {at}: {error:?}");
            }
        }
    }
    println!("{noticed} of 400 were noticed, the others were in unused places");
    assert!(noticed > 30);
}

#[test]
fn a_file_that_is_cut_short_or_is_no_database_is_named_with_what_to_do() {
    let (folder, _) = filled();
    let file = folder.path().join("plans.redb");
    let good = fs::read(&file).unwrap();
    let no_database = b"no database, but long enough to be read as one".repeat(200);
    for bad in [
        &good[..good.len() / 2],
        &good[..4096],
        &good[..100],
        &no_database[..],
    ] {
        fs::write(&file, bad).unwrap();
        let error = DiskStore::open(folder.path(), KEEP).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(file.to_str().unwrap()), "{text}");
        assert!(text.contains("restore it from a backup"), "{text}");
        let left = fs::read(&file).unwrap();
        assert_eq!(
            left.len(),
            bad.len(),
            "what may be rescued is left as it is"
        );
    }
}

#[test]
fn a_file_of_another_version_is_refused_by_its_version() {
    let (folder, _) = filled();
    let file = folder.path().join("plans.redb");
    let set = |format: u64| {
        let database = Database::open(&file).unwrap();
        let transaction = database.begin_write().unwrap();
        let about = TableDefinition::<&str, u64>::new("about");
        transaction
            .open_table(about)
            .unwrap()
            .insert("format", format)
            .unwrap();
        transaction.commit().unwrap();
    };
    for other in [0, 2] {
        set(other);
        let error = DiskStore::open(folder.path(), KEEP).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!(
                "has format {other}, and this program reads format 1"
            )),
            "{text}"
        );
    }
    set(1);
    DiskStore::open(folder.path(), KEEP).unwrap();
}

type Rows = TableDefinition<'static, u32, &'static [u8]>;

/// A row that the database's checksums do not show as damaged, since something else wrote it.
#[test]
fn rows_that_contradict_each_other_are_noticed() {
    let (folder, _) = filled();
    let file = folder.path().join("plans.redb");
    let good = fs::read(&file).unwrap();
    let (layers, names, states) = (Rows::new("layers"), Rows::new("names"), Rows::new("states"));
    let garbage: Option<&[u8]> = Some(b"\xff\xff\xff");
    for (table, key, row) in [
        (layers, 5, None),
        (layers, 4, None),
        (layers, 5, garbage),
        (names, 0, None),
        (names, 0, garbage),
        (states, 0, None),
        (states, 0, garbage),
    ] {
        fs::write(&file, &good).unwrap();
        let database = Database::open(&file).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut rows = transaction.open_table(table).unwrap();
            match row {
                Some(row) => drop(rows.insert(key, row).unwrap()),
                None => drop(rows.remove(key).unwrap()),
            }
        }
        transaction.commit().unwrap();
        drop(database);
        let error = DiskStore::open(folder.path(), KEEP).unwrap_err();
        assert!(
            matches!(error, OpenError::Damaged { .. }),
            "{table} {key}: {error:?}"
        );
    }
}
