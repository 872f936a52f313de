//! Zone files, good and bad, beside a fleet file.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;

use control_plane::{Fleet, FleetError, ZoneRecords};
use plan_store::StaticRecords;
use proptest::prelude::*;

const FLEET: &str = r#"
    [[dns_zone]]
    apex = "shop.example"
    ttl = 3600
    name_server = [{ name = "ns1.shop.example", addresses = ["192.0.2.53"] }]
    records = "shop.zone"

    [[dns_zone]]
    apex = "child.shop.example"
    name_server = [{ name = "ns.test" }]

    [[endpoint]]
    name = "api.shop.example"
    target = [{ address = "192.0.2.1", zone = "z", capacity = 1 }]
"#;

/// The records of the zone `shop.example` in this zone file.
fn read(text: &[u8]) -> Result<ZoneRecords, FleetError> {
    let read = |fleet: &Fleet, zone: &control_plane::DnsZone, path: &Path| {
        zone_file::parse(fleet, zone, text, path)
    };
    let fleet = Fleet::parse_with(FLEET, "fleet.toml".as_ref(), &read)?;
    Ok(ZoneRecords::clone(&fleet.dns_zones()[0].records))
}

fn good(text: &str) -> ZoneRecords {
    read(text.as_bytes()).unwrap()
}

/// The error, which names the file and the line.
fn bad(text: &str) -> String {
    read(text.as_bytes()).unwrap_err().to_string()
}

fn at<'r>(records: &'r ZoneRecords, name: &str) -> &'r StaticRecords {
    records.get(&name.parse().unwrap()).unwrap()
}

/// The TTL and the data of the records of a type.
fn data(records: &ZoneRecords, name: &str, code: u16) -> (u32, Vec<Vec<u8>>) {
    let rrset = at(records, name).rrset(code).unwrap();
    (rrset.ttl(), rrset.data().map(<[u8]>::to_vec).collect())
}

#[test]
fn a_file_of_all_common_types_is_read() {
    let records = good(include_str!("common.zone"));
    let types = |name: &str| -> Vec<u16> {
        let rrsets = at(&records, name).rrsets().iter();
        rrsets.map(plan_store::Rrset::record_type).collect()
    };
    assert_eq!(types("shop.example"), [15, 16, 257]);
    assert_eq!(types("api.shop.example"), [16, 65]);
    assert_eq!(types("mail.shop.example"), [1, 28, 44]);
    assert_eq!(types("sub.shop.example"), [2, 43]);
    assert_eq!(types("_sip._tcp.shop.example"), [33]);
    assert_eq!(types("_443._tcp.mail.shop.example"), [52]);
    assert_eq!(types("1.shop.example"), [12]);
    assert_eq!(types("4.shop.example"), [35]);
    assert_eq!(types("odd.shop.example"), [64, 731]);
    assert_eq!(types("*.dyn.shop.example"), [16]);
    assert_eq!(data(&records, "odd.shop.example", 731).1, [[0xab, 0xcd]]);
    let mx = (7200, vec![b"\0\x0a\x04mail\x04shop\x07example\0".to_vec()]);
    assert_eq!(data(&records, "shop.example", 15), mx);
    let text = b"\x0av=spf1 -al\x01l\x02a;\x02\"\\".to_vec();
    assert_eq!(data(&records, "shop.example", 16), (300, vec![text]));
    // The TTL of the zone, as no other one came before.
    assert_eq!(data(&records, "first.shop.example", 16).0, 3600);
    assert_eq!(data(&records, "www.shop.example", 5).0, 5400);
}

