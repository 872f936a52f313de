//! Asks a process again and again, on a thread of its own.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use control_plane::chain;
use serde::de::DeserializeOwned;

use crate::api;
use crate::commands::door::{AskError, Door};

/// What a process says of itself at one time.
pub(super) struct Seen {
    pub(super) status: api::Status,
    /// `None` if the process is of a version that does not list them.
    pub(super) endpoints: Option<api::Endpoints>,
    pub(super) targets: Option<api::Targets>,
    /// `None` if no Planner plans in the process.
    pub(super) history: Option<api::History>,
}

/// Why the process did not answer, for a person.
pub(super) type Heard = Result<Box<Seen>, String>;

/// The thread. It ends when this is dropped, after the question that it is at.
pub(super) struct Feed {
    heard: Receiver<Heard>,
    _stop: Sender<()>,
}

impl Feed {
    pub(super) fn start(door: Door, every: Duration) -> io::Result<Self> {
        let (tell, heard) = channel();
        let (stop, stopped) = channel::<()>();
        thread::Builder::new().name("feed".into()).spawn(move || {
            loop {
                let seen = look(&door).map_err(|error| chain(&error));
                let goes_on = tell.send(seen).is_ok();
                if !goes_on || stopped.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self { heard, _stop: stop })
    }

    /// What was heard since the last call. Does not wait.
    pub(super) fn next(&self) -> Option<Heard> {
        self.heard.try_recv().ok()
    }
}

fn look(door: &Door) -> Result<Box<Seen>, AskError> {
    Ok(Box::new(Seen {
        status: door.get("/v1/status")?,
        endpoints: unless_refused(door, "/v1/endpoints")?,
        targets: unless_refused(door, "/v1/targets")?,
        history: unless_refused(door, "/v1/history")?,
    }))
}

fn unless_refused<T: DeserializeOwned>(door: &Door, path: &str) -> Result<Option<T>, AskError> {
    match door.get(path) {
        Ok(answer) => Ok(Some(answer)),
        Err(AskError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
