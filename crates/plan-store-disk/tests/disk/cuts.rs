//! Power cuts below the database: whatever a cut leaves of the writes that were not synced, the
//! store opens with exactly what was acknowledged, or with that and the one change that was
//! under way.

use fastrand::Rng;
use plan_store::{PlanStore, Retention};
use plan_store_disk::DiskStore;

use crate::medium::{Image, Medium};
use crate::world::{Content, endpoint, pass, publish_next};

const KEEP: Retention = Retention::newest(2);

/// `CUTS=20` takes so many images at each sync, for a longer test.
fn images_per_sync() -> usize {
    std::env::var("CUTS").map_or(3, |text| text.parse().unwrap())
}

fn open(medium: &Medium) -> DiskStore {
    DiskStore::on(medium.opener(), KEEP).unwrap()
}

/// Makes one change of a random kind. Each is one operation to the store, so each is there or
/// not.
fn change(store: &DiskStore, chance: &mut Rng, number: usize) {
    let latest = store.latest().unwrap();
    match (chance.u8(..7), latest) {
        (0 | 1, _) | (_, None) => drop(publish_next(store)),
        (2 | 3, Some(pin)) => drop(store.activate_all(&pin).count()),
        (4, Some(pin)) => {
            let named = pin_endpoint(&pin, chance);
            let _ = store.activate(&pin, &named).unwrap();
        }
        (5, Some(pin)) => match store.stale_endpoints(&pin).unwrap().first() {
            Some(endpoint) => drop(store.withdraw(&pin, endpoint).unwrap()),
            None => store.set_note("note", &number.to_be_bytes()).unwrap(),
        },
        (_, Some(pin)) => drop(store.sweep(plan_store::Pin::generation(&pin)).unwrap()),
    }
}

fn pin_endpoint(pin: &impl plan_store::Pin, chance: &mut Rng) -> plan_store::EndpointName {
    let plan = pin.plan();
    let at = chance.usize(..plan.endpoints().len());
    plan.endpoints().nth(at).unwrap().0.clone()
}

/// Runs changes on a new medium. Returns what the store held after each number of them, and what
/// power cuts left behind.
fn run(seed: u64, changes: usize, images_per_sync: usize) -> (Vec<Content>, Vec<Image>) {
    let new = Medium::new(Vec::new(), 0, seed);
    drop(open(&new));
    let medium = Medium::new(new.live(), images_per_sync, seed);
    let mut chance = Rng::with_seed(seed);
    let store = open(&medium);
    let mut contents = vec![Content::of(&store)];
    for number in 0..changes {
        change(&store, &mut chance, number);
        contents.push(Content::of(&store));
        medium.acknowledge();
    }
    drop(store);
    (contents, medium.take_images())
}

/// Asserts that the store holds what was acknowledged, and at most one change more.
fn assert_kept(store: &DiskStore, image: &Image, contents: &[Content], at: &str) {
    let found = Content::of(store);
    let possible = &contents[image.acknowledged..contents.len().min(image.acknowledged + 2)];
    assert!(
        possible.contains(&found),
        "{at}: {found:#?}\nis none of {possible:#?}"
    );
}

#[test]
fn nothing_acknowledged_is_lost_by_a_power_cut() {
    let (mut cuts, mut nested) = (0, 0);
    for seed in 0..8 {
        let (contents, images) = run(seed, 60, images_per_sync());
        for (number, image) in images.iter().enumerate() {
            let at = format!("seed {seed}, image {number}");
            let often = usize::from(number % 8 == 0);
            let medium = Medium::new(image.bytes.clone(), often, seed);
            let store = open(&medium);
            assert_kept(&store, image, &contents, &at);
            // The store goes on: a plan becomes active everywhere.
            if number % 8 == 4 {
                let published = publish_next(&store);
                let _ = pass(&store);
                let state = store.state(&endpoint(0)).unwrap();
                assert_eq!(state.standing.active(), Some(published), "{at}");
            }
            drop(store);
            cuts += 1;
            // Another cut, while the first one is repaired.
            for again in medium.take_images() {
                let store = open(&Medium::new(again.bytes, 0, seed));
                assert_kept(&store, image, &contents, &format!("{at}, cut again"));
                nested += 1;
            }
        }
    }
    println!("{cuts} cuts, {nested} of them followed by another one during the repair");
    assert!(cuts > 1000 && nested > 100, "{cuts} cuts, {nested} nested");
}

/// The check can fail: without syncs, a cut loses what was acknowledged.
#[test]
fn a_medium_that_lies_about_syncs_is_noticed() {
    let (contents, images) = run(1, 30, 1);
    let old = images
        .into_iter()
        .find(|image| image.acknowledged >= 10)
        .unwrap();
    let lied = Image {
        acknowledged: 20,
        ..old
    };
    let store = open(&Medium::new(lied.bytes.clone(), 0, 0));
    let found = Content::of(&store);
    assert!(!contents[lied.acknowledged..].contains(&found));
}
