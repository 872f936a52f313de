//! Fleets for the tests.

#![allow(unreachable_pub, dead_code, reason = "each test file uses its part")]

use std::path::Path;

use control_plane::Fleet;

/// Two endpoints of two targets each, of which a sweep keeps so many plans.
pub fn fleet(keep_newest: u32) -> Fleet {
    parse(&format!(
        "[store]
        keep_newest = {keep_newest}
        {TWO_ENDPOINTS}"
    ))
}

pub fn parse(text: &str) -> Fleet {
    Fleet::parse(text, Path::new("test.toml")).unwrap()
}

pub const TWO_ENDPOINTS: &str = r#"
    [[endpoint]]
    name = "a.example"
    target = [
        { address = "192.0.2.1", zone = "z1", capacity = 100 },
        { address = "192.0.2.2", zone = "z2", capacity = 100 },
    ]
    [[endpoint]]
    name = "b.example"
    target = [
        { address = "192.0.2.3", zone = "z1", capacity = 100 },
        { address = "192.0.2.4", zone = "z2", capacity = 100 },
    ]
"#;
