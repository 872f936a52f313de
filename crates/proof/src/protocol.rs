//! A protocol as its file has it: functions, and definitions whose names say what they
//! are. `proof/README.md` lists the roles.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::sexpr::{self, Sexpr};

/// Roles that are not steps.
const NOT_STEPS: [&str; 4] = ["init", "inv", "claim", "never"];

/// A function that the file declares: state, a constant, or a choice of a step.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) sort: String,
}

/// A function that the file defines.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    /// Each with its sort.
    pub(crate) arguments: Vec<(String, String)>,
    pub(crate) sort: String,
    pub(crate) body: Sexpr,
}

impl Definition {
    /// The same with each name replaced by what `to` says.
    pub(crate) fn renamed(&self, to: &impl Fn(&str) -> Option<Sexpr>) -> Self {
        Self {
            name: Sexpr::atom(&self.name).replaced(to).to_string(),
            body: self.body.replaced(to),
            ..self.clone()
        }
    }
}

impl Definition {
    /// Its name and its sorts.
    fn function(&self) -> Function {
        Function {
            name: self.name.clone(),
            arguments: self
                .arguments
                .iter()
                .map(|(_, sort)| sort.clone())
                .collect(),
            sort: self.sort.clone(),
        }
    }
}

/// As SMT-LIB has it, on a line.
impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(define-fun {} (", self.name)?;
        for (name, sort) in &self.arguments {
            write!(f, "({name} {sort})")?;
        }
        writeln!(f, ") {} {})", self.sort, self.body)
    }
}

/// A protocol.
#[derive(Clone, Debug, Default)]
pub(crate) struct Protocol {
    pub(crate) title: String,
    /// Sorts without a list of values.
    pub(crate) sorts: Vec<String>,
    /// Sorts with one.
    pub(crate) enumerations: Vec<(String, Vec<String>)>,
    pub(crate) functions: Vec<Function>,
    pub(crate) definitions: Vec<Definition>,
}

/// Why a file is not a protocol.
#[derive(Debug, Error)]
pub(crate) enum ProtocolError {
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] std::io::Error),
    #[error("{0}:{1}: brackets do not match")]
    Brackets(PathBuf, usize),
    #[error("{0}: do not know what to do with {1}; proof/README.md lists what a name can mean")]
    Unknown(PathBuf, String),
}

