//! The cascade: when each service was impaired, simulated and published.

use ::cascade::{Band, Parameters, Switch, Time};
use charts::{Axis, Strip, Strips};
use maud::{Markup, html};

use crate::lang::{Lang, Text, text};
use crate::page::cascade::{Cascade, END};
use crate::page::frame::{Figure, Section, Table};
use crate::words::{parameters, services, switches};

impl Cascade {
    pub(crate) fn timeline_section(&self) -> Section<'_> {
        let seeds = self.study().map_or(0, |study| study.seeds);
        let (of_seeds, of_seeds_ja) = match seeds {
            1 => ("one seed".to_owned(), "シード 1 個".to_owned()),
            _ => (
                format!("the median of {seeds} seeds; around it, the middle nine tenths"),
                format!("{seeds} 個のシードの中央値、まわりの帯は中央の 9 割"),
            ),
        };
        Section {
            id: "cascade",
            title: text("The cascade", "障害の連鎖"),
            lead: vec![
                text(
                    "The DNS was wrong for two and a half hours, but the outage lasted until the evening. Each service here is a small mechanism, not a drawn curve: leases expire, queues collapse, health checks flap. The input is the DNS answers of the run above, put on the day’s clock.",
                    "DNS の異常は 2 時間半でしたが、障害は夜まで続きました。ここでの各サービスは、手で描いた曲線ではなく、小さな仕組みとして模擬しています。リースは失効し、キューは輻輳で崩壊し、ヘルスチェックは成功と失敗を繰り返します。入力は、上の実行で得られた DNS の応答を当日の時刻に合わせたものです。",
                ),
                Text::new(
                    format!(
                        "Areas show how impaired a service was: {of_seeds}. The thick line below an area shows when the simulated service counts as impaired. The bracket shows the published times."
                    ),
                    format!(
                        "面は各サービスの影響の度合い（{of_seeds_ja}）です。下の太線はシミュレーションで影響ありとみなされる時間、括弧線は公表された影響時間です。"
                    ),
                ),
            ],
            figures: vec![Figure {
                id: "cascade-timeline",
                caption: text(
                    "How impaired each service was over the day. Shaded: the name is answered without records. Numbered lines: what people did; the list below has their sources.",
                    "各サービスの影響の推移。網掛け：名前の応答が空の時間。番号つきの線：人が行った操作（下に一覧と出典）。",
                ),
                pictures: vec![Box::new(move |lang, width| self.strips(lang).draw(width))],
                table: self.timeline_table(),
                open: false,
                code: &[
                    ("crates/cascade/src/simulation.rs", "simulate"),
                    ("crates/cascade/src/study.rs", "study"),
                    ("crates/cascade/src/published.rs", "PUBLISHED"),
                ],
            }],
            after: self.switches(),
        }
    }

    fn strips(&self, lang: Lang) -> Strips {
        let title = text("Impairment by service", "サービスごとの影響");
        let description = text(
            "One row per service: simulated impairment as an area, published impairment as a bracket.",
            "サービスごとに一行。シミュレーションの影響を面で、公表された影響時間を括弧線で示します。",
        );
        let axis = Axis::clock(text("UTC, 20 October 2025", "UTC・2025 年 10 月 20 日").get(lang));
        let legend = [
            text(
                "simulated: how impaired, and when",
                "シミュレーション：影響の度合いと時間",
            ),
            text("published", "公表された影響時間"),
        ];
        let mut strips = Strips::new(title.get(lang), axis.from_to(Time::BEGIN.minutes(), END))
            .description(description.get(lang))
            .legend(legend[0].get(lang), legend[1].get(lang));
        let label = text("the name is empty", "名前が空");
        for (from, to) in self.empty_spans() {
            strips = strips.shade(from.minutes(), to.minutes(), label.get(lang));
        }
        for (number, (at, _)) in (1..).zip(self.parameters.switches()) {
            strips = strips.mark(at.minutes(), number.to_string());
        }
        let bands = self.study().map_or(&[][..], |study| &study.impairments);
        bands.iter().fold(strips, |strips, series| {
            let points = series
                .points
                .iter()
                .map(|(time, band)| (time.minutes(), band));
            let points: Vec<_> = points.filter(|(minute, _)| *minute <= END).collect();
            let median = points.iter().map(|(minute, band)| (*minute, band.median));
            let band = points
                .iter()
                .map(|(minute, band)| (*minute, band.low, band.high));
            let strip = Strip::new(services::name(series.service).get(lang), median).band(band);
            let rows = self.study().map_or(&[][..], |study| &study.rows);
            let rows = rows
                .iter()
                .filter(|row| row.published.service == series.service);
            strips.row(rows.fold(strip, |strip, row| {
                let onset = row.published.onset.map_or(f64::NEG_INFINITY, Time::minutes);
                let strip = strip.bracket(onset, row.published.recovery.minutes());
                match (row.onset, row.recovery) {
                    (Some(onset), Some(recovery)) => strip.span(onset.median, recovery.median),
                    _ => strip,
                }
            }))
        })
    }

    /// What people did, numbered as in the picture, each with the source of its time.
    fn switches(&self) -> Markup {
        let built_in = Parameters::default();
        let all = self.parameters.list_all();
        let source = |switch: Switch| all.iter().find(|it| it.name == switch.parameter());
        html! {
            p { (text(
                "What people did, by number. Some of these times are assumed, because they were not published:",
                "人が行った操作（番号順）。公表されていない時刻は仮定です。",
            )) }
            ol.notes {
                @for (at, switch) in self.parameters.switches() {
                    li {
                        (at) " " (switches::name(switch))
                        @if let Some(parameter) = source(switch) {
                            " " small { (parameters::sourced(parameter, &built_in)) }
                        }
                    }
                }
            }
        }
    }

    /// Medians, each half hour.
    fn timeline_table(&self) -> Table {
        let bands = self.study().map_or(&[][..], |study| &study.impairments);
        let times = bands.first().map_or(&[][..], |series| &series.points);
        let rows = times.iter().enumerate().step_by(6).map(|(at, (time, _))| {
            let share = |band: Band| Text::same(format!("{:.0}\u{a0}%", 100.0 * band.median));
            let cells = bands.iter().map(|series| {
                series
                    .points
                    .get(at)
                    .map_or(Text::same("–"), |(_, band)| share(*band))
            });
            [Text::same(time.to_string())]
                .into_iter()
                .chain(cells)
                .collect()
        });
        let head = bands.iter().map(|series| services::name(series.service));
        Table {
            caption: text(
                "How impaired, each half hour (median)",
                "30 分ごとの影響の割合（中央値）",
            ),
            head: [text("UTC", "UTC")].into_iter().chain(head).collect(),
            rows: rows.collect(),
        }
    }
}
