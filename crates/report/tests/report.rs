//! The report without a browser: its content, and that the same arguments repeat it.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::{Report, run};
use scraper::{ElementRef, Html, Selector};

/// A report without the sensitivity, which takes the most time.
fn quick(name: &str, args: &[&str]) -> Report {
    let few_seeds = ["--seeds", "1", "--sensitivity-seeds", "0"];
    Report::write(name, &[&few_seeds, args].concat())
}

fn all<'a>(of: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    of.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(of: ElementRef<'_>) -> String {
    of.text().collect()
}

fn html(report: &Report) -> String {
    fs::read_to_string(report.path()).unwrap()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn the_page_is_well_formed_and_its_ids_are_unique() {
    let page = Html::parse_document(&html(Report::whole()));
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    let page = page.root_element();
    let ids: Vec<_> = all(page, "[id]")
        .iter()
        .map(|it| it.attr("id").unwrap())
        .collect();
    let distinct: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len(), "{ids:?}");
    let named = ["aria-labelledby", "href"].map(|attribute| {
        let named = all(page, &format!("[{attribute}]"));
        named
            .iter()
            .map(|it| it.attr(attribute).unwrap())
            .collect::<Vec<_>>()
    });
    for name in &named[0] {
        assert!(distinct.contains(name), "no element is called {name}");
    }
    for target in named[1].iter().filter_map(|href| href.strip_prefix('#')) {
        assert!(distinct.contains(target), "no element is called {target}");
    }
}

#[test]
fn each_section_has_pictures_with_a_table_and_a_link_to_the_code() {
    let page = Html::parse_document(&html(Report::whole()));
    let sections = all(page.root_element(), "main > section");
    let ids: Vec<_> = sections.iter().map(|it| it.attr("id").unwrap()).collect();
    let expected = [
        "map",
        "race",
        "answers",
        "verdicts",
        "cascade",
        "inside",
        "calibration",
        "sensitivity",
        "architectures",
    ];
    assert_eq!(ids, expected);
    for section in sections {
        let id = section.attr("id").unwrap();
        assert_eq!(all(section, "h2").len(), 1, "{id}");
        let figures = all(section, "figure");
        assert!(!figures.is_empty(), "{id}");
        for figure in figures {
            assert_is_complete(figure);
        }
    }
}

/// Asserts that a figure has a caption in both languages, named pictures for wide screens
/// and for phones, a table with data, and links to code that exists.
fn assert_is_complete(figure: ElementRef<'_>) {
    let id = figure.attr("id").unwrap();
    for lang in ["en", "ja"] {
        let caption = all(figure, &format!("figcaption [lang={lang}]"));
        assert!(
            caption.iter().any(|it| !text(*it).is_empty()),
            "{id}: {lang}"
        );
    }
    for layout in [".wide", ".phone"] {
        let pictures = all(figure, &format!(".picture > {layout}"));
        assert!(!pictures.is_empty(), "{id}");
        for picture in pictures {
            let drawn = all(picture, "svg[role=img] > title");
            assert!(
                !drawn.is_empty() && !text(drawn[0]).is_empty(),
                "{id}: {layout}"
            );
            assert!(
                all(picture, "svg *").len() > 10,
                "{id}: {layout} is all but empty"
            );
        }
    }
    assert_eq!(all(figure, "details table caption").len(), 1, "{id}");
    assert!(!all(figure, "tbody tr").is_empty(), "{id}: no data");
    let heads = all(figure, "thead th[scope=col]").len();
    for row in all(figure, "tbody tr") {
        assert_eq!(all(row, "th[scope=row]").len(), 1, "{id}");
        assert_eq!(all(row, "td").len() + 1, heads, "{id}: {}", text(row));
    }
    let links = all(figure, "p.code a[href]");
    let names = all(figure, "p.code > code");
    assert!(!links.is_empty() && links.len() == names.len(), "{id}");
    for (link, name) in links.iter().zip(names) {
        let file = link.attr("href").unwrap();
        let code = fs::read_to_string(root().join(file)).unwrap();
        let symbol = text(name);
        let last = symbol.split("::").last().unwrap();
        assert!(code.contains(last), "{file} has no {symbol}");
    }
}

#[test]
fn the_page_needs_nothing_from_outside() {
    let html = html(Report::whole());
    let page = Html::parse_document(&html);
    let page = page.root_element();
    assert!(all(page, "[src]").is_empty());
    for link in all(page, "[href]") {
        let href = link.attr("href").unwrap();
        let inside = href.starts_with('#') || href == "data:,";
        assert!(inside || root().join(href).is_file(), "{href}");
    }
    for word in ["http:", "https:", "url(", "@import"] {
        let styles = all(page, "style, script");
        assert!(styles.iter().all(|it| !text(*it).contains(word)), "{word}");
    }
}

#[test]
fn all_text_is_in_both_languages() {
    let page = Html::parse_document(&html(Report::whole()));
    let page = page.root_element();
    let english = all(page, "span.en[lang=en]");
    let japanese = all(page, "span.ja[lang=ja]");
    // An identifier is glossed in Japanese only.
    let glosses = all(page, "code + span.ja").len();
    assert!(english.len() > 50 && english.len() + glosses == japanese.len());
    for span in english {
        assert!(!text(span).contains(is_japanese), "{}", text(span));
    }
    for heading in all(
        page,
        "h1, h2, figcaption, summary, caption, section > p:not(.code)",
    ) {
        let said = all(heading, "span.ja")
            .iter()
            .map(|it| text(*it))
            .collect::<String>();
        assert!(said.contains(is_japanese), "{}", text(heading));
    }
}

