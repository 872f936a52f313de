//! The text of a fleet file: gives each mistake its line, its column and its field.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::FleetFile;
use crate::FleetError;

/// The text of a fleet file, and the name of the file.
pub(super) struct Source<'a> {
    text: &'a str,
    file: &'a Path,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, file: &'a Path) -> Self {
        Self { text, file }
    }

    /// Reads the file, each value within its own bounds.
    pub(super) fn read(&self) -> Result<FleetFile, FleetError> {
        toml::from_str(self.text).map_err(|error| self.refused(&error))
    }

    /// The TOML crate's error as a mistake. If it is about a value, it names the
    /// value's field.
    fn refused(&self, error: &toml::de::Error) -> FleetError {
        let message = error.message().replace('\n', ", ");
        let Some(span) = error.span() else {
            return self.mistake(0, message);
        };
        let tree = DeTable::parse(self.text);
        let field = tree.as_ref().ok().and_then(|tree| {
            let fields = tree.get_ref().iter();
            fields
                .map(|(key, value)| (key.get_ref(), value))
                .find_map(|(key, value)| field_at(&span, key, value))
        });
        self.mistake(
            span.start,
            field.map_or(message.clone(), |field| about(field, &message)),
        )
    }

    /// A mistake at this byte of the text.
    pub(super) fn mistake(&self, at: usize, mistake: impl Into<String>) -> FleetError {
        let (line, column) = self.place(at);
        FleetError::Mistake {
            file: self.file.to_owned(),
            line,
            column,
            mistake: mistake.into(),
        }
    }

    /// The line and the column, in characters, of this byte of the text, both from 1.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let column = before.chars().rev().take_while(|&c| c != '\n').count();
        (before.matches('\n').count() + 1, column + 1)
    }
}

/// A file that is not UTF-8, with the place of the first wrong byte.
pub(super) fn not_utf8(bytes: &[u8], file: &Path) -> FleetError {
    let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let mistake = "the text is not UTF-8 from here on; save the file as UTF-8";
    Source::new(text, file).mistake(text.len(), mistake)
}

/// The name of the field whose value, or part of its value, has this span.
fn field_at<'t>(
    span: &Range<usize>,
    key: &'t str,
    value: &'t Spanned<DeValue<'_>>,
) -> Option<&'t str> {
    if value.span() == *span {
        return Some(key);
    }
    match value.get_ref() {
        DeValue::Table(table) => table
            .iter()
            .find_map(|(key, value)| field_at(span, key.get_ref(), value)),
        DeValue::Array(values) => values.iter().find_map(|value| field_at(span, key, value)),
        _ => None,
    }
}

/// serde's message about a value, as a sentence about its field.
fn about(field: &str, message: &str) -> String {
    let refused = ["invalid value: ", "invalid type: "]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix))
        .and_then(|refused| refused.rsplit_once(", expected "));
    match refused {
        Some((value, expected)) => format!("`{field}` is {value}; use {expected}"),
        None => format!("`{field}`: {message}"),
    }
}
