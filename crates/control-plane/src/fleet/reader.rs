//! The reader: makes the tables of a fleet file from its TOML, and does not stop at a mistake.
//!
//! serde's derived code stops at the first error. So each value of a table is a [`Field`]: if
//! its value is refused, the reader notes that with its place, and the field says so. A
//! deserializer of our own is needed for that, because only it knows the place of a value.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{BoolDeserializer, StrDeserializer, UsizeDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::mistakes::Mistakes;
use super::pieces::Piece;
use super::spelling;
use super::values::MAX_SHOWN;

/// A value of a table, with its place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Field<T> {
    /// The table does not have it.
    #[default]
    Missing,
    /// It was refused, and that is noted.
    Refused,
    /// The value.
    Given {
        /// The byte of the file at which it begins.
        at: usize,
        value: T,
        /// Whether no mistake was found inside it.
        is_whole: bool,
    },
}

/// Reads a piece of a file. A mistake in the syntax is noted as such.
pub(super) fn read<'de, T: Deserialize<'de>>(piece: &Piece<'_>, mistakes: &Mistakes) -> Field<T> {
    let table = match DeTable::parse(&piece.text) {
        Ok(table) => table,
        Err(error) => {
            let span = error.span().unwrap_or_default();
            let at = piece.in_file(span.start);
            let found = piece.text.get(span).unwrap_or_default();
            mistakes.add_syntax(at, about_syntax(error.message(), found));
            return Field::Refused;
        }
    };
    let value = Spanned::new(table.span(), DeValue::Table(table.into_inner()));
    let node = Node {
        key: "the file",
        is_misspelled: false,
        value: &value,
        piece,
        mistakes,
    };
    // The reader notes all errors.
    Field::deserialize(node).unwrap_or_default()
}

impl<T> Field<T> {
    pub(super) fn get(&self) -> Option<&T> {
        match self {
            Self::Given { value, .. } => Some(value),
            _ => None,
        }
    }

    pub(super) fn into_inner(self) -> Option<T> {
        match self {
            Self::Given { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The value, with the byte at which it begins.
    pub(super) fn placed(&self) -> Option<(usize, &T)> {
        match self {
            Self::Given { at, value, .. } => Some((*at, value)),
            _ => None,
        }
    }

    pub(super) fn into_placed(self) -> Option<(usize, T)> {
        match self {
            Self::Given { at, value, .. } => Some((at, value)),
            _ => None,
        }
    }

    /// What `get` makes of the value, or `outer` if it is missing; `None` if it was refused.
    pub(super) fn or<U>(&self, outer: U, get: impl FnOnce(&T) -> U) -> Option<U> {
        match self {
            Self::Missing => Some(outer),
            Self::Refused => None,
            Self::Given { value, .. } => Some(get(value)),
        }
    }

    pub(super) fn at(&self) -> Option<usize> {
        self.placed().map(|(at, _)| at)
    }

    /// Whether the table has the field with a value that was refused.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused)
    }

    /// Whether the table has no such field, or one in which no mistake was found.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Missing => true,
            Self::Refused => false,
            Self::Given { is_whole, .. } => *is_whole,
        }
    }
}

impl<T: Copy> Field<T> {
    pub(super) fn value(&self) -> Option<T> {
        self.get().copied()
    }
}

impl<T> Field<Vec<Field<T>>> {
    /// The values of a list.
    pub(super) fn all(&self) -> &[Field<T>] {
        self.get().map_or(&[], Vec::as_slice)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    /// serde's derived code deserializes a field that is missing as an option.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_none<E: Error>(self) -> Result<Field<T>, E> {
        Ok(Field::Missing)
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<Field<T>, D::Error> {
        let placed = value.deserialize_tuple_struct(PLACED, 3, PlacedVisitor(PhantomData));
        // The reader has noted the error.
        Ok(placed.unwrap_or(Field::Refused))
    }
}

/// Asks [`Node`] for the place of a value, the value, and whether that is whole.
const PLACED: &str = "$placed";

struct PlacedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PlacedVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its place")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<T>, A::Error> {
        let at = seq.next_element()?;
        let value = seq.next_element()?;
        let is_whole = seq.next_element()?;
        Ok(match (at, value, is_whole) {
            (Some(at), Some(value), Some(is_whole)) => Field::Given {
                at,
                value,
                is_whole,
            },
            _ => Field::Refused,
        })
    }
}

