//! Units.

use crate::lang::Text;

/// A unit. For example, `launches/min` is `件/分`.
pub(crate) fn name(unit: &str) -> Text {
    let words: Vec<_> = unit.split('/').map(word_ja).collect();
    Text::new(unit, words.join("/"))
}

fn word_ja(word: &str) -> &str {
    match word {
        "s" => "秒",
        "min" => "分",
        "h" => "時間",
        "hosts" | "droplets" | "load balancers" | "clusters" => "台",
        "checks" => "回",
        "launches" | "changes" | "invocations" | "contacts" | "requests" | "tasks" | "queries"
        | "writes" | "events" | "leases" => "件",
        "resolvers" | "partitions" | "targets" | "regions" | "cells" => "個",
        "ratio" => "比",
        word => word,
    }
}