/// Each text with what its error says.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("a A 192.0.2.1\nb A 192.0.2.\n", ":2:", ""),
    (
        "a TXT \"open\n",
        ":1:1: a quote of this entry is not closed",
        "",
    ),
    (
        "a MX (10 mail\n\n",
        ":1:1: a parenthesis of this entry is not closed",
        "",
    ),
    (
        "; a\n$INCLUDE other.zone\n",
        ":2:1: `$INCLUDE other.zone` is not supported",
        "",
    ),
    ("a CH A 192.0.2.1\n", ":1:", ""),
    ("a LOC 51 N 0 E 0m\n", ":1:", "TYPE731 \\# 2 abcd"),
    (
        "a.test. A 192.0.2.1\n",
        ":1:1: a.test is outside of zone shop.example",
        "",
    ),
    (
        "x.child A 192.0.2.1\n",
        "lies in zone child.shop.example",
        "that zone",
    ),
    ("a\\032b A 192.0.2.1\n", "is not a DNS name", ""),
    ("x.*.a A 192.0.2.1\n", "is not a DNS name", ""),
    (
        "@ SOA ns1 h 1 2 3 4 5\n",
        "makes the SOA record",
        "`negative_ttl`",
    ),
    ("@ NS ns1\n", "`name_server`", "remove this record"),
    ("@ DNSKEY 257 3 13 abcd\n", "does not sign", "remove"),
    ("d DNAME e\n", "DNAME records are not supported", "CNAME"),
    (
        "api A 192.0.2.9\n",
        "api.shop.example is an endpoint",
        "remove this A record",
    ),
    (
        "api CNAME www\n",
        "api.shop.example is an endpoint",
        "remove this CNAME record",
    ),
    (
        "ns1 AAAA 2001:db8::1\n",
        "ns1.shop.example is a name server",
        "remove",
    ),
    (
        "a TXT x\nb A 192.0.2.1\na CNAME b\n",
        ":3:1: a.shop.example: a CNAME record has",
        "",
    ),
    ("a CNAME b\na CNAME c\n", "more than one CNAME", "keep one"),
    (
        "a A 192.0.2.1\na A 192.0.2.1\n",
        ":2:1: this A record of a.shop.example is on line 1",
        "",
    ),
    // Equal but for the case of a name, or its form.
    (
        "@ MX 10 mail\n@ MX 10 MAIL\n",
        ":2:1: this MX record of shop.example is on line 1",
        "",
    ),
    (
        "sub NS ns.test.\nsub NS Ns.Test.\n",
        ":2:1: this NS record of sub.shop.example is on line 1",
        "",
    ),
    (
        "s SRV 1 2 3 a\ns TYPE33 \\# 22 0001000200030141 0473686f70 076578616d706c6500\n",
        ":2:1: this SRV record of s.shop.example is on line 1",
        "",
    ),
    (
        "a A 192.0.2.1 more\n",
        ":1:15: trailing tokens",
        "; A needs an IPv4 address, such as `192.0.2.1`",
    ),
    (
        "a 60 A 192.0.2.1\na 61 A 192.0.2.2\n",
        ":2:1: this A record of a.shop.example has the TTL 61, and the one on line 1 has 60",
        "same TTL",
    ),
    ("a 5w A 192.0.2.1\n", "3024000 s is more than 604800 s", ""),
    (
        "w CNAME v\n@ MX 10 w\n",
        ":2:1: MX points to w.shop.example, which is an alias (line 1)",
        "point it to v.shop.example",
    ),
    (
        "w CNAME v\n_x._tcp SRV 0 0 1 W\n",
        "SRV points to w.shop.example",
        "",
    ),
    ("w CNAME v\nsub NS w\n", "NS points to w.shop.example", ""),
    ("w CNAME v\nv CNAME w\n", "leads into a loop", ""),
    (
        "sub NS ns.test.\nx.sub TXT a\n",
        ":2:1: x.sub.shop.example belongs to sub.shop.example, which line 1 delegates",
        "remove the TXT record",
    ),
    (
        "sub NS ns.test.\nsub TXT a\n",
        "sub.shop.example belongs to sub.shop.example",
        "",
    ),
    (
        "sub NS ns.test.\nx.sub A 192.0.2.1\n",
        "only addresses of name servers",
        "",
    ),
    ("sub NS ns.sub\n", "add its A or AAAA record (glue)", ""),
    (
        "api.sub.sub NS ns.test.\n*.x NS ns.test.\n",
        ":2:1: a wildcard cannot be delegated",
        "",
    ),
    ("sub DS 1 13 2 ab\n", "is not delegated", "NS records"),
    (
        "a TXT x\n@ CNAME www\n",
        ":2:1: the apex of the zone has SOA and NS records",
        "write the A and AAAA records",
    ),
    ("a CNAME \\# 1 00\nb CNAME \\# 2 ff00\n", ":2:1: ", "CNAME"),
    (
        "a TXT x\nh A \\# 2 abcd\n",
        ":2:1: the bytes after `\\#` are not the data of a record of type A;",
        "correct them",
    ),
    ("h A \\# 5 c000020101\n", "not the data", "type A;"),
    ("h TYPE28 \\# 4 c0000201\n", "not the data", "type AAAA"),
    ("h NS \\# 0\n", "not the data", "type NS"),
    ("h MX \\# 2 000a\n", "not the data", "type MX"),
    // A pointer to the first byte, which is a root.
    ("h MX \\# 4 000ac000\n", "not the data", "type MX"),
    ("h SRV \\# 6 000000000001\n", "not the data", "type SRV"),
    (
        "w CNAME v\nm MX \\# 18 000a01770473686f70076578616d706c6500\n",
        ":2:1: MX points to w.shop.example",
        "",
    ),
];

