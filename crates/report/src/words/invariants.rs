//! The invariants.

use incident::Invariant;

use crate::lang::{Text, text};

/// An invariant's name. In Japanese, its meaning follows on a second line.
pub(crate) fn column(invariant: Invariant) -> Text {
    let name = invariant.name();
    Text::new(name, format!("{name}\n{}", gloss(invariant)))
}

/// The meaning of an invariant's name, in Japanese.
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
            "A rollback target is never deleted.",
            "切り戻し先のプランは決して削除されない。",
        ),
        Invariant::PinnedKept => text(
            "A pinned plan is never deleted.",
            "保持（pin）されているプランは決して削除されない。",
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
            "新しいプランを一つ公開し、いずれかの Enactor が妨げられずに一巡すれば、そのプランは全体で有効になる。",
        ),
        Invariant::LatestWins => text(
            "At rest, every endpoint is on the newest plan that any Enactor picked up.",
            "全体が静止したとき、すべてのエンドポイントで、Enactor が取得した中で最新のプランが有効になっている。",
        ),
        Invariant::Reclaimed => text(
            "At rest, one sweep leaves only active, rollback and retained plans. So “never delete” is not a fix.",
            "全体が静止したとき、一度掃除すれば必要なプランだけが残る。「何も削除しない」ことは修正にならない。",
        ),
    }
}
