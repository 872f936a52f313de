//! The race on October's store and on the repaired store: two real runs of the same
//! schedule.

use drill::Outcome;
use incident::{Event, Step};
use maud::html;
use plan_store::EndpointName;

use crate::lang::{Text, text};
use crate::page::frame::{Draw, Figure, Section, Table};
use crate::{Error, diagram, run};

/// The same schedule on two stores.
pub(crate) struct Race {
    pub(crate) buggy: Outcome,
    pub(crate) fixed: Outcome,
}

impl Race {
    /// Runs both.
    pub(crate) fn run(seed: u64) -> Result<Self, Error> {
        Ok(Self {
            buggy: run::as_it_was(seed)?,
            fixed: run::with_the_fix(seed)?,
        })
    }

    /// The race as a sequence of steps.
    pub(crate) fn section(&self) -> Section<'_> {
        let draw = |title: Text, of: fn(&Self) -> &Outcome| -> Draw<'_> {
            Box::new(move |lang, width| {
                let outcome = of(self);
                let title = title.get(lang);
                diagram::svg(title, &outcome.steps, &outcome.verdict, width, lang)
            })
        };
        Section {
            id: "race",
            title: text(
                "The race, before and after the fix",
                "競合の再現：修正前と修正後",
            ),
            lead: vec![
                text(
                    "Both pictures are real runs on real threads: the same Planner, the same three Enactors, the same schedule. Only the store differs. In October, one endpoint broke first, the regional one. This replay has three endpoints, and all of them break. Enactor 1 picks up plan 2, checks it once, and is slow. The other Enactors continue to plan 5. Then Enactor 1 writes.",
                    "どちらも実スレッドでの実行結果です。Planner も 3 台の Enactor もスケジュールも同一で、違うのはストアだけです。10 月に最初に壊れたのはリージョンのエンドポイント一つでしたが、この再現には 3 つのエンドポイントがあり、すべてが壊れます。Enactor 1 はプラン 2 を取得し、一度だけ確認したあと処理が遅れます。その間に他の Enactor はプラン 5 まで進みます。そこで Enactor 1 が書き込みます。",
                ),
                text(
                    "On October’s store, the old plan replaces the newer one: a stale overwrite. A sweep then deletes plan 2 because it is old, although it is active, and every name is answered without records. After that, no Enactor can continue: each write must make the active plan the rollback target, and that plan is deleted. On the repaired store, the write is a compare-and-swap on the active generation. The store refuses it as “stale”, and no invariant breaks.",
                    "10 月当時のストアでは、古いプランが新しいプランを上書きします。続く掃除（古いプランの削除）がプラン 2 を「古い」と判断し、有効であるにもかかわらず削除するため、すべての名前が空の応答になります。その後はどの Enactor も先へ進めません。書き込みのたびに有効なプランを切り戻し先にする必要があるのに、そのプランがもうないからです。修正後のストアでは、書き込みは有効な世代に対する compare-and-swap です。古いプランの書き込みは「stale」として拒否され、不変条件は一つも破れません。",
                ),
            ],
            figures: vec![Figure {
                id: "race-steps",
                caption: text(
                    "The store of October 2025, and to its right or below it the repaired store. Time runs downwards. ×3 means at three endpoints. 3→5 means that plan 3 was active and plan 5 is active now.",
                    "2025 年 10 月のストアと、その右または下に修正後のストア。時間は上から下へ進みます。×3 は 3 つのエンドポイントで同じ操作、3→5 は有効なプランが 3 から 5 に変わったことを表します。",
                ),
                pictures: vec![
                    draw(
                        text("The store of October 2025", "2025 年 10 月のストア"),
                        |race| &race.buggy,
                    ),
                    draw(text("The repaired store", "修正後のストア"), |race| {
                        &race.fixed
                    }),
                ],
                table: self.broken_table(),
                open: false,
                code: &[
                    ("crates/drill/src/outage.rs", "outage"),
                    ("crates/report/src/diagram/svg.rs", "svg"),
                ],
            }],
            after: html! {
                p {
                    a href="docs/counterexample.html" {
                        (text("Step through the race", "競合を一歩ずつたどるページ（英語）"))
                    }
                    (text(
                        ": the shortest execution that loom finds, with the store at each step, and beside it the same schedule on each of the other protocols below.",
                        "：loom が見つけた最短の実行と、各ステップでのストアの状態。同じスケジュールを、下に挙げる他の各プロトコルで実行した結果も並べて見られます。",
                    ))
                }
            },
        }
    }

    /// Each step of both runs.
    fn broken_table(&self) -> Table {
        let runs = [
            (text("October", "10 月"), &self.buggy),
            (text("repaired", "修正後"), &self.fixed),
        ];
        let rows = runs.iter().flat_map(|(store, outcome)| {
            let row = |step: &Step| {
                let broke = outcome
                    .verdict
                    .iter()
                    .filter(|(_, it)| it.broken_at == step.number);
                let broke: Vec<_> = broke.map(|(invariant, _)| invariant.name()).collect();
                vec![
                    Text::new(
                        format!("{} {}", store.en, step.number),
                        format!("{} {}", store.ja, step.number),
                    ),
                    Text::said_by(|lang| diagram::actor(step.actor, lang)),
                    Text::said_by(|lang| diagram::describe(&step.event, lang)),
                    Text::same(endpoint(&step.event).map_or("", EndpointName::as_str)),
                    Text::same(broke.join(", ")),
                ]
            };
            outcome.steps.iter().map(row).collect::<Vec<_>>()
        });
        Table {
            caption: text("All steps of both runs", "両方の実行の全ステップ"),
            head: vec![
                text("Store, step", "ストアとステップ"),
                text("Actor", "主体"),
                text("What", "操作と結果"),
                text("Endpoint", "エンドポイント"),
                text("Breaks", "破れた不変条件"),
            ],
            rows: rows.collect(),
        }
    }
}

fn endpoint(event: &Event) -> Option<&EndpointName> {
    match event {
        Event::Stepped { endpoint, .. }
        | Event::Resolved { endpoint, .. }
        | Event::RollbackGone { endpoint, .. }
        | Event::LeftBehind { endpoint, .. }
        | Event::Repaired { endpoint, .. } => Some(endpoint),
        _ => None,
    }
}
