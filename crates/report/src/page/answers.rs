//! The answers that a client got in the two runs of the race.

use charts::{Cell, Grid, Tone};
use drill::Outcome;
use incident::{Actor, ClientAnswer, Event, Step};
use maud::html;
use plan_store::{EndpointName, Generation, Resolution};

use crate::lang::{Text, text};
use crate::page::frame::{Draw, Figure, Section, Table};
use crate::page::race::Race;

impl Race {
    /// The answers that a client got over UDP.
    pub(crate) fn answers_section(&self) -> Section<'_> {
        let draw = |title: Text, outcome: fn(&Self) -> &Outcome| -> Draw<'_> {
            Box::new(move |lang, width| {
                let rounds = rounds(&outcome(self).steps);
                grid(title.get(lang), &rounds).draw(width)
            })
        };
        Section {
            id: "answers",
            title: text(
                "The answers that resolvers got",
                "リゾルバーが受け取った応答",
            ),
            lead: vec![text(
                "In both runs, a client asks for every name over UDP, several times during the schedule. It gets the addresses of one plan, or the answer that made the outage: NOERROR without records. This is not NXDOMAIN, and resolvers cache it like any answer.",
                "どちらの実行でも、クライアントが途中で何度か、UDP ですべての名前を問い合わせます。返ってくるのは、あるプランのアドレスか、障害の原因となった「NOERROR・レコードなし」です。これは NXDOMAIN ではなく、通常の応答と同じようにキャッシュされます。",
            )],
            figures: vec![Figure {
                id: "answers-told",
                caption: text(
                    "Each cell is an answer that a client got. Green: from the newest plan so far. Ochre: from an older plan than before. Red: no records.",
                    "各セルはクライアントが受け取った応答です。緑：それまでで最新のプラン。黄土色：以前より古いプラン。赤：空の応答。",
                ),
                pictures: vec![
                    draw(
                        text(
                            "October’s store: answers by step",
                            "10 月のストア：ステップごとの応答",
                        ),
                        |race| &race.buggy,
                    ),
                    draw(
                        text(
                            "Repaired store: answers by step",
                            "修正後のストア：ステップごとの応答",
                        ),
                        |race| &race.fixed,
                    ),
                ],
                table: self.answers_table(),
                open: false,
                code: &[
                    ("crates/drill/src/client.rs", "Client"),
                    ("crates/report/src/page/answers.rs", "rounds"),
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

/// An answer for a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    /// From a plan, and whether the plan is older than that of an earlier answer.
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
struct Round {
    /// Its first step.
    step: usize,
    answers: Vec<(EndpointName, Answer)>,
}

/// The rounds in which the client asked for all names, with the answers.
fn rounds(steps: &[Step]) -> Vec<Round> {
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

/// Names as rows, rounds as columns.
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
