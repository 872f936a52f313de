//! Which protocol keeps which invariant. The model checkers are too slow to run for each
//! page, so their verdicts are in `docs/verdicts.json`, which CI compares with new runs.

use std::collections::BTreeMap;

use charts::{Cell, Grid, Tone};
use incident::Invariant;
use maud::{Markup, html};

use crate::lang::{Lang, Text, text};
use crate::page::frame::{Figure, Section, Table};
use crate::words::{invariants, protocols};

/// The output of the command `report verdicts --cells FILE`.
const CELLS: &str = include_str!("../../../../docs/verdicts.json");

/// A protocol, and its mark by invariant.
type Row = (String, BTreeMap<String, String>);

pub(crate) struct Verdicts(Vec<Row>);

impl Verdicts {
    pub(crate) fn load() -> Result<Self, serde_json::Error> {
        serde_json::from_str(CELLS).map(Self)
    }

    /// How many protocols there are, and how many of them keep every invariant.
    pub(crate) fn count(&self) -> (usize, usize) {
        let keeps_all = |row: &&Row| row.1.values().all(|mark| mark == "✓");
        (self.0.len(), self.0.iter().filter(keeps_all).count())
    }

    /// How many invariants the incident's protocol breaks, over all runs.
    fn broken_by_the_incident(&self) -> usize {
        let incident = self.0.iter().find(|(protocol, _)| protocol == "incident");
        incident.map_or(0, |(_, marks)| {
            marks.values().filter(|mark| *mark == "✗").count()
        })
    }

    /// `in_one_run` is how many invariants the run above breaks.
    pub(crate) fn section(&self, in_one_run: usize) -> Section<'_> {
        let all = self.broken_by_the_incident();
        Section {
            id: "verdicts",
            title: text("Which repairs work", "どの修正なら本当に直るのか"),
            lead: vec![
                text(
                    "There are many ways to change the incident’s protocol, and most of them do not repair it. Two model checkers, each in two modes, run the code of every protocol: loom with two kinds of loads, and shuttle with two kinds of schedules. A cross means that every mode found a run that breaks the invariant. A tick means that no mode did, within the bounds in docs/verification.md.",
                    "事故当時のプロトコルにはさまざまな修正案が考えられますが、そのほとんどでは直りません。2 つのモデル検査器をそれぞれ 2 通り（loom は 2 種類のロード、shuttle は 2 種類のスケジュール）で使い、各プロトコルの実際のコードを実行して判定します。✗ は、すべての検査で不変条件を破る実行が見つかったことを示します。✓ は、docs/verification.md に記した範囲で、どの検査でも見つからなかったことを示します。",
                ),
                Text::new(
                    format!(
                        "The run above breaks {in_one_run} invariants, but the incident’s protocol breaks {all} in this table. The run above is one run; the table counts every invariant that breaks in any run."
                    ),
                    format!(
                        "上の実行で破れた不変条件は {in_one_run} 個ですが、ここでは事故当時のプロトコルは {all} 個を破ります。この表は、いずれかの実行で破れたものをすべて数えるからです。"
                    ),
                ),
                text(
                    "A lock that decides which Enactor writes changes nothing. Neither does another check before each write. The repair that works decides freshness in the write itself.",
                    "どの Enactor が書くかを決めるロックでは何も変わりません。書く直前にもう一度確認しても同じです。有効な修正は、プランが新しいかどうかの判定を、書き込みそのものの中で行うことです。",
                ),
            ],
            figures: vec![Figure {
                id: "verdicts-grid",
                caption: text(
                    "Protocol by invariant. ✗ loom and shuttle found it broken; ✓ neither did.",
                    "プロトコルと不変条件。✗：loom と shuttle が違反を発見。✓：どちらも違反を発見せず。",
                ),
                pictures: vec![Box::new(move |lang, width| self.grid(lang).draw(width))],
                table: self.table(),
                open: false,
                code: &[
                    ("crates/report/src/verdicts/mod.rs", "Row::decide_all"),
                    ("docs/verdicts.json", "incident"),
                    ("crates/models/src/outage.rs", "Protocol"),
                ],
            }],
            after: self.notes(),
        }
    }

    /// What the protocols and the invariants are.
    fn notes(&self) -> Markup {
        html! {
            h3 { (text("The invariants", "不変条件")) }
            dl.notes {
                @for invariant in Invariant::ALL {
                    dt { code { (invariant.name()) } span.ja lang="ja" { " " (invariants::gloss(invariant)) } }
                    dd { (invariants::says(invariant)) }
                }
            }
            h3 { (text("The protocols", "プロトコル")) }
            dl.notes {
                @for (protocol, _) in &self.0 {
                    dt { (protocols::name(protocol)) }
                    dd { (protocols::what(protocol)) }
                }
            }
        }
    }

    fn grid(&self, lang: Lang) -> Grid {
        let title = text(
            "Which protocol keeps which invariant",
            "どのプロトコルがどの不変条件を守るか",
        );
        let columns =
            Invariant::ALL.map(|invariant| invariants::column(invariant).get(lang).to_owned());
        let grid = Grid::new(title.get(lang), columns);
        self.0.iter().fold(grid, |grid, (protocol, marks)| {
            let cell = |invariant: Invariant| match marks.get(invariant.name()).map(String::as_str)
            {
                Some("✓") => Cell::new("✓", Tone::Good),
                Some("✗") => Cell::new("✗", Tone::Bad),
                _ => Cell::new("?", Tone::Open),
            };
            grid.row(
                protocols::name(protocol).get(lang),
                Invariant::ALL.map(cell),
            )
        })
    }

    fn table(&self) -> Table {
        let mark = |mark: Option<&String>| match mark.map(String::as_str) {
            Some("✓") => text("✓ keeps", "✓ 守る"),
            Some("✗") => text("✗ breaks", "✗ 破る"),
            _ => text("? undecided", "? 未定"),
        };
        let rows = self.0.iter().map(|(protocol, marks)| {
            let marks = Invariant::ALL.map(|invariant| mark(marks.get(invariant.name())));
            [vec![protocols::name(protocol)], marks.into()].concat()
        });
        let head = Invariant::ALL.map(invariants::column);
        Table {
            caption: text("Protocol by invariant", "プロトコルと不変条件"),
            head: [vec![text("Protocol", "プロトコル")], head.into()].concat(),
            rows: rows.collect(),
        }
    }
}
