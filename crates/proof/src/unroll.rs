//! A protocol of finite size, step by step: the shortest execution that breaks an
//! invariant.

use std::time::Duration;

use crate::protocol::{Bounded, Function, Protocol, bits, index_of};
use crate::sexpr::Sexpr;
use crate::solver::{Logic, Session, Solver, SolverError, Verdict};

/// What a search found about one invariant.
#[derive(Debug)]
pub(crate) enum Found {
    /// An execution of this many steps breaks it; a shorter one does not.
    Broken(Vec<Step>),
    /// No execution of as many steps as were tried breaks it.
    Not,
    /// The solver gave up.
    Unknown,
}

/// A step of an execution.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// What it chose.
    pub(crate) choices: Vec<String>,
    /// Each value that it changed: `active: 2 -> 3`.
    pub(crate) changes: Vec<String>,
}

/// An execution that a solver looks for, made longer one step at a time.
struct Unrolled<'b> {
    bounded: &'b Bounded,
    steps: Vec<&'b str>,
    session: Session,
}

/// Looks for executions of at most `depth` steps that break these invariants.
pub(crate) fn search(
    bounded: &Bounded,
    goals: &[&str],
    depth: usize,
    solver: Solver,
    limit: Duration,
) -> Result<(Vec<Found>, Duration), SolverError> {
    let mut unrolled = Unrolled::start(bounded, solver, limit)?;
    let mut found: Vec<_> = goals.iter().map(|_| Found::Not).collect();
    for length in 0..=depth {
        if length > 0 {
            unrolled.lengthen(length - 1)?;
        }
        for (goal, found) in goals.iter().zip(&mut found) {
            if matches!(found, Found::Not) {
                *found = unrolled.breaks(goal, length)?;
            }
        }
        if !found.iter().any(|found| matches!(found, Found::Not)) {
            break;
        }
    }
    Ok((found, unrolled.session.took))
}

impl<'b> Unrolled<'b> {
    fn start(bounded: &'b Bounded, solver: Solver, limit: Duration) -> Result<Self, SolverError> {
        let protocol = &bounded.protocol;
        let mut session = Session::start(solver, Logic::Bits, limit)?;
        session.tell(&bounded.sorts())?;
        let mut unrolled = Self {
            bounded,
            steps: protocol.steps(),
            session,
        };
        for constant in unrolled.constants() {
            unrolled
                .session
                .tell(&bounded.declare(constant, &constant.name))?;
        }
        unrolled.state(0)?;
        for init in protocol.with_prefix("init.") {
            unrolled.session.tell(&format!("(assert {init}@0)"))?;
        }
        Ok(unrolled)
    }

