//! Lines that fit the width of the terminal.

use std::{env, io};

use terminal_size::{Width, terminal_size_of};

/// The width without a terminal.
const WIDTH: usize = 80;

/// How many characters a line of standard output may have: the value of `COLUMNS`, or else
/// the width of the terminal, or else 80.
pub fn width() -> usize {
    let wanted = env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    wanted.or_else(of_terminal).unwrap_or(WIDTH)
}

/// The width of the terminal behind standard output, if there is one.
fn of_terminal() -> Option<usize> {
    let (Width(columns), _) = terminal_size_of(io::stdout())?;
    Some(columns.into())
}

/// A head and a text after it, broken between words into lines of at most `width`
/// characters. Lines after the first begin with `indent` spaces.
pub(crate) fn wrap(head: &str, text: &str, indent: usize, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = head.to_owned();
    let mut used = head.chars().count();
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        if used + 1 + rest.len() > width {
            lines.push(line);
            line = " ".repeat(indent);
            used = indent;
        } else if !line.is_empty() && !line.ends_with(' ') {
            line.push(' ');
            used += 1;
        }
        // A word that is longer than a line is broken.
        while used + rest.len() > width {
            let later = rest.split_off(width.saturating_sub(used).clamp(1, rest.len()));
            line.extend(rest);
            lines.push(line);
            line = " ".repeat(indent);
            used = indent;
            rest = later;
        }
        used += rest.len();
        line.extend(rest);
    }
    lines.push(line);
    lines
}
