//! Static records in plans: beside targets and alone, versioned like them, and what a new zone
//! file may take away.

use std::fmt::Write as _;
use std::path::Path;

use control_plane::{Fleet, Planner, ZoneRecords};
use plan_store::{DnsStore, EndpointName, MemoryStore, Rrset, StaticRecords};

use crate::{at, health, latest, planner, published, unchanged, unhealthy};

const A: u16 = 1;
const NS: u16 = 2;
const TXT: u16 = 16;

/// A fleet of these endpoints, with a target each, in the zones `example` and `b.example`. The
/// first has these static records: names and types.
fn fleet(percent: u8, endpoints: &[&str], records: &[(&str, u16)]) -> Fleet {
    let mut text = format!("planner = {{ max_removal_percent = {percent} }}\n");
    for apex in ["example", "b.example"] {
        text += "[[dns_zone]]\n";
        writeln!(
            text,
            "apex = \"{apex}\"\nname_server = [{{ name = \"ns.test\" }}]"
        )
        .unwrap();
        if apex == "example" {
            text += "records = \"example.zone\"\n";
        }
    }
    for endpoint in endpoints {
        writeln!(text, "[[endpoint]]\nname = \"{endpoint}.example\"").unwrap();
        text += "target = [{ address = \"192.0.2.1\", zone = \"z\", capacity = 1 }]\n";
    }
    let read = |_: &Fleet, _: &control_plane::DnsZone, path: &Path| {
        assert_eq!(path, Path::new("folder/example.zone"));
        Ok(zone(records))
    };
    Fleet::parse_with(&text, "folder/fleet.toml".as_ref(), &read).unwrap()
}

fn zone(records: &[(&str, u16)]) -> ZoneRecords {
    let mut zone = ZoneRecords::new();
    for (name, _) in records {
        let types = records.iter().filter(|(other, _)| other == name);
        let rrsets = types.map(|(_, code)| Rrset::new(*code, 60, [*b"data"]).unwrap());
        zone.insert(full(name), StaticRecords::new(rrsets).unwrap());
    }
    zone
}

fn full(name: &str) -> EndpointName {
    format!("{name}.example").parse().unwrap()
}

/// The names of the latest plan: the number of targets, and the types of static records.
fn plan(store: &impl DnsStore) -> String {
    let plan = latest(store);
    let names = plan.endpoints().map(|(name, records)| {
        let types = records.static_records().rrsets().iter();
        let types: Vec<_> = types.map(Rrset::record_type).collect();
        let name = name.as_str().strip_suffix(".example").unwrap();
        format!("{name} {} {types:?}", records.targets().count())
    });
    names.collect::<Vec<_>>().join(", ")
}

fn planned(fleet: Fleet) -> (Planner<MemoryStore>, MemoryStore) {
    let (mut planner, store) = planner(fleet);
    planner.tick(&health(&[])).unwrap();
    (planner, store)
}

/// What waits, and why.
fn held(planner: &Planner<MemoryStore>) -> Vec<String> {
    let held = planner.status().held.iter();
    held.map(|held| format!("{}: {}", held.endpoint, held.reason))
        .collect()
}

#[test]
fn a_plan_has_static_records_beside_targets_and_alone() {
    let records = [("api", TXT), ("mail", A), ("mail", TXT)];
    let (mut planner, store) = planned(fleet(34, &["api", "web"], &records));
    assert_eq!(plan(&store), "api 1 [16], mail 0 [1, 16], web 1 []");
    assert_eq!(planner.tick(&health(&[])).unwrap(), unchanged(1));
    // They do not depend on health.
    assert_eq!(
        planner.tick(&unhealthy(&["192.0.2.1"])).unwrap(),
        unchanged(1)
    );
    planner.set_fleet(fleet(34, &["api", "web"], &records[..2]), at(0));
    assert_eq!(planner.tick(&health(&[])).unwrap(), published(2));
    assert_eq!(plan(&store), "api 1 [16], mail 0 [1], web 1 []");
}

