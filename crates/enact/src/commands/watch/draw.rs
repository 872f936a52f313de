//! Draws the screen: a line of views, a line that says how it is, the lines of the view, and a line
//! of keys.

use std::fmt::Write as _;
use std::time::SystemTime;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::feed::Seen;
use super::screen::{Contact, Screen, View};
use crate::api;
use crate::commands::show;
use crate::text::counted_names;

/// How a line is meant. The words say it too, so the colour only helps to find it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tone {
    Plain,
    Good,
    Doubtful,
    Bad,
}

struct Row {
    text: String,
    tone: Tone,
}

impl Row {
    fn new(tone: Tone, text: &str) -> Self {
        let text = api::harmless(text);
        Self { text, tone }
    }
}

impl Screen {
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, now: SystemTime) {
        let parts = [1, 1].map(Constraint::Length);
        let parts = parts
            .into_iter()
            .chain([Constraint::Min(0), Constraint::Length(1)]);
        let [views, summary, body, keys] = Layout::vertical(parts).areas(frame.area());
        let mut rows = self
            .seen
            .as_deref()
            .map_or_else(Vec::new, |seen| rows(self.view, seen));
        let filter = self.filter.to_lowercase();
        rows.retain(|row| row.text.to_lowercase().contains(&filter));
        self.height = body.height.into();
        self.top = self.top.min(rows.len().saturating_sub(self.height));
        let shown = rows.iter().skip(self.top).take(self.height);
        let lines: Vec<_> = shown.map(|row| self.line(row)).collect();
        frame.render_widget(self.views(), views);
        frame.render_widget(self.line(&self.summary(now)), summary);
        frame.render_widget(Paragraph::new(lines), body);
        frame.render_widget(self.keys(rows.len()), keys);
    }

    fn views(&self) -> Line<'static> {
        let mut spans = vec![Span::raw("enact watch  ")];
        for (number, view) in (1..).zip(View::ALL) {
            let mut style = Style::new();
            if view == self.view {
                style = style.add_modifier(Modifier::REVERSED);
            }
            spans.push(Span::styled(format!(" {number} {} ", view.name()), style));
        }
        Line::from(spans)
    }

    /// One line on how it is.
    fn summary(&self, now: SystemTime) -> Row {
        if let Contact::None(since, why) = self.contact(now) {
            let why = why.unwrap_or_else(|| "an answer is late".into());
            return Row::new(
                Tone::Bad,
                &format!("NO CONTACT since {}: {why}", api::time(since)),
            );
        }
        match &self.seen {
            Some(seen) => summary(&seen.status),
            None => Row::new(Tone::Plain, "asking the process …"),
        }
    }

    fn keys(&self, rows: usize) -> Line<'static> {
        let text = if self.edits {
            format!("/{}_  Enter keeps the filter, Esc clears it", self.filter)
        } else {
            let first = (self.top + 1).min(rows);
            let last = (self.top + self.height).min(rows);
            let filter = match &*self.filter {
                "" => String::new(),
                filter => format!(" with \"{filter}\" (Esc: all)"),
            };
            format!("lines {first}-{last} of {rows}{filter}  q quit  Tab view  / filter  PgUp PgDn")
        };
        Line::styled(
            api::harmless(&text),
            Style::new().add_modifier(Modifier::BOLD),
        )
    }

    fn line(&self, row: &Row) -> Line<'static> {
        let colour = match row.tone {
            _ if !self.has_colour => return Line::raw(row.text.clone()),
            Tone::Plain => Color::Reset,
            Tone::Good => Color::Green,
            Tone::Doubtful => Color::Yellow,
            Tone::Bad => Color::Red,
        };
        Line::styled(row.text.clone(), Style::new().fg(colour))
    }
}

fn summary(status: &api::Status) -> Row {
    let plans = &status.generations;
    let ready = if status.ready { "ready" } else { "NOT READY" };
    let plan = plans.active.map_or("none".into(), |plan| plan.to_string());
    let mut text = format!("{ready}; plan {plan} active, {} behind", plans.behind);
    let mut tone = if status.ready { Tone::Good } else { Tone::Bad };
    if let Some(planner) = &status.planner {
        let down = planner.targets.down;
        let (held, drained) = (planner.held.len(), planner.drains.len());
        // Writing to a string does not fail.
        let _ = write!(text, "; {down} down, {held} held, {drained} drained");
        if planner.freeze.is_some() {
            text += "; FROZEN";
        }
        let is_calm = down == 0 && planner.held.is_empty() && planner.freeze.is_none();
        if tone == Tone::Good && !is_calm {
            tone = Tone::Doubtful;
        }
    }
    Row::new(tone, &text)
}

