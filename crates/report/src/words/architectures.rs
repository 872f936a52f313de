//! The architectures.

use cascade::Architecture;

use crate::lang::{Text, text};

/// An architecture's name.
pub(crate) fn name(architecture: &Architecture) -> Text {
    let [ja, _] = japanese(architecture.id);
    text(architecture.caption, ja.unwrap_or(architecture.caption))
}

/// An architecture's description, in a sentence.
pub(crate) fn what(architecture: &Architecture) -> Text {
    let [_, ja] = japanese(architecture.id);
    text(architecture.what, ja.unwrap_or(architecture.what))
}

/// The name and the description.
fn japanese(id: &str) -> [Option<&'static str>; 2] {
    let texts = match id {
        "one_region" => [
            "単一リージョン・単一データベース",
            "全顧客が一つのリージョンにあり、全サービスが一つのデータベースを共有",
        ],
        "announced" => [
            "単一リージョン・事後発表の対策あり",
            "同上に、NLB が容量を外す速さの上限と、キューの長さに応じた起動の制限を追加",
        ],
        "regions" => [
            "複数リージョン・ルーティングあり",
            "顧客を複数のリージョンに分散し、障害のあるリージョンの顧客はヘルスチェックにより別のリージョンへ誘導",
        ],
        "cells" => [
            "セル分割",
            "一つのリージョンを、それぞれ専用のデータベースと名前を持つセルに分割",
        ],
        "static" => [
            "静的安定性",
            "データベースが止まってもリースは有効なまま残り、各サービスは手元の情報で動き続ける",
        ],
        "static_cells" => ["セル分割と静的安定性", "両方の組み合わせ"],
        _ => return [None; 2],
    };
    texts.map(Some)
}
