//! The tables: medians of criterion's last run, and their ratios.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{plans, reads, writes};

/// Where criterion keeps its results.
pub(crate) fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(target, PathBuf::from);
    target.join("criterion")
}

/// The median of a benchmark's last run, in nanoseconds; none if it has not run.
fn median(group: &str, path: &str) -> Option<f64> {
    let file = folder().join(group).join(path).join("new/estimates.json");
    let estimates: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    estimates.get("median")?.get("point_estimate")?.as_f64()
}

/// The benchmarks of a group that have run, by the order of their medians.
fn names(group: &str, first: &str) -> Vec<String> {
    let entries = fs::read_dir(folder().join(group)).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names
        .filter_map(|name| Some((median(group, &format!("{name}/{first}"))?, name)))
        .collect();
    names.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    names.into_iter().map(|(_, name)| name).collect()
}

/// Name by setting; each cell in nanoseconds, and as a multiple of the base's.
fn table(title: &str, group: &str, settings: &[String], base: Option<&str>) {
    println!("\n### {title}\n\n| | {} |", settings.join(" | "));
    println!("|---|{}", "---|".repeat(settings.len()));
    let Some(first) = settings.first() else {
        return;
    };
    for name in names(group, first) {
        let cell = |setting: &String| {
            let Some(time) = median(group, &format!("{name}/{setting}")) else {
                return String::new();
            };
            let base = base.and_then(|base| median(group, &format!("{base}/{setting}")));
            match base {
                Some(base) => format!("{} ({:.1}×)", human(time), time / base),
                None => human(time),
            }
        };
        let cells: Vec<_> = settings.iter().map(cell).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

fn human(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e4 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.1} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}

pub(crate) fn print() {
    let settings = reads::SETTINGS.map(|(name, ..)| name.to_owned());
    table(
        "Reading what is active",
        "read",
        &settings,
        Some("one atomic load"),
    );
    let settings = writes::SETTINGS.map(|(name, _)| name.to_owned());
    let base = Some("load and compare-and-swap");
    table("Activating, for each try", "activate", &settings, base);
    println!("\n### Pinning\n");
    for name in names("pin", "") {
        println!(
            "- {name}: {}",
            human(median("pin", &name).unwrap_or_default())
        );
    }
    let sizes = plans::SIZES.map(|size| size.to_string());
    table("A successor with 1 % changed", "successor", &sizes, None);
    table("A pass, by its parts", "pass", &sizes, None);
}
