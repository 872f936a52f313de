//! The table and the curves, for a terminal and for the docs.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use charts::{Axis, Lines, Series};

use crate::Round;

pub(crate) const HEAD: &str = "\
| targets | black holes | checks/s | CPU, % of a core | detection p50 | p99 | max | bound | lag | wrong |
|---|---|---|---|---|---|---|---|---|---|
";

/// The table stands between these lines of `serving.md`.
const BEGIN: &str = "<!-- check_load -->\n";
const END: &str = "<!-- end of check_load -->\n";

/// One line of the table.
pub(crate) fn row(round: &Round) -> String {
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let at = |percent| share(&round.found, percent).map_or_else(|| "none".into(), seconds);
    format!(
        "| {} | {} % | {:.0} | {:.1} | {} | {} | {} | {} | {:.0} ms | {} |\n",
        round.targets,
        round.black_holes,
        round.rate,
        round.cpu,
        at(50),
        at(99),
        at(100),
        seconds(round.bound),
        round.lag.as_secs_f64() * 1000.0,
        round.wrong,
    )
}

/// Puts the table into `serving.md`, with a picture of the CPU time and one of the detection.
/// A picture is light or dark as the reader's screen is.
pub(crate) fn write(folder: &Path, rounds: &[Round]) -> io::Result<()> {
    let cpu = curves(rounds, "CPU time of the checks", "% of a core", |round| {
        Some(round.cpu)
    });
    fs::write(folder.join("health-checks-cpu.svg"), cpu)?;
    let title = "Time until the last dead target is found";
    let detection = curves(rounds, title, "seconds", |round| {
        share(&round.found, 100).map(|time| time.as_secs_f64())
    });
    fs::write(folder.join("health-checks-detection.svg"), detection)?;
    let page = folder.join("serving.md");
    let text = fs::read_to_string(&page)?;
    let places = text.find(BEGIN).zip(text.find(END));
    let (begin, end) = places.ok_or_else(|| io::Error::other("serving.md has no place for it"))?;
    let table: String = rounds.iter().map(row).collect();
    let pictures = "![CPU time of the checks by number of targets](health-checks-cpu.svg)\n\n\
                    ![Time until the last dead target is found](health-checks-detection.svg)\n";
    let before = &text[..begin + BEGIN.len()];
    let new = format!("{before}\n{HEAD}{table}\n{pictures}\n{}", &text[end..]);
    fs::write(page, new)
}

/// A curve for each share of black holes, over the number of targets.
fn curves(rounds: &[Round], title: &str, y: &str, value: impl Fn(&Round) -> Option<f64>) -> String {
    let mut shares: Vec<_> = rounds.iter().map(|round| round.black_holes).collect();
    shares.sort_unstable();
    shares.dedup();
    let mut lines = Lines::new(title, Axis::log("targets"), Axis::linear(y)).description(format!(
        "{title}: a line for each share of black holes, over the number of targets. The table beside it has the numbers."
    ));
    for share in shares {
        let of_share = rounds.iter().filter(|round| round.black_holes == share);
        let points = of_share.filter_map(|round| Some((f64::from(round.targets), value(round)?)));
        lines = lines.series(Series::new(format!("{share} % black holes"), points));
    }
    lines.draw(720.0).standalone()
}

/// The time within which this share of them, in per cent, was found.
fn share(found: &[Duration], percent: usize) -> Option<Duration> {
    let at = (found.len() * percent / 100).min(found.len().saturating_sub(1));
    found.get(at).copied()
}
