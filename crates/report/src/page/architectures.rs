//! The same day with other architectures.

use ::cascade::Band;
use charts::{Axis, Bar, Bars, Group};
use maud::html;

use crate::lang::{Lang, Text, text};
use crate::page::cascade::Cascade;
use crate::page::frame::{Figure, Section, Table};
use crate::words::architectures;

impl Cascade {
    pub(crate) fn architectures_section(&self) -> Section<'_> {
        Section {
            id: "architectures",
            title: text("What would have withstood it", "何なら持ちこたえたか"),
            lead: vec![text(
                "The same outage and the same services, in other arrangements. Each bar is the median of many seeds, and each line spans nine tenths of them.",
                "同じ障害、同じサービスで、配置だけを変えた結果です。棒は多数のシードの中央値、線はシードの 9 割が収まる範囲を表します。",
            )],
            figures: vec![
                Figure {
                    id: "architectures-minutes",
                    caption: text(
                        "Minutes of failure for customers: the share of requests that failed, added up over the day.",
                        "顧客から見た失敗の時間（分）：失敗した要求の割合を 1 日にわたって積算したもの。",
                    ),
                    pictures: vec![Box::new(move |lang, width| self.minutes(lang).draw(width))],
                    table: self.architectures_table(),
                    open: false,
                    code: &[
                        ("crates/cascade/src/architecture.rs", "Architecture"),
                        ("crates/cascade/src/outcome.rs", "Customers"),
                    ],
                },
                Figure {
                    id: "architectures-blast",
                    caption: text(
                        "Blast radius: the largest share of customers hit at the same time.",
                        "影響範囲：同時に影響を受けた顧客の割合の最大値。",
                    ),
                    pictures: vec![Box::new(move |lang, width| self.blast(lang).draw(width))],
                    table: self.blast_table(),
                    open: false,
                    code: &[
                        ("crates/cascade/src/outcome.rs", "Customers"),
                        ("crates/cascade/src/study.rs", "Study"),
                    ],
                },
            ],
            after: html! {
                dl.notes {
                    @for (architecture, _) in &self.studies {
                        dt { (architectures::name(architecture)) }
                        dd { (architectures::what(architecture)) }
                    }
                }
            },
        }
    }

    fn minutes(&self, lang: Lang) -> Bars {
        let series = [
            text("launches", "インスタンス起動"),
            text("invocations", "関数呼び出し"),
            text("sign-ins", "サインイン"),
        ];
        let title = text(
            "Minutes of failure by architecture",
            "アーキテクチャごとの失敗の時間",
        );
        let axis = Axis::linear(text("minutes of failure", "失敗の時間（分）").get(lang));
        let bars = Bars::new(
            title.get(lang),
            axis,
            series.each_ref().map(|name| name.get(lang)),
        );
        self.studies
            .iter()
            .fold(bars, |bars, (architecture, study)| {
                let of = [
                    study.launch_minutes,
                    study.invocation_minutes,
                    study.sign_in_minutes,
                ]
                .map(bar);
                bars.group(Group::new(architectures::name(architecture).get(lang), of))
            })
    }

    fn blast(&self, lang: Lang) -> Bars {
        let title = text(
            "Blast radius by architecture",
            "アーキテクチャごとの影響範囲",
        );
        let axis =
            Axis::linear(text("% of customers", "顧客の割合（%）").get(lang)).from_to(0.0, 100.0);
        let bars = Bars::new(title.get(lang), axis, [title.get(lang)]);
        self.studies
            .iter()
            .fold(bars, |bars, (architecture, study)| {
                let band = study.blast_radius;
                let percent = Bar::within(100.0 * band.median, 100.0 * band.low, 100.0 * band.high);
                bars.group(Group::new(
                    architectures::name(architecture).get(lang),
                    [percent],
                ))
            })
    }

    fn architectures_table(&self) -> Table {
        let rows = self.studies.iter().map(|(architecture, study)| {
            let of = [
                study.launch_minutes,
                study.invocation_minutes,
                study.sign_in_minutes,
            ];
            let name = architectures::name(architecture);
            [name]
                .into_iter()
                .chain(of.map(|band| spread(band, 1.0, "")))
                .collect()
        });
        Table {
            caption: text(
                "Minutes of failure: median (nine tenths of the seeds)",
                "失敗の時間（分）：中央値（シードの 9 割が収まる範囲）",
            ),
            head: vec![
                text("Architecture", "アーキテクチャ"),
                text("Launches", "インスタンス起動"),
                text("Invocations", "関数呼び出し"),
                text("Sign-ins", "サインイン"),
            ],
            rows: rows.collect(),
        }
    }

    fn blast_table(&self) -> Table {
        let rows = self.studies.iter().map(|(architecture, study)| {
            vec![
                architectures::name(architecture),
                spread(study.blast_radius, 100.0, " %"),
            ]
        });
        Table {
            caption: text(
                "Blast radius: median (nine tenths of the seeds)",
                "影響範囲：中央値（シードの 9 割が収まる範囲）",
            ),
            head: vec![
                text("Architecture", "アーキテクチャ"),
                text("Share of customers", "顧客の割合"),
            ],
            rows: rows.collect(),
        }
    }
}

fn bar(band: Band) -> Bar {
    Bar::within(band.median, band.low, band.high)
}

/// `830 (800–860)`.
fn spread(band: Band, scale: f64, unit: &str) -> Text {
    let [median, low, high] = [band.median, band.low, band.high].map(|value| value * scale);
    Text::same(format!("{median:.0}{unit} ({low:.0}–{high:.0}{unit})"))
}