impl Protocol {
    /// Reads a file. If it names a base, it is that protocol with other definitions.
    pub(crate) fn read(path: &Path) -> Result<Self, ProtocolError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ProtocolError::Read(path.into(), error))?;
        let commands =
            sexpr::parse(&text).map_err(|line| ProtocolError::Brackets(path.into(), line))?;
        let mut protocol = Self::default();
        for command in &commands {
            if let Some(base) = info(command, ":base") {
                protocol = Self::read(&path.with_file_name(base))?;
            } else if let Some(title) = info(command, ":title") {
                protocol.title = title.into();
            } else if protocol.add(command).is_none() {
                return Err(ProtocolError::Unknown(path.into(), command.to_string()));
            }
        }
        protocol.definitions = protocol.in_order();
        match protocol.misnamed(&text) {
            Some((line, name)) => {
                let place = format!("`{name}` on line {line}");
                Err(ProtocolError::Unknown(path.into(), place))
            }
            None => Ok(protocol),
        }
    }

    /// The first definition of this file that has no role, with its line: `S.x` if no function
    /// `x` with these sorts is declared, a guard of a step that changes nothing, or an
    /// abbreviation that nothing mentions. Its name has a typo, or it is not needed. In these
    /// files, each definition begins a line.
    fn misnamed(&self, file: &str) -> Option<(usize, &str)> {
        let mut mentioned = HashSet::new();
        for definition in &self.definitions {
            definition.body.atoms(&mut |atom| {
                mentioned.insert(atom);
            });
        }
        let effect = |definition: &Definition, of: &str| {
            let function = definition.function();
            self.functions.iter().any(|f| {
                f.name == of && f.arguments == function.arguments && f.sort == function.sort
            })
        };
        let acts = |step: &str| self.functions.iter().any(|f| self.changes(step, &f.name));
        let has_role = |definition: &&Definition| match definition.name.split_once('.') {
            None => mentioned.contains(definition.name.as_str()),
            Some((role, _)) if NOT_STEPS.contains(&role) => true,
            Some((step, rest)) if rest.starts_with("when.") => acts(step),
            Some((_, rest)) => effect(definition, rest),
        };
        let line = |name: &str| {
            let begin = format!("(define-fun {name} ");
            file.lines().position(|line| line.starts_with(&begin))
        };
        let misnamed = self.definitions.iter().filter(|d| !has_role(d));
        let names = misnamed.map(|definition| definition.name.as_str());
        names.filter_map(|name| Some((line(name)? + 1, name))).min()
    }

    /// The definitions, each after those that it mentions: one that replaces another may
    /// mention what its file defines later.
    fn in_order(&self) -> Vec<Definition> {
        let (mut ordered, mut visited) = (Vec::new(), HashSet::new());
        for definition in &self.definitions {
            self.visit(&definition.name, &mut visited, &mut ordered);
        }
        ordered
    }

    fn visit<'p>(
        &'p self,
        name: &'p str,
        visited: &mut HashSet<&'p str>,
        ordered: &mut Vec<Definition>,
    ) {
        if let Some(definition) = self.definition(name)
            && visited.insert(name)
        {
            definition
                .body
                .atoms(&mut |atom| self.visit(atom, visited, ordered));
            ordered.push(definition.clone());
        }
    }

    /// Adds what a command declares or defines. A definition replaces the one of the
    /// same name. `None` if the command is not one of those that are used here.
    fn add(&mut self, command: &Sexpr) -> Option<()> {
        let items = command.as_list()?;
        match (items.first()?.as_atom()?, &items[1..]) {
            ("set-logic", _) => {}
            ("declare-sort", [name, _]) => self.sorts.push(name.as_atom()?.into()),
            ("declare-datatypes", [names, values]) => {
                let name = names.as_list()?.first()?.as_list()?.first()?.as_atom()?;
                let values = values.as_list()?.first()?.as_list()?.iter();
                let value = |v: &Sexpr| Some(v.as_list()?.first()?.as_atom()?.to_owned());
                let values = values.map(value).collect::<Option<_>>()?;
                self.enumerations.push((name.into(), values));
            }
            ("declare-fun", [name, arguments, sort]) => {
                let sorts = arguments.as_list()?.iter();
                self.functions.push(Function {
                    name: name.as_atom()?.into(),
                    arguments: sorts
                        .map(|sort| Some(sort.as_atom()?.to_owned()))
                        .collect::<Option<_>>()?,
                    sort: sort.as_atom()?.into(),
                });
            }
            ("define-fun", [name, arguments, sort, body]) => {
                let argument = |pair: &Sexpr| match pair.as_list()? {
                    [name, sort] => Some((name.as_atom()?.into(), sort.as_atom()?.into())),
                    _ => None,
                };
                self.define(Definition {
                    name: name.as_atom()?.into(),
                    arguments: arguments
                        .as_list()?
                        .iter()
                        .map(argument)
                        .collect::<Option<_>>()?,
                    sort: sort.as_atom()?.into(),
                    body: body.clone(),
                });
            }
            _ => return None,
        }
        Some(())
    }

    fn define(&mut self, definition: Definition) {
        let same = |other: &&mut Definition| other.name == definition.name;
        match self.definitions.iter_mut().find(same) {
            Some(replaced) => *replaced = definition,
            None => self.definitions.push(definition),
        }
    }

    /// Adds a value to a sort that has a list of values.
    pub(crate) fn add_value(&mut self, sort: &str, value: &str) {
        let of_sort = self.enumerations.iter_mut();
        for (_, values) in of_sort.filter(|(name, _)| name == sort) {
            values.push(value.into());
        }
    }

    /// The steps, in the order of the file.
    pub(crate) fn steps(&self) -> Vec<&str> {
        let mut steps = Vec::new();
        for definition in &self.definitions {
            if let Some((step, _)) = definition.name.split_once('.')
                && !NOT_STEPS.contains(&step)
                && !steps.contains(&step)
            {
                steps.push(step);
            }
        }
        steps
    }

    /// The names of the definitions that begin like this: `inv.`, for example.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Vec<&str> {
        let names = self.definitions.iter().map(|d| d.name.as_str());
        names.filter(|name| name.starts_with(prefix)).collect()
    }

    /// The guards of a step.
    pub(crate) fn guards(&self, step: &str) -> Vec<&str> {
        self.with_prefix(&format!("{step}.when."))
    }

    /// Whether a step changes this function.
    pub(crate) fn changes(&self, step: &str, function: &str) -> bool {
        let name = format!("{step}.{function}");
        self.definitions.iter().any(|d| d.name == name)
    }

    /// The functions that some step changes.
    pub(crate) fn state(&self) -> Vec<&Function> {
        let steps = self.steps();
        let changed = |f: &&Function| steps.iter().any(|step| self.changes(step, &f.name));
        self.functions.iter().filter(changed).collect()
    }

    /// The definition with this name.
    pub(crate) fn definition(&self, name: &str) -> Option<&Definition> {
        self.definitions.iter().find(|d| d.name == name)
    }

    /// All functions that a definition mentions, itself or by another definition.
    pub(crate) fn mentions(&self, name: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            let Some(definition) = self.definition(name) else {
                continue;
            };
            definition.body.atoms(&mut |atom| {
                if !found.contains(&atom) {
                    found.push(atom);
                    open.push(atom);
                }
            });
        }
        found
    }

    /// The protocol with a finite number of everything: `size` says how many values each sort
    /// without a list has. The numbers are 0 to `numbers`, and there are no quantifiers.
    pub(crate) fn bounded(&self, size: impl Fn(&str) -> usize, numbers: usize) -> Bounded {
        let mut protocol = self.clone();
        let mut labels = HashMap::new();
        for (sort, values) in protocol.enumerations.drain(..) {
            labels.insert(sort, values);
        }
        for sort in protocol.sorts.drain(..) {
            let label = |n| format!("{}-{n}", sort.to_lowercase());
            labels.insert(sort.clone(), (1..=size(&sort)).map(label).collect());
        }
        let number = |n: usize| n.to_string();
        for sort in ["Int", NUMBER] {
            labels.insert(sort.into(), (0..=numbers).map(number).collect());
        }
        let domains = labels.iter().map(|(sort, labels)| {
            let values = (0..labels.len()).map(bits);
            (sort.clone(), values.collect())
        });
        let domains = domains.collect();
        for definition in &mut protocol.definitions {
            let expanded = definition.body.expanded(&domains);
            definition.body = expanded.replaced(&|atom| as_bits(atom, &labels));
            rename_int(&mut definition.sort);
            definition
                .arguments
                .iter_mut()
                .for_each(|(_, sort)| rename_int(sort));
        }
        for function in &mut protocol.functions {
            rename_int(&mut function.sort);
            function.arguments.iter_mut().for_each(rename_int);
        }
        let declared = protocol.functions.iter().cloned();
        let defined = protocol.definitions.iter().map(Definition::function);
        let functions = declared.chain(defined);
        let arguments = functions.map(|f| (f.name, f.arguments)).collect();
        Bounded {
            protocol,
            domains,
            labels,
            arguments,
        }
    }
}

