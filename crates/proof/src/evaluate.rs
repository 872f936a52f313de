//! Evaluates the terms of a protocol of finite size in one state: without a solver, and with
//! nothing but what SMT-LIB says about each operator.

use std::collections::HashMap;

use crate::protocol::Protocol;
use crate::sexpr::Sexpr;

/// A value: a number, the index of a value of a sort, or a Boolean as 0 or 1.
pub(crate) type Value = i64;

/// How many values each sort has; numbers are 0 to one less.
pub(crate) type Sizes = HashMap<&'static str, usize>;

/// The most arguments that a definition has.
const MOST: usize = 4;

/// A protocol whose terms can be evaluated.
pub(crate) struct Evaluator {
    /// For each function: the sizes of its arguments, and its value at each point.
    tables: Vec<(Vec<usize>, Vec<Value>)>,
    names: HashMap<String, usize>,
    definitions: Vec<Term>,
    defined: HashMap<String, usize>,
}

/// A term. Bound variables and arguments are numbered from the outside.
#[derive(Clone, Debug)]
enum Term {
    Constant(Value),
    Local(usize),
    Table(usize, Vec<Term>),
    Defined(usize, Vec<Term>),
    Operator(Operator, Vec<Term>),
    /// Whether the body is true for all values below the size, or for one of them.
    Quantified(bool, usize, Box<Term>),
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    And,
    Or,
    Not,
    Implies,
    Equal,
    Distinct,
    Less,
    AtMost,
    Plus,
    Minus,
    IfThenElse,
}

/// What is needed to read a term.
struct Reading<'r> {
    sizes: &'r Sizes,
    names: &'r HashMap<String, usize>,
    defined: &'r HashMap<String, usize>,
}

impl Evaluator {
    /// A protocol at this size. All functions are 0 everywhere. `Err` has a term that this
    /// evaluator does not know.
    pub(crate) fn new(protocol: &Protocol, sizes: &Sizes) -> Result<Self, String> {
        let (mut tables, mut names) = (Vec::new(), HashMap::new());
        for function in &protocol.functions {
            let size = |sort: &String| sizes.get(sort.as_str()).copied().ok_or(sort.clone());
            let shape: Vec<_> = function
                .arguments
                .iter()
                .map(size)
                .collect::<Result<_, _>>()?;
            names.insert(function.name.clone(), tables.len());
            let points = shape.iter().product();
            tables.push((shape, vec![0; points]));
        }
        let numbered = protocol.definitions.iter().zip(0..);
        let defined = numbered
            .map(|(definition, at)| (definition.name.clone(), at))
            .collect();
        let reading = Reading {
            sizes,
            names: &names,
            defined: &defined,
        };
        let read = protocol.definitions.iter().map(|definition| {
            let mut locals: Vec<_> = definition
                .arguments
                .iter()
                .map(|(name, _)| &**name)
                .collect();
            reading.term(&definition.body, &mut locals)
        });
        let definitions = read.collect::<Result<_, _>>()?;
        Ok(Self {
            tables,
            names,
            definitions,
            defined,
        })
    }

    /// Sets a function at a point.
    pub(crate) fn set(&mut self, function: &str, point: &[usize], value: Value) {
        if let Some((shape, values)) = self.names.get(function).map(|at| &mut self.tables[*at])
            && let Some(at) = index(shape, point.iter().copied())
        {
            values[at] = value;
        }
    }

    /// Sets a function to this value everywhere.
    pub(crate) fn fill(&mut self, function: &str, value: Value) {
        if let Some(at) = self.names.get(function) {
            self.tables[*at].1.fill(value);
        }
    }

    /// The value of a function at a point.
    pub(crate) fn get(&self, function: &str, point: &[usize]) -> Option<Value> {
        let (shape, values) = &self.tables[*self.names.get(function)?];
        Some(values[index(shape, point.iter().copied())?])
    }

    /// The value of a definition for these arguments; `None` if there is no such definition.
    pub(crate) fn value(&self, definition: &str, point: &[usize]) -> Option<Value> {
        let body = &self.definitions[*self.defined.get(definition)?];
        let arguments = point
            .iter()
            .map(|value| i64::try_from(*value).unwrap_or(i64::MAX));
        let mut locals: Vec<_> = arguments.collect();
        Some(self.evaluate(body, &mut locals, 0))
    }

    /// All points of a function.
    pub(crate) fn points(&self, function: &str) -> Vec<Vec<usize>> {
        let shape = self.names.get(function).map(|at| &*self.tables[*at].0);
        let mut points = vec![Vec::new()];
        for size in shape.unwrap_or_default() {
            let longer = |point: &Vec<usize>| {
                let point = point.clone();
                (0..*size).map(move |value| [&point[..], &[value]].concat())
            };
            points = points.iter().flat_map(longer).collect();
        }
        points
    }

