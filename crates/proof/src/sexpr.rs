//! S-expressions: what SMT-LIB text is made of.

use std::collections::HashMap;
use std::fmt;

/// An atom or a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Sexpr {
    Atom(String),
    List(Vec<Sexpr>),
}

use Sexpr::{Atom, List};

impl Sexpr {
    pub(crate) fn atom(text: impl Into<String>) -> Self {
        Atom(text.into())
    }

    /// The function applied to the arguments. Without arguments, SMT-LIB has no brackets.
    pub(crate) fn apply(function: &str, arguments: impl IntoIterator<Item = Sexpr>) -> Self {
        let mut list = vec![Self::atom(function)];
        list.extend(arguments);
        if list.len() == 1 {
            return Self::atom(function);
        }
        List(list)
    }

    /// The conjunction, which may be empty.
    pub(crate) fn all(parts: impl IntoIterator<Item = Sexpr>) -> Self {
        Self::joined("and", "true", parts)
    }

    /// The disjunction, which may be empty.
    pub(crate) fn any(parts: impl IntoIterator<Item = Sexpr>) -> Self {
        Self::joined("or", "false", parts)
    }

    fn joined(connective: &str, empty: &str, parts: impl IntoIterator<Item = Sexpr>) -> Self {
        let mut parts: Vec<_> = parts.into_iter().collect();
        match (parts.pop(), parts.is_empty()) {
            (None, _) => Self::atom(empty),
            (Some(only), true) => only,
            (Some(last), false) => {
                parts.push(last);
                Self::apply(connective, parts)
            }
        }
    }

    pub(crate) fn not(self) -> Self {
        Self::apply("not", [self])
    }

    pub(crate) fn as_atom(&self) -> Option<&str> {
        match self {
            Atom(text) => Some(text),
            List(_) => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Sexpr]> {
        match self {
            Atom(_) => None,
            List(items) => Some(items),
        }
    }

    /// The text with each atom replaced by what `to` says, if it says anything.
    pub(crate) fn replaced(&self, to: &impl Fn(&str) -> Option<Sexpr>) -> Self {
        match self {
            Atom(text) => to(text).unwrap_or_else(|| self.clone()),
            List(items) => List(items.iter().map(|item| item.replaced(to)).collect()),
        }
    }

    /// Calls `see` with each atom.
    pub(crate) fn atoms<'a>(&'a self, see: &mut impl FnMut(&'a str)) {
        match self {
            Atom(text) => see(text),
            List(items) => items.iter().for_each(|item| item.atoms(see)),
        }
    }

    /// The same without quantifiers: each bound variable takes the values that `domains`
    /// has for its sort, one after another.
    pub(crate) fn expanded(&self, domains: &HashMap<String, Vec<Sexpr>>) -> Self {
        let List(items) = self else {
            return self.clone();
        };
        if let [Atom(quantifier), List(variables), body] = items.as_slice() {
            let join: fn(Vec<Sexpr>) -> Sexpr = match quantifier.as_str() {
                "forall" => |parts| Sexpr::all(parts),
                "exists" => |parts| Sexpr::any(parts),
                _ => return List(items.iter().map(|item| item.expanded(domains)).collect()),
            };
            let mut bodies = vec![body.expanded(domains)];
            for variable in variables {
                bodies = instances(variable, &bodies, domains);
            }
            return join(bodies);
        }
        List(items.iter().map(|item| item.expanded(domains)).collect())
    }
}

/// Each body, with each value of the variable.
fn instances(
    variable: &Sexpr,
    bodies: &[Sexpr],
    domains: &HashMap<String, Vec<Sexpr>>,
) -> Vec<Sexpr> {
    let Some([Atom(name), Atom(sort)]) = variable.as_list() else {
        return bodies.to_vec();
    };
    let values = domains.get(sort).map_or(&[][..], Vec::as_slice);
    let with =
        |body: &Sexpr, value: &Sexpr| body.replaced(&|atom| (atom == name).then(|| value.clone()));
    let each = bodies.iter();
    each.flat_map(|body| values.iter().map(move |value| with(body, value)))
        .collect()
}

impl fmt::Display for Sexpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Atom(text) => f.write_str(text),
            List(items) => {
                f.write_str("(")?;
                for (i, item) in items.iter().enumerate() {
                    let space = if i > 0 { " " } else { "" };
                    write!(f, "{space}{item}")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// Reads all expressions of a text. `Err` has the number of the line where brackets do
/// not match.
pub(crate) fn parse(text: &str) -> Result<Vec<Sexpr>, usize> {
    let mut open: Vec<Vec<Sexpr>> = vec![Vec::new()];
    for (number, line) in (1..).zip(text.lines()) {
        for token in tokens(line) {
            let done = match token {
                "(" => {
                    open.push(Vec::new());
                    continue;
                }
                ")" if open.len() > 1 => List(open.pop().ok_or(number)?),
                ")" => return Err(number),
                atom => Sexpr::atom(atom),
            };
            open.last_mut().ok_or(number)?.push(done);
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(all), true) => Ok(all),
        _ => Err(text.lines().count()),
    }
}

/// The brackets, atoms and strings of a line, without its comment.
fn tokens(line: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ';' => break,
            '(' | ')' => 1,
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            _ => rest
                .find(|c: char| c.is_whitespace() || "();".contains(c))
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_survives_and_comments_do_not() {
        let parsed = parse("(a \"b c\" ; no\n (d)) e").unwrap();
        let texts: Vec<_> = parsed.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["(a \"b c\" (d))", "e"]);
        assert_eq!(parse("(a\n))"), Err(2));
        assert_eq!(parse("(a"), Err(1));
    }

    #[test]
    fn quantifiers_are_expanded() {
        let domains = HashMap::from([("S".into(), vec![Sexpr::atom("x"), Sexpr::atom("y")])]);
        let expanded = |text| parse(text).unwrap()[0].expanded(&domains).to_string();
        assert_eq!(expanded("(forall ((s S)) (p s))"), "(and (p x) (p y))");
        assert_eq!(
            expanded("(exists ((s S) (t S)) (q s t))"),
            "(or (q x x) (q x y) (q y x) (q y y))"
        );
        assert_eq!(
            expanded("(not (forall ((s S)) (exists ((t S)) (q s t))))"),
            "(not (and (or (q x x) (q x y)) (or (q y x) (q y y))))"
        );
    }
}
