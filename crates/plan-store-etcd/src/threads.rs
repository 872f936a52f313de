//! The threads that talk to etcd, and calls that wait for them.
//!
//! # Rules
//! 1. All that talks to etcd runs on these threads, as tasks. Who calls only waits,
//!    so it does not matter which thread that is, one of another async runtime
//!    included.
//! 2. No task holds [`Threads`], so they end with the last handle on the store.
//! 3. Who drops the last handle waits for nothing: the end has a thread of its own.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::Error;

/// Ends the threads when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Threads {
    handle: Handle,
    _running: Arc<oneshot::Sender<()>>,
}

/// One for the network, and one for whoever decodes a plan meanwhile.
const THREADS: usize = 2;

/// How long the last word may take.
const FAREWELL: Duration = Duration::from_secs(1);

impl Threads {
    /// Starts them. When they are not wanted any more, they try `farewell`, but not
    /// for long.
    pub(crate) fn start(
        farewell: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::NoThreads {
            reason: error.to_string(),
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("etcd")
            .enable_all()
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (running, dropped) = oneshot::channel();
        // A runtime may not be dropped on just any thread, but on this one.
        std::thread::Builder::new()
            .name("etcd-end".into())
            .spawn(move || {
                let _: Result<(), _> = dropped.blocking_recv();
                let _: Result<(), _> =
                    runtime.block_on(async { timeout(FAREWELL, farewell).await });
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        let running = Arc::new(running);
        Ok(Self {
            handle,
            _running: running,
        })
    }

    /// Begins a task.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// Begins a task whose result can be waited for.
    pub(crate) fn begin<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        task: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Begun<T, E> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // Who does not wait any more does not want it.
            let _ = sender.send(task.await);
        });
        Begun(receiver)
    }

    /// Waits for a task.
    pub(crate) fn run<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        task: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
        self.begin(task).wait()
    }
}

/// A task that goes on whether or not somebody waits for it.
pub(crate) struct Begun<T, E>(mpsc::Receiver<Result<T, E>>);

impl<T, E: From<Error>> Begun<T, E> {
    pub(crate) fn wait(self) -> Result<T, E> {
        self.0.recv().unwrap_or_else(|_| {
            let lost = Error::NoAnswer {
                endpoint: "any member".into(),
                reason: "the task that asked has panicked, which is a bug to report".into(),
            };
            Err(lost.into())
        })
    }
}
