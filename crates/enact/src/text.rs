//! Words and lines for people.

/// The widest line of an answer, in characters, where names allow it.
const WIDTH: usize = 80;

/// A number with its noun, such as `1 target` or `2 targets`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// The number of names that a plan changes, and how many of them are endpoints if that differs.
/// `None` is for a plan of an older version, which did not tell them apart.
pub(crate) fn counted_names(names: Option<usize>, endpoints: usize) -> String {
    match names {
        Some(names) if names == endpoints => counted(endpoints, "endpoint"),
        Some(names) => {
            let endpoints = counted(endpoints, "endpoint");
            format!("{} ({endpoints})", counted(names, "name"))
        }
        None => counted(endpoints, "name"),
    }
}

/// What is suspected, and until when.
pub(crate) fn suspicion(suspected: usize, until: Option<&str>) -> String {
    let (stay, go) = match suspected {
        1 => ("stays", "it goes"),
        _ => ("stay", "they go"),
    };
    let targets = counted(suspected, "unhealthy target");
    let until = until.unwrap_or("the wait is over");
    format!("{targets} {stay} until {until}, then {go}")
}

/// Breaks a line between words where it would be wider than a terminal of 80 columns. The further
/// lines begin two columns to the right of the first one.
pub(crate) fn wrapped(line: &str) -> String {
    let text = line.trim_start_matches(' ');
    let indent = line.len() - text.len();
    let mut lines = " ".repeat(indent);
    let mut used = indent;
    for (count, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if count > 0 && used + 1 + length > WIDTH {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent + 2));
            used = indent + 2;
        } else if count > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_broken_between_words_and_its_rest_is_moved_in() {
        for short in ["", "  a  b ", &"x".repeat(WIDTH), &" ".repeat(99)] {
            assert_eq!(wrapped(short), short);
        }
        let line = format!("  {}", "eight by ".repeat(30).trim_end());
        let lines = wrapped(&line);
        assert!(lines.lines().all(|line| line.len() <= WIDTH), "{lines}");
        assert!(
            lines
                .lines()
                .skip(1)
                .all(|line| line.starts_with("    e") || line.starts_with("    b"))
        );
        assert_eq!(lines.replace("\n   ", ""), line);
        // A word is never broken: it may be an address that somebody copies.
        let long = format!("a {} b", "x".repeat(WIDTH));
        assert_eq!(wrapped(&long), format!("a\n  {}\n  b", "x".repeat(WIDTH)));
    }

    #[test]
    fn names_and_endpoints_are_told_apart() {
        assert_eq!(counted_names(Some(8), 2), "8 names (2 endpoints)");
        assert_eq!(counted_names(Some(1), 0), "1 name (0 endpoints)");
        assert_eq!(counted_names(Some(1), 1), "1 endpoint");
        assert_eq!(counted_names(None, 8), "8 names");
    }
}
