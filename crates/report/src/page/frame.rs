//! The frame of the page: sections, figures with their tables, and the switches.

use charts::Svg;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use crate::lang::{Lang, Text, text};

/// The width of a picture on a wide screen, of one of two side by side, and on a
/// phone.
const WIDE: f64 = 920.0;
const HALF: f64 = 444.0;
const PHONE: f64 = 336.0;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The data behind a picture. The first cell of a row names it.
pub(crate) struct Table {
    pub(crate) caption: Text,
    pub(crate) head: Vec<Text>,
    pub(crate) rows: Vec<Vec<Text>>,
}

impl Render for Table {
    fn render(&self) -> Markup {
        html! {
            table {
                caption { (self.caption) }
                thead { tr { @for cell in &self.head { th scope="col" { (cell) } } } }
                tbody {
                    @for row in &self.rows {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                @if at == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Draws a picture in a language, at a width.
pub(crate) type Draw<'a> = Box<dyn Fn(Lang, f64) -> Svg + 'a>;

/// One picture, or several side by side, with caption, table and links to the code.
pub(crate) struct Figure<'a> {
    /// Unique on the page.
    pub(crate) id: &'static str,
    pub(crate) caption: Text,
    pub(crate) pictures: Vec<Draw<'a>>,
    pub(crate) table: Table,
    /// Whether the table is open at first, because it is worth reading by itself.
    pub(crate) open: bool,
    /// The code that made it: a file of the repository, and a name in that file.
    pub(crate) code: &'static [(&'static str, &'static str)],
}

impl Render for Figure<'_> {
    fn render(&self) -> Markup {
        let titled = self.pictures.len() > 1;
        let wide = if titled { HALF } else { WIDE };
        let table_name = format!("{}-table", self.id);
        html! {
            figure id=(self.id) aria-labelledby={ (self.id) "-caption" } {
                figcaption id={ (self.id) "-caption" } { (self.caption) }
                div.pictures data-count=(self.pictures.len()) {
                    @for draw in &self.pictures {
                        div.picture {
                            div.wide { (in_both_languages(draw, wide, titled)) }
                            div.phone { (in_both_languages(draw, PHONE, titled)) }
                        }
                    }
                }
                details open[self.open] class=[self.open.then_some("whole")] {
                    (folded(&table_name, &text("The data as a table", "表でデータを見る"), &self.table))
                }
                p.code {
                    (text("Made by ", "生成元："))
                    @for (at, (file, name)) in self.code.iter().enumerate() {
                        @if at > 0 { (text(", ", "、")) }
                        a href=(file) { code { (file) } } " " code { (name) }
                    }
                }
            }
        }
    }
}

/// The content of a `details` element: a name, and a table that scrolls by itself.
pub(crate) fn folded(id: &str, name: &Text, table: &Table) -> Markup {
    html! {
        summary id=(id) { (name) }
        div.scroll tabindex="0" role="region" aria-labelledby=(id) { (table) }
    }
}

/// The picture once, if it is the same in both languages.
fn in_both_languages(draw: &Draw<'_>, width: f64, titled: bool) -> Markup {
    let [en, ja] = Lang::ALL.map(|lang| {
        let svg = draw(lang, width);
        if titled {
            svg.inline_titled()
        } else {
            svg.inline()
        }
    });
    if en == ja {
        return PreEscaped(en);
    }
    html! {
        div.en lang="en" { (PreEscaped(en)) }
        div.ja lang="ja" { (PreEscaped(ja)) }
    }
}

/// A part of the page.
pub(crate) struct Section<'a> {
    /// Unique on the page.
    pub(crate) id: &'static str,
    pub(crate) title: Text,
    /// What it says, in paragraphs.
    pub(crate) lead: Vec<Text>,
    pub(crate) figures: Vec<Figure<'a>>,
    /// What follows the figures.
    pub(crate) after: Markup,
}

impl Render for Section<'_> {
    fn render(&self) -> Markup {
        html! {
            section id=(self.id) aria-labelledby={ (self.id) "-title" } {
                h2 id={ (self.id) "-title" } { (self.title) }
                @for paragraph in &self.lead { p { (paragraph) } }
                @for figure in &self.figures { (figure) }
                (self.after)
            }
        }
    }
}

/// A number at the top of the page.
pub(crate) struct Highlight {
    pub(crate) number: Text,
    pub(crate) what: Text,
}

/// The whole page.
pub(crate) struct Page<'a> {
    pub(crate) title: Text,
    pub(crate) lead: Vec<Text>,
    pub(crate) highlights: Vec<Highlight>,
    pub(crate) sections: Vec<Section<'a>>,
    /// How the page was made.
    pub(crate) colophon: Vec<Text>,
}

impl Render for Page<'_> {
    fn render(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" data-title-en=(self.title.en) data-title-ja=(self.title.ja) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    link rel="icon" href="data:,";
                    title { (self.title.en) }
                    style { (PreEscaped(charts::theme::of_a_page())) (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#main" { (text("Skip to the report", "本文へ移動")) }
                    header { (self.banner()) }
                    main id="main" tabindex="-1" {
                        @for section in &self.sections { (section) }
                    }
                    footer { @for line in &self.colophon { p { (line) } } }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    }
}

impl Page<'_> {
    fn banner(&self) -> Markup {
        html! {
            (switches())
            h1 { (self.title) }
            @for paragraph in &self.lead { p.lead { (paragraph) } }
            dl.highlights {
                @for it in &self.highlights {
                    div { dt { (it.what) } dd { (it.number) } }
                }
            }
            nav aria-labelledby="contents" {
                h2.hidden id="contents" { (text("Contents", "目次")) }
                ol {
                    @for section in &self.sections {
                        li { a href={ "#" (section.id) } { (section.title) } }
                    }
                }
            }
        }
    }
}

/// The switches of language and theme. They need scripts, so they are hidden without.
fn switches() -> Markup {
    let group = |id: &'static str, name: Text, buttons: [(&'static str, Text); 2]| {
        html! {
            div.switch role="group" aria-labelledby=(id) {
                span.hidden id=(id) { (name) }
                @for (value, label) in buttons {
                    button type="button" aria-pressed="false" data-switch=(id) data-value=(value) { (label) }
                }
            }
        }
    };
    html! {
        div.switches hidden {
            (group("lang", text("Language", "言語"), [("en", Text::same("English")), ("ja", Text::same("日本語"))]))
            (group("theme", text("Colours", "配色"), [("light", text("Light", "ライト")), ("dark", text("Dark", "ダーク"))]))
        }
    }
}
