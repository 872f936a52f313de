//! Which assumed parameters the recoveries depend on.

use ::cascade::{Influence, PUBLISHED, Parameter, Sensitivity, Shift, SpanEnd, VARIED_BY};
use charts::{Axis, Bar, Bars, Group};
use maud::{Markup, html};

use crate::lang::{Lang, Text, text};
use crate::page::calibration::{signed, wave_name};
use crate::page::cascade::Cascade;
use crate::page::frame::{Figure, Section, Table, folded};
use crate::words::parameters as words;

/// How many parameters are in the picture.
const STRONGEST: usize = 10;

impl Cascade {
    /// `None` if the sensitivity was not simulated.
    pub(crate) fn sensitivity_section(&self) -> Option<Section<'_>> {
        let found = self.sensitivity.as_ref()?;
        let strongest = &found.influences[..STRONGEST.min(found.influences.len())];
        Some(Section {
            id: "sensitivity",
            title: text("Which assumptions matter most", "結果を左右する仮定"),
            lead: lead(found),
            figures: vec![Figure {
                id: "sensitivity-strongest",
                caption: text(
                    "The ten assumed parameters that move the recoveries most: mean shift of all published recoveries. Bars to the right: later.",
                    "復旧時刻を最も大きく動かす 10 個の仮定：公表された全復旧時刻の平均のずれ。右向き：遅くなる。",
                ),
                pictures: vec![Box::new(move |lang, width| {
                    tornado(strongest, lang).draw(width)
                })],
                table: strongest_table(strongest),
                open: true,
                code: &[
                    ("crates/cascade/src/sensitivity.rs", "sensitivity"),
                    ("crates/cascade/parameters.toml", "launches"),
                ],
            }],
            after: all(found),
        })
    }
}

fn lead(found: &Sensitivity) -> Vec<Text> {
    let (percent, seeds) = (100.0 * VARIED_BY, found.seeds);
    let count = found.influences.len();
    let few = found.influences.iter().filter(|it| it.strength() < 1.0);
    let few = few.count();
    let same_seeds = match seeds {
        1 => "the same seed".to_owned(),
        _ => format!("the same {seeds} seeds"),
    };
    vec![
        Text::new(
            format!(
                "Values that were not published are assumed. Each of the {count} assumed parameters is varied by {percent}\u{a0}%, down and up, one at a time, with {same_seeds}, and the recoveries are compared. {few} of the parameters move the recoveries by less than a minute on the mean, so their values hardly matter. The result depends on the others."
            ),
            format!(
                "公表されていない値は仮定です。そこで、仮定した {count} 個のパラメータを一つずつ ±{percent}\u{a0}% 変え、同じ {seeds} 個のシードで復旧時刻を比べました。そのうち {few} 個では、復旧時刻の平均のずれが 1 分未満であり、値の大小はほとんど影響しません。結果を左右するのは、残りの仮定です。"
            ),
        ),
        text(
            "A shift is not always gradual. If a queue can only just keep up, a little more load means that it never catches up. The service is then still impaired when the simulation ends, at 14:00 of the next day. Such a shift is marked “≥”: the real one is at least as large.",
            "ずれは連続的とは限りません。流入をかろうじて処理できているキューは、負荷がわずかに増えるだけで、いつまでも追いつかなくなります。その場合、シミュレーションが終わる翌日 14:00 になってもサービスは復旧しておらず、ずれには「≥」（下限値）を付けています。",
        ),
    ]
}

/// The change of the parameter that a bar stands for.
fn side(sign: &str) -> Text {
    let percent = 100.0 * VARIED_BY;
    Text::new(
        format!("{sign}{percent}\u{a0}%"),
        format!("{sign}{percent}\u{a0}%"),
    )
}

fn tornado(strongest: &[Influence], lang: Lang) -> Bars {
    let title = text(
        "Mean shift of the recoveries, by parameter",
        "パラメータごとの復旧時刻の平均のずれ",
    );
    let axis = text("minutes later", "遅れ（分）").get(lang).to_owned();
    let sides = [side("−"), side("+")];
    let bars = Bars::new(
        title.get(lang),
        Axis::linear(axis),
        sides.each_ref().map(|it| it.get(lang)),
    );
    strongest.iter().fold(bars, |bars, it| {
        let means = [it.mean_less(), it.mean_more()].map(Bar::exactly);
        bars.group(Group::new(about(&it.parameter).get(lang), means))
    })
}

