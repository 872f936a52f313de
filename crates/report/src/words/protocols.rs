//! The protocols of the verdicts, in both languages.

use crate::lang::{Text, text};

/// For each protocol: its name in `docs/verdicts.json`, its name in Japanese, and a
/// description in both languages.
const PROTOCOLS: [[&str; 4]; 14] = [
    [
        "incident",
        "事故当時",
        "The protocol of October 2025, without the lock. A plan is checked once, at the start of a pass, and the sweep spares no plan that is old.",
        "当時のまま、ロックなし。プランの確認は一巡の最初に一度だけで、掃除は古いプランをすべて削除する。",
    ],
    [
        "incident, lock per endpoint",
        "事故当時＋エンドポイントごとのロック",
        "The protocol of October 2025, with the lock. The lock decides which Enactor writes, and says nothing about the plan.",
        "当時のまま、ロックあり。ロックが決めるのはどの Enactor が書くかだけで、プランについては何も示さない。",
    ],
    [
        "re-check before each endpoint",
        "エンドポイントごとに再確認",
        "Another check before each write. Its result may be out of date when the write happens.",
        "書く直前にもう一度確認する。書くときには、その結果がすでに古くなっていることがある。",
    ],
    [
        "incident, large retention",
        "事故当時＋多くの旧プランを保持",
        "Old plans are kept so long that the sweep never reaches an active plan.",
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
        "One lock around each whole pass, held until the pass ends.",
        "一巡の全体を一つのロックで囲み、終わるまで手放さない。",
    ],
    [
        "lease per pass, may run out",
        "一巡ごとのリース（期限切れあり）",
        "A lease around each pass. The holder checks that its lease is valid, then writes.",
        "一巡をリースで囲む。保持者はリースがまだ有効かを確かめてから書く。",
    ],
    [
        "lease, token kept per Enactor",
        "リース＋Enactor ごとのトークン",
        "A lease with a token that grows. Each Enactor compares it only with the tokens that it has seen.",
        "増加するトークンつきのリース。各 Enactor は自分が見たトークンとだけ比べる。",
    ],
    [
        "lease, token kept at the endpoint",
        "リース＋エンドポイントのトークン",
        "The endpoint refuses a write with a lower token than an earlier write. The token orders the leases, not the plans.",
        "エンドポイントが、過去の書き込みより小さいトークンの書き込みを拒否する。決まるのはリースの順序であり、プランの順序ではない。",
    ],
    [
        "spare the active",
        "有効なプランを残す",
        "The sweep spares active plans.",
        "掃除は有効なプランを残す。",
    ],
    [
        "spare active and rollback",
        "有効なプランと切り戻し先を残す",
        "The sweep spares active plans and rollback targets.",
        "掃除は有効なプランと切り戻し先を残す。",
    ],
    [
        "compare-and-swap only",
        "compare-and-swap のみ",
        "The write itself decides freshness. The sweep spares no plan that is old.",
        "プランが新しいかどうかを、書き込みそのものの中で判定する。掃除は古いプランをすべて削除する。",
    ],
    [
        "compare-and-swap, both spared",
        "compare-and-swap＋両方を残す",
        "The write itself decides freshness, and the sweep spares active plans and rollback targets.",
        "同じく書き込みの中で判定し、掃除は有効なプランと切り戻し先を残す。",
    ],
    [
        "MemoryStore",
        "MemoryStore（修正後）",
        "The repaired store. The write itself decides freshness, and the sweep spares active plans, rollback targets and pinned plans.",
        "修正後のストア。書き込みの中で判定し、掃除は有効なプラン、切り戻し先、保持（pin）されたプランを残す。",
    ],
];

fn about(protocol: &str) -> Option<&'static [&'static str; 4]> {
    PROTOCOLS.iter().find(|it| it[0] == protocol)
}

/// A protocol's name.
pub(crate) fn name(protocol: &str) -> Text {
    about(protocol).map_or(Text::same(protocol), |[en, ja, ..]| text(en, ja))
}

/// A protocol's description.
pub(crate) fn what(protocol: &str) -> Text {
    about(protocol).map_or(Text::same(""), |[.., en, ja]| text(en, ja))
}
