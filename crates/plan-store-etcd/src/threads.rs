//! The threads that talk to etcd. A caller's thread only waits for them.
//!
//! # Rules
//! 1. All requests to etcd are made by tasks on these threads. The caller's thread only
//!    waits. So calls may come from any thread, also from one of another async runtime.
//! 2. No task holds [`Threads`], so the threads end with the last handle on the store.
//! 3. A thread that drops the last handle does not wait: a thread of its own ends the
//!    others.

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

/// One thread for the network, and one for decoding plans meanwhile.
const THREADS: usize = 2;

/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

impl Threads {
    /// Starts the threads. Before they end, they run `farewell`, for at most [`FAREWELL`].
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
        // A runtime must not be dropped within another runtime, so this thread drops it.
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

    /// Starts a task.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// Starts a task whose result can be waited for.
    pub(crate) fn begin<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        task: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Begun<T, E> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // If the receiver is gone, the result is not needed.
            let _ = sender.send(task.await);
        });
        Begun(receiver)
    }

    /// Runs a task and waits for its result.
    pub(crate) fn run<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        task: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
        self.begin(task).wait()
    }
}

/// A task that has started. It goes on even if its result is not waited for.
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
