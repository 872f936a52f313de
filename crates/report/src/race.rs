//! The race, buggy beside fixed, and what resolvers were told: from two real runs of
//! the same schedule.

use charts::{Cell, Grid, Tone};
use drill::{Outcome, diagram};
use incident::{Actor, ClientAnswer, Event, Step};
use maud::html;
use plan_store::{EndpointName, Generation, Resolution};

use crate::outage;
use crate::page::{Draw, Figure, Section, Table, Text, text};

/// The same schedule on two stores.
pub struct Race {
    pub buggy: Outcome,
    pub fixed: Outcome,
}

impl Race {
    /// Runs both.
    pub fn run(seed: u64) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self {
            buggy: outage::as_it_was(seed)?,
            fixed: outage::with_the_fix(seed)?,
        })
    }

    /// The race as a sequence of steps.
    pub fn section(&self) -> Section<'_> {
        let draw = |title: Text, of: fn(&Self) -> &Outcome| -> Draw<'_> {
            Box::new(move |lang, width| {
                let outcome = of(self);
                let title = title.get(lang);
                diagram::svg(title, &outcome.steps, &outcome.verdict, width, lang)
            })
        };
        Section {
            id: "race",
            title: text("The race, buggy beside fixed", "競合の再現：修正前と修正後"),
            lead: vec![
                text(
                    "Both pictures are real runs on real threads: the same Planner, the same three Enactors, the same schedule. Only the store differs. Enactor 1 picks plan 2 up, checks it once, and is slow. The others go on to plan 5. Then Enactor 1 writes.",
                    "どちらも実スレッドでの実行結果です。Planner も 3 台の Enactor もスケジュールも同一で、違うのはストアだけです。Enactor 1 はプラン 2 を取得し、一度だけ確認したあと処理が遅れます。その間に他の Enactor はプラン 5 まで進みます。そこで Enactor 1 が書き込みます。",
                ),
                text(
                    "On October’s store the old plan wins: a stale overwrite. A sweep then deletes plan 2 as old, though it is active, and every name answers with nothing. From then on no Enactor can go on: each write must make the active plan the rollback target, and that plan is gone. On the repaired store the write is a compare-and-swap on the generation that is active. It is told “stale”, and nothing breaks.",
                    "10 月当時のストアでは古いプランが勝ちます（古い上書き）。続く掃除（古いプランの削除）がプラン 2 を「古い」と判断し、使用中にもかかわらず削除するため、すべての名前が空の応答になります。その後はどの Enactor も先へ進めません。書き込みのたびに有効なプランを切り戻し先にする必要があるのに、そのプランがもうないからです。修正後のストアでは、書き込みが「有効な世代」に対する compare-and-swap です。古い書き込みは「stale」と拒否され、何も壊れません。",
                ),
            ],
            figures: vec![Figure {
                id: "race-steps",
                caption: text(
                    "The store of October 2025, and beside or below it the repaired one. Time runs down; ×3 means at three endpoints; 3→5 means plan 3 was active and now 5 is.",
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
                    ("crates/drill/src/diagram/svg.rs", "svg"),
                ],
            }],
            after: html! {},
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

    /// What a client was told over UDP.
    pub fn answers_section(&self) -> Section<'_> {
        let draw = |title: Text, outcome: fn(&Self) -> &Outcome| -> Draw<'_> {
            Box::new(move |lang, width| {
                let rounds = rounds(&outcome(self).steps);
                grid(title.get(lang), &rounds).draw(width)
            })
        };
        Section {
            id: "answers",
            title: text("What resolvers were told", "リゾルバーが受け取った答え"),
            lead: vec![text(
                "In both runs a client asks for every name, over UDP, after each act. It is told addresses from one plan, or what made the outage: NOERROR and no records. That is not NXDOMAIN, and it is cached like any answer.",
                "どちらの実行でも、場面ごとにクライアントが UDP ですべての名前を問い合わせます。返るのは、あるプランのアドレスか、障害そのものであった「NOERROR・レコードなし」です。NXDOMAIN ではなく、通常の応答と同じくキャッシュされます。",
            )],
            figures: vec![Figure {
                id: "answers-told",
                caption: text(
                    "Each cell is an answer that a client got. Green: from the newest plan applied so far. Ochre: from an older plan than before. Red: nothing.",
                    "各セルはクライアントが受け取った答えです。緑：それまでに適用された最新のプラン。黄土色：以前より古いプラン。赤：空の応答。",
                ),
                pictures: vec![
                    draw(
                        text(
                            "October’s store: answers by step",
                            "10 月のストア：ステップごとの答え",
                        ),
                        |race| &race.buggy,
                    ),
                    draw(
                        text(
                            "Repaired store: answers by step",
                            "修正後のストア：ステップごとの答え",
                        ),
                        |race| &race.fixed,
                    ),
                ],
                table: self.answers_table(),
                open: false,
                code: &[
                    ("crates/incident/src/client.rs", "Client"),
                    ("examples/report/race.rs", "rounds"),
                ],
            }],
            after: html! {},
        }
    }

    fn answers_table(&self) -> Table {
        let runs = [
            (text("October", "10 月"), &self.buggy),
            (text("repaired", "修正後"), &self.fixed),
        ];
        let mut rows = Vec::new();
        for (store, outcome) in runs {
            for round in rounds(&outcome.steps) {
                for (endpoint, answer) in round.answers {
                    rows.push(vec![
                        Text::new(
                            format!("{} {}", store.en, round.step),
                            format!("{} {}", store.ja, round.step),
                        ),
                        Text::same(endpoint.as_str()),
                        answer.text(),
                    ]);
                }
            }
        }
        Table {
            caption: text("All answers", "すべての応答"),
            head: vec![
                text("Store, step", "ストアとステップ"),
                text("Endpoint", "エンドポイント"),
                text("Answer", "応答"),
            ],
            rows,
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

/// What a name was answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// From a plan; and whether it is older than an answer before.
    Plan(Generation, bool),
    Nothing,
}

impl Answer {
    fn text(self) -> Text {
        match self {
            Self::Plan(plan, false) => Text::new(format!("plan {plan}"), format!("プラン {plan}")),
            Self::Plan(plan, true) => Text::new(
                format!("plan {plan}, older than before"),
                format!("プラン {plan}（以前より古い）"),
            ),
            Self::Nothing => text("NOERROR, no records", "NOERROR・レコードなし"),
        }
    }

    fn cell(self) -> Cell {
        match self {
            Self::Plan(plan, false) => Cell::new(plan.to_string(), Tone::Good),
            Self::Plan(plan, true) => Cell::new(format!("{plan} ↓"), Tone::Open),
            Self::Nothing => Cell::new("∅", Tone::Bad),
        }
    }
}

/// All names, asked for one after the other.
pub struct Round {
    /// The first step of it.
    pub step: usize,
    pub answers: Vec<(EndpointName, Answer)>,
}

/// When all names were asked for, and what was answered.
pub fn rounds(steps: &[Step]) -> Vec<Round> {
    let (mut rounds, mut newest) = (Vec::<Round>::new(), None);
    let mut before = None;
    for step in steps.iter().filter(|step| step.actor == Actor::Resolver) {
        let Event::Resolved {
            endpoint,
            resolution,
            told,
        } = &step.event
        else {
            continue;
        };
        if before.is_none_or(|before| before + 1 != step.number) {
            rounds.push(Round {
                step: step.number,
                answers: Vec::new(),
            });
        }
        before = Some(step.number);
        let answer = match resolution {
            Resolution::Answer { generation, .. } if *told != Some(ClientAnswer::Nothing) => {
                let older = newest.is_some_and(|newest| *generation < newest);
                newest = newest.max(Some(*generation));
                Answer::Plan(*generation, older)
            }
            _ => Answer::Nothing,
        };
        if let Some(round) = rounds.last_mut() {
            round.answers.push((endpoint.clone(), answer));
        }
    }
    rounds
}

/// Names by rounds.
fn grid(title: &str, rounds: &[Round]) -> Grid {
    let columns = rounds.iter().map(|round| format!("#{}", round.step));
    let names = rounds.first().map_or(&[][..], |round| &round.answers);
    let grid = Grid::new(title, columns);
    names
        .iter()
        .enumerate()
        .fold(grid, |grid, (at, (name, _))| {
            let cells = rounds.iter().filter_map(|round| round.answers.get(at));
            grid.row(name.as_str(), cells.map(|(_, answer)| answer.cell()))
        })
}