/// A value of the file, for serde.
#[derive(Clone, Copy)]
struct Node<'a> {
    /// Its key, or that of the list that it is in.
    key: &'a str,
    /// Whether another key stands in its place, and that is noted: the value is not read.
    is_misspelled: bool,
    value: &'a Spanned<DeValue<'a>>,
    piece: &'a Piece<'a>,
    mistakes: &'a Mistakes,
}

/// Why a value is refused.
#[derive(Debug)]
enum Refused {
    /// The reader has noted it.
    Noted,
    Because(String),
}

impl Node<'_> {
    fn at(&self) -> usize {
        self.piece.in_file(self.value.span().start)
    }

    /// Notes why the value is refused, unless the reason lies deeper.
    fn note(self, refused: Refused) -> Refused {
        if let Refused::Because(message) = refused {
            self.mistakes.add(self.at(), about(self.key, &message));
        }
        Refused::Noted
    }

    fn scalar<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.value.get_ref() {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Boolean(value) => visitor.visit_bool(*value),
            DeValue::Integer(number) => integer(number, visitor),
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(Error::invalid_type(Unexpected::Other("a number"), &visitor)),
            },
            DeValue::Datetime(_) => Err(Error::invalid_type(
                Unexpected::Other("a date or time"),
                &visitor,
            )),
            DeValue::Array(_) => Err(Error::invalid_type(Unexpected::Other("a list"), &visitor)),
            DeValue::Table(_) => Err(Error::invalid_type(Unexpected::Other("a table"), &visitor)),
        }
    }
}

fn integer<'de, V: Visitor<'de>>(number: &DeInteger<'_>, visitor: V) -> Result<V::Value, Refused> {
    let digits = (number.as_str(), number.radix());
    if let Ok(number) = i64::from_str_radix(digits.0, digits.1) {
        return visitor.visit_i64(number);
    }
    match i128::from_str_radix(digits.0, digits.1) {
        Ok(number) => visitor.visit_i128(number),
        Err(_) => Err(Error::invalid_value(
            Unexpected::Other("an integer of more than 128 bits"),
            &visitor,
        )),
    }
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.scalar(visitor).map_err(|refused| self.note(refused))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        if name != PLACED {
            return self.deserialize_any(visitor);
        }
        if self.is_misspelled {
            return Err(Refused::Noted);
        }
        visitor.visit_seq(Placed {
            node: self,
            step: 0,
            before: self.mistakes.count(),
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let DeValue::Array(values) = self.value.get_ref() else {
            return self.deserialize_any(visitor);
        };
        let elements = values.iter().map(|value| Node { value, ..self });
        visitor.visit_seq(Elements(elements))
    }

    /// Notes the keys that are no fields, and leaves them out. The field that such a key most
    /// probably means counts as refused, so that it is not missing as well.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let DeValue::Table(table) = self.value.get_ref() else {
            return self.deserialize_any(visitor);
        };
        // The fields that the table lacks: what an unknown key may be meant for.
        let mut open = Vec::new();
        if table.keys().any(|key| !fields.contains(&&**key.get_ref())) {
            let lacks = |field: &&&str| table.keys().all(|key| key.get_ref() != **field);
            open.extend(fields.iter().filter(lacks).copied());
        }
        let mut meant = Vec::new();
        for (key, value) in table {
            let (at, key) = (self.piece.in_file(key.span().start), &**key.get_ref());
            if fields.contains(&key) {
                continue;
            }
            let field = spelling::nearest(key, &open);
            self.mistakes.add(at, unknown(key, field, fields));
            if let Some(field) = field {
                open.retain(|other| *other != field);
                meant.push(Node {
                    key: field,
                    is_misspelled: true,
                    value,
                    ..self
                });
            }
        }
        let entries = table.iter().filter_map(|(key, value)| {
            let key = &**key.get_ref();
            fields.contains(&key).then_some(Node { key, value, ..self })
        });
        let entries = entries.chain(meant);
        let entries = Entries {
            entries,
            value: None,
        };
        visitor
            .visit_map(entries)
            .map_err(|refused| self.note(refused))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct tuple map enum identifier ignored_any
    }
}

