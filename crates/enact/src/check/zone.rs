//! Zone files by themselves. What they have to do with a fleet is found when the fleet file
//! that names them is checked.

use std::path::Path;

use control_plane::{Fleet, FleetError, FleetMistake};
use plan_store::EndpointName;

/// Reads a zone file. Returns how many names have records.
pub(super) fn read(file: &Path) -> Result<usize, FleetError> {
    let apex = apex(file).ok_or_else(|| {
        let message = "the zone of this file is not known; begin it with a line such as `$ORIGIN shop.example.`, or name it such as `shop.example.zone`";
        FleetError::Mistakes {
            file: file.into(),
            mistakes: vec![FleetMistake {
                line: 1,
                column: 1,
                field: None,
                message: message.into(),
            }],
            more: 0,
        }
    })?;
    // A fleet that has the zone, and nothing in it.
    let fleet = format!(
        "[[dns_zone]]\napex = \"{apex}\"\nname_server = [{{ name = \"ns.invalid\" }}]\n\
         [[dns_zone]]\napex = \"elsewhere.invalid\"\nname_server = [{{ name = \"ns.invalid\" }}]\n\
         [[endpoint]]\nname = \"elsewhere.invalid\"\n\
         target = [{{ address = \"192.0.2.1\", zone = \"z\", capacity = 1 }}]\n"
    );
    let fleet = Fleet::parse(&fleet, file)?;
    let zone = fleet.dns_zones().first();
    let names = zone.map(|zone| zone_file::read(&fleet, zone, file));
    Ok(names.transpose()?.map_or(0, |names| names.len()))
}

/// The zone that the file says with its first `$ORIGIN`, or with its name.
fn apex(file: &Path) -> Option<EndpointName> {
    let text = super::kind::beginning(file).unwrap_or_default();
    let mut origins = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_origin = words.next()?.eq_ignore_ascii_case("$ORIGIN");
        let name = words.next().filter(|name| name.ends_with('.'))?;
        is_origin.then(|| name.to_owned())
    });
    let stem = || Some(file.file_stem()?.to_str()?.to_owned());
    origins.next().or_else(stem)?.parse().ok()
}
