//! The table in its forms: for the terminal, as JSON and as a picture.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use charts::{Cell, Grid, Tone};
use incident::Invariant;
use serde_json::{Value, json};

use super::Row;

/// Protocol by invariant.
pub(super) fn table(rows: &[Row]) -> String {
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
    out + "\n\n✗ all checkers found it broken   ✓ none did   ? they differ\n\n"
}

fn width(invariant: Invariant) -> usize {
    invariant.name().len() + 2
}

/// Executions and time, by checker.
pub(super) fn effort(rows: &[Row]) -> String {
    let mut out = format!("{:32}", "executions, seconds");
    let checkers = rows.first().map_or(&[][..], |row| &row.opinions);
    for opinion in checkers {
        let _ = write!(out, "{:>21}", opinion.checker);
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

pub(super) fn as_json(rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        let cells = Invariant::ALL.map(|invariant| {
            let (found, of) = row.found_by(invariant);
            let holds = found == 0;
            let agreed = holds || found == of;
            json!({ "invariant": invariant.name(), "holds": holds, "agreed": agreed })
        });
        let checkers = row.opinions.iter().map(|opinion| {
            let broken = opinion.broken.iter();
            let broken: BTreeMap<_, _> = broken.map(|(i, times)| (i.name(), *times)).collect();
            json!({
                "checker": opinion.checker,
                "executions": opinion.executions,
                "seconds": opinion.time.as_secs_f64(),
                "broken_in": broken,
            })
        });
        json!({
            "protocol": row.protocol.to_string(),
            "as_known": row.is_as_known(),
            "cells": cells,
            "checkers": checkers.collect::<Vec<_>>(),
        })
    });
    Value::Array(rows.collect())
}

/// The table's cells, a protocol on a line: `✓`, `✗` or `?` by invariant. Nothing in
/// it changes from run to run.
pub(super) fn cells(rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let cells = Invariant::ALL.map(|invariant| (invariant.name(), row.cell(invariant)));
        json!([row.protocol.to_string(), BTreeMap::from(cells)]).to_string()
    });
    format!("[\n{}\n]\n", lines.collect::<Vec<_>>().join(",\n"))
}

/// The table as a picture. Times are not in it, so the same runs give the same picture.
pub(super) fn svg(rows: &[Row]) -> String {
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
    let legend = "✗ broken in some execution, found by every checker. ✓ in none, by any. A Planner and two Enactors that sweep, at one endpoint; loom with plain and with read-modify-write loads, to two preemptions or three; shuttle on 10,000 random and 10,000 PCT schedules.";
    grid.note(legend).draw(1060.0).standalone()
}
