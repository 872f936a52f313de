//! What fell with the database in October 2025, and what would have stood: the
//! short version, in the terminal.
//!
//! The DNS timeline is that of a run of the control plane on real threads, unless
//! a file gives another.

mod arguments;
#[path = "../../outage.rs"]
mod outage;
mod picture;
mod tables;

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use arguments::Args;
use cascade::{Architecture, DnsTimeline, Parameters, Scenario, Service, Study, simulate, study};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

type Error = Box<dyn std::error::Error>;

/// The seed of the control plane's runs, and of the day with the fix.
const SEED: u64 = 1;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(shown) => ExitCode::from(u8::from(!shown)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Simulates, prints, and says whether every published time is met.
fn run(args: &Args) -> Result<bool, Error> {
    let parameters = match &args.parameters {
        Some(file) => Parameters::load(file)?,
        None => Parameters::default(),
    };
    let (dns, from) = match &args.timeline {
        Some(file) => (DnsTimeline::load(file)?, file.display().to_string()),
        None => (
            outage::timeline(&outage::as_it_was(SEED)?)?,
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
        dns: outage::timeline(&outage::with_the_fix(SEED)?)?,
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

/// Every architecture with these seeds, with a bar that shows how far it is.
fn study_all(scenario: &Scenario, seeds: usize) -> Vec<(Architecture, Study)> {
    let bar = ProgressBar::new((seeds * Architecture::ALL.len()) as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} days, {eta} to go") {
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

/// Prints the lines. That somebody reads only the first of them is no failure.
fn print(lines: &[String]) -> Result<(), Error> {
    match io::stdout().write_all((lines.join("\n") + "\n").as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("the report cannot be written: {error}; look at where it goes").into())
        }
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
