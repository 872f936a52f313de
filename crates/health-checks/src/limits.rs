//! How many checks this process has descriptors for.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// So many descriptors are left to the rest of the process, at least.
const RESERVE: u64 = 256;

/// Raises the process's limit of open files as far as it may go, and returns how many checks
/// may run at a time: a quarter of the descriptors stays for the rest of the process.
pub(crate) fn checks_at_a_time() -> usize {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    let limit = if raised.is_ok() { hard } else { soft };
    if let Err(error) = raised {
        warn!(%error, limit, "the limit of open files stays as it is; raise it with `ulimit -n`");
    }
    let checks = limit.saturating_sub(RESERVE.max(limit / 4));
    usize::try_from(checks)
        .unwrap_or(usize::MAX)
        .clamp(1, tokio::sync::Semaphore::MAX_PERMITS)
}