/// Japanese letters, without punctuation.
fn is_japanese(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}')
}

/// Whether a text has an English word in lower case, and no Japanese. Identifiers do not
/// count, because they are the same in both languages: names of endpoints and parameters,
/// which contain a dot, and `compare-and-swap`.
fn is_english_only(text: &str) -> bool {
    let is_identifier = |word: &str| {
        let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
        inner.contains('.') || inner == "compare-and-swap"
    };
    let mut words = text.split_whitespace().filter(|word| !is_identifier(word));
    let is_plain = |part: &str| part.len() > 1 && part.chars().all(|c| c.is_ascii_lowercase());
    let says = |word: &str| word.split(|c: char| !c.is_alphabetic()).any(is_plain);
    !text.contains(is_japanese) && words.any(says)
}

/// The text that a reader sees after the switch to Japanese.
fn in_japanese(of: ElementRef<'_>) -> String {
    let texts = of.descendants().filter_map(|node| {
        let mut around = node.ancestors().filter_map(ElementRef::wrap);
        let is_english = around.any(|it| it.value().classes().any(|class| class == "en"));
        node.value().as_text().filter(|_| !is_english)
    });
    texts.map(|text| &**text).collect()
}

/// The texts of pictures include steps, units and names of protocols.
#[test]
fn no_picture_in_japanese_has_a_text_in_english_only() {
    let page = Html::parse_document(&html(Report::whole()));
    let pictures = all(page.root_element(), ".picture svg");
    for picture in &pictures {
        for it in all(*picture, "title, desc, text") {
            assert!(!is_english_only(&in_japanese(it)), "{}", text(it));
        }
    }
    assert!(pictures.len() > 40, "{}", pictures.len());
    let steps = all(page.root_element(), "#race .ja svg text");
    let steps: Vec<_> = steps.into_iter().map(text).collect();
    for step in [
        "2 を取得",
        "確認：有効は 1",
        "有効化 5→2 ×3",
        "stale と拒否：2 < 5",
        "1,2 を削除",
    ] {
        assert!(steps.iter().any(|it| it == step), "{step}: {steps:?}");
    }
}

#[test]
fn no_table_in_japanese_has_a_cell_in_english_only() {
    let page = Html::parse_document(&html(Report::whole()));
    let cells = all(page.root_element(), "th, td, dt, dd, caption");
    assert!(cells.len() > 1000);
    for cell in cells {
        let said = in_japanese(cell);
        assert!(!is_english_only(&said), "{said}");
    }
    let protocols = all(page.root_element(), "#verdicts tbody th");
    assert_eq!(protocols.len(), 14);
}

#[test]
fn the_sensitivity_shows_the_ten_strongest_and_lists_all() {
    let page = Html::parse_document(&html(Report::whole()));
    let section = all(page.root_element(), "section#sensitivity")[0];
    let strongest = all(section, "figure tbody tr");
    assert_eq!(strongest.len(), 10);
    let mean = |row: &ElementRef<'_>, column: usize| -> f64 {
        let cell = text(all(*row, "td")[column]).replace('−', "-");
        cell.parse().unwrap()
    };
    let strengths = strongest
        .iter()
        .map(|row| mean(row, 0).abs().max(mean(row, 1).abs()));
    let strengths: Vec<_> = strengths.collect();
    assert!(strengths.is_sorted_by(|a, b| a >= b), "{strengths:?}");
    assert!(strengths[9] > 10.0, "{strengths:?}");
    let every = all(section, "details:not([open]) tbody tr");
    assert!(every.len() > 80, "{}", every.len());
    assert!(every.iter().all(|row| all(*row, "td").len() == 15));
    let left_out = Html::parse_document(&html(&quick("without", &[])));
    assert!(all(left_out.root_element(), "section#sensitivity").is_empty());
}

#[test]
fn the_same_arguments_give_the_same_bytes_and_another_seed_gives_others() {
    let [first, again] = ["first", "again"].map(|name| html(&quick(name, &["--seed", "7"])));
    assert!(first == again, "two reports of the same seed differ");
    let other = html(&quick("other", &["--seed", "8"]));
    assert!(first != other, "the seed changes nothing");
}

#[test]
fn a_bad_argument_or_file_is_refused_by_name() {
    let missing = ["--parameters", "no-such.toml"];
    // Refused before the simulation, which would take days with so many seeds.
    let nowhere = ["--out", "no-such-folder/report.html", "--seeds", "10000"];
    let cases: [(&[&str], &str); 5] = [
        (&["--seeds", "0"], "1..=10000"),
        (&["--colour"], "--colour"),
        (&["cascade", "--seeds", "0"], "1..=100000"),
        (&missing, "no-such.toml cannot be read"),
        (&nowhere, "no-such-folder/report.html: "),
    ];
    for (args, says) in cases {
        let output = run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{said}");
    }
}