#[test]
fn mistakes_have_a_line_and_say_what_to_do() {
    for (text, says, also) in MISTAKES {
        let error = bad(text);
        assert!(error.starts_with("shop.zone:"), "{error}");
        assert!(error.contains(says), "`{error}` does not say `{says}`");
        assert!(error.contains(also), "`{error}` does not say `{also}`");
    }
}

#[test]
fn a_delegation_does_not_hide_what_the_fleet_has() {
    let fleet = FLEET.replace("api.shop", "api.sub.shop");
    let fleet = fleet.replace("ns1.shop", "ns1.other.shop");
    let error = |text: &'static [u8]| {
        let read = |fleet: &Fleet, zone: &control_plane::DnsZone, path: &Path| {
            zone_file::parse(fleet, zone, text, path)
        };
        let parsed = Fleet::parse_with(&fleet, "fleet.toml".as_ref(), &read);
        parsed.unwrap_err().to_string()
    };
    let message = error(b"\nsub NS ns.test.\n");
    let says = "shop.zone:2:1: endpoint api.sub.shop.example of the fleet file lies in sub";
    assert!(message.starts_with(says), "{message}");
    let message = error(b"other NS ns.test.\n");
    assert!(message.contains("name server ns1.other.shop"), "{message}");
}

/// What lies in a zone of the fleet is served from there, whatever is delegated above it.
#[test]
fn a_delegation_may_have_another_zone_of_the_fleet_below_it() {
    let fleet = FLEET.replace("child.shop", "low.sub.shop");
    let fleet = fleet.replace(
        "\"ns.test\"",
        "\"ns.low.sub.shop.example\", addresses = [\"192.0.2.54\"]",
    );
    let fleet = fleet.replace("api.shop", "api.low.sub.shop");
    let read = |fleet: &Fleet, zone: &control_plane::DnsZone, path: &Path| {
        zone_file::parse(fleet, zone, b"sub NS ns.test.\n", path)
    };
    let parsed = Fleet::parse_with(&fleet, "fleet.toml".as_ref(), &read).unwrap();
    assert_eq!(parsed.static_records().count(), 1);
}

#[test]
fn lines_may_end_as_on_other_systems_and_a_byte_order_mark_may_be_first() {
    let text = "\u{feff}$TTL 1h\r\na TXT (\r\n \"b\" c )\r\nd TXT e\r\n";
    let records = good(text);
    let both = (3600, vec![b"\x01b\x01c".to_vec()]);
    assert_eq!(data(&records, "a.shop.example", 16), both);
    assert_eq!(data(&records, "d.shop.example", 16).1, [b"\x01e"]);
}

#[test]
fn records_too_long_for_a_message_are_refused() {
    let text = format!("\"{}\" ", "x".repeat(255)).repeat(200);
    let error = bad(&format!("a TXT {text}\na TXT y {text}\n"));
    assert!(
        error.contains(":1:1: TXT records of a.shop.example: "),
        "{error}"
    );
    assert!(error.contains("more than 60000"), "{error}");
    let error = bad(&format!("\na TXT {}\n", text.repeat(2)));
    assert!(
        error.starts_with("shop.zone:2:1: TXT record is too long"),
        "{error}"
    );
}

/// To compare each of them with each would take hours.
#[test]
fn as_many_records_of_one_name_as_fit_in_a_file_are_refused_at_once() {
    let addresses = (0..300_000_u32).map(std::net::Ipv4Addr::from);
    let lines: Vec<_> = addresses
        .map(|address| format!("\tA {address}\n"))
        .collect();
    let error = bad(&format!("a TXT x\n{}", lines.concat()));
    assert!(
        error.contains(":2:1: A records of a.shop.example: "),
        "{error}"
    );
    assert!(error.contains("more than 60000"), "{error}");
}

