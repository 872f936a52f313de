//! The texts of outcomes and states in logs and messages.

use std::fmt;

use crate::{Activation, EndpointState, Resolution, RetainReason, Standing, Swept};

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Activated { replaced } => write!(f, "done; the endpoint was {replaced}"),
            Self::Already => f.write_str("nothing to do"),
            Self::Stale { newer } => write!(f, "stale: plan {newer} was first"),
            Self::Unknown => f.write_str("outcome unknown"),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vacant => f.write_str("vacant"),
            Self::Active(generation) => write!(f, "on plan {generation}"),
            Self::Withdrawn(generation) => write!(f, "withdrawn by plan {generation}"),
        }
    }
}

impl fmt::Display for EndpointState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.standing.fmt(f)?;
        match self.rollback {
            Some(rollback) => write!(f, ", with plan {rollback} to roll back to"),
            None => Ok(()),
        }
    }
}

/// Says where the answer comes from, and not the records: they may be many.
impl<V> fmt::Display for Resolution<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("not known"),
            Self::Vacant => f.write_str("vacant"),
            Self::Withdrawn { generation } => write!(f, "withdrawn by plan {generation}"),
            Self::Answer { generation, .. } => write!(f, "answered from plan {generation}"),
            Self::Dangling { generation } => write!(f, "empty: plan {generation} is gone"),
        }
    }
}

impl fmt::Display for RetainReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Rollback => "rollback target",
            Self::Pinned => "pinned",
        })
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deleted")?;
        if self.deleted.is_empty() {
            f.write_str(" nothing")?;
        }
        for generation in &self.deleted {
            write!(f, " {generation}")?;
        }
        let mut lead = "; spared";
        for (generation, reason) in &self.spared {
            write!(f, "{lead} {generation} ({reason})")?;
            lead = ",";
        }
        Ok(())
    }
}
