//! `enact watch`: the status of a running process, live in the terminal.
//!
//! One thread asks the process once a second ([`feed`]). This one reads keys and draws
//! ([`screen`]). So keys work while the process does not answer, and the screen says since when
//! there is no contact.

mod draw;
mod feed;
mod screen;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use signal_hook::consts::{SIGHUP, SIGTERM};
use signal_hook::flag;

use self::feed::Feed;
use self::screen::{Next, Screen};
use super::CommandError;
use super::door::DoorArguments;

/// How often the process is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How long a key is waited for before the screen is drawn again.
const LOOK: Duration = Duration::from_millis(200);

/// Show how a running process is, live: plans, endpoints, targets with their health, held changes.
///
/// Keys: Tab or 1 to 4 change the view, the arrows, the page keys, Home and End scroll, `/` filters
/// the lines, Ctrl-L draws the screen anew, `q` ends.
#[derive(Args)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    door: DoorArguments,
}

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    #[error("standard output is no terminal; `enact status` prints the status once")]
    NoTerminal,
    #[error("the terminal cannot be used")]
    Terminal(#[source] io::Error),
}

impl WatchArguments {
    /// Shows it until a key or a signal ends it.
    pub(super) fn run(&self) -> Result<(), CommandError> {
        if !io::stdout().is_terminal() {
            return Err(WatchError::NoTerminal.into());
        }
        let feed = Feed::start(self.door.door()?, EVERY).map_err(WatchError::Terminal)?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGHUP] {
            flag::register(signal, Arc::clone(&stop)).map_err(WatchError::Terminal)?;
        }
        let shown = ratatui::try_init().and_then(|mut terminal| show(&mut terminal, &feed, &stop));
        let restored = ratatui::try_restore();
        Ok(shown.and(restored).map_err(WatchError::Terminal)?)
    }
}

fn show(terminal: &mut DefaultTerminal, feed: &Feed, stop: &AtomicBool) -> io::Result<()> {
    let has_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut screen = Screen::new(has_colour, SystemTime::now());
    while !stop.load(Ordering::Relaxed) {
        while let Some(heard) = feed.next() {
            screen.hear(heard, SystemTime::now());
        }
        terminal.draw(|frame| screen.draw(frame, SystemTime::now()))?;
        let mut patience = LOOK;
        while event::poll(patience)? {
            if let Event::Key(key) = event::read()? {
                match screen.key(key) {
                    Next::Go => {}
                    Next::DrawAnew => draw_anew(terminal)?,
                    Next::End => return Ok(()),
                }
            }
            patience = Duration::ZERO;
        }
    }
    Ok(())
}

/// Clears the terminal, so that the next drawing writes all of it. `Terminal::clear` would ask the
/// terminal where its cursor is, and fail if there is no answer.
fn draw_anew(terminal: &mut DefaultTerminal) -> io::Result<()> {
    let area = terminal.get_frame().area();
    terminal.resize(area)
}
