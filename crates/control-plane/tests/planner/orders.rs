//! Orders of persons: drains, a freeze, rejections, and what the history says of plans.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use control_plane::{
    ChangeId, Drain, DrainScope, Fleet, Order, OrderBook, Orders, Planned, Planner, Publication,
    TargetState,
};
use plan_store::MemoryStore;

use crate::{at, down_since, health_at, parse, planner, published, serves, unchanged};

/// An order book that the test writes.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    orders: Orders,
    /// The wall clock, in milliseconds since 1970.
    clock: u64,
    fails: bool,
    /// Whether it can be read and not be written.
    is_read_only: bool,
    published: Vec<Publication>,
}

impl OrderBook for Book {
    fn read(&mut self) -> Result<Arc<Orders>, plan_store::Error> {
        let pages = self.0.lock().unwrap();
        if pages.fails {
            return Err(plan_store::Error::new("the book is away"));
        }
        let mut orders = pages.orders.clone();
        let now = wall(pages.clock);
        orders.drains.retain(|_, drain| !drain.is_over(now));
        Ok(Arc::new(orders))
    }

    fn end_rejections(&mut self, over: &BTreeSet<ChangeId>) -> Result<(), plan_store::Error> {
        let mut pages = self.0.lock().unwrap();
        if pages.fails || pages.is_read_only {
            return Err(plan_store::Error::new("the book is away"));
        }
        pages.orders.rejected.retain(|id| !over.contains(id));
        Ok(())
    }

    fn record(&mut self, publication: Publication) {
        self.0.lock().unwrap().published.push(publication);
    }
}

impl Book {
    /// Changes the orders, signed by Ada.
    fn write(&self, what: &str, change: impl FnOnce(&mut Orders)) {
        let mut pages = self.0.lock().unwrap();
        change(&mut pages.orders);
        pages.orders.last = Some(order(what));
    }

    fn drain(&self, scope: &DrainScope, until: Option<u64>) {
        let drain = Drain {
            order: order("rack work"),
            until: until.map(wall),
        };
        self.write(&format!("drained {scope}"), |orders| {
            orders.drains.insert(scope.clone(), drain);
        });
    }

    fn undrain(&self, scope: &DrainScope) {
        self.write(&format!("undrained {scope}"), |orders| {
            orders.drains.remove(scope);
        });
    }

    fn set_clock(&self, millis: u64) {
        self.0.lock().unwrap().clock = millis;
    }

    /// Author and cause of each plan.
    pub(crate) fn history(&self) -> Vec<(String, String)> {
        let pages = self.0.lock().unwrap();
        let all = pages.published.iter();
        all.map(|p| (p.author.clone(), p.cause.clone())).collect()
    }
}