    /// The functions that no step changes and no step chooses.
    fn constants(&self) -> Vec<&'b Function> {
        let protocol: &Protocol = &self.bounded.protocol;
        let state: Vec<_> = protocol.state().iter().map(|f| f.name.as_str()).collect();
        let constant =
            |f: &&Function| !state.contains(&f.name.as_str()) && !f.name.starts_with('?');
        protocol.functions.iter().filter(constant).collect()
    }

    /// The state after `length` steps, what a step from there may choose, and all
    /// definitions about both.
    fn state(&mut self, length: usize) -> Result<(), SolverError> {
        let protocol = &self.bounded.protocol;
        let constants: Vec<_> = self.constants().iter().map(|f| f.name.as_str()).collect();
        for function in &protocol.functions {
            if !constants.contains(&function.name.as_str()) {
                let name = format!("{}@{length}", function.name);
                self.session.tell(&self.bounded.declare(function, &name))?;
            }
        }
        let to = |name: &str| {
            let function = protocol.functions.iter().any(|f| f.name == name);
            let here = function && !constants.contains(&name);
            (here || protocol.definition(name).is_some())
                .then(|| Sexpr::atom(format!("{name}@{length}")))
        };
        for definition in &protocol.definitions {
            let definition = self.bounded.define(&definition.renamed(&to));
            self.session.tell(&definition)?;
        }
        Ok(())
    }

    /// One more step, from the state after `length` steps.
    fn lengthen(&mut self, length: usize) -> Result<(), SolverError> {
        self.state(length + 1)?;
        let protocol = &self.bounded.protocol;
        self.session
            .tell(&format!("(declare-fun step@{length} () Number)"))?;
        let takes = |i: usize| Sexpr::apply("=", [step_at(length), bits(i)]);
        let mut ways = Vec::new();
        for (i, step) in self.steps.iter().enumerate() {
            let guards = protocol.guards(step).into_iter();
            let guards = guards.map(|guard| Sexpr::atom(format!("{guard}@{length}")));
            ways.push(Sexpr::all([takes(i)].into_iter().chain(guards)));
        }
        self.session
            .tell(&format!("(assert {})", Sexpr::any(ways)))?;
        for function in protocol.state() {
            let name = &function.name;
            for point in self.bounded.points(function) {
                let mut value = Sexpr::apply(&format!("{name}@{length}"), point.clone());
                for (i, step) in self.steps.iter().enumerate() {
                    if protocol.changes(step, name) {
                        let changed =
                            Sexpr::apply(&format!("{step}.{name}@{length}"), point.clone());
                        value = Sexpr::apply("ite", [takes(i), changed, value]);
                    }
                }
                let next = Sexpr::apply(&format!("{name}@{}", length + 1), point);
                self.session.tell(&format!("(assert (= {next} {value}))"))?;
            }
        }
        Ok(())
    }

    /// Whether an execution of exactly `length` steps ends in a state that breaks the goal.
    fn breaks(&mut self, goal: &str, length: usize) -> Result<Found, SolverError> {
        self.session
            .tell(&format!("(push 1)(assert (not {goal}@{length}))"))?;
        let found = match self.session.check()? {
            Verdict::Sat => Found::Broken(self.execution(length)?),
            Verdict::Unsat => Found::Not,
            Verdict::Unknown => Found::Unknown,
        };
        self.session.tell("(pop 1)")?;
        Ok(found)
    }

    /// The execution that the solver has just found.
    fn execution(&mut self, length: usize) -> Result<Vec<Step>, SolverError> {
        let mut execution = Vec::new();
        let mut before = self.snapshot(0)?;
        for position in 0..length {
            let values = self.session.values(&[step_at(position)])?;
            let taken = values.iter().find_map(|value| index_of(value));
            let name = taken
                .and_then(|i| self.steps.get(i))
                .copied()
                .unwrap_or("?");
            let after = self.snapshot(position + 1)?;
            let pairs = before.iter().zip(&after);
            let changes = pairs.filter(|(before, after)| before.1 != after.1);
            execution.push(Step {
                name: name.into(),
                choices: self.choices(name, position)?,
                changes: changes
                    .map(|(before, after)| format!("{}: {} -> {}", after.0, before.1, after.1))
                    .collect(),
            });
            before = after;
        }
        Ok(execution)
    }

    /// The values of what a step chose.
    fn choices(&mut self, step: &str, position: usize) -> Result<Vec<String>, SolverError> {
        let protocol = &self.bounded.protocol;
        let of_step = protocol.with_prefix(&format!("{step}.")).into_iter();
        let mentioned: Vec<_> = of_step.flat_map(|name| protocol.mentions(name)).collect();
        let choices = protocol.functions.iter().filter(|f| {
            let scalar = f.name.starts_with('?') && f.arguments.is_empty();
            scalar && mentioned.contains(&f.name.as_str())
        });
        let values = self.values(choices, position)?;
        let shown = values.into_iter();
        Ok(shown
            .map(|(name, value)| format!("{} {value}", name.trim_start_matches('?')))
            .collect())
    }

    /// Each value of the state after this many steps, with its name.
    fn snapshot(&mut self, length: usize) -> Result<Vec<(String, String)>, SolverError> {
        self.values(self.bounded.protocol.state().into_iter(), length)
    }

    /// The functions' values at each point, with their names.
    fn values<'f>(
        &mut self,
        functions: impl Iterator<Item = &'f Function>,
        length: usize,
    ) -> Result<Vec<(String, String)>, SolverError> {
        let (mut names, mut terms) = (Vec::new(), Vec::new());
        for function in functions {
            for point in self.bounded.points(function) {
                terms.push(Sexpr::apply(
                    &format!("{}@{length}", function.name),
                    point.clone(),
                ));
                names.push((self.bounded.point_name(function, &point), &function.sort));
            }
        }
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let values = self.session.values(&terms)?;
        let shown = names.into_iter().zip(values);
        Ok(shown
            .map(|((name, sort), value)| (name, self.bounded.label(sort, &value)))
            .collect())
    }
}

fn step_at(position: usize) -> Sexpr {
    Sexpr::atom(format!("step@{position}"))
}