/// The place of a value, the value, and whether no mistake was found inside it.
struct Placed<'a> {
    node: Node<'a>,
    step: u8,
    /// How many mistakes there were before.
    before: usize,
}

impl<'de> SeqAccess<'de> for Placed<'_> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refused> {
        self.step += 1;
        match self.step {
            1 => seed.deserialize(UsizeDeserializer::new(self.node.at())),
            2 => {
                let value = seed.deserialize(self.node);
                value.map_err(|refused| self.node.note(refused))
            }
            _ => {
                let is_whole = self.node.mistakes.count() == self.before;
                seed.deserialize(BoolDeserializer::new(is_whole))
            }
        }
        .map(Some)
    }
}

/// The values of a list.
struct Elements<I>(I);

impl<'de, 'a, I: Iterator<Item = Node<'a>>> SeqAccess<'de> for Elements<I> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refused> {
        self.0.next().map(|node| seed.deserialize(node)).transpose()
    }
}

/// The fields of a table.
struct Entries<'a, I> {
    entries: I,
    /// The value of the key that was taken last.
    value: Option<Node<'a>>,
}

impl<'de, 'a, I: Iterator<Item = Node<'a>>> MapAccess<'de> for Entries<'a, I> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refused> {
        self.value = self.entries.next();
        let key = self.value.map(|node| node.key);
        let key = key.map(|key| seed.deserialize(StrDeserializer::new(key)));
        key.transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        match self.value.take() {
            Some(node) => seed.deserialize(node),
            None => Err(Error::custom("a value without a key")),
        }
    }
}

impl Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Because(message.to_string())
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Noted => f.write_str("a mistake that has been noted"),
            Self::Because(message) => f.write_str(message),
        }
    }
}

fn unknown(key: &str, meant: Option<&str>, fields: &[&str]) -> String {
    if let Some(field) = meant {
        return format!("unknown field `{key}`; did you mean `{field}`?");
    }
    let known: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
    format!(
        "unknown field `{}`; use one of {}",
        shown(key),
        known.join(", ")
    )
}

/// The toml crate's message about this part of the text, with what to do.
fn about_syntax(message: &str, found: &str) -> String {
    if message == "duplicate key" {
        let key = shown(found);
        return format!("duplicate key: `{key}` is there already; remove one of the two");
    }
    if message.contains("recurs") {
        return "lists or tables are nested too deeply; leave out what a fleet file does not have"
            .into();
    }
    let message = message.replace('\n', ", ");
    format!("{message}; correct the TOML here")
}

/// A text of the file, as far as a message repeats it: in one line, and without the codes that
/// a terminal obeys.
fn shown(text: &str) -> String {
    let shown = text.chars().take(MAX_SHOWN);
    shown.flat_map(char::escape_debug).collect()
}

/// serde's message about a value, as a sentence about its field.
fn about(field: &str, message: &str) -> String {
    let refused = ["invalid value: ", "invalid type: "]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix))
        .and_then(|refused| refused.rsplit_once(", expected "));
    match refused {
        Some(("a table", "a sequence")) => {
            format!("`{field}` is one table; use a list of tables, as with [[{field}]]")
        }
        Some((value, "a sequence")) => format!("`{field}` is {value}; use a list"),
        Some((value, expected)) => format!("`{field}` is {value}; use {expected}"),
        None => format!("`{field}`: {message}"),
    }
}
