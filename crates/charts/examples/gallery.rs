//! Writes one chart of each kind to files:
//! `cargo run -p charts --example gallery -- FOLDER`.

use std::path::PathBuf;
use std::{env, fs, io};

use charts::{Axis, Bar, Bars, Cell, Grid, Group, Lines, Mark, Series, Strip, Strips, Svg, Tone};

type Draw = fn(f64) -> Svg;

fn main() -> io::Result<()> {
    let folder = PathBuf::from(
        env::args()
            .nth(1)
            .unwrap_or_else(|| "target/gallery".into()),
    );
    fs::create_dir_all(&folder)?;
    let charts: [(&str, Draw); 4] = [
        ("lines", lines),
        ("bars", bars),
        ("grid", grid),
        ("strips", strips),
    ];
    for (name, draw) in charts {
        for width in [340.0, 720.0] {
            let file = folder.join(format!("{name}-{width}.svg"));
            fs::write(&file, draw(width).standalone())?;
            println!("{}", file.display());
        }
    }
    Ok(())
}

fn lines(width: f64) -> Svg {
    let sizes = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5];
    let names = [
        "store",
        "one lock",
        "arc-swap",
        "left-right",
        "rpds",
        "epoch",
    ];
    let mut chart = Lines::new(
        "Cost of a read",
        Axis::log("endpoints"),
        Axis::log("ns per read"),
    )
    .mark(Mark::new(1000.0, "L2 ends"))
    .mark(Mark::new(2000.0, "a fleet of today"));
    for (at, name) in (1u32..).zip(names) {
        let cost = |size: f64| 10.0 * f64::from(at).powf(0.7) * size.powf(0.05 * f64::from(at));
        let band = sizes.map(|size| (size, 0.8 * cost(size), 1.25 * cost(size)));
        let points = sizes.map(|size| (size, cost(size)));
        chart = chart.series(Series::new(name, points).band(band));
    }
    chart.draw(width)
}

fn bars(width: f64) -> Svg {
    Bars::new(
        "Minutes lost",
        Axis::linear("minutes"),
        ["launches", "invocations", "sign-ins"],
    )
    .group(Group::new(
        "one region, one database",
        [
            Bar::within(830.0, 800.0, 860.0),
            Bar::within(410.0, 380.0, 520.0),
            Bar::within(95.0, 90.0, 99.0),
        ],
    ))
    .group(Group::new(
        "several regions, routing between them, and a name too long for its place",
        [
            Bar::within(12.0, 8.0, 31.0),
            Bar::exactly(0.0),
            Bar::exactly(3.4),
        ],
    ))
    .draw(width)
}

fn grid(width: f64) -> Svg {
    let cells = |marks: &str| {
        let tone = |mark| match mark {
            '✓' => Tone::Good,
            '✗' => Tone::Bad,
            '?' => Tone::Open,
            _ => Tone::Plain,
        };
        marks
            .chars()
            .map(move |mark| Cell::new(mark, tone(mark)))
            .collect::<Vec<_>>()
    };
    Grid::new(
        "Which protocol keeps what",
        ["Monotonic", "ActiveKept", "RollbackKept", "Progress"],
    )
    .row("incident", cells("✗✗✗✗"))
    .row("spare the active", cells("✗✓?✓"))
    .row("memory store", cells("✓✓✓–"))
    .note("✗ broken in some execution, found by every checker. ✓ in none, by any.")
    .draw(width)
}

fn strips(width: f64) -> Svg {
    let share = |from: f64, to: f64| {
        (0..=180u32).map(move |n| {
            let minute = 360.0 + 5.0 * f64::from(n);
            let inside = minute > from && minute < to;
            (
                minute,
                if inside {
                    1.0 - (minute - from) / (to - from)
                } else {
                    0.0
                },
            )
        })
    };
    let mut chart = Strips::new(
        "Share of requests that fail",
        Axis::clock("UTC, 20 October"),
    )
    .shade(408.0, 565.0, "DNS empty")
    .legend("simulated", "published");
    for (name, from, to) in [
        ("DynamoDB", 408.0, 565.0),
        ("EC2 launches", 410.0, 1250.0),
        ("Lambda", 411.0, 1275.0),
        ("Network Load Balancer", 750.0, 1269.0),
    ] {
        chart = chart.row(Strip::new(name, share(from, to)).bracket(from + 5.0, to - 10.0));
    }
    chart.draw(width)
}
