//! Files from outside: a bound on their size, and the line and column of a mistake.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::Error;

/// The largest file that is read, 1 MiB: far more than parameters or a timeline need.
const MAX_BYTES: u64 = 1 << 20;

/// The file's text.
pub(crate) fn load(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable {
        file: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        let file = path.to_owned();
        return Err(Error::TooLarge {
            file,
            most: MAX_BYTES,
        });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let text = String::from_utf8_lossy(&bytes[..valid]);
        let fault = "the text is not UTF-8 from here on; save the file as UTF-8";
        error_at(path, &text, valid, fault)
    })
}

/// The error for a mistake at this byte of the text.
pub(crate) fn error_at(file: &Path, text: &str, at: usize, fault: impl Into<String>) -> Error {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Error::Bad {
        file: file.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        fault: fault.into(),
    }
}
