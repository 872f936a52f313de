//! Rates, capacities, time-outs and switches, each with its unit and its source.

mod file;
mod values;

use std::collections::BTreeMap;
use std::path::Path;

use self::values::Spec;
use crate::text::{error_at, load};
use crate::{Error, Switch, Time};

pub(crate) use values::{
    Arrangement, Balancers, Connect, Containers, Demand, Dns, Droplets, Launches, Network, SignIn,
    Tokens, Values,
};

/// The built-in file.
const BUILT_IN: &str = include_str!("../../parameters.toml");

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Source {
    /// Whether the value was published or is assumed.
    pub kind: SourceKind,
    /// What was published, or why this value is assumed.
    pub why: String,
}

/// Whether a value was published or is assumed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SourceKind {
    /// It was published.
    Published,
    /// It is assumed.
    Assumed,
}

/// One parameter, for a reader.
#[derive(Clone, PartialEq, Debug)]
pub struct Parameter {
    /// `section.key`.
    pub name: String,
    /// A description.
    pub about: &'static str,
    /// The value: a number, a time, or `never`.
    pub value: String,
    /// Its unit.
    pub unit: &'static str,
    /// Where it comes from.
    pub source: Source,
}

/// All parameters, checked.
///
/// # The file
/// TOML. Each parameter is a table with three fields:
///
/// ```toml
/// [dns]
/// negative_ttl = { value = 900, unit = "s", source = "published: caches were empty by 09:40" }
///
/// [switches]
/// failover_off = { value = "16:36", unit = "UTC", source = "published: automatic fail-over off" }
/// velocity_limit = { value = "never", unit = "UTC", source = "published: announced after" }
/// ```
///
/// The unit must be the one in `crates/cascade/parameters.toml`, which contains all
/// parameters. The source begins with `published: ` and says what was published, or with
/// `assumed: ` and says why. A parameter that the file leaves out keeps its built-in value.
///
/// ```
/// use std::path::Path;
/// use cascade::Parameters;
///
/// let text = "[dns]\nnegative_ttl = { value = 30, unit = 's', source = 'assumed: short' }\n";
/// let parameters = Parameters::parse(text, Path::new("my.toml"))?;
/// assert_eq!(parameters.get("dns.negative_ttl"), Some(30.0));
///
/// let wrong = Parameters::parse(&text.replace("'s'", "'min'"), Path::new("my.toml"));
/// assert_eq!(
///     wrong.unwrap_err().to_string(),
///     "my.toml:2:37: `dns.negative_ttl` is in `s`, not `min`; convert the value"
/// );
/// # Ok::<(), cascade::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Parameters {
    pub(crate) values: Values,
    switches: BTreeMap<Switch, Time>,
    listed: Vec<Parameter>,
}