fn rows(view: View, seen: &Seen) -> Vec<Row> {
    match view {
        View::Status => status(&seen.status),
        View::Endpoints => match &seen.endpoints {
            Some(all) => endpoints(all),
            None => vec![Row::new(
                Tone::Plain,
                "The process does not list its endpoints.",
            )],
        },
        View::Targets => match &seen.targets {
            Some(all) => targets(all),
            None => vec![Row::new(
                Tone::Plain,
                "The process does not list its targets.",
            )],
        },
        View::Plans => match &seen.history {
            Some(history) => history.plans.iter().map(plan).collect(),
            None => vec![Row::new(
                Tone::Plain,
                "No Planner plans here: watch the process that leads.",
            )],
        },
    }
}

/// The lines of `enact status`.
fn status(status: &api::Status) -> Vec<Row> {
    let row = |line: &str| {
        let is_bad = line.starts_with("not ready") || line.starts_with("FROZEN");
        let tone = if is_bad { Tone::Bad } else { Tone::Plain };
        Row::new(tone, line)
    };
    show::status(status).lines().map(row).collect()
}

fn endpoints(all: &api::Endpoints) -> Vec<Row> {
    let width = all
        .endpoints
        .iter()
        .map(|endpoint| endpoint.name.len())
        .max();
    let width = width.unwrap_or(0).min(40);
    let mut rows: Vec<_> = all.endpoints.iter().map(|of| endpoint(of, width)).collect();
    more(&mut rows, all.more, "endpoints");
    rows
}

fn endpoint(endpoint: &api::Endpoint, width: usize) -> Row {
    let count =
        |is: fn(&api::EndpointTarget) -> bool| endpoint.targets.iter().filter(|t| is(t)).count();
    let up = count(|target| target.target.state == "up");
    let (served, all) = (
        count(|target| target.served > Some(0)),
        endpoint.targets.len(),
    );
    let plan = endpoint
        .generation
        .map_or("none".into(), |plan| plan.to_string());
    let mut text = format!(
        "{:<width$}  plan {plan}, {served} served, {up} of {all} up",
        endpoint.name
    );
    let drained = count(|target| target.drained);
    if drained > 0 {
        let _ = write!(text, ", {drained} drained");
    }
    if let Some(held) = &endpoint.held {
        let _ = write!(text, ", held {}: {}", held.id, held.reason);
    }
    if endpoint.fails_open {
        text += ", fails open";
    }
    let tone = if endpoint.fails_open || endpoint.generation.is_none() {
        Tone::Bad
    } else if endpoint.held.is_some() || up < all {
        Tone::Doubtful
    } else {
        Tone::Good
    };
    Row::new(tone, &text)
}

fn targets(all: &api::Targets) -> Vec<Row> {
    let row = |target: &api::Target| {
        let tone = match &*target.state {
            "up" => Tone::Good,
            "down" => Tone::Bad,
            _ => Tone::Doubtful,
        };
        Row::new(tone, &show::describe(target))
    };
    let mut rows: Vec<_> = all.targets.iter().map(row).collect();
    more(&mut rows, all.more, "targets");
    rows
}

fn more(rows: &mut Vec<Row>, more: usize, what: &str) {
    if more > 0 {
        let text = format!("and {more} more {what}; `enact status NAME` shows one of them");
        rows.push(Row::new(Tone::Plain, &text));
    }
}

