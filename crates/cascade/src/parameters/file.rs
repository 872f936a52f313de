//! Reading a parameter file.
//!
//! The file has three levels: sections, the parameters in a section, and the fields of
//! a parameter. The first two are walked, so that all mistakes are found. A type reads the
//! fields through serde, and checks each key and value where it reads it. An error therefore
//! carries the place that the `toml` crate knows.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, ValueDeserializer};

use super::values::{SPECS, Spec, spec};
use super::{Parameters, Source, SourceKind};
use crate::{Switch, Time};

/// How a parameter is written.
const FORM: &str = r#"{ value = ..., unit = "...", source = "published: ..." }"#;

/// What is wrong, and the byte of the text at which it begins.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) text: String,
}

/// Reads the text into `parameters`. If the text is wrong, they stay as they were, and all
/// mistakes are returned in the order of the text, at most one for each parameter.
pub(super) fn read(text: &str, parameters: &mut Parameters) -> Result<(), Vec<Fault>> {
    let file = DeTable::parse(text).map_err(|error| vec![Fault::of(&error)])?;
    let (mut changed, mut faults) = (parameters.clone(), Vec::new());
    for (name, section) in file.into_inner() {
        read_section(&name, section, &mut changed, &mut faults);
    }
    if faults.is_empty() {
        changed.sort();
        *parameters = changed;
        return Ok(());
    }
    faults.sort_by_key(|fault| fault.at);
    Err(faults)
}

fn read_section(
    name: &Spanned<DeString<'_>>,
    section: Spanned<DeValue<'_>>,
    parameters: &mut Parameters,
    faults: &mut Vec<Fault>,
) {
    let at = name.span().start;
    let name = name.get_ref();
    if !is_section(name) {
        let text = format!("there is no section `{name}`; parameters.toml has all sections");
        faults.push(Fault { at, text });
        return;
    }
    let at = section.span().start;
    let DeValue::Table(section) = section.into_inner() else {
        let text = format!("`{name}` is not a section; write `[{name}]`, and its parameters below");
        faults.push(Fault { at, text });
        return;
    };
    for (key, value) in section {
        let at = key.span().start;
        let key = Key::find(name, key.get_ref()).map_err(|text| Fault { at, text });
        let read = key.and_then(|key| {
            let fields = Fields(key).deserialize(ValueDeserializer::from(value));
            fields.map_err(|error| Fault::of(&error))
        });
        match read {
            Ok((Value::Number(spec, value), source)) => parameters.set(spec, value, source),
            Ok((Value::Time(switch, at), source)) => parameters.set_switch(switch, at, source),
            Err(fault) => faults.push(fault),
        }
    }
}

/// Whether the file has a section of this name.
pub(super) fn is_section(name: &str) -> bool {
    let has_it = |spec: &Spec| spec.name.split('.').next() == Some(name);
    name == "switches" || SPECS.iter().any(has_it)
}

impl Fault {
    fn of(error: &toml::de::Error) -> Self {
        Self {
            at: error.span().map_or(0, |span| span.start),
            text: error.message().replace('\n', ", "),
        }
    }
}

impl Parameters {
    /// Puts the list in the order of the built-in file.
    fn sort(&mut self) {
        let place = |name: &str| SPECS.iter().position(|spec| spec.name == name);
        let switch = |name: &str| {
            let id = name.strip_prefix("switches.")?;
            Switch::ALL.iter().position(|switch| switch.id() == id)
        };
        self.listed
            .sort_by_key(|it| (switch(&it.name), place(&it.name)));
    }
}

/// What a key of a section stands for.
#[derive(Clone, Copy)]
enum Key {
    Number(&'static Spec),
    Time(Switch),
}

/// What a parameter is set to.
enum Value {
    Number(&'static Spec, f64),
    Time(Switch, Option<Time>),
}

impl Key {
    fn find(section: &str, key: &str) -> Result<Self, String> {
        let name = format!("{section}.{key}");
        let switch = || Switch::ALL.into_iter().find(|it| it.parameter() == name);
        let number = spec(&name).map(Self::Number);
        number.or_else(|| switch().map(Self::Time)).ok_or_else(|| {
            format!("there is no parameter `{name}`; parameters.toml has all parameters")
        })
    }

