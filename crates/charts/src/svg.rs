//! Writes SVG, and estimates the width of text.

use std::fmt::{Display, Write as _};

use crate::theme;

/// The height of a line of a title, and its width relative to other text.
const HEADING: f64 = 21.0;
const LARGER: f64 = 16.0 / 13.0 * BOLDER;
/// The width of bold text, relative to other text.
const BOLDER: f64 = 1.14;
/// The margin around a standalone picture.
const MARGIN: f64 = 12.0;

/// The point of a text that is at its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    /// The start.
    Start,
    /// The middle.
    Middle,
    /// The end.
    End,
}

/// A picture under construction. The origin is at the top left, and y grows downwards.
#[derive(Clone, PartialEq, Debug)]
pub struct Svg {
    title: String,
    description: String,
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    /// An empty picture of this width. Screen readers read the title as its name and the
    /// description as its text alternative.
    pub fn new(title: impl Into<String>, description: impl Into<String>, width: f64) -> Self {
        Self {
            title: title.into(),
            description: description.into(),
            width,
            height: 0.0,
            body: String::new(),
        }
    }

    /// Makes the picture at least this high.
    pub fn reach(&mut self, y: f64) {
        self.height = self.height.max(y);
    }

    /// A text on one line. `y` is its base line, `class` one or more of
    /// [`theme::STYLE`].
    pub fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let class = match anchor {
            Anchor::Start => class.to_owned(),
            Anchor::Middle => format!("middle {class}"),
            Anchor::End => format!("end {class}"),
        };
        let (x, y, text) = (px(x), px(y), escape(text));
        self.push(format_args!(
            r#"<text x="{x}" y="{y}" class="{}">{text}</text>"#,
            class.trim()
        ));
    }

    /// A text whose class sets its colour, such as the name of a series.
    pub(crate) fn styled_text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let (x, y, text) = (px(x), px(y), escape(text));
        self.push(format_args!(
            r#"<text x="{x}" y="{y}" class="{class}">{text}</text>"#
        ));
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(px);
        self.push(format_args!(
            r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{class}"/>"#
        ));
    }

    /// A rectangle with round corners.
    pub fn rect(&mut self, at: (f64, f64), size: (f64, f64), round: f64, class: &str) {
        let [x, y, width, height, round] =
            [at.0, at.1, size.0.max(0.0), size.1.max(0.0), round].map(px);
        self.push(format_args!(
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{round}" class="{class}"/>"#
        ));
    }

    /// A disc.
    pub fn circle(&mut self, at: (f64, f64), radius: f64, class: &str) {
        let [x, y, radius] = [at.0, at.1, radius].map(px);
        self.push(format_args!(
            r#"<circle cx="{x}" cy="{y}" r="{radius}" class="{class}"/>"#
        ));
    }

    /// A line through these points, in this order.
    pub fn polyline(&mut self, points: &[(f64, f64)], class: &str) {
        self.path(&through(points), class);
    }

    /// A smooth line downwards through these points, upright at each.
    pub fn curve(&mut self, points: &[(f64, f64)], class: &str) {
        let mut d = through(points.get(..1).unwrap_or_default());
        for pair in points.windows(2) {
            let [(x1, y1), (x2, y2)] = [pair[0], pair[1]];
            let middle = px(f64::midpoint(y1, y2));
            let [x1, x2, y2] = [x1, x2, y2].map(px);
            let _ = write!(d, "C{x1} {middle} {x2} {middle} {x2} {y2}");
        }
        self.path(&d, class);
    }

    /// The area within these points.
    pub fn polygon(&mut self, points: &[(f64, f64)], class: &str) {
        self.path(&format!("{}Z", through(points)), class);
    }

    /// Any path, in SVG's own notation.
    pub fn path(&mut self, d: &str, class: &str) {
        self.push(format_args!(r#"<path d="{d}" class="{class}"/>"#));
    }

    /// Draws another picture over this one, at the same origin.
    pub fn append(&mut self, over: &Self) {
        self.body += &over.body;
        self.reach(over.height);
    }

    /// Draws another picture below this one, at the same origin.
    pub fn append_below(&mut self, below: &Self) {
        self.body.insert_str(0, &below.body);
        self.reach(below.height);
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.body, "{element}");
    }

    /// As a file: with its title drawn, a margin, and its style.
    pub fn standalone(&self) -> String {
        let (heading, top) = self.heading();
        let size = (self.width + 2.0 * MARGIN, self.height + top + 2.0 * MARGIN);
        let head = format!("<style>{}</style>\n{heading}", theme::of_a_picture());
        let namespace = r#" xmlns="http://www.w3.org/2000/svg""#;
        self.document(namespace, (-MARGIN, -MARGIN - top), size, &head)
    }

    /// As a part of a page that has [`theme::of_a_page`] and its own caption for the picture.
    pub fn inline(&self) -> String {
        self.document("", (0.0, 0.0), (self.width, self.height), "")
    }

    /// The same with its title drawn, for one of several pictures with one caption.
    pub fn inline_titled(&self) -> String {
        let (heading, top) = self.heading();
        let size = (self.width, self.height + top);
        self.document("", (0.0, -top), size, &heading)
    }

    /// The title above the picture, and its height.
    fn heading(&self) -> (String, f64) {
        let lines = wrap(&self.title, self.width / LARGER);
        let mut y = -14.0;
        let mut heading = String::new();
        for line in lines.iter().rev() {
            let (line, at) = (escape(line), px(y));
            heading =
                format!("<text x=\"0\" y=\"{at}\" class=\"title\">{line}</text>\n") + &heading;
            y -= HEADING;
        }
        (heading, -y - 4.0)
    }

    fn document(&self, namespace: &str, from: (f64, f64), size: (f64, f64), head: &str) -> String {
        let [left, top, width, height] = [from.0, from.1, size.0, size.1].map(px);
        let Self { body, .. } = self;
        let (title, description) = (escape(&self.title), escape(&self.description));
        format!(
            r#"<svg{namespace} viewBox="{left} {top} {width} {height}" width="{width}" height="{height}" class="chart" role="img">
<title>{title}</title>
<desc>{description}</desc>
{head}{body}</svg>
"#
        )
    }
}

