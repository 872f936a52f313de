//! The content of the pictures, read from their SVG.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use charts::{
    Axis, Bar, Bars, Cell, Grid, Group, Lines, Mark, Series, Strip, Strips, Svg, Tone, text_width,
    wrap,
};
use proptest::prelude::*;
use roxmltree::{Document, Node};

/// The texts that a standalone picture shows, with where each begins and ends and
/// its base line.
fn texts(svg: &str) -> Vec<(String, f64, f64, f64)> {
    let document = Document::parse(svg).unwrap();
    let number = |node: Node<'_, '_>, name| node.attribute(name).unwrap().parse::<f64>().unwrap();
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    let place = |node: Node<'_, '_>| {
        let text = node.text().unwrap_or_default().to_owned();
        let (x, y, wide) = (
            number(node, "x"),
            number(node, "y"),
            charts::text_width(&text),
        );
        let class = node.attribute("class").unwrap_or_default();
        let part = match class.split(' ').next() {
            Some("end") => 1.0,
            Some("middle") => 0.5,
            _ => 0.0,
        };
        (text, x - part * wide, x + (1.0 - part) * wide, y)
    };
    texts.map(place).collect()
}

/// Asserts that no text covers another, by the widths of [`charts::text_width`].
fn assert_apart(svg: &str) {
    let texts = texts(svg);
    for (at, a) in texts.iter().enumerate() {
        for b in &texts[..at] {
            let apart = a.2 <= b.1 + 3.0 || b.2 <= a.1 + 3.0 || (a.3 - b.3).abs() >= 12.0;
            assert!(apart, "{a:?} covers {b:?}");
        }
    }
}

fn lines(
    names: &[String],
    points: &[(f64, f64)],
    marks: &[f64],
    axis: fn(&'static str) -> Axis,
) -> Lines {
    let chart = Lines::new("A <title> & more", axis("x"), axis("y")).description("What it says");
    let chart = names.iter().enumerate().fold(chart, |chart, (at, name)| {
        let shift = f64::from(u32::try_from(at).unwrap()) + 1.0;
        let points: Vec<_> = points.iter().map(|(x, y)| (*x, y * shift)).collect();
        let band: Vec<_> = points.iter().map(|(x, y)| (*x, y * 0.9, y * 1.1)).collect();
        chart.series(Series::new(name, points).band(band))
    });
    marks
        .iter()
        .fold(chart, |chart, x| chart.mark(Mark::new(*x, "a mark")))
}

fn others() -> [Box<dyn Fn(f64) -> Svg>; 3] {
    let bars = Bars::new("bars", Axis::linear("minutes"), ["a", "b"])
        .group(Group::new(
            "first",
            [Bar::within(10.0, 8.0, 14.0), Bar::exactly(0.0)],
        ))
        .group(Group::new(
            "second, named at length",
            [Bar::exactly(3.0), Bar::exactly(f64::NAN)],
        ));
    let grid = Grid::new("grid", ["Monotonic", "ActiveKept"])
        .row(
            "a protocol",
            [Cell::new("✓", Tone::Good), Cell::new("✗", Tone::Bad)],
        )
        .note("a note that is long enough to be broken on a phone, but not on a wide screen");
    let strips = Strips::new("strips", Axis::clock("UTC"))
        .shade(410.0, 560.0, "DNS empty")
        .legend("simulated", "published")
        .row(
            Strip::new("DynamoDB", [(400.0, 0.0), (410.0, 1.0), (700.0, f64::NAN)])
                .bracket(408.0, 565.0),
        )
        .row(Strip::new("Lambda", [(400.0, 0.0), (1300.0, 2.0)]));
    [
        Box::new(move |width| bars.draw(width)),
        Box::new(move |width| grid.draw(width)),
        Box::new(move |width| strips.draw(width)),
    ]
}

#[test]
fn a_picture_has_a_name_a_description_and_both_themes() {
    let chart = lines(&["a".into()], &[(1.0, 2.0), (3.0, 4.0)], &[], |title| {
        Axis::linear(title)
    });
    let (file, part) = (chart.draw(640.0).standalone(), chart.draw(640.0).inline());
    for svg in [&file, &part] {
        let document = Document::parse(svg).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("img"));
        let named: Vec<_> = root.children().filter(Node::is_element).take(2).collect();
        assert_eq!(named[0].tag_name().name(), "title");
        assert_eq!(named[0].text(), Some("A <title> & more"));
        assert_eq!(named[1].text(), Some("What it says"));
    }
    assert!(file.contains("prefers-color-scheme: dark"));
    assert!(
        !part.contains("<style"),
        "a style in a part would hold for the whole page"
    );
}

