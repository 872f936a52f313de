//! The command `page`: one page with pictures of what happened, why, and which
//! architectures would have withstood it. The page needs no network and opens from disk.

mod answers;
mod architectures;
mod calibration;
mod cascade;
mod frame;
mod inside;
mod layers;
mod map;
mod parameters;
mod race;
mod sensitivity;
mod timeline;
mod verdicts;

use std::fs::{self, File};
use std::path::PathBuf;

use ::cascade::{DnsTimeline, Parameters};
use indicatif::{ProgressBar, ProgressStyle};
use maud::Render as _;

use self::cascade::{Cascade, Seeds};
use self::frame::{Highlight, Page, Section};
use self::race::Race;
use self::verdicts::Verdicts;
use crate::lang::{Text, text};
use crate::{Error, clock};

/// The arguments of the page.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to write the report
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// How many seeds to simulate each architecture with
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    seeds: u16,
    /// How many seeds to vary each assumed parameter with; 0 leaves that out
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(..=1000))]
    sensitivity_seeds: u16,
    /// The seed of the run of the control plane, and of the day that is shown
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The parameters of the simulation; those of the crate `cascade` if not given
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
}

/// Writes the page, and prints where it is.
pub(crate) fn write(args: &Args) -> Result<(), Error> {
    let parameters = match &args.parameters {
        Some(file) => Parameters::load(file)?,
        None => Parameters::default(),
    };
    let refused = |error| format!("{}: {error}; give another file", args.out.display());
    // Refuse a bad path now, not after minutes. An older report stays until the new one
    // is complete.
    let mut out = File::options();
    out.create(true)
        .append(true)
        .open(&args.out)
        .map_err(refused)?;
    let race = Race::run(args.seed)?;
    let dns = [clock::timeline(&race.buggy)?, clock::timeline(&race.fixed)?];
    let cascade = simulate(args, dns, parameters)?;
    let verdicts = Verdicts::load()?;
    let html = page(args, &race, &cascade, &verdicts)
        .render()
        .into_string();
    fs::write(&args.out, html).map_err(refused)?;
    println!("{}", args.out.display());
    Ok(())
}

/// Simulates all days, with a progress bar in a terminal.
fn simulate(args: &Args, dns: [DnsTimeline; 2], parameters: Parameters) -> Result<Cascade, Error> {
    let seeds = Seeds {
        day: args.seed,
        each: args.seeds.into(),
        sensitivity: args.sensitivity_seeds.into(),
    };
    let days = seeds.days(&dns[0], &parameters) as u64;
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} days, {eta} left")?;
    let bar = ProgressBar::new(days).with_style(style);
    let cascade = Cascade::run(dns, parameters, seeds, &|| bar.inc(1));
    bar.finish_and_clear();
    Ok(cascade)
}

fn page<'a>(args: &Args, race: &'a Race, cascade: &'a Cascade, verdicts: &'a Verdicts) -> Page<'a> {
    let arguments = format!(
        "--seed {} --seeds {} --sensitivity-seeds {}",
        args.seed, args.seeds, args.sensitivity_seeds
    );
    Page {
        title: text(
            "What failed, and what would have withstood it",
            "何が障害に陥り、何なら持ちこたえたか",
        ),
        lead: vec![text(
            "In October 2025, a race in DNS automation caused an outage of 14 hours in a cloud region. This page replays the race on running code, next to the same code with the race repaired. It follows the failures that the race caused, and it compares architectures that might have withstood them.",
            "2025 年 10 月、DNS 自動化の競合状態によって、クラウドの一つのリージョンが 14 時間にわたり障害に陥りました。このページでは、その競合を実際に動くコードで再現し、修正したコードと並べて示します。さらに、障害が連鎖して広がる様子を追い、どのアーキテクチャなら持ちこたえたかを検証します。",
        )],
        highlights: highlights(race, cascade, verdicts),
        sections: sections(race, cascade, verdicts),
        colophon: vec![Text::new(
            format!(
                "Made by cargo run --release -p report -- {arguments}. The facts of the incident are from the public post-event summary (message 101925) and the talk DAT453 at re:Invent 2025; numbers that were not published are assumed, and marked as assumed."
            ),
            format!(
                "このページは cargo run --release -p report -- {arguments} で生成されました。事故の事実関係は、公開された事後報告（メッセージ 101925）と re:Invent 2025 の講演 DAT453 によります。公表されていない数値は仮定であり、仮定と明記しています。"
            ),
        )],
    }
}

fn sections<'a>(race: &'a Race, cascade: &'a Cascade, verdicts: &'a Verdicts) -> Vec<Section<'a>> {
    let sections = [
        Some(map::section()),
        Some(race.section()),
        Some(race.answers_section()),
        Some(verdicts.section(race.buggy.verdict.len())),
        Some(cascade.timeline_section()),
        Some(cascade.inside_section()),
        Some(cascade.calibration_section()),
        cascade.sensitivity_section(),
        Some(cascade.architectures_section()),
    ];
    sections.into_iter().flatten().collect()
}

/// The most important numbers of the page.
fn highlights(race: &Race, cascade: &Cascade, verdicts: &Verdicts) -> Vec<Highlight> {
    let minutes = cascade.minutes_empty();
    let (hours, minutes) = ((minutes / 60.0).floor(), (minutes % 60.0).floor());
    let (protocols, sound) = verdicts.count();
    let fallen = cascade.fallen();
    let highlight = |number: Text, en: &str, ja: &str| Highlight {
        number,
        what: text(en, ja),
    };
    vec![
        highlight(
            Text::new(
                format!("{hours} h {minutes:02} min"),
                format!("{hours} 時間 {minutes:02} 分"),
            ),
            "the name was answered without records",
            "名前が空の応答を返した時間",
        ),
        highlight(
            Text::same(race.buggy.verdict.len().to_string()),
            "invariants broken on October’s store in the run below; after that, no pass could succeed",
            "下の実行で、10 月のストアで破れた不変条件の数（その後はどの Enactor も先へ進めなくなった）",
        ),
        highlight(
            Text::same(race.fixed.verdict.len().to_string()),
            "invariants broken on the repaired store, on the same schedule",
            "同じスケジュールで、修正後のストアで破れた不変条件の数",
        ),
        highlight(
            Text::same(format!("{sound} / {protocols}")),
            "protocols in which loom and shuttle found no broken invariant",
            "loom と shuttle が不変条件の違反を見つけなかったプロトコルの数",
        ),
        highlight(
            Text::same(format!("{fallen} → {}", cascade.fallen_with_the_fix)),
            "services impaired on that day: with October’s store → with the repaired store",
            "その日に影響を受けるサービスの数：10 月のストア → 修正後のストア",
        ),
    ]
}
