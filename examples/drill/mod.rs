//! What `buggy_enactors` and `fixed_enactors` share: arguments and reports.

#![allow(unreachable_pub, reason = "a module of two examples")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use control_plane::Fleet;
use incident::drill::{Outcome, Repair, free_running, outage};
use incident::{Error, diagram};
use plan_store::{PlanStore, Retention};

#[derive(Parser)]
struct Args {
    /// The fleet file; a small made-up fleet if not given
    #[arg(long)]
    fleet: Option<PathBuf>,
    /// No schedule: threads run freely, with random stalls, for so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    free_running: Option<u64>,
    /// Repeats the same drift of capacities and the same stalls
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End with one line of JSON
    #[arg(long)]
    json: bool,
}

const SMALL_FLEET: &str = include_str!("../fleets/small.toml");

/// Runs the drill on the store that `store` makes, and reports. `shown` says
/// whether the outcome is what the example is meant to show.
pub fn main<S: PlanStore + Clone + 'static>(
    variant: &str,
    store: impl FnOnce(Retention) -> S,
    repair: Option<Repair<'_, S>>,
    shown: impl FnOnce(&Outcome) -> bool,
) -> ExitCode {
    let args = Args::parse();
    let fleet = match &args.fleet {
        Some(file) => Fleet::load(file),
        None => Fleet::parse(SMALL_FLEET, "examples/fleets/small.toml".as_ref()),
    };
    let outcome = match fleet {
        Ok(fleet) => run(&args, &fleet, store(fleet.retention()), repair),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(outcome) => {
            report(variant, &outcome);
            if args.json {
                println!("{}", json(variant, &outcome));
            }
            ExitCode::from(u8::from(!shown(&outcome)))
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run<S: PlanStore + Clone + 'static>(
    args: &Args,
    fleet: &Fleet,
    store: S,
    repair: Option<Repair<'_, S>>,
) -> Result<Outcome, Error> {
    match args.free_running {
        None => outage(fleet, store, args.seed, repair),
        Some(seconds) => {
            let time = Duration::from_secs(seconds);
            free_running(fleet, store, args.seed, time, |so_far| {
                let (tally, broken) = (so_far.tally, so_far.verdict.len());
                eprintln!(
                    "{} passes, {} plans, {} stale, {broken} invariants broken",
                    so_far.passes, tally.published, tally.stale
                );
            })
        }
    }
}

fn report(variant: &str, outcome: &Outcome) {
    if !outcome.steps.is_empty() {
        println!("{}", diagram::draw(&outcome.steps, &outcome.verdict));
    }
    println!(
        "Store: {variant}. {} passes, {} plans published, {} swept, {} steps told stale.",
        outcome.passes, outcome.tally.published, outcome.tally.swept, outcome.tally.stale
    );
    if outcome.verdict.is_empty() {
        println!("No invariant broke.");
    }
    for (invariant, breach) in &outcome.verdict {
        println!(
            "✗ {invariant:<12} at step {:>3}, {} times in all: {}",
            breach.broken_at, breach.times, breach.what
        );
    }
    match (outcome.stuck, outcome.repaired) {
        (false, _) => println!("A new plan can be applied."),
        (true, false) => println!("Stuck: no Enactor can apply a new plan."),
        (true, true) => println!(
            "Stuck: no Enactor could apply a new plan, until a person repaired the endpoints by hand."
        ),
    }
}

fn json(variant: &str, outcome: &Outcome) -> serde_json::Value {
    let violations: Vec<_> = outcome.verdict.keys().map(ToString::to_string).collect();
    serde_json::json!({
        "variant": variant,
        "violations": violations,
        "stuck": outcome.stuck,
        "passes": outcome.passes,
        "published": outcome.tally.published,
        "swept": outcome.tally.swept,
    })
}
