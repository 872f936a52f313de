//! The arguments, log and report of the examples that play the drill.

use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use control_plane::{Fleet, chain};
use lexopt::prelude::{Long, Short};
use plan_store::{DnsStore, Retention};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::wrap::{width, wrap};
use crate::{Outcome, Repair, diagram, free_running, outage};

/// The text of `--help`.
const HELP: &str = "\
Options:
  --fleet FILE            The fleet file (default: a small made-up fleet)
  --free-running SECONDS  No schedule: the threads run freely, with random stalls,
                          for 1 to 86400 seconds
  --seed N                Repeats the same drift of capacities and the same stalls
                          (default 1)
  --json                  End with one line of JSON
  -h, --help              Print this

The diagram is as wide as the terminal, or as COLUMNS says.
RUST_LOG=info logs to standard error; RUST_LOG=debug logs more.
Exit status: 0 if the example showed what it is meant to show, 1 if not, 2 for a bad
argument or file.";

/// The legend of the diagram.
const LEGEND: [(&str, &str); 6] = [
    ("×N", "the same step at N endpoints"),
    ("check: on 3", "plan 3 is the newest that is active"),
    ("active 3→5", "plan 3 was active, now plan 5 is"),
    (
        "from 5",
        "a client asked over UDP and got addresses of plan 5",
    ),
    ("empty", "a client got NOERROR and no records"),
    ("✗", "an invariant broke"),
];

/// The arguments of the command line.
struct Args {
    fleet: Option<PathBuf>,
    free_running: Option<u64>,
    seed: u64,
    json: bool,
}

impl Args {
    /// The arguments of this process; `None` if help was asked for.
    fn parse() -> Result<Option<Self>, Error> {
        let mut args = Self {
            fleet: None,
            free_running: None,
            seed: 1,
            json: false,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("fleet") => args.fleet = Some(parser.value()?.into()),
                Long("free-running") => args.free_running = Some(seconds(&parser.value()?)?),
                Long("seed") => args.seed = seed(&parser.value()?)?,
                Long("json") => args.json = true,
                Short('h') | Long("help") => return Ok(None),
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(Some(args))
    }
}

fn seconds(value: &OsStr) -> Result<u64, String> {
    let seconds = value.to_str().and_then(|value| value.parse().ok());
    seconds
        .filter(|seconds| (1..=86_400).contains(seconds))
        .ok_or_else(|| {
            let value = value.display();
            format!("--free-running {value}: give a number of seconds from 1 to 86400")
        })
}

fn seed(value: &OsStr) -> Result<u64, String> {
    let seed = value.to_str().and_then(|value| value.parse().ok());
    seed.ok_or_else(|| {
        let (value, most) = (value.display(), u64::MAX);
        format!("--seed {value}: give an integer from 0 to {most}")
    })
}

const SMALL_FLEET: &str = include_str!("../../../examples/fleets/small.toml");

/// Any error that stops an example.
pub type Error = Box<dyn std::error::Error>;

/// Runs the drill on the store that `store` makes, and reports. `shown` returns whether the
/// outcome is the one that the example is meant to show.
pub fn main<S: DnsStore<Reader: 'static> + Clone + 'static>(
    variant: &str,
    store: impl FnOnce(Retention) -> Result<S, Error>,
    repair: Option<Repair<'_, S>>,
    shown: impl FnOnce(&Outcome) -> bool,
) -> ExitCode {
    let args = match Args::parse() {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}; see --help");
            return ExitCode::from(2);
        }
    };
    match play(&args, variant, store, repair, shown) {
        Ok(shown) => ExitCode::from(u8::from(!shown)),
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::from(2)
        }
    }
}

fn play<S: DnsStore<Reader: 'static> + Clone + 'static>(
    args: &Args,
    variant: &str,
    store: impl FnOnce(Retention) -> Result<S, Error>,
    repair: Option<Repair<'_, S>>,
    shown: impl FnOnce(&Outcome) -> bool,
) -> Result<bool, Error> {
    start_log()?;
    let outcome = run(args, store, repair)?;
    let mut text = report(variant, &outcome, width());
    if args.json {
        text.push(json(variant, &outcome));
    }
    print(&text)?;
    Ok(shown(&outcome))
}