#[test]
fn known_types_may_be_written_as_unknown_ones() {
    let records = good("h A \\# 4 c0000201\nh TXT \\# 2 0178\nm MX \\# 5 000a016800\n");
    assert_eq!(data(&records, "h.shop.example", 1).1, [[192, 0, 2, 1]]);
    assert_eq!(data(&records, "h.shop.example", 16).1, [b"\x01x"]);
    assert_eq!(data(&records, "m.shop.example", 15).1, [b"\0\x0a\x01h\0"]);
}

/// The example of each form is one.
#[test]
fn data_that_is_refused_is_told_the_form_of_its_type() {
    for (record_type, wrong) in [
        ("A", "mail"),
        ("AAAA", "192.0.2.1"),
        ("CNAME", ""),
        ("NS", "a b"),
        ("PTR", ""),
        ("MX", "mail"),
        ("TXT", ""),
        ("SRV", "10 5 www"),
        ("CAA", "issue \"ca.example\""),
        ("DS", "60485 5"),
        ("TLSA", "3 1"),
        ("SSHFP", "4"),
        ("HTTPS", ". alpn=h2"),
        ("SVCB", "."),
        ("NAPTR", "100 10"),
        ("HINFO", "\"PDP-11\""),
    ] {
        let needs = format!("; {record_type} needs ");
        for before in ["sub ", "sub 300 IN ", "sub IN 300 ", "sub 1h "] {
            let error = bad(&format!("{before}{record_type} {wrong}\n"));
            assert!(error.contains(&needs), "{before}: {error}");
        }
        let error = bad(&format!("sub A 192.0.2.1\n    {record_type} {wrong}\n"));
        assert!(error.contains(&needs), "{error}");
        let (_, form) = error.split_once(&needs).unwrap();
        let (_, example) = form.split_once("such as `").unwrap();
        let (example, _) = example.rsplit_once('`').unwrap();
        let entry = format!("sub {record_type} {example}\n");
        let read = read(entry.as_bytes())
            .map(drop)
            .map_err(|error| error.to_string());
        // A delegation alone has no DS record, and the server of a zone below needs no glue here.
        match record_type {
            "DS" => assert!(read.unwrap_err().contains("is not delegated")),
            _ => assert_eq!(read, Ok(()), "{entry}"),
        }
    }
}

#[test]
fn a_zone_file_is_found_beside_the_fleet_file() {
    let folder = std::env::temp_dir().join(format!("zone-file-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("fleet.toml");
    std::fs::write(&path, FLEET).unwrap();
    let error = Fleet::load_with(&path, &zone_file::read).unwrap_err();
    // The mistake is where the fleet file names it.
    let says = format!(
        "{}:6:15: `records`: {} cannot be read: No such file",
        path.display(),
        folder.join("shop.zone").display()
    );
    assert!(error.to_string().starts_with(&says), "{error}");
    std::fs::write(folder.join("shop.zone"), "a A 192.0.2.1").unwrap();
    let fleet = Fleet::load_with(&path, &zone_file::read).unwrap();
    assert_eq!(fleet.static_records().count(), 1);
    let error = Fleet::load(&path).unwrap_err().to_string();
    assert!(
        error.contains("fleet.toml:6:15: `records` is a zone file"),
        "{error}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

proptest! {
    /// Whatever is in a file: it is read or refused with a line.
    #[test]
    fn no_text_does_harm(
        parts in prop::collection::vec((0..40_usize, "[ -~\n\t]{0,8}"), 0..12),
    ) {
        let lines: Vec<&str> = include_str!("common.zone").lines().collect();
        let mut text = String::new();
        for (at, more) in parts {
            text.push_str(lines[at % lines.len()]);
            text.push_str(&more);
            if at % 3 > 0 {
                text.push('\n');
            }
        }
        if let Err(error) = read(text.as_bytes()) {
            prop_assert!(error.to_string().starts_with("shop.zone:"), "{}", error);
        }
    }

    #[test]
    fn no_bytes_do_harm(text in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = read(&text) {
            prop_assert!(error.to_string().starts_with("shop.zone:"), "{}", error);
        }
    }

    /// A name is taken as the server has it, whatever its case.
    #[test]
    fn names_are_those_of_endpoints(label in "[a-zA-Z0-9_]{1,20}", absolute: bool) {
        let owner = if absolute { format!("{label}.SHOP.example.") } else { label.clone() };
        let records = good(&format!("{owner} TXT x\n"));
        let name = format!("{label}.shop.example");
        prop_assert_eq!(at(&records, &name).rrsets().len(), 1);
    }
}