/// A path through these points.
fn through(points: &[(f64, f64)]) -> String {
    let mut d = String::new();
    let height = |at: usize| points.get(at).map(|(_, y)| px(*y).to_string());
    for (at, (x, y)) in points.iter().enumerate() {
        let level = height(at);
        // A point between two points of the same height is not visible.
        if at > 0 && height(at - 1) == level && height(at + 1) == level {
            continue;
        }
        let verb = if at == 0 { "M" } else { "L" };
        let _ = write!(d, "{verb}{} {}", px(*x), px(*y));
    }
    d
}

/// A length with at most one decimal, and never `-0`.
pub(crate) fn px(length: f64) -> impl Display {
    let tenths = (length * 10.0).round() / 10.0;
    if tenths == 0.0 { 0.0 } else { tenths }
}

/// The text, escaped for an element or an attribute.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace(SOFT_BREAK, "")
}

/// An upper estimate of a text's width at 13 pixels. The reader's font is not known.
pub fn text_width(text: &str) -> f64 {
    text.chars().map(char_width).sum()
}

/// The same in bold.
pub fn bold_width(text: &str) -> f64 {
    text_width(text) * BOLDER
}

/// The width in `DejaVu Sans`, one of the widest fonts.
fn char_width(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' => 4.4,
        'f' | 'r' | 't' | '(' | ')' | '-' | '/' => 5.3,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '→' | '✗' | '✓' => 12.0,
        'A'..='Z' => 9.6,
        SOFT_BREAK => 0.0,
        '\u{2e80}'.. => 13.2,
        _ => 8.2,
    }
}

/// A zero width space, which is never shown. A word that does not fit on a line may be
/// broken there.
const SOFT_BREAK: char = '\u{200b}';

/// Breaks the text at its spaces into lines no wider than this. Japanese has no spaces, so a
/// line may end anywhere except in three places: within a word in Katakana that fits on a
/// line, before a character that must not begin a line, and after a character that must not
/// end a line. A word in Katakana that does not fit is broken at its zero width spaces, if
/// that suffices.
pub fn wrap(text: &str, width: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0.0;
    let words = cut(text, ends_a_word).into_iter();
    let pieces = words.flat_map(|word| {
        if text_width(word) <= width {
            return vec![word];
        }
        let parts = cut(word, |before, _| before == SOFT_BREAK).into_iter();
        let fits = |part: &str| text_width(part) <= width;
        parts
            .flat_map(|part| {
                if fits(part) {
                    vec![part]
                } else {
                    cut(part, is_within_katakana)
                }
            })
            .collect()
    });
    for piece in pieces {
        let wide = text_width(piece.trim_end());
        if used > 0.0 && used + wide > width {
            lines.push(String::new());
            used = 0.0;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(piece);
        }
        used += text_width(piece);
    }
    lines
        .iter()
        .map(|line| line.trim_end().replace(SOFT_BREAK, ""))
        .collect()
}

/// The text in parts, cut between characters where `may_cut` says.
fn cut(text: &str, may_cut: fn(char, char) -> bool) -> Vec<&str> {
    let pairs = text.chars().zip(text.char_indices().skip(1));
    let cuts = pairs.filter_map(|(before, (at, c))| may_cut(before, c).then_some(at));
    let cuts: Vec<_> = [0].into_iter().chain(cuts).chain([text.len()]).collect();
    cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect()
}

/// A word includes the spaces after it. Most wide characters are words of their own.
fn ends_a_word(before: char, c: char) -> bool {
    let is_wide = |c: char| c >= '\u{2e80}';
    match before {
        ' ' => c != ' ',
        '（' | '「' | '『' => false,
        _ if c == ' ' || hangs(c) => false,
        _ if is_katakana(before) && is_katakana(c) => false,
        _ => is_wide(c) || is_wide(before),
    }
}

fn is_within_katakana(before: char, c: char) -> bool {
    is_katakana(before) && is_katakana(c) && !hangs(c)
}

fn is_katakana(c: char) -> bool {
    matches!(c, 'ァ'..='ヺ' | 'ー' | SOFT_BREAK)
}

/// Whether the character must not begin a line.
fn hangs(c: char) -> bool {
    "、。，．）」』：；？！・〜ーぁぃぅぇぉっゃゅょァィゥェォッャュョ".contains(c)
}
