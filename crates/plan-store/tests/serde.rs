//! Plans as data: what is written can be read, and what is not valid cannot.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use plan_store::{EndpointName, Generation, Plan, RecordSet, Rrset, StaticRecords, Target};
use serde::Deserialize;
use toml::Value;

/// What a line of TOML reads as, or the message of the error.
fn read<'de, T: Deserialize<'de>>(value: &'de str) -> Result<T, String> {
    let value = Value::deserialize(toml::de::ValueDeserializer::parse(value).unwrap()).unwrap();
    value.try_into().map_err(|error| error.to_string())
}

fn plan() -> Plan {
    let records = |octet| {
        let v4 = Target::new([192, 0, 2, octet].into(), 1);
        let v6 = Target::new("2001:db8::1".parse().unwrap(), 255);
        RecordSet::new(60, [v4, v6]).unwrap()
    };
    let text = Rrset::new(16, 300, [*b"\x02hi", *b"\x02ho"]).unwrap();
    let text = StaticRecords::new([text]).unwrap();
    let both = records(3).with_static_records(text.clone()).unwrap();
    let sets = [records(1), RecordSet::without_targets(text).unwrap(), both];
    let named = ["b.example", "a.example", "*.example"]
        .into_iter()
        .zip(sets);
    Plan::new(named.map(|(name, records)| (name.parse().unwrap(), records))).unwrap()
}

#[test]
fn what_is_written_can_be_read() {
    let written = Value::try_from(plan()).unwrap();
    assert_eq!(written.try_into::<Plan>().unwrap(), plan());
    let written = Value::try_from(Generation::MAX).unwrap();
    assert_eq!(written.as_integer(), Some(Generation::MAX.get().into()));
    assert_eq!(written.try_into(), Ok(Generation::MAX));
}

#[test]
fn what_is_read_is_checked() {
    assert_eq!(read::<Generation>("7"), Ok(Generation::new(7).unwrap()));
    assert!(
        read::<Generation>("0")
            .unwrap_err()
            .contains("generation 0 is not in 1..=")
    );
    assert!(
        read::<Generation>("2147483648")
            .unwrap_err()
            .contains("is not in")
    );

    let name: EndpointName = "db.example".parse().unwrap();
    assert_eq!(read(r#""DB.Example.""#), Ok(name));
    assert!(
        read::<EndpointName>(r#""a..b""#)
            .unwrap_err()
            .contains("a label is empty")
    );

    let target = r#"{ address = "192.0.2.1", weight = 1 }"#;
    let records = format!("{{ ttl = 5, targets = [{target}] }}");
    assert_eq!(read::<RecordSet>(&records).unwrap().a().len(), 1);
    let twice = format!("{{ ttl = 5, targets = [{target}, {target}] }}");
    assert!(
        read::<RecordSet>(&twice)
            .unwrap_err()
            .contains("192.0.2.1 is there twice")
    );

    let records_of =
        |types: &str| format!("{{ ttl = 5, targets = [{target}], records = [{types}] }}");
    let text = "{ type = 16, ttl = 60, data = [[1, 97]] }";
    let read_both = read::<RecordSet>(&records_of(text)).unwrap();
    assert_eq!(read_both.static_records().rrsets().len(), 1);
    for (types, says) in [
        (format!("{text}, {text}"), "two RRsets of type 16"),
        (
            text.replace("16", "5"),
            "type 5 cannot stand beside targets",
        ),
        (text.replace("[[1, 97]]", "[]"), "no record"),
    ] {
        let error = read::<RecordSet>(&records_of(&types)).unwrap_err();
        assert!(error.contains(says), "`{error}` does not say `{says}`");
    }

    let twice = format!(r#"[["a.example", {records}], ["A.example.", {records}]]"#);
    assert!(
        read::<Plan>(&twice)
            .unwrap_err()
            .contains("names endpoint a.example twice")
    );
    assert!(
        read::<Plan>("[]")
            .unwrap_err()
            .contains("names no endpoint")
    );
}
