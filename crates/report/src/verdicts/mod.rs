//! The command `verdicts`: which protocol keeps which invariant, from the runs.
//!
//! Two model checkers decide each row, each in two modes: loom with two kinds of loads, and
//! shuttle with two kinds of schedules. All four must agree with each other and with
//! [`Protocol::broken`].

mod shown;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use incident::Invariant;
use models::checker::Loads;
use models::outage::{Protocol, Setup};
use models::{Explored, Outcome};

use crate::Error;

/// The arguments of the command.
#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 if all checkers decide every cell as expected, 1 if not, 2 for a bad argument or file."
)]
pub(crate) struct Args {
    /// End with one line of JSON
    #[arg(long)]
    json: bool,
    /// Write the table as a picture to this file as well
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the table's cells as JSON to this file as well, for other programs
    #[arg(long, value_name = "FILE")]
    cells: Option<PathBuf>,
}

/// Decides and prints the table. Returns whether every cell is as expected.
pub(crate) fn decide(args: &Args) -> Result<bool, Error> {
    let rows = Row::decide_all();
    print!("{}", shown::table(&rows));
    print!("{}", shown::effort(&rows));
    if args.json {
        println!("{}", shown::as_json(&rows));
    }
    for (file, content) in [
        (&args.svg, shown::svg(&rows)),
        (&args.cells, shown::cells(&rows)),
    ] {
        if let Some(file) = file {
            fs::write(file, content)
                .map_err(|error| format!("{}: {error}; give another file", file.display()))?;
        }
    }
    for row in rows.iter().filter(|row| !row.is_as_known()) {
        eprintln!("not as expected: {}", row.protocol);
    }
    Ok(rows.iter().all(Row::is_as_known))
}

/// The result of one checker, in one mode, for one protocol.
pub(super) struct Opinion {
    pub(super) checker: &'static str,
    /// In how many executions each invariant broke.
    pub(super) broken: BTreeMap<Invariant, usize>,
    executions: usize,
    pub(super) time: Duration,
}

pub(super) struct Row {
    pub(super) protocol: Protocol,
    pub(super) opinions: Vec<Opinion>,
}

impl Row {
    /// All rows, one checker after the other. The order matters: after shuttle has run,
    /// its panic hook reports the ends of loom's threads as failures.
    pub(super) fn decide_all() -> Vec<Self> {
        let checkers: [fn(Protocol) -> Explored<Outcome>; 4] = [
            |protocol| protocol.explore(Setup::SMALL),
            |protocol| Loads::Rmw.during(|| protocol.explore(Setup::SMALL)),
            |protocol| protocol.explore_random(Setup::SMALL),
            |protocol| protocol.explore_pct(Setup::SMALL),
        ];
        let mut rows = Protocol::ALL.map(|protocol| Self {
            protocol,
            opinions: Vec::new(),
        });
        for checker in checkers {
            for row in &mut rows {
                row.opinions.push(Opinion::of(&checker(row.protocol)));
            }
        }
        rows.into()
    }

    /// How many checkers found the invariant broken, of how many.
    pub(super) fn found_by(&self, invariant: Invariant) -> (usize, usize) {
        let found = |opinion: &&Opinion| opinion.broken.contains_key(&invariant);
        (
            self.opinions.iter().filter(found).count(),
            self.opinions.len(),
        )
    }

    /// Whether all checkers decide as [`Protocol::broken`] expects.
    pub(super) fn is_as_known(&self) -> bool {
        let known = self.protocol.broken();
        let agrees = |opinion: &Opinion| opinion.broken.keys().copied().eq(known.iter().copied());
        self.opinions.iter().all(agrees)
    }

    /// A cell: `✗` if all checkers found the invariant broken, `✓` if none did, `?` if they
    /// differ.
    pub(super) fn cell(&self, invariant: Invariant) -> &'static str {
        match self.found_by(invariant) {
            (0, _) => "✓",
            (found, all) if found == all => "✗",
            _ => "?",
        }
    }
}

impl Opinion {
    fn of(explored: &Explored<Outcome>) -> Self {
        Self {
            checker: explored.checker,
            broken: explored.findings.times_broken(),
            executions: explored.executions,
            time: explored.time,
        }
    }
}
