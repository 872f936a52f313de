//! Which protocol keeps which invariant: the table, from the runs. Each row is
//! decided by four judges, loom on two kinds of loads and shuttle on two kinds of
//! schedules; they must agree with each other and with what is known.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use charts::{Cell, Grid, Tone};
use clap::Parser;
use incident::Invariant;
use models::checker::{Checker, Pct, PlainLoads, Random, RmwLoads};
use models::outage::{Protocol, Setup};
use serde_json::{Value, json};

#[derive(Parser)]
#[command(
    after_help = "Exit status: 0 if all judges decide every cell as it is known, 1 if not, 2 for a bad argument or file."
)]
struct Args {
    /// End with one line of JSON
    #[arg(long)]
    json: bool,
    /// Writes the table as a picture to this file as well
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Writes the table's cells as JSON to this file as well, for other programs
    #[arg(long, value_name = "FILE")]
    cells: Option<PathBuf>,
}

/// What one judge says of one protocol.
struct Opinion {
    judge: &'static str,
    /// In how many executions each invariant broke.
    broken: BTreeMap<Invariant, usize>,
    executions: usize,
    time: Duration,
}

struct Row {
    protocol: Protocol,
    opinions: Vec<Opinion>,
}

impl Row {
    /// All rows. One judge after the other: once shuttle has run, its panic hook
    /// takes the ends of loom's threads for failures and says so.
    fn decide_all() -> Vec<Self> {
        let judges = [
            opinion::<PlainLoads>,
            opinion::<RmwLoads>,
            opinion::<Random>,
            opinion::<Pct>,
        ];
        let mut rows = Protocol::ALL.map(|protocol| Self {
            protocol,
            opinions: Vec::new(),
        });
        for judge in judges {
            for row in &mut rows {
                row.opinions.push(judge(row.protocol));
            }
        }
        rows.into()
    }

    /// Who found it broken, of how many.
    fn found_by(&self, invariant: Invariant) -> (usize, usize) {
        let found = |opinion: &&Opinion| opinion.broken.contains_key(&invariant);
        (
            self.opinions.iter().filter(found).count(),
            self.opinions.len(),
        )
    }

    /// Whether all judges decide as it is known.
    fn is_as_known(&self) -> bool {
        let known = self.protocol.broken();
        let agrees = |opinion: &Opinion| opinion.broken.keys().copied().eq(known.iter().copied());
        self.opinions.iter().all(agrees)
    }

    /// A cell: broken, holds, or that the judges differ.
    fn cell(&self, invariant: Invariant) -> &'static str {
        match self.found_by(invariant) {
            (0, _) => "✓",
            (found, all) if found == all => "✗",
            _ => "?",
        }
    }
}

fn opinion<J: Checker>(protocol: Protocol) -> Opinion {
    let explored = protocol.explore::<J>(Setup::SMALL);
    Opinion {
        judge: J::NAME,
        broken: explored.findings.times_broken(),
        executions: explored.executions,
        time: explored.time,
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let rows = Row::decide_all();
    print!("{}", table(&rows));
    print!("{}", effort(&rows));
    if args.json {
        println!("{}", as_json(&rows));
    }
    for (file, content) in [(args.svg, svg(&rows)), (args.cells, cells(&rows))] {
        if let Some(file) = file
            && let Err(error) = fs::write(&file, content)
        {
            eprintln!("error: {}: {error}; give another file", file.display());
            return ExitCode::from(2);
        }
    }
    for row in rows.iter().filter(|row| !row.is_as_known()) {
        eprintln!("not as known: {}", row.protocol);
    }
    ExitCode::from(u8::from(!rows.iter().all(Row::is_as_known)))
}

/// Protocol by invariant.
fn table(rows: &[Row]) -> String {
    let mut out = format!("{:32}", "");
    for invariant in Invariant::ALL {
        let _ = write!(out, "{:>width$}", invariant, width = width(invariant));
    }
    for row in rows {
        let _ = write!(out, "\n{:32}", row.protocol.to_string());
        for invariant in Invariant::ALL {
            let cell = row.cell(invariant);
            let _ = write!(out, "{cell:>width$}", width = width(invariant));
        }
    }
    out + "\n\n✗ all judges found it broken   ✓ none did   ? they differ\n\n"
}

fn width(invariant: Invariant) -> usize {
    invariant.name().len() + 2
}

/// Executions and time, by judge.
fn effort(rows: &[Row]) -> String {
    let mut out = format!("{:32}", "executions, seconds");
    let judges = rows.first().map_or(&[][..], |row| &row.opinions);
    for opinion in judges {
        let _ = write!(out, "{:>21}", opinion.judge);
    }
    for row in rows {
        let _ = write!(out, "\n{:32}", row.protocol.to_string());
        for opinion in &row.opinions {
            let seconds = opinion.time.as_secs_f64();
            let _ = write!(out, "{:>14}{seconds:>7.2}", opinion.executions);
        }
    }
    out + "\n"
}

fn as_json(rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        let cells = Invariant::ALL.map(|invariant| {
            let (found, of) = row.found_by(invariant);
            let holds = found == 0;
            let agreed = holds || found == of;
            json!({ "invariant": invariant.name(), "holds": holds, "agreed": agreed })
        });
        let judges = row.opinions.iter().map(|opinion| {
            let broken = opinion.broken.iter();
            let broken: BTreeMap<_, _> = broken.map(|(i, times)| (i.name(), *times)).collect();
            json!({
                "judge": opinion.judge,
                "executions": opinion.executions,
                "seconds": opinion.time.as_secs_f64(),
                "broken_in": broken,
            })
        });
        json!({
            "protocol": row.protocol.to_string(),
            "as_known": row.is_as_known(),
            "cells": cells,
            "judges": judges.collect::<Vec<_>>(),
        })
    });
    Value::Array(rows.collect())
}

/// The table's cells, a protocol on a line: `✓`, `✗` or `?` by invariant. Nothing in
/// it changes from run to run.
fn cells(rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let cells = Invariant::ALL.map(|invariant| (invariant.name(), row.cell(invariant)));
        json!([row.protocol.to_string(), BTreeMap::from(cells)]).to_string()
    });
    format!("[\n{}\n]\n", lines.collect::<Vec<_>>().join(",\n"))
}

/// The table as a picture. Times are not in it: the same runs, the same picture.
fn svg(rows: &[Row]) -> String {
    let columns = Invariant::ALL.map(Invariant::name);
    let grid = Grid::new("Which protocol keeps which invariant", columns);
    let grid = rows.iter().fold(grid, |grid, row| {
        let cell = |invariant| match row.cell(invariant) {
            "✓" => Cell::new("✓", Tone::Good),
            "✗" => Cell::new("✗", Tone::Bad),
            other => Cell::new(other, Tone::Open),
        };
        grid.row(row.protocol.to_string(), Invariant::ALL.map(cell))
    });
    let legend = "✗ broken in some execution, found by every judge. ✓ in none, by any. A Planner and two Enactors that sweep, at one endpoint; loom with plain and with read-modify-write loads, to two preemptions or three; shuttle on 10,000 random and 10,000 PCT schedules.";
    grid.note(legend).draw(1060.0).standalone()
}
