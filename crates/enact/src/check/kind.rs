//! What a file is: a fleet file, a zone file, or a file of parameters.
//!
//! # Rules
//! 1. A file whose name ends in `.zone`, or whose text begins with `$` or `;`, is a zone file.
//!    Nothing in TOML begins like that.
//! 2. A file whose first table is a section of the simulation's parameters is a file of those. No
//!    fleet file has such a table.
//! 3. All others are fleet files. Only of a regular file the beginning is looked at, because a
//!    pipe can be read only once.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use cascade::Parameters;

/// So many bytes of a file are looked at.
const BEGINNING: u64 = 64 << 10;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Fleet,
    Zone,
    Parameters,
}

impl Kind {
    /// What this file is. One that cannot be read is taken for a fleet file.
    pub(super) fn of(file: &Path) -> Self {
        if file.extension().is_some_and(|end| end == "zone") {
            return Self::Zone;
        }
        Self::of_text(&beginning(file).unwrap_or_default())
    }

    fn of_text(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with(['$', ';']) {
            return Self::Zone;
        }
        let mut lines = text.lines().map(str::trim_start);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        let key = first.unwrap_or_default().trim_start_matches(['[', ' ']);
        let is_in_key = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = key.split(|c| !is_in_key(c)).next();
        if name.is_some_and(Parameters::has_section) {
            Self::Parameters
        } else {
            Self::Fleet
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Zone => "zone",
            Self::Parameters => "parameters",
        }
    }
}

/// The beginning of a regular file.
pub(super) fn beginning(file: &Path) -> Option<String> {
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let mut beginning = File::open(file).ok()?.take(BEGINNING);
    beginning.read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_name_or_by_its_beginning() {
        for (text, kind) in [
            ("", Kind::Fleet),
            ("nonsense", Kind::Fleet),
            ("# dns\n\n[[dns_zone]]\n", Kind::Fleet),
            ("\u{feff}# A comment\n[dns]\n", Kind::Parameters),
            ("  [ switches ]\n", Kind::Parameters),
            ("dns.negative_ttl = {}\n", Kind::Parameters),
            ("\n; A comment\n", Kind::Zone),
            ("$TTL 1h\n", Kind::Zone),
        ] {
            assert_eq!(Kind::of_text(text), kind, "{text}");
        }
        for table in [
            "timings",
            "planner",
            "store",
            "health_check",
            "dns_zone",
            "endpoint",
            "health",
        ] {
            assert_eq!(Kind::of_text(&format!("[{table}]")), Kind::Fleet, "{table}");
        }
        assert_eq!(Kind::of("/no/such.zone".as_ref()), Kind::Zone);
        assert_eq!(Kind::of("/no/such.toml".as_ref()), Kind::Fleet);
    }
}