#[test]
fn a_zone_file_that_takes_too_much_away_waits_as_a_whole() {
    let four = [("k", TXT), ("l", TXT), ("m", TXT), ("n", TXT)];
    let (mut planner, store) = planned(fleet(34, &["api"], &four));
    // Of four, one may go.
    let ask = |planner: &mut Planner<_>, records: &[(&str, u16)], endpoints: &[&str]| {
        planner.set_fleet(fleet(34, endpoints, records), at(0));
        planner.tick(&health(&[])).unwrap();
        plan(&store)
    };
    let three = ask(&mut planner, &four[..3], &["api"]);
    assert_eq!(three, "api 1 [], k 0 [16], l 0 [16], m 0 [16]");
    assert_eq!(held(&planner), [""; 0]);
    // Of three, all but the last.
    let one = ask(&mut planner, &four[..1], &["api"]);
    assert_eq!(one, "api 1 [], k 0 [16]");
    // The last one waits, and with it what else is new in the file; the endpoint does not.
    let other = [("x", TXT)];
    assert_eq!(
        ask(&mut planner, &other, &["api", "web"]),
        "api 1 [], k 0 [16], web 1 []"
    );
    let why = "example: the zone file takes away 1 of 1 record set";
    assert_eq!(held(&planner), [why]);
    let id = planner.status().held[0].id;
    assert!(planner.confirm(id, at(0)) && !planner.confirm(id, at(0)));
    assert_eq!(held(&planner), [""; 0]);
    planner.tick(&health(&[])).unwrap();
    assert_eq!(plan(&store), "api 1 [], web 1 [], x 0 [16]");
}

#[test]
fn a_held_zone_goes_on_when_the_file_is_restored() {
    let (mut planner, store) = planned(fleet(34, &["api"], &[("k", TXT)]));
    let before = plan(&store);
    planner.set_fleet(fleet(34, &["api"], &[]), at(0));
    let id = planner.status().held[0].id;
    planner.set_fleet(fleet(34, &["api"], &[]), at(9));
    assert_eq!(planner.status().held[0].id, id, "the same change");
    assert_eq!(planner.status().held[0].since, at(0));
    planner.set_fleet(fleet(34, &["api"], &[("k", TXT)]), at(10));
    assert_eq!(held(&planner), [""; 0]);
    assert_eq!(planner.tick(&health(&[])).unwrap(), unchanged(1));
    assert_eq!(plan(&store), before);
}

#[test]
fn a_hundred_per_cent_lets_everything_go() {
    let (mut planner, store) = planned(fleet(100, &["api"], &[("k", TXT)]));
    planner.set_fleet(fleet(100, &["api"], &[]), at(0));
    planner.tick(&health(&[])).unwrap();
    assert_eq!(plan(&store), "api 1 []");
}

/// The plan is the Planner's memory.
#[test]
fn a_restarted_planner_holds_what_the_file_lost_meanwhile() {
    let records = [("k", TXT), ("api", TXT), ("x.b", TXT)];
    let (planner, store) = planned(fleet(34, &["api"], &records));
    drop(planner);
    let mut planner = Planner::new(store.clone(), fleet(34, &["api"], &[]));
    assert_eq!(planner.tick(&health(&[])).unwrap(), unchanged(1));
    assert_eq!(held(&planner).len(), 2, "both zones: {:?}", held(&planner));
    let ids: Vec<_> = planner.status().held.iter().map(|held| held.id).collect();
    assert!(ids.into_iter().all(|id| planner.confirm(id, at(0))));
    planner.tick(&health(&[])).unwrap();
    assert_eq!(plan(&store), "api 1 []");
}

#[test]
fn static_addresses_wait_until_the_endpoint_goes() {
    let (mut planner, store) = planned(fleet(34, &["api", "web"], &[]));
    planner.set_fleet(fleet(34, &["web"], &[("api", A), ("api", TXT)]), at(0));
    planner.tick(&health(&[])).unwrap();
    assert_eq!(plan(&store), "api 1 [16], web 1 []", "the endpoint is held");
    let id = planner.status().held[0].id;
    assert!(planner.confirm(id, at(0)));
    planner.tick(&health(&[])).unwrap();
    assert_eq!(plan(&store), "api 0 [1, 16], web 1 []");
    // And back: an endpoint takes the place of the addresses.
    planner.set_fleet(fleet(34, &["api", "web"], &[("api", TXT)]), at(0));
    planner.tick(&health(&[])).unwrap();
    assert_eq!(plan(&store), "api 1 [16], web 1 []");
}

#[test]
fn a_delegation_waits_for_the_endpoints_in_it() {
    let (mut planner, store) = planned(fleet(34, &["x.sub", "web"], &[]));
    planner.set_fleet(fleet(34, &["web"], &[("sub", NS)]), at(0));
    planner.tick(&health(&[])).unwrap();
    assert_eq!(plan(&store), "x.sub 1 [], web 1 []");
    let id = planner.status().held[0].id;
    assert!(planner.confirm(id, at(0)));
    planner.tick(&health(&[])).unwrap();
    assert_eq!(plan(&store), "sub 0 [2], web 1 []");
}