#[test]
fn all_kinds_are_xml_and_their_texts_keep_apart() {
    for draw in others() {
        for width in [320.0, 340.0, 560.0, 900.0] {
            let svg = draw(width).standalone();
            assert_apart(&svg);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}

#[test]
fn bars_end_where_their_values_are() {
    let chart = Bars::new("bars", Axis::linear("minutes"), ["a"])
        .group(Group::new("half", [Bar::exactly(50.0)]))
        .group(Group::new("full", [Bar::exactly(100.0)]));
    let svg = chart.draw(700.0).inline();
    let document = Document::parse(&svg).unwrap();
    let bars = document
        .descendants()
        .filter(|node| node.has_tag_name("rect"));
    let widths: Vec<f64> = bars
        .map(|bar| bar.attribute("width").unwrap().parse().unwrap())
        .collect();
    assert_eq!(widths.len(), 2);
    assert!((widths[1] - 2.0 * widths[0]).abs() < 0.3, "{widths:?}");
}

#[test]
fn names_are_at_the_ends_of_the_lines_or_in_a_legend() {
    let names = [
        "store".to_owned(),
        "a name that is as long as a sentence".to_owned(),
    ];
    for (names, width) in [(&names[..1], 640.0), (&names[..], 340.0)] {
        let both = [names, &["other".to_owned()]].concat();
        let chart = lines(&both, &[(1.0, 2.0), (10.0, 30.0)], &[5.0], |title| {
            Axis::log(title)
        });
        let svg = chart.draw(width).standalone();
        let shown: Vec<_> = texts(&svg).into_iter().map(|(text, ..)| text).collect();
        assert!(both.iter().all(|name| shown.contains(name)), "{shown:?}");
        assert_apart(&svg);
    }
}

proptest! {
    #[test]
    fn whatever_the_data_lines_are_xml_and_their_texts_keep_apart(
        names in prop::collection::vec("[a-z<&]{1,18}", 0..6),
        points in prop::collection::vec((any::<f64>(), any::<f64>()), 0..8),
        marks in prop::collection::vec(0.0..1e4f64, 0..5),
        width in 300.0..1000.0f64,
    ) {
        let kinds: [fn(&'static str) -> Axis; 3] = [Axis::linear, Axis::log, Axis::clock];
        for axis in kinds {
            let svg = lines(&names, &points, &marks, axis).draw(width).standalone();
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
            assert_apart(&svg);
        }
    }
}

/// The luminance of a colour, as WCAG 2.2 defines it.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let share = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if share <= 0.04045 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_has_enough_contrast_in_both_themes() {
    for (theme, colours) in [
        ("light", charts::theme::LIGHT),
        ("dark", charts::theme::DARK),
    ] {
        let pairs = colours
            .split(';')
            .filter_map(|pair| pair.trim().split_once(": "));
        let colours: std::collections::BTreeMap<_, _> = pairs.collect();
        let of = |name: &str| colours[format!("--{name}").as_str()];
        let on_paper = ["ink", "quiet", "accent", "bad", "good"];
        let series = (0..6).map(|series| format!("series-{series}"));
        for name in series.chain(on_paper.map(str::to_owned)) {
            let contrast = contrast(of(&name), of("paper"));
            assert!(
                contrast >= 4.5,
                "{theme}: {name} on paper has {contrast:.2}"
            );
        }
        for (text, ground) in [
            ("ink", "faint"),
            ("quiet", "faint"),
            ("bad", "bad-band"),
            ("quiet", "bad-band"),
            ("ink", "bad-band"),
        ] {
            let contrast = contrast(of(text), of(ground));
            assert!(
                contrast >= 4.5,
                "{theme}: {text} on {ground} has {contrast:.2}"
            );
        }
        for cell in ["good", "bad", "open"] {
            let contrast = contrast("#ffffff", of(&format!("cell-{cell}")));
            assert!(
                contrast >= 4.5,
                "{theme}: white on {cell} has {contrast:.2}"
            );
        }
    }
}

#[test]
fn japanese_lines_break_only_where_they_may() {
    let word = "ネットワークマネージャー";
    // A word is broken only if it does not fit on a line.
    let text = format!("起動の速さが{word}の能力を上回る");
    let lines = wrap(&text, text_width(word) + 14.0);
    assert!(
        lines.len() > 2 && lines.iter().any(|line| line.contains(word)),
        "{lines:?}"
    );
    for width in [40.0, 60.0, 90.0, 150.0] {
        let text = format!("（{text}）、「{word}」：{word}ッ。");
        let lines = wrap(&text, width);
        assert_eq!(lines.concat(), text);
        for line in &lines {
            assert!(
                !line.starts_with(['）', '、', '」', '：', '。', 'ー', 'ャ', 'ッ']),
                "{lines:?}"
            );
            assert!(!line.ends_with(['（', '「']), "{lines:?}");
        }
    }
}

#[test]
fn a_column_name_has_several_lines_on_a_wide_screen_and_one_in_a_legend() {
    let grid = Grid::new("", ["Kept\n残る", "Wins\n勝つ"])
        .row("a", ["✓", "✗"].map(|mark| Cell::new(mark, Tone::Good)));
    let wide = grid.draw(900.0).inline();
    assert!(wide.contains(">Kept<") && wide.contains(">残る<"), "{wide}");
    let columns: Vec<_> = (0..30).map(|at| format!("Kept{at}\n残る")).collect();
    let cells = columns.iter().map(|_| Cell::new("✓", Tone::Good));
    let narrow = Grid::new("", columns.clone())
        .row("a", cells)
        .draw(336.0)
        .inline();
    assert!(narrow.contains(">1 Kept0 残る<"), "{narrow}");
}

#[test]
fn a_word_that_does_not_fit_is_broken_at_its_soft_breaks() {
    let name = "グローバル\u{200b}テーブル";
    let whole = "グローバルテーブル";
    assert_eq!(wrap(name, text_width(whole)), [whole]);
    assert_eq!(
        wrap(name, text_width("グローバル")),
        ["グローバル", "テーブル"]
    );
    assert_eq!(wrap(name, text_width("テーブル"))[0], "グローバ");
    let row = Bars::new("", Axis::linear(""), ["a"]).group(Group::new(name, [Bar::exactly(1.0)]));
    assert!(
        row.draw(640.0).inline().contains(whole),
        "the break is not shown"
    );
}

/// A label is beyond its bar's end, on the bar's side of zero.
#[test]
fn a_label_is_on_its_bars_side_of_zero() {
    for width in [640.0, 340.0] {
        let bars = [-12.0, 7.0].map(Bar::exactly);
        let chart = Bars::new("", Axis::linear(""), ["a", "b"]).group(Group::new("name", bars));
        let svg = chart.draw(width).standalone();
        assert_apart(&svg);
        let texts = texts(&svg);
        let place = |wanted: &str| {
            let found = texts.iter().find(|(text, ..)| text == wanted);
            found.map(|(_, from, to, _)| (*from, *to)).unwrap()
        };
        let (zero_from, zero_to) = place("0");
        let zero = f64::midpoint(zero_from, zero_to);
        assert!(place("−12").1 < zero, "{texts:?}");
        assert!(place("7").0 > zero, "{texts:?}");
    }
}
