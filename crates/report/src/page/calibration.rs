//! Simulated times against published ones.

use ::cascade::{DecidedBy, Row, Service, Time};
use charts::{Axis, Bar, Bars, Group};

use crate::lang::{Lang, Text, text};
use crate::page::cascade::Cascade;
use crate::page::frame::{Figure, Section, Table};
use crate::page::map::clock;
use crate::page::parameters;
use crate::words::services;

impl Cascade {
    pub(crate) fn calibration_section(&self) -> Section<'_> {
        let rows = self
            .study()
            .map(|study| study.calibration().rows)
            .unwrap_or_default();
        let (met, all) = (rows.iter().filter(|row| row.holds()).count(), rows.len());
        Section {
            id: "calibration",
            title: text("Compared with the published times", "公表値との照合"),
            lead: vec![Text::new(
                format!(
                    "One set of parameters is used for all services. An onset is met within 5 minutes, a recovery within 10\u{a0}% of the time since 06:48. The median of the seeds meets {met} of {all} published spans. If a switch by people decides a time, a match says little; the table marks such times."
                ),
                format!(
                    "全サービスに同じ一組のパラメータを使います。発生は 5 分以内、復旧は 06:48 からの経過時間の 10\u{a0}% 以内の誤差なら合致とします。公表された {all} 区間のうち {met} 区間で、シードの中央値が合致しました。人の操作で決まる時刻は、合致してもあまり意味がないため、表に明記しています。"
                ),
            )],
            figures: vec![Figure {
                id: "calibration-errors",
                caption: text(
                    "Errors of the simulated onsets and recoveries. Lines span nine tenths of the seeds. Bars to the right: too late.",
                    "シミュレーションの発生と復旧の誤差。線はシードの 9 割が収まる範囲。右向き：実際より遅い。",
                ),
                pictures: vec![
                    Box::new(move |lang, width| self.errors(lang, false).draw(width)),
                    Box::new(move |lang, width| self.errors(lang, true).draw(width)),
                ],
                table: calibration_table(&rows),
                open: true,
                code: &[
                    ("crates/cascade/src/calibration.rs", "calibration"),
                    ("crates/cascade/parameters.toml", "demand"),
                ],
            }],
            after: parameters::table(&self.parameters),
        }
    }

    /// Errors of onsets in minutes, or of recoveries in percent.
    fn errors(&self, lang: Lang, of_recovery: bool) -> Bars {
        let (title, axis, bound) = if of_recovery {
            (
                text("Error of recoveries", "復旧の誤差"),
                text(
                    "% of the time since 06:48",
                    "06:48 からの経過時間に対する %",
                ),
                10.0,
            )
        } else {
            (
                text("Error of onsets", "発生の誤差"),
                text("minutes", "分"),
                5.0,
            )
        };
        let bars = Bars::new(
            title.get(lang),
            Axis::linear(axis.get(lang)).from_to(-bound, bound),
            [title.get(lang)],
        );
        let bars = bars.mark(-bound).mark(bound);
        let rows = self.study().map_or(&[][..], |study| &study.rows);
        rows.iter().fold(bars, |bars, row| {
            let published = row.published;
            let error = |minutes: f64| {
                if of_recovery {
                    let elapsed = published.recovery.minutes_since(Time::DELETED);
                    Some(100.0 * (minutes - published.recovery.minutes()) / elapsed)
                } else {
                    Some(minutes - published.onset?.minutes())
                }
            };
            let band = if of_recovery { row.recovery } else { row.onset };
            let bar = band.and_then(|band| {
                Some(Bar::within(
                    error(band.median)?,
                    error(band.low)?,
                    error(band.high)?,
                ))
            });
            if !of_recovery && published.onset.is_none() {
                return bars;
            }
            bars.group(Group::new(
                wave_name(published.service, published.wave).get(lang),
                bar,
            ))
        })
    }
}

/// A service, with the number of the wave if it had several.
pub(crate) fn wave_name(service: Service, wave: u8) -> Text {
    let name = services::name(service);
    match wave {
        0 => name,
        wave => Text::new(
            format!("{} ({wave})", name.en),
            format!("{}（{wave}）", name.ja),
        ),
    }
}

fn calibration_table(rows: &[Row]) -> Table {
    // To the minute, because a median can fall between two minutes.
    let minute = |time: Time| Time::from_seconds((time.seconds() + 30) / 60 * 60);
    let time = |time: Option<Time>| time.map_or(Text::same("–"), |time| clock(minute(time)));
    let met = |holds: bool| {
        if holds {
            text("✓ yes", "✓ 合致")
        } else {
            text("✗ no", "✗ 不一致")
        }
    };
    let rows = rows.iter().map(|row| {
        let published = row.published;
        let onset = row
            .onset_error()
            .map_or_else(|| "–".into(), |error| signed(error, 0));
        let recovery = row
            .recovery_error()
            .map_or_else(|| "–".into(), |error| signed(100.0 * error, 1));
        vec![
            wave_name(published.service, published.wave),
            time(published.onset),
            time(row.onset),
            Text::same(onset),
            time(Some(published.recovery)),
            time(row.recovery),
            Text::same(recovery),
            match row.decided_by {
                DecidedBy::Mechanism => text("mechanism", "仕組み"),
                DecidedBy::Switch => text("switch", "人の操作"),
            },
            met(row.holds()),
        ]
    });
    Table {
        caption: text(
            "Published and simulated times, UTC; simulated ones are medians",
            "公表された時刻とシミュレーションの時刻（UTC、シミュレーションは中央値）",
        ),
        head: vec![
            text("Service", "サービス"),
            text("Onset published", "発生：公表"),
            text("simulated", "シミュレーション"),
            text("error, min", "誤差（分）"),
            text("Recovery published", "復旧：公表"),
            text("simulated", "シミュレーション"),
            text("error, %", "誤差（%）"),
            text("decided by", "決め手"),
            text("met", "判定"),
        ],
        rows: rows.collect(),
    }
}

/// `+0.5`, `−3`, `0`.
pub(crate) fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{value:+.decimals$}");
    let is_zero = !text.contains(|c: char| ('1'..='9').contains(&c));
    let text = if is_zero {
        text.trim_start_matches(['+', '-'])
    } else {
        &text
    };
    text.replace('-', "−")
}