impl Parameters {
    /// The value of a switch that never takes effect.
    pub(crate) const NEVER: &str = "never";

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::TooLarge`], and [`Error::Bad`] with the
    /// first mistake in it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(&load(path)?, path)
    }

    /// Reads a text. Errors name `origin` as its file.
    ///
    /// # Errors
    /// [`Error::Bad`] with the first mistake in it.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, Error> {
        let mut parameters = Self::default();
        if let Err(faults) = file::read(text, &mut parameters)
            && let Some(first) = faults.into_iter().next()
        {
            return Err(error_at(origin, text, first.at, first.text));
        }
        Ok(parameters)
    }

    /// The text of a file, for [`Parameters::mistakes`].
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::TooLarge`], and [`Error::Bad`] if it is not UTF-8.
    pub fn load_text(path: &Path) -> Result<String, Error> {
        load(path)
    }

    /// All mistakes in a text, in its order, at most one for each parameter. Errors name
    /// `origin` as its file.
    pub fn mistakes(text: &str, origin: &Path) -> Vec<Error> {
        let read = file::read(text, &mut Self::default());
        let faults = read.err().into_iter().flatten();
        faults
            .map(|fault| error_at(origin, text, fault.at, fault.text))
            .collect()
    }

    /// Whether a file of parameters may have a section of this name.
    pub fn has_section(name: &str) -> bool {
        file::is_section(name)
    }

    /// A parameter's value, by its name `section.key`.
    pub fn get(&self, name: &str) -> Option<f64> {
        let spec = values::spec(name)?;
        Some((spec.get)(&self.values))
    }

    /// The least and the most that a parameter may be, by its name.
    pub fn bounds(name: &str) -> Option<(f64, f64)> {
        let spec = values::spec(name)?;
        Some((spec.least, spec.most))
    }

    /// The same parameters with one value changed.
    ///
    /// # Errors
    /// [`Error::Parameter`] if no parameter has this name, or the value is out of bounds.
    pub fn with(mut self, name: &str, value: f64) -> Result<Self, Error> {
        let refused = |fault: String| Error::Parameter {
            name: name.into(),
            fault,
        };
        let spec = values::spec(name).ok_or_else(|| {
            refused("there is no parameter of this name; see parameters.toml".into())
        })?;
        spec.check(value).map_err(refused)?;
        self.set(spec, value, by_the_caller());
        Ok(self)
    }

    /// The same parameters with one value multiplied, within its bounds. For a switch,
    /// the time since 06:48 is multiplied. An unknown name changes nothing.
    pub(crate) fn scaled(&self, name: &str, factor: f64) -> Self {
        let mut scaled = self.clone();
        if let Some(spec) = values::spec(name) {
            let value = (spec.get)(&self.values) * factor;
            *(spec.slot)(&mut scaled.values) = value.clamp(spec.least, spec.most);
        }
        let switch = Switch::ALL.into_iter().find(|it| it.parameter() == name);
        if let Some((switch, at)) = switch.and_then(|it| Some((it, self.switch(it)?))) {
            let minutes = at.minutes_since(Time::DELETED) * factor;
            let at = Time::from_minutes(Time::DELETED.minutes() + minutes);
            scaled.switches.insert(switch, at);
        }
        scaled
    }

    /// When the switch takes effect; `None` if never.
    pub fn switch(&self, switch: Switch) -> Option<Time> {
        self.switches.get(&switch).copied()
    }

    /// The same parameters with the switch at another time, or never.
    #[must_use]
    pub fn with_switch(mut self, switch: Switch, at: Option<Time>) -> Self {
        self.set_switch(switch, at, by_the_caller());
        self
    }

    /// All parameters, for a reader, in the order of the file.
    pub fn list_all(&self) -> &[Parameter] {
        &self.listed
    }

    /// The switches with their times, by time.
    pub fn switches(&self) -> Vec<(Time, Switch)> {
        let mut switches: Vec<_> = self.switches.iter().map(|(&it, &at)| (at, it)).collect();
        switches.sort_unstable();
        switches
    }

    /// Sets a number that the specification allows.
    fn set(&mut self, spec: &Spec, value: f64, source: Source) {
        *(spec.slot)(&mut self.values) = value;
        self.list(Parameter {
            name: spec.name.into(),
            about: spec.about.trim(),
            value: value.to_string(),
            unit: spec.unit,
            source,
        });
    }

    fn set_switch(&mut self, switch: Switch, at: Option<Time>, source: Source) {
        match at {
            Some(at) => self.switches.insert(switch, at),
            None => self.switches.remove(&switch),
        };
        self.list(Parameter {
            name: switch.parameter(),
            about: switch.caption(),
            value: at.map_or_else(|| Self::NEVER.into(), |at| at.to_string()),
            unit: Switch::UNIT,
            source,
        });
    }

    /// Puts a parameter on the list, in place of an earlier one of the same name.
    fn list(&mut self, parameter: Parameter) {
        let mut listed = self.listed.iter_mut();
        match listed.find(|listed| listed.name == parameter.name) {
            Some(listed) => *listed = parameter,
            None => self.listed.push(parameter),
        }
    }
}

fn by_the_caller() -> Source {
    Source {
        kind: SourceKind::Assumed,
        why: "set by the caller".into(),
    }
}

/// The parameters of this crate's own file.
impl Default for Parameters {
    fn default() -> Self {
        let mut parameters = Self {
            values: Values::default(),
            switches: BTreeMap::new(),
            listed: Vec::new(),
        };
        let read = file::read(BUILT_IN, &mut parameters);
        debug_assert!(read.is_ok(), "{read:?}");
        parameters
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{BUILT_IN, Parameters, Switch, values};

    /// A parameter that the file does not set would silently be 0 or never.
    #[test]
    fn the_built_in_file_is_right_and_sets_everything() {
        let parameters = Parameters::parse(BUILT_IN, Path::new("parameters.toml")).unwrap();
        let listed = parameters.list_all();
        let is_listed = |name: &str| listed.iter().any(|it| it.name == name);
        for spec in values::SPECS {
            assert!(is_listed(spec.name), "{}", spec.name);
        }
        for switch in Switch::ALL {
            let name = switch.parameter();
            assert!(is_listed(&name), "{name}");
        }
        assert_eq!(listed.len(), values::SPECS.len() + Switch::ALL.len());
    }
}
