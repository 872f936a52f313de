//! Files that options of the command line name.

use std::fs;
use std::io;
use std::path::Path;

/// Reads the file of this option. An error begins with the option, because a command may name
/// several files.
pub(crate) fn read(option: &str, file: &Path) -> io::Result<Vec<u8>> {
    fs::read(file).map_err(|error| named(option, file, &error))
}

/// The same of a text.
pub(crate) fn read_text(option: &str, file: &Path) -> io::Result<String> {
    fs::read_to_string(file).map_err(|error| named(option, file, &error))
}

fn named(option: &str, file: &Path, error: &io::Error) -> io::Error {
    let text = format!("{option} {}: {error}", file.display());
    io::Error::new(error.kind(), text)
}
