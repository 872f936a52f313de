//! The command `cascade`: the simulated services, published times and architectures, as
//! tables in the terminal.
//!
//! The DNS timeline comes from a run of the control plane on real threads, unless a file
//! gives another one.

mod picture;
mod tables;

use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;

use cascade::{Architecture, DnsTimeline, Parameters, Scenario, Service, Study, simulate, study};
use clap::builder::RangedU64ValueParser;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{Error, clock, run};

/// The arguments of the command.
#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 if every published time is met and no service is impaired with the \
    repaired store, 1 if not, 2 for a bad argument or file."
)]
pub(crate) struct Args {
    /// How many days to simulate for each architecture, each with its own seed
    #[arg(long, default_value_t = 30, value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    seeds: usize,
    /// A TOML file of parameters; the others keep their values from crates/cascade/parameters.toml
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// A DNS timeline, CSV with the header `at,answer` [default: from a run of the control plane]
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// End with one line of JSON
    #[arg(long)]
    json: bool,
}

/// The seed of the control plane's runs, and of the day with the fix.
const SEED: u64 = 1;

/// Simulates and prints. Returns whether every published time is met and no service is
/// impaired with the repaired store.
pub(crate) fn show(args: &Args) -> Result<bool, Error> {
    let parameters = match &args.parameters {
        Some(file) => Parameters::load(file)?,
        None => Parameters::default(),
    };
    let (dns, from) = match &args.timeline {
        Some(file) => (DnsTimeline::load(file)?, file.display().to_string()),
        None => (
            clock::timeline(&run::as_it_was(SEED)?)?,
            "a run on the store of October 2025".into(),
        ),
    };
    let scenario = Scenario {
        dns,
        parameters,
        architecture: Architecture::ONE_REGION,
    };
    let studies = study_all(&scenario, args.seeds);
    let one_region = &studies[0].1;
    let fixed = Scenario {
        dns: clock::timeline(&run::with_the_fix(SEED)?)?,
        ..scenario.clone()
    };
    let fallen = impaired(&fixed);
    let mut lines = vec![format!("The name's answers, from {from}:")];
    lines.push(tables::answers(&scenario.dns));
    lines.extend(picture::draw(one_region));
    lines.extend(tables::calibration(one_region));
    lines.extend(tables::architectures(&studies));
    lines.push(String::new());
    lines.push(tables::with_the_fix(&fallen));
    if args.json {
        lines.push(json(&scenario, &studies, &fallen).to_string());
    }
    print(&lines)?;
    Ok(one_region.calibration().holds() && fallen.is_empty())
}

/// The services that are impaired in a day of this scenario.
fn impaired(scenario: &Scenario) -> Vec<Service> {
    let day = simulate(scenario, SEED);
    let services = day.services.iter().filter(|it| !it.spells.is_empty());
    services.map(|it| it.service).collect()
}

/// Studies every architecture with this many seeds, with a progress bar.
fn study_all(scenario: &Scenario, seeds: usize) -> Vec<(Architecture, Study)> {
    let bar = ProgressBar::new((seeds * Architecture::ALL.len()) as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} days, {eta} left") {
        bar.set_style(style);
    }
    let studies = Architecture::ALL.map(|architecture| {
        let scenario = Scenario {
            architecture,
            ..scenario.clone()
        };
        (architecture, study(&scenario, seeds, &|_| bar.inc(1)))
    });
    bar.finish_and_clear();
    studies.into()
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

fn json(scenario: &Scenario, studies: &[(Architecture, Study)], fallen: &[Service]) -> Value {
    let changes = scenario.dns.changes().iter();
    let changes =
        changes.map(|it| json!({"at": it.at.to_string(), "answer": it.answer.to_string()}));
    let architectures = studies.iter().map(|(architecture, study)| {
        json!({
            "id": architecture.id,
            "launch_minutes": study.launch_minutes.median,
            "invocation_minutes": study.invocation_minutes.median,
            "sign_in_minutes": study.sign_in_minutes.median,
            "blast_radius": study.blast_radius.median,
        })
    });
    let calibration = studies[0].1.calibration();
    let fallen: Vec<_> = fallen.iter().map(|service| service.id()).collect();
    json!({
        "seeds": studies[0].1.seeds,
        "dns": changes.collect::<Vec<_>>(),
        "calibration": calibration.rows.iter().map(tables::row_json).collect::<Vec<_>>(),
        "holds": calibration.holds(),
        "architectures": architectures.collect::<Vec<_>>(),
        "impaired_with_the_fix": fallen,
    })
}
