//! Which protocol keeps which invariant. The model checkers take minutes, so their
//! verdicts are kept in `docs/verdicts.json`, and CI holds that file true.

use std::collections::BTreeMap;

use charts::{Cell, Grid, Tone};
use incident::Invariant;
use maud::{Markup, html};

use crate::lang::{Lang, text};
use crate::page::frame::{Figure, Section, Table};
use crate::words::{invariants, protocols};

/// What the command `report verdicts --cells FILE` writes.
const CELLS: &str = include_str!("../../../../docs/verdicts.json");

/// A protocol, and its mark by invariant.
type Row = (String, BTreeMap<String, String>);

pub(crate) struct Verdicts(Vec<Row>);

impl Verdicts {
    pub(crate) fn load() -> Result<Self, serde_json::Error> {
        serde_json::from_str(CELLS).map(Self)
    }

    /// How many protocols there are, and how many of them break nothing.
    pub(crate) fn count(&self) -> (usize, usize) {
        let keeps_all = |row: &&Row| row.1.values().all(|mark| mark == "✓");
        (self.0.len(), self.0.iter().filter(keeps_all).count())
    }

    pub(crate) fn section(&self) -> Section<'_> {
        Section {
            id: "verdicts",
            title: text("Which repair repairs it", "どの修正が本当に直すのか"),
            lead: vec![
                text(
                    "The incident’s protocol is one point in a space, and each repair of it another. Four checkers run the very code of each: loom, with two kinds of loads, and shuttle, with two kinds of schedules. A cross stands where every checker found a run that breaks the invariant, a tick where none did, within the bounds that docs/verification.md states.",
                    "事故当時のプロトコルは多くの可能性の一つであり、修正案もそれぞれ別の一点です。4 つの検査器（2 種類のロードの loom と、2 種類のスケジュールの shuttle）が、実際に動くコードそのものを実行して判定します。×は全検査器が不変条件を破る実行を見つけたもの、✓は docs/verification.md に記した範囲でどの検査器も見つけなかったものです。",
                ),
                text(
                    "A lock that says who writes changes nothing. Neither does one more look before each write. What repairs the outage is to decide freshness in the write itself.",
                    "「誰が書くか」を決めるロックでは何も変わりません。書く直前にもう一度確認しても同じです。障害を直すのは、新しさの判定を書き込みそのものの中で行うことです。",
                ),
            ],
            figures: vec![Figure {
                id: "verdicts-grid",
                caption: text(
                    "Protocol by invariant. ✗ every checker found it broken; ✓ none did.",
                    "プロトコルと不変条件。✗：全検査器が違反を発見。✓：どの検査器も違反を発見せず。",
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
