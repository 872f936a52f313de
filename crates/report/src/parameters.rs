//! The parameters of the simulation: what each is, and where it comes from.

use ::cascade::{Parameter, Parameters, Source, SourceKind};
use maud::{Markup, html};

use crate::page::{Table, Text, folded, text};

/// All parameters, to be unfolded.
pub fn table(parameters: &Parameters) -> Markup {
    let table = Table {
        caption: text(
            "Parameters of the simulation",
            "シミュレーションのパラメータ",
        ),
        head: vec![
            text("Parameter", "パラメータ"),
            text("What it is", "内容"),
            text("Value", "値"),
            text("Published or assumed", "公表か仮定か"),
            text(
                "What was published, or why this",
                "公表された内容、または仮定の理由",
            ),
        ],
        rows: parameters.list_all().iter().map(row).collect(),
    };
    let name = text(
        "All parameters, with their sources",
        "すべてのパラメータとその出典",
    );
    html! {
        details { (folded("parameters", &name, &table)) }
        p.code { (text("From ", "出典：")) a href="crates/cascade/parameters.toml" { code { "crates/cascade/parameters.toml" } } }
    }
}

fn row(parameter: &Parameter) -> Vec<Text> {
    let Source { kind, why, why_ja } = &parameter.source;
    vec![
        Text::same(&parameter.name),
        text(parameter.about, parameter.about_ja),
        value(parameter),
        match kind {
            SourceKind::Published => text("published", "公表"),
            SourceKind::Assumed => text("assumed", "仮定"),
        },
        text(why, why_ja.as_ref().unwrap_or(why)),
    ]
}

/// A value with its unit.
fn value(parameter: &Parameter) -> Text {
    match (parameter.value.as_str(), parameter.unit) {
        ("never", _) => text("never", "なし"),
        (value, "UTC") => Text::same(format!("{value} UTC")),
        (value, "h UTC") => Text::new(format!("{value} h UTC"), format!("{value} 時（UTC）")),
        (value, "1/h") => Text::new(format!("{value} per h"), format!("毎時 {value}")),
        // A ratio is a number as it is.
        (value, "ratio") => Text::same(value),
        (value, it) => {
            let Text { en, ja } = unit(it);
            Text::new(format!("{value} {en}"), format!("{value} {ja}"))
        }
    }
}

/// A unit: `launches/min` is `件/分`.
pub fn unit(unit: &str) -> Text {
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
