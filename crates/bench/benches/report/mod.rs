//! Where what is measured goes: into the docs, if `PERFORMANCE_DOCS` says so.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the docs, if what is measured is to go there.
pub(crate) fn docs() -> Option<PathBuf> {
    std::env::var_os("PERFORMANCE_DOCS")?;
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs"))
}

/// Puts a text between the marks of this name in `docs/performance.md`.
pub(crate) fn put(name: &str, text: &str) {
    let Some(docs) = docs() else {
        return;
    };
    let file = docs.join("performance.md");
    let page = fs::read_to_string(&file).unwrap();
    let begin = format!("<!-- {name} -->\n");
    let end = format!("<!-- end of {name} -->");
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    let text = text.trim();
    fs::write(file, format!("{before}{begin}{text}\n{end}{after}")).unwrap();
}
