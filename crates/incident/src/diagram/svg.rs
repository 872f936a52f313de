//! The diagram as a picture, in light and in dark as the reader's browser likes.

use std::fmt::Write as _;

use super::{LIFELINES, Row, rows, times};
use crate::{Actor, Step, Verdict};

/// All lengths are in pixels.
const WIDTH: usize = 1000;
const ROW: usize = 24;
/// Where the first lifeline is, and how far apart they are.
const FIRST: usize = 60;
const APART: usize = 190;
/// Where the lifelines begin.
const TOP: usize = 76;
/// How many characters of a note fit on a line.
const NOTE: usize = 130;

const STYLE: &str = "
    svg { background: #ffffff; color: #1f2328 }
    text { font: 13px system-ui, sans-serif; fill: currentColor }
    .title { font-size: 16px; font-weight: 600 }
    .actor { font-weight: 600 }
    .number { fill: #818b98; font-size: 11px; text-anchor: end }
    .life { stroke: #d1d9e0 }
    .aside { font-style: italic }
    .cause { fill: #59636e; font-size: 12px }
    circle { fill: #0969da }
    .bad { fill: #cf222e }
    text.bad { font-weight: 600 }
    .band { fill: #ffebe9 }
    @media (prefers-color-scheme: dark) {
      svg { background: #0d1117; color: #f0f6fc }
      .number, .cause { fill: #9198a1 }
      .life { stroke: #3d444d }
      circle { fill: #4493f8 }
      .bad { fill: #ff7b72 }
      .band { fill: #3c1618 }
    }
";

/// Draws the steps as SVG. A broken invariant stands under the step that broke
/// it, as far as the journal tells.
pub fn svg(title: &str, steps: &[Step], verdict: &Verdict) -> String {
    let mut picture = Picture {
        body: String::new(),
        y: TOP,
    };
    for row in rows(steps, verdict, |breach| breach.broken_at) {
        match row {
            Row::Steps { steps, actor, text } => {
                let broken = |step: &Step| verdict.values().any(|b| b.broken_at == step.number);
                let class = if steps.iter().any(broken) { "bad" } else { "" };
                picture.step(steps, actor, &text, class);
            }
            Row::Because(error) => picture.note("cause", &format!("because: {error}")),
            Row::Broken(invariant, breach) => {
                let mut what = format!("✗ {invariant}: {}", breach.what);
                if breach.seen_at != breach.broken_at {
                    let _ = write!(what, " (seen at step {})", breach.seen_at);
                }
                picture.note("bad", &what);
            }
        }
    }
    picture.end(title)
}

struct Picture {
    body: String,
    /// Where the next row begins.
    y: usize,
}

impl Picture {
    fn text(&mut self, x: usize, class: &str, text: &str) {
        let (y, text) = (self.y + 16, escape(text));
        let _ = writeln!(
            self.body,
            r#"<text x="{x}" y="{y}" class="{class}">{text}</text>"#
        );
    }

    fn step(&mut self, steps: &[Step], actor: Actor, text: &str, class: &str) {
        if let Some(first) = steps.first() {
            self.text(FIRST - 14, "number", &first.number.to_string());
        }
        let text = format!("{text}{}", times(steps));
        match LIFELINES.iter().position(|lifeline| *lifeline == actor) {
            Some(at) => {
                let (x, y) = (FIRST + at * APART, self.y + 12);
                let _ = writeln!(
                    self.body,
                    r#"<circle cx="{x}" cy="{y}" r="5" class="{class}"/>"#
                );
                self.text(x + 11, class, &text);
            }
            None => self.text(FIRST + 11, "aside", &format!("{actor}: {text}")),
        }
        self.y += ROW;
    }

    /// A text of any length, on a band across the lifelines.
    fn note(&mut self, class: &str, text: &str) {
        let lines = wrap(text);
        if class == "bad" {
            let (y, height) = (self.y, ROW * lines.len());
            let (x, width) = (FIRST - 8, WIDTH - FIRST);
            let _ = writeln!(
                self.body,
                r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" class="band"/>"#
            );
        }
        for line in lines {
            self.text(FIRST + 4, class, &line);
            self.y += ROW;
        }
    }

    fn end(self, title: &str) -> String {
        let (height, bottom) = (self.y + 20, self.y + 4);
        let mut out = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">
<title>{title}</title>
<style>{STYLE}</style>
<text x="16" y="28" class="title">{title}</text>
"#,
            title = escape(title)
        );
        for (at, actor) in LIFELINES.iter().enumerate() {
            let x = FIRST + at * APART;
            let _ = writeln!(
                out,
                r#"<text x="{}" y="60" class="actor">{actor}</text>
<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" class="life"/>"#,
                x - 8
            );
        }
        out + &self.body + "</svg>\n"
    }
}

/// The text on lines that fit.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= NOTE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text as XML has it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
