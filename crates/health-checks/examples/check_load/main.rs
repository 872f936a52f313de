//! Measures what health checks cost, and how soon a dead target is found, by the number of
//! targets and the share of black holes.
//!
//! ```sh
//! cargo run --release -p health-checks --example check_load                  # a table
//! cargo run --release -p health-checks --example check_load -- --docs docs   # and in docs
//! ```
//!
//! All targets are loopback addresses. Each is checked by TCP once a second, with the default
//! time-out and thresholds. A tenth of the targets dies in each round. The CPU time is that of
//! the checking thread alone. On loopback it has the target's part of the handshake in it, so
//! over a network it is less. Linux only: it reads `/proc`.

mod docs;
mod listeners;

use std::error::Error;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use control_plane::{Fleet, TargetState, Watchlist};
use health_checks::{CheckedHealth, HealthChecks};
use lexopt::prelude::{Long, ValueExt};

use listeners::Listeners;

/// So many targets of a hundred die.
const VICTIMS: u32 = 10;
/// How long the checks run before the measurement.
const WARM_UP: Duration = Duration::from_secs(4);
/// Clock ticks in a second, as `/proc` counts CPU time.
const TICKS: f64 = 100.0;

const USAGE: &str =
    "usage: check_load [--targets N]... [--black-holes PERCENT]... [--seconds N] [--docs FOLDER]";

struct Options {
    targets: Vec<u32>,
    black_holes: Vec<u32>,
    seconds: u64,
    /// Where the table and the curves go.
    docs: Option<PathBuf>,
}

/// What one round has found.
struct Round {
    targets: u32,
    /// The share of black holes, in per cent.
    black_holes: u32,
    /// Checks per second.
    rate: f64,
    /// The CPU time of the checking thread, in per cent of a core.
    cpu: f64,
    /// How long after their death the victims were found, sorted.
    found: Vec<Duration>,
    /// The detection window that is promised.
    bound: Duration,
    lag: Duration,
    /// How many targets are not called what they are.
    wrong: usize,
}

/// What a target is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lives,
    Dies,
    BlackHole,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let mut rounds = Vec::new();
    print!("{}", docs::HEAD);
    for &targets in &options.targets {
        for &black_holes in &options.black_holes {
            let round = measure(targets, black_holes, Duration::from_secs(options.seconds))?;
            print!("{}", docs::row(&round));
            rounds.push(round);
        }
    }
    if let Some(folder) = &options.docs {
        docs::write(folder, &rounds)?;
    }
    Ok(())
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        targets: Vec::new(),
        black_holes: Vec::new(),
        seconds: 10,
        docs: None,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("targets") => options.targets.push(arguments.value()?.parse()?),
            Long("black-holes") => options.black_holes.push(arguments.value()?.parse()?),
            Long("seconds") => options.seconds = arguments.value()?.parse()?,
            Long("docs") => options.docs = Some(arguments.value()?.into()),
            _ => return Err(USAGE.into()),
        }
    }
    if options.targets.is_empty() {
        options.targets = vec![100, 1_000, 10_000];
    }
    if options.black_holes.is_empty() {
        options.black_holes = vec![0, 25, 50];
    }
    Ok(options)
}

fn measure(targets: u32, black_holes: u32, time: Duration) -> Result<Round, Box<dyn Error>> {
    let listeners = Listeners::start()?;
    let fates: Vec<_> = (0..targets).map(|n| fate(n, black_holes)).collect();
    let fleet = fleet(&fates, &listeners)?;
    let checks = HealthChecks::start(&Watchlist::of(&fleet), 1, ())?;
    let health = checks.source();
    thread::sleep(WARM_UP);
    let (cpu, count, begin) = (cpu_ticks()?, made(&health), Instant::now());
    thread::sleep(time);
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = (cpu_ticks()? - cpu) / TICKS / seconds * 100.0;
    let rate = f64::from(u32::try_from(made(&health) - count)?) / seconds;
    let died = Instant::now();
    drop(listeners.dies);
    thread::sleep(fleet.detection() + Duration::from_secs(1));
    let (found, wrong) = detected(&health, &fates, died);
    let lag = health.counts().lag;
    drop((listeners.black_hole, checks));
    Ok(Round {
        targets,
        black_holes,
        rate,
        cpu,
        found,
        bound: fleet.detection(),
        lag,
        wrong,
    })
}

/// The fates are spread evenly.
fn fate(number: u32, black_holes: u32) -> Fate {
    match number % 100 * 37 % 100 {
        n if n < VICTIMS => Fate::Dies,
        n if n < VICTIMS + black_holes => Fate::BlackHole,
        _ => Fate::Lives,
    }
}

fn address(number: usize) -> io::Result<IpAddr> {
    let number = u32::try_from(number).map_err(io::Error::other)?;
    Ok(Ipv4Addr::from_bits(0x7f40_0001 + number).into())
}

fn fleet(fates: &[Fate], listeners: &Listeners) -> Result<Fleet, Box<dyn Error>> {
    let targets = fates.iter().enumerate().map(|(number, fate)| {
        let port = match fate {
            Fate::Lives => listeners.lives,
            Fate::Dies => listeners.dies.1,
            Fate::BlackHole => listeners.black_hole.1,
        };
        Ok(format!(
            "[[endpoint]]\nname = \"e{number}.example\"\n\
             target = [{{ address = \"{}\", zone = \"z\", capacity = 1, health_check = {{ port = {port} }} }}]\n",
            address(number)?
        ))
    });
    let text = targets.collect::<io::Result<String>>()?;
    Ok(Fleet::parse(&text, Path::new("fleet.toml"))?)
}

fn made(health: &CheckedHealth) -> u64 {
    let counts = health.counts();
    counts.succeeded + counts.failed
}

/// How long after their death the victims were called unhealthy, sorted, and how many targets
/// are not called what they are: the machine is too slow for their listeners.
fn detected(health: &CheckedHealth, fates: &[Fate], died: Instant) -> (Vec<Duration>, usize) {
    let (mut found, mut wrong) = (Vec::new(), 0);
    for (status, fate) in health.status().iter().zip(fates) {
        match (status.state, fate) {
            (TargetState::Down { since, .. }, Fate::Dies) if since >= died => {
                found.push(since - died);
            }
            (TargetState::Up, Fate::Lives) | (TargetState::Down { .. }, Fate::BlackHole) => {}
            _ => wrong += 1,
        }
    }
    found.sort_unstable();
    (found, wrong)
}

/// The CPU time of the checking thread so far.
fn cpu_ticks() -> Result<f64, Box<dyn Error>> {
    for task in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(task?.path().join("stat"))?;
        if let Some((_, fields)) = stat.split_once("(health-checks) ") {
            // User and system time are fields 14 and 15; the first one here is field 3.
            let times = fields.split(' ').skip(11).take(2);
            let times: Vec<f64> = times.map(str::parse).collect::<Result<_, _>>()?;
            return Ok(times.iter().sum());
        }
    }
    Err("there is no thread `health-checks`".into())
}
