//! A protocol of finite size, step by step: the shortest execution that breaks an
//! invariant.

use std::time::Duration;

use crate::protocol::{Bounded, Function, Protocol, index_of};
use crate::sexpr::Sexpr;
use crate::solver::{Logic, Session, Solver, SolverError, Verdict};

/// What an execution is to end with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal<'g> {
    /// A state in which this definition does not hold.
    Breaks(&'g str),
    /// This step.
    Takes(&'g str),
}

/// What a search found about one goal.
#[derive(Debug)]
pub(crate) enum Found {
    /// An execution of this many steps reaches it; a shorter one does not.
    Broken(Vec<Step>),
    /// No execution of as many steps as were tried reaches it.
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

/// Looks for executions of at most `depth` steps that reach these goals, one length after another.
pub(crate) fn search(
    bounded: &Bounded,
    goals: &[Goal<'_>],
    depth: usize,
    solver: Solver,
) -> Result<(Vec<Found>, Duration), SolverError> {
    let mut unrolled = Unrolled::start(bounded, solver)?;
    let mut found: Vec<_> = goals.iter().map(|_| Found::Not).collect();
    for length in 0..=depth {
        if length > 0 {
            unrolled.lengthen(length - 1)?;
        }
        unrolled.reach_all(goals, length, &mut found)?;
        if !found.iter().any(|found| matches!(found, Found::Not)) {
            break;
        }
    }
    Ok((found, unrolled.session.took))
}

/// Whether another solver finds the same: no execution that is shorter than what was `found`, or
/// than `depth` where nothing was found, and one of that length. It asks about all lengths at
/// once, in executions that may end early, which takes a fraction of the time of a search.
pub(crate) fn confirm(
    bounded: &Bounded,
    goals: &[Goal<'_>],
    found: &[Found],
    depth: usize,
    solver: Solver,
) -> Result<(bool, Duration), SolverError> {
    let mut unrolled = Unrolled::start(bounded, solver)?;
    let length = |found: &Found| match found {
        Found::Broken(steps) => Some(steps.len()),
        Found::Not | Found::Unknown => None,
    };
    let lengths: Vec<_> = found.iter().map(length).collect();
    let all_found = lengths.iter().copied().collect::<Option<Vec<_>>>();
    let depth = all_found.map_or(depth, |all| all.into_iter().max().unwrap_or(0));
    for i in 0..depth {
        unrolled.lengthen_or_end(i)?;
    }
    let shorter = goals.iter().zip(&lengths).flat_map(|(goal, length)| {
        let lengths = 0..length.unwrap_or(depth + 1);
        lengths.map(|length| unrolled.reached(goal, length))
    });
    let shorter = Sexpr::any(shorter.collect::<Vec<_>>());
    let mut same = unrolled.session.check_with(&shorter)? == Verdict::Unsat;
    for (goal, length) in goals.iter().zip(&lengths) {
        if let Some(length) = length {
            let reached = unrolled.reached(goal, *length);
            same &= unrolled.session.check_with(&reached)? == Verdict::Sat;
        }
    }
    Ok((same, unrolled.session.took))
}

impl<'b> Unrolled<'b> {
    fn start(bounded: &'b Bounded, solver: Solver) -> Result<Self, SolverError> {
        let protocol = &bounded.protocol;
        let mut session = Session::start(solver, Logic::Bits)?;
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
        self.step(length, Vec::new())
    }

    /// One more step, or none from here on.
    fn lengthen_or_end(&mut self, length: usize) -> Result<(), SolverError> {
        let ended = |length| takes(length, self.steps.len());
        let end = ended(length);
        if length > 0 {
            let before = ended(length - 1);
            self.step(length, vec![end.clone()])?;
            let goes_on = Sexpr::apply("=>", [before, end]);
            return self.session.tell(&format!("(assert {goes_on})"));
        }
        self.step(length, vec![end])
    }

    /// A step, or one of the other `ways` to reach the next state.
    fn step(&mut self, length: usize, mut ways: Vec<Sexpr>) -> Result<(), SolverError> {
        self.state(length + 1)?;
        let protocol = &self.bounded.protocol;
        self.session.tell(&format!(
            "(declare-fun step@{length} () (_ BitVec {STEP_BITS}))"
        ))?;
        let takes = |i: usize| takes(length, i);
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

    /// That an execution of `length` steps reaches the goal.
    fn reached(&self, goal: &Goal<'_>, length: usize) -> Sexpr {
        match goal {
            Goal::Breaks(name) => Sexpr::atom(format!("{name}@{length}")).not(),
            Goal::Takes(step) => {
                let index = self.steps.iter().position(|other| other == step);
                match (index, length.checked_sub(1)) {
                    (Some(index), Some(last)) => takes(last, index),
                    _ => Sexpr::atom("false"),
                }
            }
        }
    }

    /// Which of the goals that are not found yet an execution of exactly `length` steps reaches.
    fn reach_all(
        &mut self,
        goals: &[Goal<'_>],
        length: usize,
        found: &mut [Found],
    ) -> Result<(), SolverError> {
        loop {
            let pairs = goals.iter().zip(&*found).enumerate();
            let open = pairs.filter(|(_, (_, found))| matches!(found, Found::Not));
            let open: Vec<_> = open
                .map(|(i, (goal, _))| (i, self.reached(goal, length)))
                .collect();
            let any = Sexpr::any(open.iter().map(|(_, reached)| reached.clone()));
            self.session.tell(&format!("(push 1)(assert {any})"))?;
            let verdict = self.session.check()?;
            if verdict == Verdict::Sat {
                let terms: Vec<_> = open.iter().map(|(_, reached)| reached.clone()).collect();
                let values = self.session.values(&terms)?;
                let reached = open.iter().zip(values).filter(|(_, value)| value == "true");
                for ((i, _), _) in reached {
                    found[*i] = Found::Broken(self.execution(length)?);
                }
            }
            self.session.tell("(pop 1)")?;
            let is_open = |(i, _): &&(usize, Sexpr)| matches!(found[*i], Found::Not);
            let left = open.iter().filter(is_open).count();
            if verdict == Verdict::Unsat || left == 0 {
                return Ok(());
            }
            if verdict == Verdict::Unknown || left == open.len() {
                for (i, _) in &open {
                    found[*i] = Found::Unknown;
                }
                return Ok(());
            }
        }
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

/// How many bits stand for a step.
const STEP_BITS: usize = 5;

fn step_at(position: usize) -> Sexpr {
    Sexpr::atom(format!("step@{position}"))
}

/// That the step with this index is taken there.
fn takes(position: usize, index: usize) -> Sexpr {
    let index = Sexpr::atom(format!("#b{index:0STEP_BITS$b}"));
    Sexpr::apply("=", [step_at(position), index])
}