    fn evaluate(&self, term: &Term, locals: &mut Vec<Value>, base: usize) -> Value {
        match term {
            Term::Constant(value) => *value,
            Term::Local(at) => locals[base + at],
            Term::Table(at, arguments) => {
                let (shape, values) = &self.tables[*at];
                let point = arguments.iter().map(|argument| {
                    usize::try_from(self.evaluate(argument, locals, base)).unwrap_or(usize::MAX)
                });
                index(shape, point).map_or(0, |at| values[at])
            }
            Term::Defined(at, arguments) => {
                let mut values = [0; MOST];
                for (value, argument) in values.iter_mut().zip(arguments) {
                    *value = self.evaluate(argument, locals, base);
                }
                let inner = locals.len();
                locals.extend(&values[..arguments.len()]);
                let value = self.evaluate(&self.definitions[*at], locals, inner);
                locals.truncate(inner);
                value
            }
            Term::Quantified(all, size, body) => {
                let holds = (0..*size).any(|value| {
                    locals.push(i64::try_from(value).unwrap_or(i64::MAX));
                    let holds = self.evaluate(body, locals, base) != 0;
                    locals.pop();
                    holds != *all
                });
                Value::from(holds != *all)
            }
            Term::Operator(operator, terms) => self.operate(*operator, terms, locals, base),
        }
    }

    fn operate(
        &self,
        operator: Operator,
        terms: &[Term],
        locals: &mut Vec<Value>,
        base: usize,
    ) -> Value {
        let mut value = |at: usize| self.evaluate(&terms[at], locals, base);
        let mut all = 0..terms.len();
        match operator {
            Operator::And => all.all(|at| value(at) != 0).into(),
            Operator::Or => all.any(|at| value(at) != 0).into(),
            Operator::Not => (value(0) == 0).into(),
            Operator::Implies => (value(0) == 0 || value(1) != 0).into(),
            Operator::Equal => (value(0) == value(1)).into(),
            Operator::Distinct => (value(0) != value(1)).into(),
            Operator::Less => (value(0) < value(1)).into(),
            Operator::AtMost => (value(0) <= value(1)).into(),
            Operator::Plus => value(0) + value(1),
            Operator::Minus => value(0) - value(1),
            Operator::IfThenElse => {
                let branch = if value(0) != 0 { 1 } else { 2 };
                value(branch)
            }
        }
    }
}

/// The place of a point in a table; `None` if it is outside.
fn index(shape: &[usize], point: impl IntoIterator<Item = usize>) -> Option<usize> {
    let mut at = 0;
    for (size, value) in shape.iter().zip(point) {
        if value >= *size {
            return None;
        }
        at = at * size + value;
    }
    Some(at)
}

impl Reading<'_> {
    fn term<'t>(&self, term: &'t Sexpr, locals: &mut Vec<&'t str>) -> Result<Term, String> {
        match term {
            Sexpr::Atom(name) => self.apply(name, &[], locals),
            Sexpr::List(items) => match items.as_slice() {
                [Sexpr::Atom(quantifier), Sexpr::List(variables), body]
                    if quantifier == "forall" || quantifier == "exists" =>
                {
                    self.quantified(quantifier == "forall", variables, body, locals)
                }
                [Sexpr::Atom(name), arguments @ ..] => self.apply(name, arguments, locals),
                _ => Err(term.to_string()),
            },
        }
    }

    /// One quantifier for each variable.
    fn quantified<'t>(
        &self,
        all: bool,
        variables: &'t [Sexpr],
        body: &'t Sexpr,
        locals: &mut Vec<&'t str>,
    ) -> Result<Term, String> {
        let Some((first, rest)) = variables.split_first() else {
            return self.term(body, locals);
        };
        let Some([Sexpr::Atom(name), Sexpr::Atom(sort)]) = first.as_list() else {
            return Err(first.to_string());
        };
        let size = *self.sizes.get(sort.as_str()).ok_or_else(|| sort.clone())?;
        locals.push(name);
        let body = self.quantified(all, rest, body, locals)?;
        locals.pop();
        Ok(Term::Quantified(all, size, Box::new(body)))
    }

    fn apply<'t>(
        &self,
        name: &str,
        arguments: &'t [Sexpr],
        locals: &mut Vec<&'t str>,
    ) -> Result<Term, String> {
        let terms = arguments.iter().map(|argument| self.term(argument, locals));
        let mut terms = terms.collect::<Result<Vec<_>, _>>()?;
        if let Some(at) = locals.iter().rposition(|local| *local == name) {
            return Ok(Term::Local(at));
        }
        if let Some(at) = self.names.get(name) {
            return Ok(Term::Table(*at, terms));
        }
        if let Some(at) = self.defined.get(name)
            && terms.len() <= MOST
        {
            return Ok(Term::Defined(*at, terms));
        }
        let operator = match (name, terms.len()) {
            ("true", 0) => return Ok(Term::Constant(1)),
            ("false", 0) => return Ok(Term::Constant(0)),
            (number, 0) => {
                let number = number.parse().map_err(|_| number.to_owned())?;
                return Ok(Term::Constant(number));
            }
            ("and", _) => Operator::And,
            ("or", _) => Operator::Or,
            ("not", 1) => Operator::Not,
            ("=>", 2) => Operator::Implies,
            ("=", 2) => Operator::Equal,
            ("distinct", 2) => Operator::Distinct,
            ("<", 2) => Operator::Less,
            ("<=", 2) => Operator::AtMost,
            ("+", 2) => Operator::Plus,
            ("-", 2) => Operator::Minus,
            ("ite", 3) => Operator::IfThenElse,
            (">" | ">=", 2) => {
                terms.reverse();
                if name == ">" {
                    Operator::Less
                } else {
                    Operator::AtMost
                }
            }
            _ => return Err(format!("{name} of {} arguments", terms.len())),
        };
        Ok(Term::Operator(operator, terms))
    }
}
