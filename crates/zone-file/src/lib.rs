//! Reads the static records of a zone from a zone file (RFC 1035, section 5).
//!
//! [`read`] gives [`Fleet::load_with`] the records that the key `records` of a `dns_zone` names:
//!
//! ```no_run
//! # use std::path::Path;
//! let fleet = control_plane::Fleet::load_with(Path::new("fleet.toml"), &zone_file::read)?;
//! # Ok::<(), control_plane::FleetError>(())
//! ```
//! The parser is that of the crate `domain` (`entries`), with units in TTLs (`ttl`). `checks`
//! refuses what the DNS server could not answer rightly.

mod checks;
mod entries;
mod forms;
mod ttl;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use control_plane::{DnsZone, Fleet, FleetError, FleetMistake, ZoneRecords};
use domain::base::name::Name;
use plan_store::EndpointName;

/// The most bytes of a zone file, 64 MiB.
pub const MAX_BYTES: u64 = 64 << 20;

/// The most mistakes that an error lists.
const MAX_MISTAKES: usize = 1000;

/// Reads the records of a zone of this fleet from this file.
///
/// # Errors
/// [`FleetError::Unreadable`] if the file cannot be read, and [`FleetError::Mistakes`] with the
/// mistakes in it.
pub fn read(fleet: &Fleet, zone: &DnsZone, file: &Path) -> Result<ZoneRecords, FleetError> {
    let unreadable = |source: io::Error| FleetError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let mut text = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    let mut bounded = opened.take(MAX_BYTES + 1);
    bounded.read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        let message = format!("the zone file is larger than {MAX_BYTES} bytes; split the zone");
        return Err(refused(file, vec![mistake(1, 1, message)]));
    }
    parse(fleet, zone, &text, file)
}

/// Reads the records of a zone of this fleet from a text; `origin` is the file that error
/// messages name.
///
/// # Errors
/// [`FleetError::Mistakes`] with the mistakes in the text. A text that is malformed has one.
pub fn parse(
    fleet: &Fleet,
    zone: &DnsZone,
    text: &[u8],
    origin: &Path,
) -> Result<ZoneRecords, FleetError> {
    let entries = entries::read(text, &absolute(&zone.apex), zone.ttl);
    let entries =
        entries.map_err(|e| refused(origin, vec![mistake(e.line, e.column, e.reason)]))?;
    checks::checked(&entries, fleet, zone).map_err(|mistakes| {
        let all = mistakes.into_iter();
        let all = all.map(|(line, message)| mistake(line, 1, message));
        refused(origin, all.collect())
    })
}

fn mistake(line: usize, column: usize, message: String) -> FleetMistake {
    FleetMistake {
        line,
        column,
        field: None,
        message,
    }
}

fn refused(file: &Path, mut mistakes: Vec<FleetMistake>) -> FleetError {
    let more = mistakes.len().saturating_sub(MAX_MISTAKES);
    mistakes.truncate(MAX_MISTAKES);
    FleetError::Mistakes {
        file: file.to_owned(),
        mistakes,
        more,
    }
}

/// The name as the parser has it.
fn absolute(name: &EndpointName) -> Name<Bytes> {
    // A name that is checked has labels and a length that fit.
    let name = Name::bytes_from_str(name.as_str());
    name.unwrap_or_else(|_| Name::root_bytes())
}