/// Logs to standard error, if `RUST_LOG` is set.
fn start_log() -> Result<(), Error> {
    let Some(wanted) = env::var("RUST_LOG")
        .ok()
        .filter(|wanted| !wanted.is_empty())
    else {
        return Ok(());
    };
    let filter: Targets = wanted
        .parse()
        .map_err(|error| format!("RUST_LOG={wanted}: {error}; give a level, for example `info`"))?;
    let log = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_filter(filter);
    // If a log was started before, it has the same settings.
    let _ = tracing_subscriber::registry().with(log).try_init();
    Ok(())
}

fn run<S: DnsStore<Reader: 'static> + Clone + 'static>(
    args: &Args,
    store: impl FnOnce(Retention) -> Result<S, Error>,
    repair: Option<Repair<'_, S>>,
) -> Result<Outcome, Error> {
    let fleet = match &args.fleet {
        Some(file) => Fleet::load(file)?,
        None => Fleet::parse(SMALL_FLEET, "examples/fleets/small.toml".as_ref())?,
    };
    let store = store(fleet.retention())?;
    Ok(match args.free_running {
        None => outage(&fleet, store, args.seed, repair)?,
        Some(seconds) => free_running(&fleet, store, args.seed, until(seconds))?,
    })
}

/// Returns true until the time is over. Prints the progress once a second.
fn until(seconds: u64) -> impl FnMut(&Outcome) -> bool {
    let (begin, mut told) = (Instant::now(), 0);
    move |so_far| {
        let now = begin.elapsed().as_secs();
        if now > told {
            told = now;
            let (tally, broken) = (so_far.tally, so_far.verdict.len());
            // A closed standard error is no reason to stop.
            let _ = writeln!(
                io::stderr(),
                "{} passes, {} plans, {} stale, {broken} invariants broken",
                so_far.passes,
                tally.published,
                tally.stale
            );
        }
        begin.elapsed() < Duration::from_secs(seconds)
    }
}

/// The outcome for a reader, as lines.
fn report(variant: &str, outcome: &Outcome, width: usize) -> Vec<String> {
    let width = width.max(diagram::MIN_WIDTH);
    let (tally, mut lines) = (outcome.tally, Vec::new());
    if !outcome.steps.is_empty() {
        lines.push(diagram::draw(&outcome.steps, &outcome.verdict, width));
        let meanings = LEGEND.iter();
        lines.extend(
            meanings.flat_map(|(text, says)| wrap(&format!("{text:<13}"), says, 13, width)),
        );
        lines.push(String::new());
    }
    let summary = format!(
        "Store: {variant}. Passes: {}. Plans published: {}, swept: {}. Activations refused as stale: {}.",
        outcome.passes, tally.published, tally.swept, tally.stale
    );
    lines.extend(wrap("", &summary, 2, width));
    if outcome.verdict.is_empty() {
        lines.push("No invariant broke.".into());
    }
    lines.extend(outcome.verdict.iter().flat_map(|(invariant, breach)| {
        let (step, times) = (breach.broken_at, breach.times);
        let head = format!("✗ {invariant:<12}");
        let says = format!("at step {step}, {times}×, first: {}", breach.what);
        wrap(&head, &says, 15, width)
    }));
    let end = match (outcome.stuck, outcome.repaired) {
        (false, _) => "A new plan can be applied.",
        (true, false) => "Stuck: no Enactor can apply a new plan.",
        (true, true) => {
            "Stuck: no Enactor could apply a new plan until a person repaired the endpoints by hand."
        }
    };
    lines.extend(wrap("", end, 0, width));
    lines
}

/// Prints the lines. It is no failure if the reader closes the pipe early.
fn print(lines: &[String]) -> Result<(), Error> {
    match io::stdout().write_all((lines.join("\n") + "\n").as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!(
            "the report cannot be written: {error}; check where standard output goes"
        )
        .into()),
        _ => Ok(()),
    }
}

/// The outcome as JSON. All names are plain ASCII, which `Debug` quotes as JSON does.
fn json(variant: &str, outcome: &Outcome) -> String {
    let Outcome {
        tally,
        passes,
        stuck,
        ..
    } = outcome;
    let violations: Vec<_> = outcome.verdict.keys().map(|broken| broken.name()).collect();
    let violations = format!("{violations:?}").replace(", ", ",");
    format!(
        "{{\"passes\":{passes},\"published\":{},\"stuck\":{stuck},\"swept\":{},\"variant\":{variant:?},\"violations\":{violations}}}",
        tally.published, tally.swept
    )
}