/// How many bits stand for a value of a protocol of finite size, with its sign.
const BITS: usize = 4;

/// The value with this index.
pub(crate) fn bits(index: usize) -> Sexpr {
    Sexpr::atom(format!("#b{index:0BITS$b}"))
}

/// The index of a value as a solver prints it.
pub(crate) fn index_of(value: &str) -> Option<usize> {
    let (digits, radix) = match value.strip_prefix("#b") {
        Some(digits) => (digits, 2),
        None => (value.strip_prefix("#x")?, 16),
    };
    usize::from_str_radix(digits, radix).ok()
}

/// What stands for a number, an operation on numbers or an enumerated value.
fn as_bits(atom: &str, labels: &HashMap<String, Vec<String>>) -> Option<Sexpr> {
    if let Ok(number) = atom.parse() {
        return Some(bits(number));
    }
    let operation = match atom {
        "+" => "bvadd",
        "-" => "bvsub",
        "<" => "bvslt",
        "<=" => "bvsle",
        ">" => "bvsgt",
        ">=" => "bvsge",
        _ => {
            let index = |labels: &Vec<String>| labels.iter().position(|label| label == atom);
            return labels.values().find_map(index).map(bits);
        }
    };
    Some(Sexpr::atom(operation))
}

/// A protocol of finite size. Each sort has so few values that some bits hold them, which
/// both solvers decide quickly.
#[derive(Clone, Debug)]
pub(crate) struct Bounded {
    pub(crate) protocol: Protocol,
    /// The values of each sort.
    domains: HashMap<String, Vec<Sexpr>>,
    /// The names of the values.
    labels: HashMap<String, Vec<String>>,
    /// The sorts of the arguments of each function and definition.
    arguments: HashMap<String, Vec<String>>,
}

