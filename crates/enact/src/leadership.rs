//! Which of several processes plans. One Planner per store is enough, and two would undo
//! each other's work.

/// Whether the Planner of this process plans.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Leadership {
    Leading,
    /// This process, by its name, leads.
    StandingBy {
        leader: String,
    },
    /// It is not known which process leads, for this reason.
    Unknown {
        reason: String,
    },
}

/// A process that stands for election. Dropping it gives the leadership up.
pub(crate) trait Candidacy: Send {
    /// Whether this process leads now. Does not wait.
    fn leadership(&self) -> Leadership;
}

/// The candidacy on a store that no other process can use.
pub(crate) struct Alone;

impl Candidacy for Alone {
    fn leadership(&self) -> Leadership {
        Leadership::Leading
    }
}

/// The name by which other processes call this one: its host and its process id.
pub(crate) fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "process",
        host => host,
    };
    format!("{host}/{}", std::process::id())
}
