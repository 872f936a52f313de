//! The invariants.

use incident::Invariant;

use crate::lang::{Text, text};

/// An invariant's name; in Japanese with what it means, on a line of its own.
pub(crate) fn column(invariant: Invariant) -> Text {
    let name = invariant.name();
    Text::new(name, format!("{name}\n{}", gloss(invariant)))
}

/// What an invariant's name means, in Japanese.
pub(crate) fn gloss(invariant: Invariant) -> &'static str {
    match invariant {
        Invariant::Monotonic => "後退なし",
        Invariant::ActiveKept => "有効を保護",
        Invariant::RollbackKept => "切り戻し先を保護",
        Invariant::PinnedKept => "保持中を保護",
        Invariant::NeverEmpty => "空応答なし",
        Invariant::WholeAnswer => "混在なし",
        Invariant::Progress => "前進できる",
        Invariant::LatestWins => "最新に収束",
        Invariant::Reclaimed => "不要を回収",
    }
}

/// An invariant in a sentence.
pub(crate) fn says(invariant: Invariant) -> Text {
    match invariant {
        Invariant::Monotonic => text(
            "An endpoint’s active generation never goes down.",
            "エンドポイントの有効な世代は決して下がらない。",
        ),
        Invariant::ActiveKept => text(
            "A plan that is active at any endpoint is never deleted.",
            "どこかで有効なプランは決して削除されない。",
        ),
        Invariant::RollbackKept => text(
            "Nor is a rollback target.",
            "切り戻し先のプランも削除されない。",
        ),
        Invariant::PinnedKept => text(
            "Nor is a plan that somebody has pinned.",
            "誰かが保持（pin）しているプランも削除されない。",
        ),
        Invariant::NeverEmpty => text(
            "An endpoint that has resolved never resolves to nothing.",
            "一度解決できたエンドポイントが空の応答になることはない。",
        ),
        Invariant::WholeAnswer => text(
            "An answer’s records come from exactly one plan.",
            "一つの応答のレコードは、必ず一つのプランだけから来る。",
        ),
        Invariant::Progress => text(
            "One publish and one undisturbed pass by any Enactor make that plan active everywhere.",
            "新しいプランを一つ公開し、どれかの Enactor が一巡すれば、そのプランは全体で有効になる。",
        ),
        Invariant::LatestWins => text(
            "When all is quiet, every endpoint is on the newest plan that any Enactor picked up.",
            "静穏時には、すべてのエンドポイントが、取得された中で最新のプランにある。",
        ),
        Invariant::Reclaimed => text(
            "When all is quiet, one sweep leaves only what is needed: the fix is not “never delete”.",
            "静穏時に一度掃除すれば、必要なプランだけが残る。「削除しない」ことは修正ではない。",
        ),
    }
}