/// The description of a parameter, and its name.
fn about(parameter: &Parameter) -> Text {
    let name = &parameter.name;
    let Text { en, ja } = words::about(parameter);
    let en = en.trim_end_matches('.');
    let [en_of, ja_of] = match parameter.unit {
        "UTC" => ["The time of: ", "操作の時刻："],
        _ => ["", ""],
    };
    Text::new(
        format!("{en_of}{en} ({name})"),
        format!("{ja_of}{ja}（{name}）"),
    )
}

fn strongest_table(strongest: &[Influence]) -> Table {
    let rows = strongest.iter().map(|it| {
        let moved = it.moved_most();
        let moved = moved.map_or(
            [Text::same("–"), Text::same("–"), Text::same("–")],
            |it| {
                let (span, less, more) = it;
                [wave_name(span.service, span.wave), shift(less), shift(more)]
            },
        );
        let means = [it.mean_less(), it.mean_more()].map(|mean| Text::same(signed(mean, 0)));
        [about(&it.parameter)]
            .into_iter()
            .chain(means)
            .chain(moved)
            .collect()
    });
    Table {
        caption: text(
            "Shifts of the recoveries in minutes: the mean of all published spans, and the span that moves most",
            "復旧時刻のずれ（分）：公表された全区間の平均と、最も大きく動く区間",
        ),
        head: vec![
            text("Parameter", "パラメータ"),
            Text::new(
                format!("Mean, {}", side("−").en),
                format!("平均（{}）", side("−").ja),
            ),
            Text::new(
                format!("Mean, {}", side("+").en),
                format!("平均（{}）", side("+").ja),
            ),
            text("Moves most", "最も動く区間"),
            side("−"),
            side("+"),
        ],
        rows: rows.collect(),
    }
}

/// `+12`, `≥ +300`, `−90 (does not fall)`.
fn shift(shift: Shift) -> Text {
    let minutes = signed(shift.minutes, 0);
    match shift.end {
        SpanEnd::Recovers => Text::same(minutes),
        SpanEnd::Lasts => Text::same(format!("≥ {minutes}")),
        SpanEnd::Spared => Text::new(
            format!("{minutes} (does not fall)"),
            format!("{minutes}（倒れない）"),
        ),
    }
}

/// Every parameter and every span, in a table that a reader can unfold.
fn all(found: &Sensitivity) -> Markup {
    let head = PUBLISHED.iter().map(|it| wave_name(it.service, it.wave));
    let rows = found.influences.iter().map(|it| {
        let shifts = it.less.iter().zip(&it.more);
        let shifts = shifts.map(|(less, more)| both(*less, *more));
        [about(&it.parameter)].into_iter().chain(shifts).collect()
    });
    let table = Table {
        caption: text(
            "Shifts of the recoveries in minutes, with less / with more of the parameter; – is less than a minute",
            "復旧時刻のずれ（分）：パラメータを減らした場合 / 増やした場合。– は 1 分未満",
        ),
        head: [text("Parameter", "パラメータ")]
            .into_iter()
            .chain(head)
            .collect(),
        rows: rows.collect(),
    };
    let name = text(
        "All assumed parameters, by service",
        "すべての仮定とサービスごとのずれ",
    );
    html! { details { (folded("sensitivity-all", &name, &table)) } }
}

/// `−12 / +30`; a dash if neither is a minute or more.
fn both(less: Shift, more: Shift) -> Text {
    let is_small = |it: Shift| it.minutes.abs() < 1.0 && it.end == SpanEnd::Recovers;
    if is_small(less) && is_small(more) {
        return Text::same("–");
    }
    let [less, more] = [less, more].map(shift);
    Text::new(
        format!("{} / {}", less.en, more.en),
        format!("{} / {}", less.ja, more.ja),
    )
}
