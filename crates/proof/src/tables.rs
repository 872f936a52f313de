//! The tables of a page in Markdown.

use std::path::Path;

use crate::Error;

pub(crate) fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::File(path.into(), error.to_string()))
}

/// The rows of the tables below the heading `## title`, without their heads. Cells have no
/// backticks around them.
pub(crate) fn rows<'t>(text: &'t str, title: &str) -> impl Iterator<Item = Vec<&'t str>> {
    let heading = format!("## {title}");
    let below = text.lines().skip_while(move |line| *line != heading);
    let section = below.skip(1).take_while(|line| !line.starts_with("## "));
    let rows = section.filter(|line| line.starts_with('|'));
    // A head is two lines: the names, and the rule below them.
    let rows = rows.skip(2);
    rows.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().trim_matches('`')).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_without_its_head_and_without_its_neighbours() {
        let page = "# page\n\n## one\n\n| a | b |\n|---|---|\n| `x` | y z |\n| u | |\n\n## two\n\n\
                    | a |\n|---|\n| v |\n";
        assert_eq!(
            rows(page, "one").collect::<Vec<_>>(),
            [["x", "y z"], ["u", ""]]
        );
        assert_eq!(rows(page, "two").collect::<Vec<_>>(), [["v"]]);
        assert_eq!(rows(page, "three").count(), 0);
    }
}