    fn name(self) -> String {
        match self {
            Self::Number(spec) => spec.name.into(),
            Self::Time(switch) => switch.parameter(),
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Number(spec) => spec.unit,
            Self::Time(_) => Switch::UNIT,
        }
    }
}

/// The fields of a parameter.
struct Fields(Key);

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = (Value, Source);

    fn deserialize<D: Deserializer<'de>>(self, fields: D) -> Result<Self::Value, D::Error> {
        fields.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = (Value, Source);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.name();
        write!(f, "`{name}` with its unit and source, written `{FORM}`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let (mut value, mut unit, mut source) = (None, None, None);
        while let Some(field) = fields.next_key_seed(Checked(|key: &str| self.field(key)))? {
            match field {
                Field::Value => value = Some(fields.next_value_seed(Bounded(self.0))?),
                Field::Unit => {
                    unit = Some(fields.next_value_seed(Checked(|it: &str| self.unit(it)))?);
                }
                Field::Source => {
                    source = Some(fields.next_value_seed(Checked(|it: &str| self.source(it)))?);
                }
            }
        }
        let missing = |field| {
            let name = self.0.name();
            A::Error::custom(format!("`{name}` has no {field}; write `{FORM}`"))
        };
        let value = value.ok_or_else(|| missing("value"))?;
        unit.ok_or_else(|| missing("unit"))?;
        Ok((value, source.ok_or_else(|| missing("source"))?))
    }
}

enum Field {
    Value,
    Unit,
    Source,
}

impl Fields {
    fn field(&self, key: &str) -> Result<Field, String> {
        match key {
            "value" => Ok(Field::Value),
            "unit" => Ok(Field::Unit),
            "source" => Ok(Field::Source),
            _ => {
                let name = self.0.name();
                Err(format!("`{name}` has no field `{key}`; write `{FORM}`"))
            }
        }
    }

    fn unit(&self, word: &str) -> Result<(), String> {
        let (name, unit) = (self.0.name(), self.0.unit());
        if word == unit {
            return Ok(());
        }
        Err(format!(
            "`{name}` is in `{unit}`, not `{word}`; convert the value"
        ))
    }

    fn source(&self, text: &str) -> Result<Source, String> {
        let (kind, why) = match text.split_once(": ") {
            Some(("published", what)) => (Some(SourceKind::Published), what),
            Some(("assumed", why)) => (Some(SourceKind::Assumed), why),
            _ => (None, ""),
        };
        match kind {
            Some(kind) if !why.trim().is_empty() => Ok(Source {
                kind,
                why: why.into(),
            }),
            _ => Err(format!(
                "the source of `{}` does not say where the value is from; write `published: ` and what was published, or `assumed: ` and why",
                self.0.name()
            )),
        }
    }
}

/// The value of a parameter: a number within its bounds, or the time of a switch.
struct Bounded(Key);

impl<'de> DeserializeSeed<'de> for Bounded {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Value, D::Error> {
        match self.0 {
            Key::Number(spec) => {
                let value = f64::deserialize(value).map_err(|_| {
                    let Spec {
                        name,
                        least,
                        most,
                        unit,
                        ..
                    } = spec;
                    D::Error::custom(format!(
                        "`{name}` is not a number; give {least} to {most} {unit}"
                    ))
                })?;
                let checked = spec.check(value);
                checked.map_err(|it| D::Error::custom(format!("`{}` = {it}", spec.name)))?;
                Ok(Value::Number(spec, value))
            }
            Key::Time(switch) => Checked(|text: &str| time(switch, text)).deserialize(value),
        }
    }
}

fn time(switch: Switch, text: &str) -> Result<Value, String> {
    let time = Time::parse(text);
    if time.is_none() && text != Parameters::NEVER {
        return Err(format!(
            "`{}` is not a time; write \"09:25\", \"21T11:05\" or \"never\"",
            switch.parameter()
        ));
    }
    Ok(Value::Time(switch, time))
}

/// A text that the function reads or refuses. Anything but a text counts as an empty
/// text, which each function refuses.
struct Checked<F>(F);

impl<'de, T, F: FnOnce(&str) -> Result<T, String>> DeserializeSeed<'de> for Checked<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<T, D::Error> {
        let text = String::deserialize(text).unwrap_or_default();
        (self.0)(&text).map_err(D::Error::custom)
    }
}