impl Bounded {
    /// The sorts, as bits.
    pub(crate) fn sorts(&self) -> String {
        let mut text = String::new();
        for sort in self.domains.keys().filter(|sort| *sort != "Int") {
            let _ = writeln!(text, "(define-sort {sort} () (_ BitVec {BITS}))");
        }
        text
    }

    /// The name of a value as a solver prints it.
    pub(crate) fn label(&self, sort: &str, value: &str) -> String {
        let labels = self.labels.get(sort);
        let label = labels
            .zip(index_of(value))
            .and_then(|(labels, index)| labels.get(index));
        label.map_or(value, String::as_str).to_owned()
    }

    /// A function under this name: a constant for each point, each within the range of its
    /// sort, and a definition that chooses among them. So the solvers see bits alone.
    pub(crate) fn declare(&self, function: &Function, name: &str) -> String {
        let sort = &function.sort;
        if function.arguments.is_empty() {
            return format!("(declare-fun {name} () {sort})\n{}", self.range(sort, name));
        }
        let mut text = String::new();
        for i in 0..self.points(function).len() {
            let range = self.range(sort, &format!("{name}!{i}"));
            let _ = write!(text, "(declare-fun {name}!{i} () {sort})\n{range}");
        }
        text + &self.choose(function, name)
    }

    /// That a constant has a value of its sort.
    fn range(&self, sort: &str, constant: &str) -> String {
        match self.domains.get(sort).and_then(|values| values.last()) {
            Some(most) => format!(
                "(assert (and (bvsle {} {constant}) (bvsle {constant} {most})))\n",
                bits(0)
            ),
            None => String::new(),
        }
    }

    /// That all values of a definition are values of its sort.
    pub(crate) fn in_range(&self, definition: &Definition) -> String {
        let Definition { name, sort, .. } = definition;
        let function = definition.function();
        if function.arguments.is_empty() {
            return self.range(sort, name);
        }
        let points = 0..self.points(&function).len();
        points
            .map(|i| self.range(sort, &format!("{name}!{i}")))
            .collect()
    }

    /// A definition as a table: a constant for each point, and a function that chooses
    /// among them.
    pub(crate) fn define(&self, definition: &Definition) -> String {
        let Definition {
            name, sort, body, ..
        } = definition;
        let function = definition.function();
        if definition.arguments.is_empty() {
            return format!("(define-fun {name} () {sort} {})\n", self.resolve(body));
        }
        let mut text = String::new();
        for (i, point) in self.points(&function).iter().enumerate() {
            let value = |atom: &str| {
                let mut names = definition.arguments.iter();
                let position = names.position(|(name, _)| name == atom)?;
                point.get(position).cloned()
            };
            let body = self.resolve(&body.replaced(&value));
            let _ = writeln!(text, "(define-fun {name}!{i} () {sort} {body})");
        }
        text + &self.choose(&function, name)
    }

    /// The function that chooses among the constants of a table.
    fn choose(&self, function: &Function, name: &str) -> String {
        let mut body = Sexpr::atom(format!("{name}!0"));
        for (i, point) in self.points(function).iter().enumerate() {
            let here = point
                .iter()
                .enumerate()
                .map(|(i, value)| Sexpr::apply("=", [Sexpr::atom(format!("x{i}")), value.clone()]));
            let constant = Sexpr::atom(format!("{name}!{i}"));
            body = Sexpr::apply("ite", [Sexpr::all(here), constant, body]);
        }
        let mut arguments = String::new();
        for (i, sort) in function.arguments.iter().enumerate() {
            let _ = write!(arguments, "(x{i} {sort})");
        }
        let sort = &function.sort;
        format!("(define-fun {name} ({arguments}) {sort} {body})\n")
    }

    /// The term with the constant itself wherever a function is applied to values.
    fn resolve(&self, term: &Sexpr) -> Sexpr {
        let Sexpr::List(items) = term else {
            return term.clone();
        };
        let items: Vec<_> = items.iter().map(|item| self.resolve(item)).collect();
        self.constant(&items).unwrap_or(Sexpr::List(items))
    }

