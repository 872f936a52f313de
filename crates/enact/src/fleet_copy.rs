//! A copy of the last good fleet file, beside a DNS server's cache.
//!
//! A DNS server that starts from its cache needs the zones of the fleet file as well. If the
//! file is broken just then, it takes the copy. There is no copy of zone files: what they say is
//! in the cache.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use control_plane::{Fleet, FleetError, chain};
use tracing::{error, warn};

/// Where the copy is, beside this cache.
pub(crate) fn beside(cache: &Path) -> PathBuf {
    let mut name = cache.as_os_str().to_owned();
    name.push(".fleet.toml");
    name.into()
}

/// Loads the fleet file with `load` and keeps a copy of it, or loads the copy with `load_copy`.
///
/// # Errors
/// What is wrong with the file, if there is no good copy.
pub(crate) fn load(
    file: &Path,
    load: impl Fn(&Path) -> Result<Fleet, FleetError>,
    copy: &Path,
    load_copy: impl Fn(&Path) -> Result<Fleet, FleetError>,
) -> Result<Fleet, FleetError> {
    match load(file) {
        Ok(fleet) => {
            if let Err(error) = replace(file, copy) {
                warn!(%error, copy = %copy.display(), "no copy of the fleet file is kept");
            }
            Ok(fleet)
        }
        Err(mistake) => {
            let fleet = load_copy(copy).map_err(|_| &mistake);
            let Ok(fleet) = fleet else {
                return Err(mistake);
            };
            error!(
                error = %chain(&mistake),
                copy = %copy.display(),
                "the fleet file cannot be used; the copy of the last good one takes its place"
            );
            Ok(fleet)
        }
    }
}

/// Replaces the copy as a whole.
fn replace(file: &Path, copy: &Path) -> io::Result<()> {
    let part = copy.with_extension("part");
    fs::copy(file, &part)?;
    fs::rename(&part, copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[endpoint]]\nname = \"a.example\"\n\
                        target = [{ address = \"192.0.2.1\", zone = \"z\", capacity = 1 }]";

    #[test]
    fn row_19_a_broken_fleet_file_is_replaced_by_the_last_good_one() {
        let folder = std::env::temp_dir().join(format!("enact-copy-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (file, copy) = (folder.join("fleet.toml"), beside(&folder.join("view")));
        let load = || load(&file, Fleet::load, &copy, Fleet::load);
        fs::write(&file, "nonsense").unwrap();
        let error = load().unwrap_err().to_string();
        assert!(error.contains("fleet.toml:1:"), "{error}");
        fs::write(&file, GOOD).unwrap();
        let good = load().unwrap();
        for broken in ["nonsense", ""] {
            fs::write(&file, broken).unwrap();
            assert_eq!(load().unwrap(), good);
        }
        fs::remove_file(&file).unwrap();
        assert_eq!(load().unwrap(), good);
        let other = GOOD.replace("a.example", "b.example");
        fs::write(&file, other).unwrap();
        assert_ne!(load().unwrap(), good);
        fs::remove_dir_all(&folder).unwrap();
    }
}
