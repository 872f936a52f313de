//! The text of a fleet file: gives each mistake its line, its column and its field.

use std::cell::OnceCell;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistakes::{Found, Mistakes};
use super::pieces::Pieces;
use crate::{FleetError, FleetMistake};

/// The text of a fleet file, the name of the file, and the mistakes that were found in it.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    file: &'a Path,
    pub(super) mistakes: Mistakes,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, file: &'a Path) -> Self {
        Self {
            text,
            file,
            mistakes: Mistakes::default(),
        }
    }

    /// Notes a mistake at this byte of the text.
    pub(super) fn mistake(&self, at: usize, message: impl Into<String>) {
        self.mistakes.add(at, message);
    }

    /// The line of this byte of the text, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        lines(before) + 1
    }

    /// The fleet, if no mistake was found.
    pub(super) fn without_mistakes<T>(self, fleet: T) -> Result<T, FleetError> {
        if self.mistakes.count() == 0 {
            Ok(fleet)
        } else {
            Err(self.into_error())
        }
    }

    /// The mistakes that were found, each with its place and its field.
    pub(super) fn into_error(self) -> FleetError {
        let (found, more) = self.mistakes.into_report();
        let mut places = Places::new(self.text);
        let pieces = Pieces::of(self.text);
        let mut fields = Fields::of(&pieces);
        let mistake = |Found { at, message }: Found| {
            let (line, column) = places.of(at);
            FleetMistake {
                line,
                column,
                field: fields.at(at),
                message,
            }
        };
        FleetError::Mistakes {
            file: self.file.to_owned(),
            mistakes: found.into_iter().map(mistake).collect(),
            more,
        }
    }
}

/// A file that is not UTF-8, with the place of the first wrong byte.
pub(super) fn not_utf8(bytes: &[u8], file: &Path) -> FleetError {
    let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let source = Source::new(text, file);
    let mistake = "the text is not UTF-8 from here on; save the file as UTF-8";
    source.mistakes.add_syntax(text.len(), mistake.into());
    source.into_error()
}

/// How many lines end in this text.
#[allow(
    clippy::naive_bytecount,
    reason = "fast enough, and a crate for it would be one more package of the first example"
)]
fn lines(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte == b'\n').count()
}

/// The places of bytes, which are asked for in the order of the text.
struct Places<'a> {
    text: &'a str,
    /// The byte that was asked for last, and its line.
    last: (usize, usize),
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, last: (0, 1) }
    }

    /// The line and the column, in characters, of this byte of the text, both from 1.
    fn of(&mut self, at: usize) -> (usize, usize) {
        let (from, line) = self.last;
        let passed = self.text.as_bytes().get(from..at).unwrap_or_default();
        let line = line + lines(passed);
        self.last = (at, line);
        let before = self.text.get(..at).unwrap_or(self.text);
        // A byte order mark is no column.
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        let column = before.chars().rev().take_while(|&c| c != '\n').count();
        (line, column + 1)
    }
}

/// Finds the fields at bytes of a file, which are asked for in the order of the file.
struct Fields<'a> {
    pieces: &'a Pieces<'a>,
    /// The rest of the file as a tree, once that is needed. `None` inside: it is no TOML.
    rest: OnceCell<Option<Tree<'a>>>,
    /// The endpoint that was needed last, and where it is in the file.
    endpoint: Option<(Range<usize>, Option<Tree<'a>>)>,
}

type Tree<'a> = Spanned<DeTable<'a>>;

impl<'a> Fields<'a> {
    fn of(pieces: &'a Pieces<'a>) -> Self {
        Self {
            pieces,
            rest: OnceCell::new(),
            endpoint: None,
        }
    }

    /// The field at this byte of the file, with the tables around it, such as
    /// `endpoint.target.zone`. `None` if the place is in no field, or the text is no TOML.
    fn at(&mut self, at: usize) -> Option<String> {
        let is_here = |(range, _): &(Range<usize>, _)| range.contains(&at);
        if !self.endpoint.as_ref().is_some_and(is_here) {
            let endpoint = self.pieces.endpoint_at(at);
            self.endpoint = endpoint.map(|(range, text)| (range, DeTable::parse(text).ok()));
        }
        if let Some((range, tree)) = &self.endpoint {
            return field_in(tree.as_ref()?.get_ref(), at - range.start);
        }
        let rest = &self.pieces.rest;
        let tree = self.rest.get_or_init(|| DeTable::parse(&rest.text).ok());
        field_in(tree.as_ref()?.get_ref(), rest.in_piece(at)?)
    }
}

/// The innermost field of the table that this byte belongs to.
fn field_in(table: &DeTable<'_>, at: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        match inner(value, at) {
            Some(inner) => Some(format!("{name}.{inner}")),
            None => (holds(&key.span(), at) || at_value(value, at)).then(|| name.to_string()),
        }
    })
}

/// The field inside this value that the byte belongs to.
fn inner(value: &Spanned<DeValue<'_>>, at: usize) -> Option<String> {
    match value.get_ref() {
        DeValue::Table(table) => field_in(table, at),
        DeValue::Array(values) => values.iter().find_map(|value| inner(value, at)),
        _ => None,
    }
}

/// Whether the byte belongs to the value, or to one of a list of values.
fn at_value(value: &Spanned<DeValue<'_>>, at: usize) -> bool {
    let in_list = |values: &[Spanned<DeValue<'_>>]| values.iter().any(|v| at_value(v, at));
    holds(&value.span(), at) || value.get_ref().as_array().is_some_and(|v| in_list(v))
}

fn holds(span: &Range<usize>, at: usize) -> bool {
    span.contains(&at) || span.start == at
}
