//! The texts of a diagram, in each language.

use drill::diagram;
use incident::{Actor, Breach, ClientAnswer, Event, Invariant, Verdict, Violation};
use plan_store::{Activation, Generation, Resolution};

use crate::lang::Lang;

/// An actor's name. Planner and Enactor are the same in both languages.
pub(crate) fn actor(actor: Actor, lang: Lang) -> String {
    match actor {
        Actor::Planner | Actor::Enactor(_) => actor.to_string(),
        Actor::Resolver => lang.pick("Resolver", "リゾルバー").into(),
        Actor::Operator => lang.pick("Operator", "運用担当者").into(),
    }
}

/// One letter or a number for an actor.
pub(super) fn initial(actor: Actor) -> String {
    match actor {
        Actor::Planner => "P".into(),
        Actor::Enactor(number) => number.to_string(),
        Actor::Resolver => "R".into(),
        Actor::Operator => "O".into(),
    }
}

/// The legend for the initials of a narrow picture.
pub(super) fn initials(actors: &[Actor], lang: Lang) -> String {
    let is_enactor = |actor: &Actor| matches!(actor, Actor::Enactor(_));
    let like = |one: &Actor, other: &Actor| one == other || is_enactor(one) && is_enactor(other);
    let alike = actors.chunk_by(like).map(|alike| {
        let initials: Vec<_> = alike.iter().map(|it| initial(*it)).collect();
        let name = match alike {
            [Actor::Enactor(_)] => "Enactor".into(),
            [Actor::Enactor(_), ..] => lang.pick("Enactors", "Enactor").into(),
            [other, ..] => actor(*other, lang),
            [] => String::new(),
        };
        format!("{} {name}", initials.join(", "))
    });
    alike.collect::<Vec<_>>().join(" · ")
}

/// The text in place of the steps from `first` to `last`, in which nothing fails.
pub(super) fn folded(first: usize, last: usize, lang: Lang) -> String {
    lang.pick(
        format!(
            "Steps {first} to {last} follow, and nothing fails in them. The table below lists them."
        ),
        format!("ステップ {first}〜{last} では何も失敗しません（下の表に一覧）。"),
    )
}

/// A step in a few words, without its endpoint.
pub(crate) fn describe(event: &Event, lang: Lang) -> String {
    lang.pick::<fn(&Event) -> String>(diagram::describe, japanese)(event)
}

fn japanese(event: &Event) -> String {
    match event {
        Event::Published { generation: g, .. } => format!("{g} を公開"),
        Event::PickedUp { generation: g } => format!("{g} を取得"),
        Event::Checked { newest: None } => "確認：有効なし".into(),
        Event::Checked { newest: Some(g) } => format!("確認：有効は {g}"),
        Event::Stepped {
            generation,
            withdraws,
            outcome,
            ..
        } => step(*generation, *withdraws, *outcome),
        Event::Swept { swept, .. } => {
            let spared: Vec<_> = swept.spared.iter().map(|(plan, _)| *plan).collect();
            sweep(&swept.deleted, &spared)
        }
        Event::Resolved {
            resolution, told, ..
        } => answer(resolution, *told == Some(ClientAnswer::Nothing)),
        Event::RollbackGone { rollback: g, .. } => format!("切り戻し先 {g} が削除済みと判明"),
        Event::Failed { .. } => "失敗".into(),
        Event::NoProgress { generation: g } => {
            format!("プラン {g} が全体で有効にならない：行き詰まり")
        }
        Event::LeftBehind { newest: g, .. } => format!("{g} でないエンドポイントを発見"),
        Event::NotReclaimed { generation: g } => format!("プラン {g} が残っているのを発見"),
        Event::Repaired { generation: g, .. } => format!("プラン {g} に手作業で復旧"),
    }
}

/// The outcome of a step. An arrow leads from the plan that was active to the plan that
/// is active now.
fn step(plan: Generation, withdraws: bool, outcome: Activation) -> String {
    let verb = if withdraws {
        "取り下げ"
    } else {
        "有効化"
    };
    match outcome {
        Activation::Activated { replaced } => match replaced.standing.generation() {
            Some(before) => format!("{verb} {before}→{plan}"),
            None => format!("{verb} {plan}"),
        },
        Activation::Already => format!("すでに {plan}"),
        Activation::Stale { newer } => format!("stale と拒否：{plan} < {newer}"),
        Activation::Unknown => format!("{verb} {plan}: ?"),
    }
}

