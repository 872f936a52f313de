//! How many descriptors the checks of this process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

use crate::check::OF_A_COMMAND;

/// So many descriptors are left to the rest of the process, at least.
const RESERVE: u64 = 256;

/// Raises the process's limit of open files as far as it may go, and returns how many
/// descriptors the checks may have open: a quarter stays for the rest of the process. One
/// check of any kind is possible in any case.
pub(crate) fn for_checks() -> usize {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    let limit = if raised.is_ok() { hard } else { soft };
    if let Err(error) = raised {
        warn!(%error, limit, "the limit of open files stays as it is; raise it with `ulimit -n`");
    }
    let descriptors = limit.saturating_sub(RESERVE.max(limit / 4));
    usize::try_from(descriptors)
        .unwrap_or(usize::MAX)
        .clamp(OF_A_COMMAND as usize, tokio::sync::Semaphore::MAX_PERMITS)
}
