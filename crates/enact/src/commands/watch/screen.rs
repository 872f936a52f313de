//! What the screen is at: the view, the filter, how far it is scrolled, and what was heard last.

use std::time::{Duration, SystemTime};

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::feed::{Heard, Seen};

/// An answer is late after this time.
const LATE: Duration = Duration::from_secs(3);
/// Most characters of a filter.
const MOST_FILTER: usize = 60;

/// A page of the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum View {
    Status,
    Endpoints,
    Targets,
    Plans,
}

impl View {
    pub(super) const ALL: [Self; 4] = [Self::Status, Self::Endpoints, Self::Targets, Self::Plans];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Status => "Status",
            Self::Endpoints => "Endpoints",
            Self::Targets => "Targets",
            Self::Plans => "Plans",
        }
    }

    /// The view so many places further.
    fn further(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|view| *view == self);
        Self::ALL[(at.unwrap_or(0) + by) % Self::ALL.len()]
    }
}

/// What is to be done after a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    Go,
    DrawAnew,
    End,
}

/// Whether the process answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Contact {
    Answers,
    /// It has not answered since this time. The reason is missing while an answer is only late.
    None(SystemTime, Option<String>),
}

pub(super) struct Screen {
    pub(super) has_colour: bool,
    pub(super) seen: Option<Box<Seen>>,
    /// The time of the last answer; at first that of the start.
    last: SystemTime,
    /// Why the last question had no answer.
    lost: Option<String>,
    pub(super) view: View,
    pub(super) filter: String,
    /// Whether keys change the filter.
    pub(super) edits: bool,
    /// The first line that is shown.
    pub(super) top: usize,
    /// How many lines fit, as of the last drawing.
    pub(super) height: usize,
}

impl Screen {
    pub(super) fn new(has_colour: bool, now: SystemTime) -> Self {
        Self {
            has_colour,
            seen: None,
            last: now,
            lost: None,
            view: View::Status,
            filter: String::new(),
            edits: false,
            top: 0,
            height: 0,
        }
    }

    pub(super) fn hear(&mut self, heard: Heard, now: SystemTime) {
        match heard {
            Ok(seen) => {
                self.seen = Some(seen);
                self.last = now;
                self.lost = None;
            }
            Err(why) => self.lost = Some(why),
        }
    }

    pub(super) fn contact(&self, now: SystemTime) -> Contact {
        let is_late = now
            .duration_since(self.last)
            .is_ok_and(|since| since > LATE);
        if self.lost.is_some() || is_late {
            Contact::None(self.last, self.lost.clone())
        } else {
            Contact::Answers
        }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Next {
        if key.kind == KeyEventKind::Release {
            return Next::Go;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Next::End,
                KeyCode::Char('l') => Next::DrawAnew,
                _ => Next::Go,
            };
        }
        if self.edits {
            self.edit(key.code);
            return Next::Go;
        }
        match key.code {
            KeyCode::Char('q') => return Next::End,
            KeyCode::Char('/') => self.edits = true,
            KeyCode::Esc => self.set_filter(String::new()),
            KeyCode::Tab | KeyCode::Right => self.show(self.view.further(1)),
            KeyCode::BackTab | KeyCode::Left => self.show(self.view.further(View::ALL.len() - 1)),
            KeyCode::Char(digit @ '1'..='4') => self.show(View::ALL[digit as usize - '1' as usize]),
            code => self.scroll(code),
        }
        Next::Go
    }

    fn show(&mut self, view: View) {
        self.view = view;
        self.top = 0;
    }

    fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        self.top = 0;
    }

    fn edit(&mut self, code: KeyCode) {
        let mut filter = self.filter.clone();
        match code {
            KeyCode::Enter => self.edits = false,
            KeyCode::Esc => {
                self.edits = false;
                filter.clear();
            }
            KeyCode::Backspace => drop(filter.pop()),
            KeyCode::Char(c) if filter.chars().count() < MOST_FILTER => filter.push(c),
            _ => return self.scroll(code),
        }
        if filter != self.filter {
            self.set_filter(filter);
        }
    }

    /// The drawing limits it to the lines that there are.
    fn scroll(&mut self, code: KeyCode) {
        let page = self.height.max(1);
        self.top = match code {
            KeyCode::Up => self.top.saturating_sub(1),
            KeyCode::Down => self.top.saturating_add(1),
            KeyCode::PageUp => self.top.saturating_sub(page),
            KeyCode::PageDown => self.top.saturating_add(page),
            KeyCode::Home => 0,
            KeyCode::End => usize::MAX,
            _ => self.top,
        };
    }
}
