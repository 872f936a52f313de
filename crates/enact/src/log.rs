//! The log: lines on standard error that no part of the program waits for.
//!
//! ```text
//!   any thread ──► a queue of LINES lines ──► the log's thread ──► standard error
//!                    full: the line is          a write fails: the
//!                    dropped and counted        line is lost and counted
//! ```
//!
//! # Rules
//! 1. Only the log's thread writes to standard error while the process serves. So a full
//!    disk, a pipe whose reader is gone, and a pipe whose reader does not read hold up
//!    nothing else.
//! 2. A panic is a line of the log too: the hook of the standard library would write to
//!    standard error from the thread that panics.
//! 3. The end of the process waits for the last lines, but not longer than [`LAST_LINES`].

use std::error::Error;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::metrics::{self, Scrape};

/// How many lines wait for the log's thread at most.
const LINES: usize = 1024;

/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_millis(300);

/// What is logged if `RUST_LOG` is not set. The DNS decoder would log each bad packet.
const DEFAULT: &str = "info,hickory_proto=off";

/// The running log. Clones share it.
#[derive(Clone)]
pub(crate) struct Log {
    lost: Lost,
    /// Ends the log's thread when it is dropped. `None` once the log is closed.
    thread: Arc<Mutex<Option<WorkerGuard>>>,
}

/// How many lines are lost.
#[derive(Clone)]
pub(crate) struct Lost {
    dropped: ErrorCounter,
    failed: Arc<AtomicU64>,
}

impl Lost {
    /// Of a process without a log.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Log::on(io::sink()).0.lost()
    }

    /// Lines that found the queue full.
    pub(crate) fn dropped(&self) -> usize {
        self.dropped.dropped_lines()
    }

    /// Lines that standard error did not take.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Writes them as metrics.
    pub(crate) fn describe(&self, scrape: &mut Scrape<'_>) {
        let dropped = u64::try_from(self.dropped()).unwrap_or(u64::MAX);
        let lost = [(["full"], dropped), (["failed"], self.failed())];
        scrape.values(&metrics::LOG_LINES_LOST, lost);
    }
}

impl Log {
    /// Starts the log and makes it the process's own. Panics are logged from then on.
    ///
    /// # Errors
    /// If `RUST_LOG` is no filter, or if the process has a log already.
    pub(crate) fn start(json: bool) -> Result<Self, Box<dyn Error>> {
        let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
            Ok(given) if !given.is_empty() => given.parse(),
            _ => DEFAULT.parse(),
        };
        let filter: EnvFilter =
            filter.map_err(|error| format!("RUST_LOG is no log filter: {error}"))?;
        let (log, writer) = Self::on(io::stderr());
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(writer)
            .log_internal_errors(false) // It would write to standard error itself.
            .with_ansi(false);
        let started = if json {
            builder.json().try_init()
        } else {
            builder.try_init()
        };
        started.map_err(|error| error as Box<dyn Error>)?;
        std::panic::set_hook(Box::new(log_panic));
        Ok(log)
    }

    /// A log on any writer, and what hands it lines.
    fn on(
        writer: impl Write + Send + 'static,
    ) -> (Self, tracing_appender::non_blocking::NonBlocking) {
        let failed = Arc::new(AtomicU64::new(0));
        let writer = Counting {
            writer,
            failed: Arc::clone(&failed),
        };
        let (writer, thread) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES)
            .lossy(true)
            .thread_name("log")
            .finish(writer);
        let dropped = writer.error_counter();
        let log = Self {
            lost: Lost { dropped, failed },
            thread: Arc::new(Mutex::new(Some(thread))),
        };
        (log, writer)
    }

    /// How many lines are lost; more may follow.
    pub(crate) fn lost(&self) -> Lost {
        self.lost.clone()
    }

    /// Writes the lines that wait, and ends the log.
    pub(crate) fn close(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        for_a_while(move || drop(thread));
    }
}

/// Writes to standard error as the last act of the process.
pub(crate) fn last_words(text: String) {
    // Nothing can be done if it fails.
    for_a_while(move || drop(writeln!(io::stderr(), "{text}")));
}

/// Runs `work`, which may never end, and waits for it for at most [`LAST_LINES`].
fn for_a_while(work: impl FnOnce() + Send + 'static) {
    let (ended, wait) = channel();
    let builder = thread::Builder::new().name("last lines".into());
    let started = builder.spawn(move || {
        work();
        // Nobody may wait any more.
        let _ = ended.send(());
    });
    if started.is_ok() {
        let _ = wait.recv_timeout(LAST_LINES);
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string);
    let place = place.unwrap_or_default();
    tracing::error!(%thread, %place, %message, "a thread panicked");
}

/// Counts the writes that fail.
struct Counting<W> {
    writer: W,
    failed: Arc<AtomicU64>,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes);
        let failed = match &written {
            Ok(length) => *length == 0 && !bytes.is_empty(),
            Err(error) => error.kind() != io::ErrorKind::Interrupted,
        };
        if failed {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender};
    use std::time::Instant;

    use super::*;

    /// A writer that tells of each line and then waits to be let on.
    struct Stalled {
        began: Sender<()>,
        go_on: Receiver<()>,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.began.send(());
            let _ = self.go_on.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_writer_costs_lines_and_no_time() {
        let ((began, first_line), (_stall, go_on)) = (channel(), channel());
        let (log, mut lines) = Log::on(Stalled { began, go_on });
        lines.write_all(b"the first line\n").unwrap();
        first_line.recv().unwrap();
        for _ in 0..LINES + 3 {
            lines.write_all(b"one more line\n").unwrap();
        }
        assert_eq!((log.lost().dropped(), log.lost().failed()), (3, 0));
        // Neither does the end of the process wait for it.
        log.close();
    }

    #[test]
    fn lines_that_are_not_taken_are_counted() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (log, mut lines) = Log::on(Full);
        for _ in 0..5 {
            lines.write_all(b"a line\n").unwrap();
        }
        let deadline = Instant::now() + Duration::from_mins(1);
        while log.lost().failed() < 5 {
            assert!(Instant::now() < deadline, "{}", log.lost().failed());
            thread::yield_now();
        }
        log.close();
        assert_eq!((log.lost().dropped(), log.lost().failed()), (0, 5));
    }
}
