//! Makes the tables and pictures from the medians of criterion's last run, and from their
//! ratios.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bench::docs;
use charts::{Axis, Lines, Series};
use serde_json::Value;

use crate::threads::THREADS;
use crate::{plans, reads, writes};

/// The folder in which criterion keeps its results.
pub(crate) fn folder() -> PathBuf {
    // The variable names `tmp` in the target folder.
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("criterion")
}

/// The median of a benchmark's last run, in nanoseconds; `None` if it has not run.
fn median(group: &str, path: &str) -> Option<f64> {
    let file = folder().join(group).join(path).join("new/estimates.json");
    let estimates: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    estimates.get("median")?.get("point_estimate")?.as_f64()
}

/// The benchmarks of a group that have run, in the order of their medians.
fn names(group: &str, first: &str) -> Vec<String> {
    let entries = fs::read_dir(folder().join(group)).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names
        .filter_map(|name| Some((median(group, &format!("{name}/{first}"))?, name)))
        .collect();
    names.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    names.into_iter().map(|(_, name)| name).collect()
}

/// A group of benchmarks, each in several settings.
struct Group<'a> {
    name: &'a str,
    settings: Vec<String>,
    /// The benchmark to which the others are compared.
    base: Option<&'a str>,
}

impl Group<'_> {
    /// A table with a row for each name and a column for each setting. Each cell has the
    /// time, and its multiple of the base's time.
    fn table(&self) -> String {
        let Self {
            name,
            settings,
            base,
        } = self;
        let rule = "---|".repeat(settings.len());
        let mut table = format!("| | {} |\n|---|{rule}\n", settings.join(" | "));
        for row in names(name, &settings[0]) {
            let cell = |setting: &String| {
                let Some(time) = median(name, &format!("{row}/{setting}")) else {
                    return String::new();
                };
                let base = base.and_then(|base| median(name, &format!("{base}/{setting}")));
                match base {
                    Some(base) => format!("{} ({:.1}×)", human(time), time / base),
                    None => human(time),
                }
            };
            let cells: Vec<_> = settings.iter().map(cell).collect();
            let _ = writeln!(table, "| {row} | {} |", cells.join(" | "));
        }
        table
    }

    /// A picture with a curve for each name over the settings, which are numbers. Each time
    /// is divided by `each` of its setting.
    fn curves(&self, title: &str, x: &str, y: &str, each: impl Fn(f64) -> f64) -> String {
        let mut lines = Lines::new(title, Axis::log(x), Axis::log(y)).description(format!(
            "{title}: a line for each way, over {x}. The table beside it has the numbers."
        ));
        for name in names(self.name, &self.settings[0]) {
            let points = self.settings.iter().filter_map(|setting| {
                let x: f64 = setting.parse().ok()?;
                let time = median(self.name, &format!("{name}/{setting}"))?;
                Some((x, time / each(x)))
            });
            lines = lines.series(Series::new(name.as_str(), points));
        }
        lines.draw(720.0).standalone()
    }
}

fn human(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 10.0 => format!("{n:.2} ns"),
        n if n < 1e4 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.1} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}

fn pins() -> String {
    let row = |name: &String| {
        let time = median("pin", name).map(human);
        format!("| {name} | {} |\n", time.unwrap_or_default())
    };
    let rows: String = names("pin", "").iter().map(row).collect();
    format!("| | time |\n|---|---|\n{rows}")
}

/// Prints a table, and writes it into the docs if that was requested.
fn publish(name: &str, title: &str, table: &str) {
    println!("\n### {title}\n\n{table}");
    docs::put(name, table);
}

/// Writes a picture into the docs if that was requested.
fn draw(name: &str, picture: &str) {
    if let Some(folder) = docs::folder() {
        fs::write(folder.join(format!("performance-{name}.svg")), picture).unwrap();
    }
}

pub(crate) fn publish_all() {
    let strings = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>();
    let group = |name, settings, base| Group {
        name,
        settings,
        base,
    };
    let settings = reads::SETTINGS.map(|(name, ..)| name.to_owned()).into();
    let read = group("read", settings, Some("one atomic load"));
    publish("read", "Reading what is active", &read.table());
    let settings = writes::SETTINGS.map(|(name, _)| name.to_owned()).into();
    let activate = group("activate", settings, Some("load and compare-and-swap"));
    publish("activate", "Activating, for each try", &activate.table());
    publish("pin", "Pinning", &pins());

    let threads = "threads on two cores";
    let read = group(
        "read by threads",
        strings(&THREADS),
        Some("one atomic load"),
    );
    publish("read-threads", "Reading by threads", &read.table());
    let picture = read.curves(
        "A read, by threads",
        threads,
        "ns a read, all threads together",
        |_| 1.0,
    );
    draw("read-threads", &picture);
    let base = Some("load and compare-and-swap");
    let activate = group("activate by threads", strings(&THREADS), base);
    publish(
        "activate-threads",
        "Activating one endpoint by threads",
        &activate.table(),
    );
    let picture = activate.curves(
        "A try to activate one endpoint, by threads",
        threads,
        "ns a try, all threads together",
        |_| 1.0,
    );
    draw("activate-threads", &picture);

    let sizes = || plans::SIZES.map(|size| size.to_string()).into();
    let successor = group("successor", sizes(), None);
    publish(
        "successor",
        "A successor with 1 % changed",
        &successor.table(),
    );
    let picture = successor.curves(
        "A successor with 1 % changed",
        "endpoints",
        "ns a changed endpoint",
        |size| (size / 100.0).max(1.0),
    );
    draw("successor", &picture);
    let pass = group("pass", sizes(), None);
    publish("pass", "A pass, by its parts", &pass.table());
    let picture = pass.curves(
        "A pass, by its parts",
        "endpoints",
        "ns an endpoint",
        |size| size,
    );
    draw("pass", &picture);
}
