//! The parameters of the simulation, with their descriptions and sources.

use ::cascade::{Parameter, Parameters};
use maud::{Markup, html};

use crate::lang::{Text, text};
use crate::page::frame::{Table, folded};
use crate::words::{parameters as words, units};

/// All parameters, in a table that a reader can unfold.
pub(crate) fn table(parameters: &Parameters) -> Markup {
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
                "What was published, or why this value",
                "公表された内容、または仮定の理由",
            ),
        ],
        rows: rows(parameters),
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

fn rows(parameters: &Parameters) -> Vec<Vec<Text>> {
    let built_in = Parameters::default();
    let row = |parameter: &Parameter| {
        vec![
            Text::same(&parameter.name),
            words::about(parameter),
            value(parameter),
            words::kind(parameter.source.kind),
            words::source(parameter, &built_in),
        ]
    };
    parameters.list_all().iter().map(row).collect()
}

/// A value with its unit.
fn value(parameter: &Parameter) -> Text {
    match (parameter.value.as_str(), parameter.unit) {
        ("never", _) => text("never", "なし"),
        (value, "UTC") => Text::same(format!("{value} UTC")),
        (value, "h UTC") => Text::new(format!("{value} h UTC"), format!("{value} 時（UTC）")),
        (value, "1/h") => Text::new(format!("{value} per h"), format!("毎時 {value}")),
        // A ratio has no unit.
        (value, "ratio") => Text::same(value),
        (value, it) => {
            let Text { en, ja } = units::name(it);
            Text::new(format!("{value} {en}"), format!("{value} {ja}"))
        }
    }
}
