//! Fleets for the tests.

use std::path::Path;

use control_plane::Fleet;

/// A fleet with two endpoints of two targets each. A sweep keeps this many plans.
pub(crate) fn fleet(keep_newest: u32) -> Fleet {
    parse(&format!(
        "[store]
        keep_newest = {keep_newest}
        {TWO_ENDPOINTS}"
    ))
}

pub(crate) fn parse(text: &str) -> Fleet {
    Fleet::parse(text, Path::new("test.toml")).unwrap()
}

pub(crate) const TWO_ENDPOINTS: &str = r#"
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
