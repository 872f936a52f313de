//! A solver as a child process that is asked one question after another.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::sexpr::{self, Sexpr};

/// Which program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Solver {
    Z3,
    Cvc5,
}

impl Solver {
    pub(crate) const BOTH: [Self; 2] = [Self::Z3, Self::Cvc5];

    /// The program's name and its arguments.
    fn command(self, logic: Logic) -> (&'static str, Vec<String>) {
        let bits = (logic == Logic::Bits).then(|| "--bitblast=eager".into());
        match self {
            Self::Z3 => {
                let limit = format!("rlimit={}", self.limit());
                ("z3", vec!["-in".into(), "-smt2".into(), limit])
            }
            Self::Cvc5 => (
                "cvc5",
                [
                    "--lang=smt2".into(),
                    "--incremental".into(),
                    format!("--rlimit-per={}", self.limit()),
                ]
                .into_iter()
                .chain(bits)
                .collect(),
            ),
        }
    }

    /// What the solver may spend on one question, in units of its own: many times what it needs.
    /// A limit of time would make a question fail on a busy machine.
    fn limit(self) -> u64 {
        match self {
            Self::Z3 => 400_000_000,
            Self::Cvc5 => 40_000_000,
        }
    }
}

impl fmt::Display for Solver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Z3 => "z3",
            Self::Cvc5 => "cvc5",
        })
    }
}

/// What the questions are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Logic {
    /// Quantifiers, functions and whole numbers.
    Any,
    /// Bits alone.
    Bits,
}

impl Logic {
    fn begin(self) -> &'static str {
        match self {
            Self::Any => "(set-option :produce-models true)(set-logic ALL)",
            Self::Bits => "(set-option :produce-models true)(set-logic QF_BV)",
        }
    }
}

/// What a solver says about a set of assertions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// They hold in some model.
    Sat,
    /// They hold in none.
    Unsat,
    /// The solver gave up, usually at its limit.
    Unknown,
}

/// Why a solver could not be asked.
#[derive(Debug, Error)]
pub(crate) enum SolverError {
    #[error("cannot run `{0}`; install it with `apt-get install z3 cvc5`")]
    Missing(Solver, #[source] std::io::Error),
    #[error("the connection to {0} broke")]
    Broken(Solver, #[source] std::io::Error),
    #[error("{0} said {1:?}; check the file with `{0} FILE`")]
    Refused(Solver, String),
}

/// A running solver.
pub(crate) struct Session {
    solver: Solver,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// How long its answers took.
    pub(crate) took: Duration,
}

impl Session {
    /// Starts the solver.
    pub(crate) fn start(solver: Solver, logic: Logic) -> Result<Self, SolverError> {
        let (program, arguments) = solver.command(logic);
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| SolverError::Missing(solver, error))?;
        let no_pipe = || SolverError::Refused(solver, "no pipe".into());
        let to = child.stdin.take().ok_or_else(no_pipe)?;
        let from = BufReader::new(child.stdout.take().ok_or_else(no_pipe)?);
        let mut session = Self {
            solver,
            child,
            to,
            from,
            took: Duration::ZERO,
        };
        session.tell(logic.begin())?;
        Ok(session)
    }

    /// Adds declarations, definitions or assertions.
    pub(crate) fn tell(&mut self, text: &str) -> Result<(), SolverError> {
        let sent = writeln!(self.to, "{text}");
        sent.map_err(|error| SolverError::Broken(self.solver, error))
    }

    /// Whether what it was told so far can hold.
    pub(crate) fn check(&mut self) -> Result<Verdict, SolverError> {
        let begun = Instant::now();
        let line = self.ask("(check-sat)")?;
        self.took += begun.elapsed();
        match line.trim() {
            "sat" => Ok(Verdict::Sat),
            "unsat" => Ok(Verdict::Unsat),
            "unknown" | "timeout" => Ok(Verdict::Unknown),
            other => Err(SolverError::Refused(self.solver, other.into())),
        }
    }

    /// Whether this can hold as well. Forgets it afterwards.
    pub(crate) fn check_with(&mut self, assertion: &Sexpr) -> Result<Verdict, SolverError> {
        self.tell(&format!("(push 1)(assert {assertion})"))?;
        let verdict = self.check()?;
        self.tell("(pop 1)")?;
        Ok(verdict)
    }

    /// The terms' values in the model that the last check found, in the same order.
    pub(crate) fn values(&mut self, terms: &[Sexpr]) -> Result<Vec<String>, SolverError> {
        let list = Sexpr::List(terms.to_vec());
        let mut answer = self.ask(&format!("(get-value {list})"))?;
        loop {
            let refused = || SolverError::Refused(self.solver, answer.clone());
            if let Ok(parsed) = sexpr::parse(&answer) {
                let pairs = parsed
                    .first()
                    .and_then(Sexpr::as_list)
                    .ok_or_else(refused)?;
                let value = |pair: &Sexpr| Some(pair.as_list()?.get(1)?.to_string());
                return pairs
                    .iter()
                    .map(value)
                    .collect::<Option<_>>()
                    .ok_or_else(refused);
            }
            let before = answer.len();
            let read = self.from.read_line(&mut answer);
            read.map_err(|error| SolverError::Broken(self.solver, error))?;
            if answer.len() == before {
                return Err(SolverError::Refused(self.solver, answer));
            }
        }
    }

    /// Sends a command and returns the first line of the answer.
    fn ask(&mut self, command: &str) -> Result<String, SolverError> {
        self.tell(command)?;
        let mut line = String::new();
        let answered = self
            .to
            .flush()
            .and_then(|()| self.from.read_line(&mut line));
        answered.map_err(|error| SolverError::Broken(self.solver, error))?;
        Ok(line)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may be gone already, and then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