fn wall(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn order(why: &str) -> Order {
    Order {
        by: "Ada".into(),
        at: SystemTime::UNIX_EPOCH,
        why: why.into(),
    }
}

fn zone(name: &str) -> DrainScope {
    DrainScope::Zone(name.into())
}

fn target(last: u8) -> DrainScope {
    DrainScope::Target([192, 0, 2, last].into())
}

/// Endpoints with targets `192.0.2.N` in three zones by turns: 1, 4, 7 are in `z1`.
fn fleet(endpoints: &[(&str, &[u8])]) -> Fleet {
    let mut text = "planner = { suspect_percent = 100 }\n".to_owned();
    for (name, targets) in endpoints {
        text += &format!("[[endpoint]]\nname = \"{name}.example\"\ntarget = [\n");
        for last in *targets {
            let zone = last % 3;
            text +=
                &format!("{{ address = \"192.0.2.{last}\", zone = \"z{zone}\", capacity = 1 }},\n");
        }
        text += "]\n";
    }
    parse(&text)
}

/// A Planner that has published this fleet, with everything up.
fn planned(fleet: Fleet) -> (Planner<MemoryStore>, MemoryStore, Book) {
    let (planner, store) = planner(fleet);
    let book = Book::default();
    let mut planner = planner.with_orders(book.clone());
    assert_eq!(tick(&mut planner, 0), published(1));
    (planner, store, book)
}

fn tick(planner: &mut Planner<MemoryStore>, millis: u64) -> Planned {
    planner.tick(&health_at(millis, &[])).unwrap()
}

fn held(planner: &Planner<MemoryStore>) -> Vec<&str> {
    let held = planner.status().held.iter();
    held.map(|h| h.endpoint.as_str()).collect()
}

#[test]
fn a_zone_of_three_is_drained_at_once_and_comes_back() {
    let (mut planner, store, book) = planned(fleet(&[("a", &[1, 2, 3, 4, 5, 6])]));
    book.drain(&zone("z1"), None);
    assert_eq!(tick(&mut planner, 1), published(2));
    assert_eq!(serves(&store, "a"), "2 3 5 6 (1) (4)");
    assert_eq!(planner.status().drains, BTreeSet::from([zone("z1")]));
    book.undrain(&zone("z1"));
    assert_eq!(tick(&mut planner, 2), published(3));
    assert_eq!(serves(&store, "a"), "1 2 3 4 5 6");
    assert!(planner.status().held.is_empty());
}

#[test]
fn the_last_target_of_an_endpoint_is_drained_only_with_a_confirmation() {
    let (mut planner, store, book) = planned(fleet(&[("a", &[1, 2]), ("b", &[2, 3])]));
    book.drain(&target(1), None);
    assert_eq!(tick(&mut planner, 1), published(2));
    assert_eq!(
        (serves(&store, "a"), serves(&store, "b")),
        ("2 (1)".into(), "2 3".into())
    );
    book.drain(&target(2), None);
    assert_eq!(tick(&mut planner, 2), published(3));
    // Each endpoint by itself.
    assert_eq!(
        (serves(&store, "a"), serves(&store, "b")),
        ("2 (1)".into(), "3 (2)".into())
    );
    assert_eq!(held(&planner), ["a.example"]);
    let id = planner.status().held[0].id;
    assert!(planner.confirm(id, at(3)));
    // An endpoint is never emptied: if all of its targets are drained, all serve.
    assert_eq!(tick(&mut planner, 4), published(4));
    assert_eq!(serves(&store, "a"), "1 2");
    assert!(planner.status().held.is_empty());
}

#[test]
fn a_drain_is_over_at_its_time_and_not_before() {
    let (mut planner, store, book) = planned(fleet(&[("a", &[1, 2, 3])]));
    book.drain(&target(1), Some(1000));
    assert_eq!(tick(&mut planner, 1), published(2));
    book.set_clock(999);
    assert_eq!(tick(&mut planner, 999), unchanged(2));
    book.set_clock(1000);
    assert_eq!(tick(&mut planner, 1000), published(3));
    assert_eq!(serves(&store, "a"), "1 2 3");
    assert!(planner.status().drains.is_empty());
    let last = book.history().pop().unwrap();
    let cause = "the drain of target 192.0.2.1 is over";
    assert_eq!(last, ("drain expiry".into(), cause.into()));
}

#[test]
fn a_drain_holds_across_a_restart_and_what_it_left_out_does_not_come_back() {
    let endpoints: &[(&str, &[u8])] = &[("a", &[1, 2, 3, 4, 5, 6])];
    let (mut planner, store, book) = planned(fleet(endpoints));
    book.drain(&zone("z1"), Some(5000));
    tick(&mut planner, 1);
    let clock = book.clone();
    let mut planner = Planner::new(store.clone(), fleet(endpoints)).with_orders(book);
    assert_eq!(tick(&mut planner, 2), unchanged(2));
    assert_eq!(serves(&store, "a"), "2 3 5 6 (1) (4)");
    clock.set_clock(5000);
    assert_eq!(tick(&mut planner, 5000), published(3));
    assert_eq!(serves(&store, "a"), "1 2 3 4 5 6");
}

#[test]
fn a_change_of_the_file_that_is_held_delays_neither_a_drain_nor_its_end() {
    let (mut planner, store, book) = planned(fleet(&[("a", &[1, 2, 3, 4, 5, 6])]));
    planner.set_fleet(fleet(&[("a", &[6])]), at(1));
    assert_eq!(held(&planner), ["a.example"]);
    book.drain(&target(6), None);
    assert_eq!(tick(&mut planner, 2), published(2));
    assert_eq!(serves(&store, "a"), "1 2 3 4 5 (6)");
    assert_eq!(held(&planner), ["a.example"]);
    book.undrain(&target(6));
    assert_eq!(tick(&mut planner, 3), published(3));
    assert_eq!(serves(&store, "a"), "1 2 3 4 5 6");
    assert_eq!(held(&planner), ["a.example"]);
}

/// The file drains a target too, which changes nothing at that moment.
#[test]
fn a_drain_of_the_file_outlives_a_persons_drain_of_the_same_target() {
    let text = |weight: &str| {
        let target = |last: u8, weight: &str| {
            format!("{{ address = \"192.0.2.{last}\", zone = \"z\", capacity = 1{weight} }}")
        };
        let targets = [target(1, weight), target(2, ""), target(3, "")].join(", ");
        parse(&format!(
            "[[endpoint]]\nname = \"a.example\"\ntarget = [{targets}]"
        ))
    };
    let (mut planner, store, book) = planned(text(""));
    book.drain(&target(1), None);
    assert_eq!(tick(&mut planner, 1), published(2));
    planner.set_fleet(text(", weight = 0"), at(2));
    assert_eq!(tick(&mut planner, 3), unchanged(2));
    book.undrain(&target(1));
    assert_eq!(tick(&mut planner, 4), unchanged(2));
    assert_eq!(serves(&store, "a"), "2 3 (1)");
    planner.set_fleet(text(""), at(5));
    assert_eq!(tick(&mut planner, 6), published(3));
    assert_eq!(serves(&store, "a"), "1 2 3");
}

#[test]
fn under_a_freeze_health_counts_and_nothing_is_published() {
    let (mut planner, store, book) = planned(fleet(&[("a", &[1, 2, 3]), ("b", &[4, 5])]));
    book.write("frozen", |orders| {
        orders.freeze = Some(order("an incident"));
    });
    assert_eq!(
        tick(&mut planner, 1),
        unchanged(1),
        "there is nothing to publish"
    );
    let sick = health_at(2, &[("192.0.2.1", down_since(2))]);
    assert_eq!(
        planner.tick(&sick).unwrap(),
        Planned::Frozen { endpoints: 1 }
    );
    assert_eq!(
        (planner.status().waiting, serves(&store, "a")),
        (1, "1 2 3".into())
    );
    assert_eq!(planner.status().orders.freeze, Some(order("an incident")));
    // The target recovers, so there is nothing to publish again.
    assert_eq!(tick(&mut planner, 3), unchanged(1));
    assert_eq!(
        planner.tick(&sick).unwrap(),
        Planned::Frozen { endpoints: 1 }
    );
    book.write("thawed", |orders| {
        orders.freeze = None;
    });
    assert_eq!(planner.tick(&sick).unwrap(), published(2));
    assert_eq!(
        (planner.status().waiting, serves(&store, "a")),
        (0, "2 3".into())
    );
    let (author, cause) = book.history().pop().unwrap();
    assert_eq!(author, "health, Ada");
    assert!(cause.ends_with("unhealthy: 192.0.2.1; thawed"), "{cause}");
}

#[test]
fn a_plan_that_is_returned_to_under_a_freeze_stays_until_the_thaw() {
    let (mut planner, store, book) = planned(fleet(&[("a", &[1, 2, 3])]));
    book.drain(&target(1), None);
    tick(&mut planner, 1);
    book.write("frozen", |orders| {
        orders.freeze = Some(order("return"));
    });
    let first = plan_store::Generation::FIRST;
    plan_store::PlanStore::republish(&store, first).unwrap();
    assert_eq!(tick(&mut planner, 2), Planned::Frozen { endpoints: 1 });
    assert_eq!(serves(&store, "a"), "1 2 3");
    book.write("thawed", |orders| {
        orders.freeze = None;
    });
    assert_eq!(tick(&mut planner, 3), published(4));
    assert_eq!(serves(&store, "a"), "2 3 (1)");
}

#[test]
fn no_tick_is_made_while_the_orders_cannot_be_read() {
    let (mut planner, store, book) = planned(fleet(&[("a", &[1, 2, 3])]));
    book.0.lock().unwrap().fails = true;
    let sick = health_at(1, &[("192.0.2.1", down_since(1))]);
    assert!(planner.tick(&sick).is_err());
    assert_eq!(serves(&store, "a"), "1 2 3");
    book.0.lock().unwrap().fails = false;
    assert_eq!(planner.tick(&sick).unwrap(), published(2));
}

#[test]
fn a_rejected_change_is_not_asked_about_until_the_file_asks_for_another_one() {
    let (mut planner, store, book) = planned(fleet(&[("a", &[1, 2, 3, 4])]));
    planner.set_fleet(fleet(&[("a", &[1])]), at(1));
    let id = planner.status().held[0].id;
    book.write("rejected", |orders| {
        orders.rejected.insert(id);
    });
    assert_eq!(tick(&mut planner, 2), unchanged(1));
    assert!(planner.status().held.is_empty());
    assert_eq!(planner.status().rejected[0].id, id);
    // The same file again, and a restart.
    planner.set_fleet(fleet(&[("a", &[1])]), at(3));
    assert!(planner.status().held.is_empty());
    let restarted = Planner::new(store.clone(), fleet(&[("a", &[1])]));
    let mut planner = restarted.with_orders(book.clone());
    assert_eq!(tick(&mut planner, 4), unchanged(1));
    assert!(planner.status().held.is_empty());
    assert_eq!(serves(&store, "a"), "1 2 3 4");
    // Another file ends the rejection, also while the book cannot be written.
    book.0.lock().unwrap().fails = true;
    planner.set_fleet(fleet(&[("a", &[2])]), at(5));
    assert_eq!(held(&planner), ["a.example"]);
    book.0.lock().unwrap().fails = false;
    assert_eq!(tick(&mut planner, 6), unchanged(1));
    assert!(book.0.lock().unwrap().orders.rejected.is_empty());
    planner.set_fleet(fleet(&[("a", &[1])]), at(7));
    assert_eq!(planner.status().held[0].id, id, "it is asked about again");
    // Rejected again, and then confirmed after all.
    book.write("rejected", |orders| {
        orders.rejected.insert(id);
    });
    assert_eq!(tick(&mut planner, 8), unchanged(1));
    assert!(planner.status().held.is_empty());
    assert!(planner.confirm_by(id, "Grace", at(9)));
    assert!(book.0.lock().unwrap().orders.rejected.is_empty());
    assert_eq!(tick(&mut planner, 10), published(2));
    assert_eq!(serves(&store, "a"), "1");
}

#[test]
fn the_history_names_the_author_and_the_cause_of_each_plan() {
    let (mut planner, _store, book) = planned(fleet(&[("a", &[1, 2, 3, 4])]));
    let sick = health_at(1, &[("192.0.2.1", down_since(1))]);
    planner.tick(&sick).unwrap();
    book.drain(&target(2), None);
    planner.tick(&sick).unwrap();
    // A file that changes nothing is not the cause of what follows.
    planner.set_fleet(fleet(&[("a", &[1, 2, 3, 4])]), at(2));
    planner.tick(&sick).unwrap();
    tick(&mut planner, 3);
    planner.set_fleet(fleet(&[("a", &[2])]), at(4));
    let id = planner.status().held[0].id;
    assert!(planner.confirm_by(id, "Grace", at(5)));
    tick(&mut planner, 6);
    let history = book.history();
    let pairs: Vec<_> = history
        .iter()
        .map(|(a, c)| (a.as_str(), c.as_str()))
        .collect();
    let confirmed = format!("the fleet file is read; {id} at a.example is confirmed");
    assert_eq!(
        pairs[1..],
        [
            ("health", "unhealthy: 192.0.2.1"),
            ("Ada", "drained target 192.0.2.2"),
            ("health", "healthy: 192.0.2.1"),
            ("fleet file, Grace", confirmed.as_str()),
        ]
    );
    assert!(pairs[0].0.starts_with("fleet file"), "{pairs:?}");
}

/// Targets that a restored file brings back are not the work of health; one that recovers is.
#[test]
fn new_targets_come_by_the_file_and_sick_ones_recover_by_their_health() {
    let (few, many): (&[u8], &[u8]) = (&[1, 2, 3, 4], &[1, 2, 3, 4, 5]);
    let (mut planner, store, book) = planned(fleet(&[("a", many)]));
    let sick = health_at(1, &[("192.0.2.1", down_since(1))]);
    planner.tick(&sick).unwrap();
    planner.set_fleet(fleet(&[("a", few)]), at(2));
    planner.tick(&sick).unwrap();
    planner.set_fleet(fleet(&[("a", many)]), at(3));
    let unknown = ("192.0.2.5", TargetState::Unknown.into());
    let first_checks = health_at(4, &[("192.0.2.1", down_since(1)), unknown]);
    planner.tick(&first_checks).unwrap();
    planner.tick(&sick).unwrap();
    assert_eq!(serves(&store, "a"), "2 3 4 5");
    let of = |author: &str, cause: &str| (author.to_owned(), cause.to_owned());
    let by_the_file = of("fleet file", "first checks succeeded: 192.0.2.5");
    assert_eq!(book.history().last(), Some(&by_the_file));
    // After a restart, checks find the target down that the plan had left out.
    let planner = Planner::new(store.clone(), fleet(&[("a", many)]));
    let mut planner = planner.with_orders(book.clone());
    let (since, was_up) = (at(1), false);
    let still_down = TargetState::Down { since, was_up }.into();
    let sick = health_at(5, &[("192.0.2.1", still_down)]);
    planner.tick(&sick).unwrap();
    tick(&mut planner, 6);
    assert_eq!(serves(&store, "a"), "1 2 3 4 5");
    let by_health = of("health", "healthy: 192.0.2.1");
    assert_eq!(book.history().last(), Some(&by_health));
}

/// A zone is drained already, so that two numbers would say too little.
#[test]
fn a_held_drain_says_how_many_may_still_serve_and_how_many_the_file_has() {
    let (mut planner, _store, book) = planned(fleet(&[("a", &[1, 2, 3, 4, 5, 6])]));
    book.drain(&zone("z1"), None);
    tick(&mut planner, 1);
    book.drain(&zone("z2"), None);
    tick(&mut planner, 2);
    let reason = planner.status().held[0].reason.to_string();
    let says = "would leave 2 of the 4 targets that may still serve (6 in the fleet file)";
    assert_eq!(reason, format!("the fleet or a drain {says}"));
}

#[test]
fn a_preview_says_what_a_fleet_would_change_and_changes_nothing() {
    let (mut planner, store, _book) = planned(fleet(&[("a", &[1, 2, 3, 4]), ("b", &[5, 6])]));
    let new = fleet(&[("a", &[1, 2, 3, 7]), ("c", &[8])]);
    let preview = planner.preview(&new, at(1)).unwrap();
    let changed: BTreeMap<_, _> = preview
        .changes
        .iter()
        .map(|change| (change.endpoint.as_str(), change))
        .collect();
    assert_eq!(
        changed.keys().copied().collect::<Vec<_>>(),
        ["a.example", "c.example"]
    );
    let targets = &changed["a.example"].targets;
    let weights: Vec<_> = targets.iter().map(|t| (t.before, t.after)).collect();
    assert_eq!(weights, [(Some(255), None), (None, Some(255))]);
    assert_eq!(changed["c.example"].ttl.0, None);
    let held: Vec<_> = preview.held.iter().map(|h| h.endpoint.as_str()).collect();
    assert_eq!(held, ["b.example"]);
    // Nothing has happened, and then it does as it was said.
    assert!(planner.status().held.is_empty());
    assert_eq!(tick(&mut planner, 2), unchanged(1));
    assert_eq!(planner.preview(planner.fleet(), at(3)).unwrap().changes, []);
    planner.set_fleet(new, at(4));
    assert_eq!(planner.status().held[0].id, preview.held[0].id);
    tick(&mut planner, 5);
    assert_eq!(
        (serves(&store, "a"), serves(&store, "c")),
        ("1 2 3 7".into(), "8".into())
    );
}

/// The book still has the rejection, because the Planner cannot strike it out yet.
#[test]
fn a_rejection_that_has_ended_counts_no_more_although_the_book_has_it() {
    let (mut planner, _store, book) = planned(fleet(&[("a", &[1, 2, 3, 4])]));
    planner.set_fleet(fleet(&[("a", &[1])]), at(1));
    let id = planner.status().held[0].id;
    book.write("rejected", |orders| {
        orders.rejected.insert(id);
    });
    tick(&mut planner, 2);
    book.0.lock().unwrap().is_read_only = true;
    planner.set_fleet(fleet(&[("a", &[2])]), at(3));
    tick(&mut planner, 4);
    planner.set_fleet(fleet(&[("a", &[1])]), at(5));
    tick(&mut planner, 6);
    assert_eq!(planner.status().held[0].id, id, "it is asked about again");
    assert!(planner.status().rejected.is_empty());
    book.0.lock().unwrap().is_read_only = false;
    tick(&mut planner, 7);
    assert!(book.0.lock().unwrap().orders.rejected.is_empty());
}

/// Each drain is small against what was in force before it. All of them together are not.
#[test]
fn drains_that_passed_one_by_one_are_in_force_after_a_restart() {
    let endpoints: &[(&str, &[u8])] = &[("a", &[1, 2, 3, 4, 5, 6])];
    let (mut planner, store, book) = planned(fleet(endpoints));
    for (last, generation) in (1..=3).zip(2..) {
        book.drain(&target(last), None);
        assert_eq!(tick(&mut planner, last.into()), published(generation));
    }
    assert_eq!(serves(&store, "a"), "4 5 6 (1) (2) (3)");
    let mut planner = Planner::new(store.clone(), fleet(endpoints)).with_orders(book);
    assert_eq!(tick(&mut planner, 4), unchanged(4));
    assert!(planner.status().held.is_empty());
}

/// What there is to lose is in the store, which the Planner has not read when it reads the book.
#[test]
fn a_drain_at_the_start_lets_no_change_of_the_file_pass() {
    let (_planner, store, book) = planned(fleet(&[("a", &[1, 2, 3, 4, 5, 6])]));
    book.drain(&target(6), None);
    let mut planner = Planner::new(store.clone(), fleet(&[("a", &[1, 6])])).with_orders(book);
    planner.obey(at(1)).unwrap();
    assert_eq!(tick(&mut planner, 2), published(2));
    assert_eq!(serves(&store, "a"), "1 2 3 4 5 (6)");
    assert_eq!(held(&planner), ["a.example"]);
}

#[test]
fn a_preview_counts_drains_and_what_is_served_before_the_first_tick() {
    let all = || fleet(&[("a", &[1, 2, 3, 4])]);
    let (mut planner, store, book) = planned(all());
    book.drain(&target(1), None);
    assert_eq!(tick(&mut planner, 1), published(2));
    assert_eq!(planner.preview(&all(), at(2)).unwrap().changes, []);
    let planner = Planner::new(store, all()).with_orders(book);
    let preview = planner.preview(&fleet(&[("b", &[4])]), at(3)).unwrap();
    let held: Vec<_> = preview.held.iter().map(|h| h.endpoint.as_str()).collect();
    assert_eq!(held, ["a.example"]);
}
