//! Writes results into `docs/` if the environment variable `PERFORMANCE_DOCS` is set.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder `docs/`, if results are to be written into it.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os("PERFORMANCE_DOCS")?;
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs"))
}

/// Writes a text between the marks of this name in `docs/performance.md`, if results are to
/// be written there.
pub fn put(name: &str, text: &str) {
    let Some(folder) = folder() else {
        return;
    };
    let file = folder.join("performance.md");
    let page = fs::read_to_string(&file).unwrap();
    let begin = format!("<!-- {name} -->\n");
    let end = format!("<!-- end of {name} -->");
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    let text = text.trim();
    fs::write(file, format!("{before}{begin}{text}\n{end}{after}")).unwrap();
}
