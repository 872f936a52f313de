//! Which of several processes plans. One Planner per store is enough, and two would undo
//! each other's work.

use nix::unistd::gethostname;

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
    let host = gethostname().ok().and_then(|host| host.into_string().ok());
    let host = host.filter(|host| !host.is_empty());
    let host = host.as_deref().unwrap_or("process");
    format!("{host}/{}", std::process::id())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
mod tests {
    use std::process::Command;

    use super::own_name;

    #[test]
    fn a_process_is_called_by_its_host_and_its_id() {
        let host = Command::new("uname").arg("-n").output().unwrap().stdout;
        let host = String::from_utf8(host).unwrap();
        let name = format!("{}/{}", host.trim(), std::process::id());
        assert_eq!(own_name(), name);
    }
}
