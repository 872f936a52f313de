//! What each protocol of the verdicts is, in both languages.

use crate::lang::{Text, text};

/// A protocol as `docs/verdicts.json` names it, its name in Japanese, and what it is.
const PROTOCOLS: [[&str; 4]; 14] = [
    [
        "incident",
        "事故当時",
        "As it was, without the lock: a plan is checked once, at the start of a pass, and the sweep spares nothing.",
        "当時のまま、ロックなし。プランの確認は一巡の最初に一度だけで、掃除は何も残さない。",
    ],
    [
        "incident, lock per endpoint",
        "事故当時＋エンドポイントごとのロック",
        "As it was, with the lock. The lock says who writes, and nothing about the plan.",
        "当時のまま、ロックあり。ロックが示すのは誰が書くかであり、プランについては何も示さない。",
    ],
    [
        "re-check before each endpoint",
        "エンドポイントごとに再確認",
        "One more look before each write. It may be out of date by the time of the write.",
        "書く直前にもう一度確認する。書くときには、その結果がすでに古いことがある。",
    ],
    [
        "incident, large retention",
        "事故当時＋多くの旧プランを保持",
        "Old plans are kept so long that the sweep never meets an active one.",
        "古いプランを長く残し、掃除が有効なプランに届かないようにする。",
    ],
    [
        "incident, no clean-up",
        "事故当時＋掃除なし",
        "Nothing is ever deleted.",
        "何も削除しない。",
    ],
    [
        "incident, one lock per pass",
        "事故当時＋一巡ごとのロック",
        "One lock around each whole pass, held for however long it takes.",
        "一巡の全体を一つのロックで囲み、終わるまで手放さない。",
    ],
    [
        "lease per pass, may run out",
        "一巡ごとのリース（期限切れあり）",
        "A lease around each pass. Its holder looks whether he still has it, and then writes.",
        "一巡をリースで囲む。保持者はリースがまだ有効かを確かめてから書く。",
    ],
    [
        "lease, token kept per Enactor",
        "リース＋Enactor ごとのトークン",
        "With a token that grows. Each Enactor compares it with those that it has met.",
        "増加するトークンつきのリース。各 Enactor は自分が見たトークンとだけ比べる。",
    ],
    [
        "lease, token kept at the endpoint",
        "リース＋エンドポイントのトークン",
        "The endpoint refuses a token lower than one that wrote there. It orders the leases, not the plans.",
        "エンドポイントが、過去に書いたものより小さいトークンを拒否する。決まるのはリースの順序で、プランの順序ではない。",
    ],
    [
        "spare the active",
        "有効なプランを残す",
        "The sweep spares what is active.",
        "掃除は有効なプランを残す。",
    ],
    [
        "spare active and rollback",
        "有効なプランと切り戻し先を残す",
        "The sweep spares what is active or a rollback target.",
        "掃除は有効なプランと切り戻し先を残す。",
    ],
    [
        "compare-and-swap only",
        "compare-and-swap のみ",
        "Freshness is decided in the write itself. The sweep spares nothing.",
        "新しさの判定を書き込みそのものの中で行う。掃除は何も残さない。",
    ],
    [
        "compare-and-swap, both spared",
        "compare-and-swap＋両方を残す",
        "The same, and the sweep spares what is active or a rollback target.",
        "同じく書き込みの中で判定し、掃除は有効なプランと切り戻し先を残す。",
    ],
    [
        "MemoryStore",
        "MemoryStore（修正後）",
        "The repaired store: the same, and the sweep also spares what is pinned.",
        "修正後のストア。さらに、掃除は保持（pin）されたプランも残す。",
    ],
];

fn about(protocol: &str) -> Option<&'static [&'static str; 4]> {
    PROTOCOLS.iter().find(|it| it[0] == protocol)
}

/// A protocol's name.
pub(crate) fn name(protocol: &str) -> Text {
    about(protocol).map_or(Text::same(protocol), |[en, ja, ..]| text(en, ja))
}

/// What it is, in a sentence.
pub(crate) fn what(protocol: &str) -> Text {
    about(protocol).map_or(Text::same(""), |[.., en, ja]| text(en, ja))
}
