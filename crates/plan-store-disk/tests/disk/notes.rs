//! Notes that several writers change at the same time.

use std::thread;

use plan_store::Retention;
use plan_store_disk::DiskStore;

use crate::folder::Folder;

const WRITERS: u64 = 8;
const EACH: u64 = 25;

fn number(store: &DiskStore) -> u64 {
    number_of(store.note("count").unwrap().as_deref())
}

fn number_of(note: Option<&[u8]>) -> u64 {
    note.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

fn open(folder: &Folder) -> DiskStore {
    DiskStore::open(folder.path(), Retention::newest(1)).unwrap()
}

#[test]
fn of_many_writers_that_compare_none_is_lost() {
    let folder = Folder::new();
    let store = open(&folder);
    let add_one = || {
        loop {
            let before = store.note("count").unwrap();
            let count = number_of(before.as_deref()) + 1;
            let replaced = store.replace_note("count", before.as_deref(), &count.to_be_bytes());
            if replaced.unwrap() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| (0..EACH).for_each(|_| add_one()));
        }
    });
    assert_eq!(number(&store), WRITERS * EACH);
    drop(store);
    assert_eq!(number(&open(&folder)), WRITERS * EACH);
}

#[test]
fn a_note_is_replaced_only_if_it_is_what_was_read() {
    let folder = Folder::new();
    let store = open(&folder);
    let replace = |before: Option<&[u8]>, new: &[u8]| store.replace_note("n", before, new).unwrap();
    let note = || store.note("n").unwrap().unwrap_or_default();
    // Two writers have read that there is none. The second one is told that it came too late.
    assert!(replace(None, b"first"));
    assert!(!replace(None, b"second"));
    assert_eq!(note(), b"first");
    assert!(!replace(Some(b"firs"), b"third"));
    assert!(replace(Some(b"first"), b"third"));
    assert!(replace(Some(b"third"), b"third"));
    // The control: without the comparison, the first one is lost.
    store.set_note("n", b"fourth").unwrap();
    store.set_note("n", b"fifth").unwrap();
    assert_eq!(note(), b"fifth");
    drop(store);
    assert_eq!(open(&folder).note("n").unwrap().unwrap(), b"fifth");
}