    /// The constant that stands for a function at these values, if that is what it is.
    fn constant(&self, items: &[Sexpr]) -> Option<Sexpr> {
        let name = items.first()?.as_atom()?;
        let base = name.split_once('@').map_or(name, |(base, _)| base);
        let mut index = 0;
        for (sort, value) in self.arguments.get(base)?.iter().zip(&items[1..]) {
            let values = self.domains.get(sort)?;
            index = index * values.len() + values.iter().position(|v| v == value)?;
        }
        Some(Sexpr::atom(format!("{name}!{index}")))
    }

    /// A function at a point: `holds pin-1`.
    pub(crate) fn point_name(&self, function: &Function, point: &[Sexpr]) -> String {
        let mut name = function.name.clone();
        for (sort, value) in function.arguments.iter().zip(point) {
            let values = self.domains.get(sort);
            let index = values.and_then(|values| values.iter().position(|v| v == value));
            let labels = self.labels.get(sort);
            let label = labels
                .zip(index)
                .and_then(|(labels, index)| labels.get(index));
            name += " ";
            name += label.map_or("?", String::as_str);
        }
        name
    }

    /// The function at each of its arguments.
    pub(crate) fn points(&self, function: &Function) -> Vec<Vec<Sexpr>> {
        let mut points = vec![Vec::new()];
        for sort in &function.arguments {
            let values = self.domains.get(sort).map_or(&[][..], Vec::as_slice);
            let longer = |point: &Vec<Sexpr>, value: &Sexpr| {
                let mut point = point.clone();
                point.push(value.clone());
                point
            };
            points = points
                .iter()
                .flat_map(|point| values.iter().map(move |value| longer(point, value)))
                .collect();
        }
        points
    }
}

/// What a protocol of finite size calls `Int`, which is taken.
const NUMBER: &str = "Number";

fn rename_int(sort: &mut String) {
    if sort == "Int" {
        *sort = NUMBER.into();
    }
}

/// The text that a `set-info` gives for this keyword.
fn info<'a>(command: &'a Sexpr, keyword: &str) -> Option<&'a str> {
    match command.as_list()? {
        [set_info, key, text] if set_info.as_atom()? == "set-info" && key.as_atom()? == keyword => {
            Some(text.as_atom()?.trim_matches('"'))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with this text, in a folder of its own, as a protocol.
    fn protocol(name: &str, text: &str) -> Result<Protocol, ProtocolError> {
        let folder = std::env::temp_dir().join(format!("proof-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("protocol.smt2");
        std::fs::write(&path, text).unwrap();
        let read = Protocol::read(&path);
        std::fs::remove_dir_all(&folder).unwrap();
        read
    }

    const GOOD: &str = "\
(declare-fun x (Int) Int)
(define-fun limit () Int 3)
(define-fun init.x () Bool (= (x 1) 0))
(define-fun grow.when.room () Bool (< (x 1) limit))
(define-fun grow.x ((i Int)) Int (+ (x i) 1))
(define-fun inv.small () Bool (<= (x 1) limit))
(declare-fun count () Int)
(define-fun grow.count () Int (+ count 1))
";

    #[test]
    fn a_typo_in_a_name_is_refused_with_its_line() {
        assert_eq!(protocol("good", GOOD).unwrap().steps(), ["grow"]);
        let typos = [
            ("limit ()", "limt ()", "limt", 2),
            ("grow.when.room", "grow.wen.room", "grow.wen.room", 4),
            ("grow.when.room", "grwo.when.room", "grwo.when.room", 4),
            ("grow.count", "grow.cuont", "grow.cuont", 8),
            ("((i Int)) Int", "() Int", "grow.x", 5),
            ("((i Int)) Int", "((i Int)) Bool", "grow.x", 5),
            ("inv.small", "ivn.small", "ivn.small", 6),
        ];
        for (right, wrong, name, line) in typos {
            let refused = protocol("typo", &GOOD.replace(right, wrong));
            let Err(ProtocolError::Unknown(_, what)) = refused else {
                panic!("{wrong}: {refused:?}");
            };
            assert_eq!(what, format!("`{name}` on line {line}"), "{wrong}");
        }
    }
}
