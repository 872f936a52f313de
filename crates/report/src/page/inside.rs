//! The inner state of the services over the day: backlogs, capacities, rates.

use ::cascade::{PUBLISHED, Series, Service, Time};
use charts::{Axis, Lines, Mark};
use maud::html;

use crate::lang::{Text, text};
use crate::page::cascade::{Cascade, END};
use crate::page::frame::{Draw, Figure, Section, Table};
use crate::words::{services, units};

/// The series that explain why the outage lasted so long. A reader can unfold the others.
const TELLING: [(Service, &str); 6] = [
    (Service::Droplets, "leased"),
    (Service::Droplets, "queue"),
    (Service::Launches, "wanted"),
    (Service::NetworkManager, "backlog"),
    (Service::LoadBalancers, "pending"),
    (Service::Lambda, "backlog"),
];

/// A series, and the service that it belongs to.
type Shown<'a> = (Service, &'a Series);

impl Cascade {
    /// Every series of the day, by service.
    pub(crate) fn inside_section(&self) -> Section<'_> {
        let told = self.day.services.iter();
        let told = told.flat_map(|it| it.series.iter().map(|series| (it.service, series)));
        let is_telling = |(service, series): &Shown<'_>| TELLING.contains(&(*service, series.key));
        let (telling, others): (Vec<_>, Vec<_>) = told.partition(is_telling);
        let seed = self.day.seed;
        Section {
            id: "inside",
            title: text("Inside the mechanisms", "仕組みの内側"),
            lead: vec![
                text(
                    "At 09:25, every lease had to be renewed at the same time. A renewal waited longer than its time-out and was queued again, so the queues grew without progress until people restarted the hosts one by one from 11:14. Launches then came back faster than Network Manager could give the instances a network, and health checks of load balancers failed on the new instances.",
                    "09:25 に全リースの更新が一斉に始まりました。更新は待ち時間がタイムアウトを超えて再びキューに積まれ、処理が進まないままキューだけが伸びました。11:14 から人がホストを一台ずつ再起動し、ようやく処理が進み始めました。続いて、起動の速さがネットワークマネージャーの処理能力を上回り、ロードバランサーのヘルスチェックが新しいインスタンスで失敗しました。",
                ),
                Text::new(
                    format!("The pictures show one simulated day, seed {seed}."),
                    format!("図はシミュレーションした 1 日（シード {seed}）です。"),
                ),
            ],
            figures: vec![figure(
                "inside-telling",
                text(
                    "Why the outage lasted so long: the backlogs.",
                    "障害が長引いた原因：未処理の蓄積。",
                ),
                &telling,
            )],
            after: html! {
                details {
                    summary { (text("All other series", "その他の系列")) }
                    (figure(
                        "inside-others",
                        text("Capacities, rates and other backlogs.", "容量・速度・その他の未処理。"),
                        &others,
                    ))
                }
            },
        }
    }
}

fn figure<'a>(id: &'static str, caption: Text, told: &[Shown<'a>]) -> Figure<'a> {
    let pictures = told
        .iter()
        .map(|(service, series)| picture(*service, series));
    Figure {
        id,
        caption,
        pictures: pictures.collect(),
        table: table(told),
        open: false,
        code: &[
            ("crates/cascade/src/simulation.rs", "simulate"),
            ("crates/cascade/src/outcome.rs", "Series"),
        ],
    }
}

/// The values each half hour.
fn table(told: &[Shown<'_>]) -> Table {
    let length = told.first().map_or(0, |(_, series)| series.values.len());
    let rows = (0..length).step_by(60).map(|at| {
        let value = |series: &Series| {
            series
                .values
                .get(at)
                .map_or_else(|| "–".into(), |value| format!("{value:.1}"))
        };
        let cells = told.iter().map(|(_, series)| Text::same(value(series)));
        [Text::same(Series::time(at).to_string())]
            .into_iter()
            .chain(cells)
            .collect()
    });
    let head = told.iter().map(|(service, series)| {
        let Text { en, ja } = units::name(series.unit);
        let (en, ja) = match en.as_str() {
            "" => (en, ja),
            _ => (format!(" ({en})"), format!("（{ja}）")),
        };
        let (name, what) = (services::name(*service), services::series(*service, series));
        Text::new(
            format!("{}: {}{en}", name.en, what.en),
            format!("{}：{}{ja}", name.ja, what.ja),
        )
    });
    Table {
        caption: text("Each half hour", "30 分ごとの値"),
        head: [text("UTC", "UTC")].into_iter().chain(head).collect(),
        rows: rows.collect(),
    }
}

/// A series of a service over the day.
fn picture(service: Service, series: &Series) -> Draw<'_> {
    let recovery = PUBLISHED.iter().filter(|it| it.service == service);
    let recovery = recovery
        .map(|it| it.recovery.minutes())
        .filter(|minute| *minute < END);
    let recoveries: Vec<_> = recovery.collect();
    Box::new(move |lang, width| {
        let what = services::series(service, series);
        let colon = lang.pick(": ", "：");
        let title = format!(
            "{}{colon}{}",
            services::name(service).get(lang),
            what.get(lang)
        );
        let x = Axis::clock("").from_to(Time::BEGIN.minutes(), END);
        let lines = Lines::new(
            title,
            x,
            Axis::linear(units::name(series.unit).get(lang)).from_to(0.0, 0.0),
        );
        let lines = lines.series(charts::Series::new(series.key, thinned(series)));
        let mark = text("published recovery", "公表された復旧");
        recoveries
            .iter()
            .fold(lines, |lines, minute| {
                lines.mark(Mark::new(*minute, mark.get(lang)))
            })
            .draw(width)
    })
}

/// A value each five minutes, up to midnight.
fn thinned(series: &Series) -> impl Iterator<Item = (f64, f64)> {
    let values = series.values.iter().enumerate().step_by(10);
    let points = values.map(|(at, value)| (Series::time(at).minutes(), f64::from(*value)));
    points.filter(|(minute, _)| *minute <= END)
}