fn sweep(deleted: &[Generation], spared: &[Generation]) -> String {
    match (deleted, spared) {
        ([_, ..], _) => format!("{} を削除", list(deleted)),
        ([], [_, ..]) => format!("掃除、{} は残す", list(spared)),
        ([], []) => "掃除：古いものなし".into(),
    }
}

fn answer(resolution: &Resolution, told_nothing: bool) -> String {
    match resolution {
        Resolution::Dangling { .. } => "NOERROR・レコードなし".into(),
        _ if told_nothing => "NOERROR・レコードなし".into(),
        Resolution::Answer { generation: g, .. } => format!("プラン {g} から応答"),
        Resolution::Unknown | Resolution::Vacant | Resolution::Withdrawn { .. } => {
            "該当する名前なし".into()
        }
    }
}

/// Why a step failed. A message without a translation is quoted.
pub(super) fn because(error: &str, gone: Option<Generation>, lang: Lang) -> String {
    let ja = gone.map_or_else(
        || format!("理由（ストアのメッセージ原文）：{error}"),
        |g| {
            format!(
                "理由：有効なプラン {g} は削除済みで、切り戻し先にできない。手作業での復旧が必要"
            )
        },
    );
    lang.pick(format!("because: {error}"), ja)
}

/// The line for a broken invariant, under the step that broke it.
pub(super) fn broken(invariant: Invariant, breach: &Breach, lang: Lang) -> String {
    let (what, seen) = (violation(&breach.what, lang), breach.seen_at);
    let seen = if seen == breach.broken_at {
        String::new()
    } else {
        lang.pick(
            format!(" (seen at step {seen})"),
            format!("（ステップ {seen} で判明）"),
        )
    };
    let colon = lang.pick(": ", "：");
    format!("✗ {invariant}{colon}{what}{seen}")
}

/// What happened when an invariant broke.
fn violation(violation: &Violation, lang: Lang) -> String {
    match violation {
        _ if lang == Lang::En => violation.to_string(),
        Violation::StaleOverwrite {
            endpoint,
            generation,
            newer,
        } => format!("{endpoint}：プラン {newer} をプラン {generation} で上書き"),
        Violation::ActiveDeleted {
            endpoint,
            generation,
        } => format!("{endpoint}：有効なプラン {generation} が削除された"),
        Violation::RollbackDeleted {
            endpoint,
            generation,
        } => {
            format!("{endpoint}：切り戻し先のプラン {generation} が削除された")
        }
        Violation::PinnedDeleted { generation } => {
            format!("保持されているプラン {generation} が削除された")
        }
        Violation::Emptied { endpoint } => {
            format!("{endpoint}：以前は解決できたが、今は空の応答")
        }
        Violation::OtherRecords {
            endpoint,
            generation,
        } => format!("{endpoint}：応答がプラン {generation} のものでない"),
        Violation::NotApplied { generation } => {
            format!("プラン {generation} は公開されたが、適用できなかった")
        }
        Violation::LeftBehind { endpoint, newest } => {
            format!("{endpoint}：プラン {newest} になっていない")
        }
        Violation::NotReclaimed { generation } => {
            format!("不要なプラン {generation} が残っている")
        }
    }
}

/// The result of the run, as the text alternative of the picture.
pub(super) fn summary(verdict: &Verdict, lang: Lang) -> String {
    if verdict.is_empty() {
        let none = lang.pick(
            "A sequence of steps. No invariant broke.",
            "ステップの列。破れた不変条件はありません。",
        );
        return none.into();
    }
    let broken = verdict.iter().map(|(invariant, breach)| {
        let at = breach.broken_at;
        lang.pick(
            format!("{invariant} at step {at}"),
            format!("{invariant}（ステップ {at}）"),
        )
    });
    let broken: Vec<_> = broken.collect();
    lang.pick(
        format!("A sequence of steps. Broken: {}.", broken.join("; ")),
        format!("ステップの列。破れた不変条件：{}。", broken.join("、")),
    )
}

/// The numbers. Of more than three, only the first and the last.
fn list(generations: &[Generation]) -> String {
    let numbers: Vec<_> = generations.iter().map(ToString::to_string).collect();
    match numbers.as_slice() {
        [first, .., last] if numbers.len() > 3 => format!("{first}..{last}"),
        all => all.join(","),
    }
}
