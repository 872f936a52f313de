//! Reading a parameter file.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::values::{SPECS, Spec, spec};
use super::{Parameter, Parameters, Source, SourceKind};
use crate::text::fault_at;
use crate::{Error, Switch, Time};

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// Reads the text into the parameters, which are as they were if it is wrong.
pub(super) fn read(text: &str, origin: &Path, into: &mut Parameters) -> Result<(), Error> {
    let reader = Reader { text, origin };
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        reader.fault(at, error.message().replace('\n', ", "))
    })?;
    let mut parameters = into.clone();
    for (section, keys) in root.get_ref() {
        let name = section.get_ref();
        if name != "switches" && !SPECS.iter().any(|spec| section_of(spec) == name) {
            let known = "see parameters.toml for those there are";
            let fault = format!("there is no section `{name}`; {known}");
            return Err(reader.fault(section.span().start, fault));
        }
        let keys = reader.table(keys, &format!("`{name}` is a section; write `[{name}]`"))?;
        for (key, fields) in keys {
            reader.parameter(name, key, fields, &mut parameters)?;
        }
    }
    parameters.sort();
    *into = parameters;
    Ok(())
}

fn section_of(spec: &Spec) -> &str {
    spec.name.split('.').next().unwrap_or_default()
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

struct Reader<'a> {
    text: &'a str,
    origin: &'a Path,
}

/// The fields of a parameter.
struct Fields<'a> {
    value: &'a Value<'a>,
    unit: &'a Value<'a>,
    source: &'a Value<'a>,
    source_ja: Option<&'a Value<'a>>,
}

impl Reader<'_> {
    fn fault(&self, at: usize, fault: impl Into<String>) -> Error {
        fault_at(self.origin, self.text, at, fault)
    }

    fn table<'a>(&self, value: &'a Value<'a>, fault: &str) -> Result<&'a DeTable<'a>, Error> {
        let table = value.get_ref().as_table();
        table.ok_or_else(|| self.fault(value.span().start, fault))
    }

    fn parameter(
        &self,
        section: &str,
        key: &Key<'_>,
        fields: &Value<'_>,
        into: &mut Parameters,
    ) -> Result<(), Error> {
        let name = format!("{section}.{}", key.get_ref());
        let switch = (section == "switches")
            .then(|| Switch::ALL.into_iter().find(|it| it.id() == key.get_ref()))
            .flatten();
        let spec = spec(&name);
        let unit = match (&spec, switch) {
            (Some(spec), _) => spec.unit,
            (None, Some(_)) => "UTC",
            (None, None) => {
                let fault = format!(
                    "there is no parameter `{name}`; see parameters.toml for those there are"
                );
                return Err(self.fault(key.span().start, fault));
            }
        };
        let fields = self.fields(&name, key, fields)?;
        self.unit(&name, fields.unit, unit)?;
        let source = self.source(&name, &fields)?;
        if let Some(switch) = switch {
            let at = self.time(&name, fields.value)?;
            into.set_switch(switch, at, source);
        } else if let Some(spec) = spec {
            let (value, written) = self.number(spec, fields.value)?;
            *(spec.slot)(&mut into.values) = value;
            into.list(Parameter::of_spec(spec, written, source));
        }
        Ok(())
    }

    fn fields<'a>(
        &self,
        name: &str,
        key: &Key<'_>,
        fields: &'a Value<'a>,
    ) -> Result<Fields<'a>, Error> {
        const FORM: &str = r#"{ value = ..., unit = "...", source = "published: ..." }"#;
        let fault = format!("`{name}` has no value with unit and source; write `{FORM}`");
        let table = self.table(fields, &fault)?;
        let known = |field: &str| ["value", "unit", "source", "source_ja"].contains(&field);
        if let Some((field, _)) = table.iter().find(|(field, _)| !known(field.get_ref())) {
            let fault = format!(
                "`{name}` has no field `{}`; write `{FORM}`",
                field.get_ref()
            );
            return Err(self.fault(field.span().start, fault));
        }
        let field = |wanted: &str| {
            let fault = || {
                let fault = format!("`{name}` has no {wanted}; write `{FORM}`");
                self.fault(key.span().start, fault)
            };
            table.get(wanted).ok_or_else(fault)
        };
        Ok(Fields {
            value: field("value")?,
            unit: field("unit")?,
            source: field("source")?,
            source_ja: table.get("source_ja"),
        })
    }

    fn unit(&self, name: &str, written: &Value<'_>, unit: &str) -> Result<(), Error> {
        match written.get_ref().as_str() {
            Some(word) if word == unit => Ok(()),
            word => {
                let word = word.unwrap_or("something else");
                let fault = format!("`{name}` is in `{unit}`, not `{word}`; convert the value");
                Err(self.fault(written.span().start, fault))
            }
        }
    }

    fn source(&self, name: &str, fields: &Fields<'_>) -> Result<Source, Error> {
        let text = fields.source.get_ref().as_str().unwrap_or_default();
        let (kind, why) = match text.split_once(": ") {
            Some(("published", what)) => (Some(SourceKind::Published), what),
            Some(("assumed", why)) => (Some(SourceKind::Assumed), why),
            _ => (None, ""),
        };
        let kind = kind.filter(|_| !why.trim().is_empty());
        let kind = kind.ok_or_else(|| {
            let fault = format!(
                "the source of `{name}` does not say where it is from; write `published: ` and what was published, or `assumed: ` and why"
            );
            self.fault(fields.source.span().start, fault)
        })?;
        let why_ja = fields.source_ja.map(|written| {
            let text = written.get_ref().as_str().map(ToOwned::to_owned);
            let fault = format!("`source_ja` of `{name}` is no text; write it, or leave it out");
            text.ok_or_else(|| self.fault(written.span().start, fault))
        });
        Ok(Source {
            kind,
            why: why.into(),
            why_ja: why_ja.transpose()?,
        })
    }

    fn number(&self, spec: &Spec, written: &Value<'_>) -> Result<(f64, String), Error> {
        let digits = match written.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
            DeValue::Float(number) => Some(number.as_str()),
            _ => None,
        };
        let value = digits.and_then(|digits| Some((digits.parse().ok()?, digits.to_owned())));
        let name = spec.name;
        let (value, digits): (f64, _) = value.ok_or_else(|| {
            let fault = format!(
                "`{name}` is no decimal number; give {} to {}",
                spec.least, spec.most
            );
            self.fault(written.span().start, fault)
        })?;
        spec.check(value)
            .map_err(|fault| self.fault(written.span().start, format!("`{name}` = {fault}")))?;
        Ok((value, digits))
    }

    fn time(&self, name: &str, written: &Value<'_>) -> Result<Option<Time>, Error> {
        let text = written.get_ref().as_str().unwrap_or_default();
        let time = Time::parse(text);
        if time.is_none() && text != "never" {
            let fault = format!("`{name}` is no time; write \"09:25\", \"21T11:05\" or \"never\"");
            return Err(self.fault(written.span().start, fault));
        }
        Ok(time)
    }
}