fn plan(plan: &api::Published) -> Row {
    let api::Published {
        generation,
        at,
        author,
        cause,
        names,
        endpoints,
    } = plan;
    let changed = counted_names(*names, *endpoints);
    let text = format!("{generation:>6}  {at}  {author}, {changed}: {cause}");
    Row::new(Tone::Plain, &text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Cell;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use serde_json::json;

    use super::super::screen::Next;
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn target(last: usize, state: &str) -> serde_json::Value {
        let is_up = state == "up";
        json!({
            "address": format!("192.0.2.{last}"), "state": state, "not_checked": false, "damped": false,
            "since": (!is_up).then_some("2026-11-28T12:10:09Z"),
            "error": (!is_up).then_some("connection refused\u{1b}[2J"), "error_since": null,
        })
    }

    /// A process with so many endpoints, of which each has one target, and the first is down.
    fn seen(endpoints: usize) -> Box<Seen> {
        let held = json!({
            "id": "4c1f0ea2d07b9a35", "endpoint": "e0.example", "since": "2026-11-28T12:10:09Z",
            "reason": "it loses 2 of 3 targets",
        });
        let targets: Vec<_> = (0..endpoints)
            .map(|n| target(n, if n == 0 { "down" } else { "up" }))
            .collect();
        let of = |n: usize| {
            let mut target = targets[n].clone();
            target["zone"] = json!("z");
            target["tier"] = json!(0);
            target["drained"] = json!(n == 1);
            // A drained target stays in the plan, with no weight.
            target["served"] = json!([None, Some(0)].get(n).copied().unwrap_or(Some(255)));
            json!({
                "name": format!("e{n}.example"), "generation": 17, "ttl": 60, "fails_open": false,
                "held": (n == 0).then_some(&held), "targets": [target],
            })
        };
        let list: Vec<_> = (0..endpoints).map(of).collect();
        let status = json!({
            "version": "0.1.0", "role": "all", "fleet_hash": "3be28ffb499a4fb6", "ready": true, "parts": [],
            "generations": { "newest": 18, "active": 17, "answered": 17, "endpoints": endpoints, "behind": 1 },
            "planner": {
                "targets": { "up": endpoints - 1, "down": 1, "failing": 0, "unknown": 0 },
                "not_up": [targets[0]], "fail_open": [], "awaited": [], "suspected": 0, "held": [held],
                "rejected": [], "drains": [], "waiting": 2,
                "freeze": { "by": "ada (uid 1000)", "at": "2026-11-28T12:00:00Z", "why": "rack work" },
            },
        });
        let plans = json!([{
            "generation": 17, "at": "2026-11-28T12:10:09Z", "author": "health",
            "cause": "unhealthy: 192.0.2.0", "names": 1, "endpoints": 1,
        }]);
        Box::new(Seen {
            status: serde_json::from_value(status).unwrap(),
            endpoints: Some(
                serde_json::from_value(json!({ "endpoints": list, "more": 7 })).unwrap(),
            ),
            targets: Some(
                serde_json::from_value(json!({ "targets": targets, "more": 0 })).unwrap(),
            ),
            history: Some(serde_json::from_value(json!({ "plans": plans })).unwrap()),
        })
    }

    fn screen(endpoints: usize) -> Screen {
        let mut screen = Screen::new(true, at(0));
        screen.hear(Ok(seen(endpoints)), at(100));
        screen
    }

    fn key(screen: &mut Screen, code: KeyCode) {
        assert_eq!(
            screen.key(KeyEvent::new(code, KeyModifiers::NONE)),
            Next::Go
        );
    }

    fn type_in(screen: &mut Screen, text: &str) {
        text.chars().for_each(|c| key(screen, KeyCode::Char(c)));
    }

    /// The lines on a terminal of this size.
    fn drawn_at(screen: &mut Screen, size: (u16, u16), now: u64) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        terminal.draw(|frame| screen.draw(frame, at(now))).unwrap();
        let buffer = terminal.backend().buffer();
        let cells: Vec<_> = buffer.content().iter().map(Cell::symbol).collect();
        let lines = cells.chunks(usize::from(size.0).max(1));
        lines
            .map(|line| line.concat().trim_end().to_owned())
            .collect()
    }

    fn drawn(screen: &mut Screen) -> Vec<String> {
        drawn_at(screen, (80, 24), 101)
    }

    fn has(lines: &[String], text: &str) -> bool {
        lines.iter().any(|line| line.contains(text))
    }

    #[test]
    fn the_views_fit_into_80_columns_and_24_lines() {
        let mut screen = screen(3);
        let lines = drawn(&mut screen);
        assert_eq!(
            lines[0],
            "enact watch   1 Status  2 Endpoints  3 Targets  4 Plans"
        );
        let summary = "ready; plan 17 active, 1 behind; 1 down, 1 held, 0 drained; FROZEN";
        assert_eq!(lines[1], summary);
        for text in [
            "plans     newest 18, active 17, answered from 17",
            "FROZEN since 2026-11-28T12:00:00Z by ada (uid 1000)",
            "4c1f0ea2d07b9a35  e0.example",
            "192.0.2.0       down since 2026-11-28T12:10:09Z: connection refused",
        ] {
            assert!(has(&lines, text), "{text}: {lines:#?}");
        }
        assert!(!has(&lines, "\u{1b}"), "a target cannot steer the terminal");
        assert!(
            lines[23].ends_with("q quit  Tab view  / filter  PgUp PgDn"),
            "{lines:#?}"
        );
        key(&mut screen, KeyCode::Tab);
        let lines = drawn(&mut screen);
        let held =
            "e0.example  plan 17, 0 served, 0 of 1 up, held 4c1f0ea2d07b9a35: it loses 2 of 3";
        assert_eq!(lines[2], held);
        assert_eq!(
            lines[3],
            "e1.example  plan 17, 0 served, 1 of 1 up, 1 drained"
        );
        assert_eq!(lines[4], "e2.example  plan 17, 1 served, 1 of 1 up");
        assert_eq!(
            lines[5],
            "and 7 more endpoints; `enact status NAME` shows one of them"
        );
        key(&mut screen, KeyCode::Char('3'));
        assert_eq!(drawn(&mut screen)[3], "192.0.2.1       up");
        key(&mut screen, KeyCode::Char('4'));
        let plan = "    17  2026-11-28T12:10:09Z  health, 1 endpoint: unhealthy: 192.0.2.0";
        assert_eq!(drawn(&mut screen)[2], plan);
    }

    #[test]
    fn lines_scroll_and_a_filter_leaves_those_with_its_text() {
        let mut screen = screen(100);
        key(&mut screen, KeyCode::Char('2'));
        let first = |screen: &mut Screen| drawn(screen)[2].split("  ").next().unwrap().to_owned();
        assert_eq!(first(&mut screen), "e0.example");
        key(&mut screen, KeyCode::Down);
        assert_eq!(first(&mut screen), "e1.example");
        key(&mut screen, KeyCode::PageDown);
        assert_eq!(first(&mut screen), "e22.example");
        key(&mut screen, KeyCode::End);
        assert_eq!(first(&mut screen), "e80.example");
        assert!(has(&drawn(&mut screen), "lines 81-101 of 101"));
        // A larger terminal shows more of them.
        assert!(has(
            &drawn_at(&mut screen, (80, 200), 101),
            "lines 1-101 of 101"
        ));
        key(&mut screen, KeyCode::Home);
        type_in(&mut screen, "/E7q");
        assert!(has(&drawn(&mut screen), "/E7q_"), "q belongs to the filter");
        key(&mut screen, KeyCode::Backspace);
        key(&mut screen, KeyCode::Enter);
        let lines = drawn(&mut screen);
        assert!(has(&lines, "lines 1-11 of 11 with \"E7\""), "{lines:#?}");
        key(&mut screen, KeyCode::Esc);
        assert!(has(&drawn(&mut screen), "of 101"));
        let quit = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
        assert_eq!(screen.key(quit), Next::End);
    }

    #[test]
    fn without_contact_it_says_since_when_and_keeps_what_it_saw() {
        let mut screen = screen(3);
        screen.hear(Err("no process can be reached".into()), at(160));
        let lines = drawn_at(&mut screen, (80, 24), 161);
        let lost = "NO CONTACT since 1970-01-01T00:01:40Z: no process can be reached";
        assert_eq!(lines[1], lost);
        assert!(has(&lines, "e0.example"));
        screen.hear(Ok(seen(3)), at(170));
        assert!(!has(&drawn_at(&mut screen, (80, 24), 171), "NO CONTACT"));
        // A process that stands still gives no error.
        let lines = drawn_at(&mut screen, (80, 24), 180);
        let late = "NO CONTACT since 1970-01-01T00:02:50Z: an answer is late";
        assert_eq!(lines[1], late);
    }

    #[test]
    fn any_size_can_be_drawn_and_without_colours_there_are_none() {
        let mut screen = screen(30);
        for size in [(1, 1), (2, 3), (20, 4), (300, 2), (80, 24)] {
            drawn_at(&mut screen, size, 101);
        }
        let coloured = |screen: &mut Screen| {
            let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
            terminal.draw(|frame| screen.draw(frame, at(101))).unwrap();
            let cells = terminal.backend().buffer().content();
            cells
                .iter()
                .any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
        };
        assert!(coloured(&mut screen));
        screen.has_colour = false;
        assert!(!coloured(&mut screen));
    }
}
