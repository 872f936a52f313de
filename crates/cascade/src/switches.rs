//! The measures that people took on the day, or announced afterwards.
//!
//! A switch takes effect at its time, if there is a need: people do not throttle a
//! service that works. The same switches therefore also make sense in a day without an
//! outage, and in an architecture that does not need them.

use std::fmt;

/// Something that people switch on, or off, at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Switch {
    /// The tooling is repaired: internal services reach the database without its name.
    InternalEndpoints,
    /// DWFM's incoming work is throttled, and its hosts are restarted one by one, which
    /// empties their queues.
    DwfmThrottle,
    /// The SQS pollers of Lambda are started again.
    PollersRestored,
    /// Fewer launches are let in, so that Network Manager can catch up.
    NetworkShed,
    /// Lambda holds asynchronous work back in favour of synchronous work.
    AsyncThrottle,
    /// NLB no longer takes zones out by itself. All zones that were out come back.
    FailoverOff,
    /// The throttles on launches are relaxed, step by step.
    ThrottlesRelaxed,
    /// NLB takes zones out by itself again.
    FailoverOn,
    /// Announced: a limit on how fast NLB takes capacity out.
    VelocityLimit,
    /// Announced: EC2 throttles by the length of its queues.
    QueueThrottle,
}

impl Switch {
    /// All switches: those of the day in order of time, then those announced.
    pub const ALL: [Self; 10] = [
        Self::InternalEndpoints,
        Self::DwfmThrottle,
        Self::PollersRestored,
        Self::NetworkShed,
        Self::AsyncThrottle,
        Self::FailoverOff,
        Self::ThrottlesRelaxed,
        Self::FailoverOn,
        Self::VelocityLimit,
        Self::QueueThrottle,
    ];

    /// The key in a parameter file.
    pub fn id(self) -> &'static str {
        match self {
            Self::InternalEndpoints => "internal_endpoints",
            Self::DwfmThrottle => "dwfm_throttle",
            Self::PollersRestored => "pollers_restored",
            Self::NetworkShed => "network_shed",
            Self::AsyncThrottle => "async_throttle",
            Self::FailoverOff => "failover_off",
            Self::ThrottlesRelaxed => "throttles_relaxed",
            Self::FailoverOn => "failover_on",
            Self::VelocityLimit => "velocity_limit",
            Self::QueueThrottle => "queue_throttle",
        }
    }

    /// The unit of a switch's time in a parameter file.
    pub(crate) const UNIT: &str = "UTC";

    /// The name among the parameters.
    pub fn parameter(self) -> String {
        format!("switches.{}", self.id())
    }

    /// What people do, for a reader.
    pub fn caption(self) -> &'static str {
        match self {
            Self::InternalEndpoints => "internal services reach the database again",
            Self::DwfmThrottle => "DWFM throttled, hosts restarted one by one",
            Self::PollersRestored => "SQS pollers restored",
            Self::NetworkShed => "fewer launches, so that Network Manager catches up",
            Self::AsyncThrottle => "asynchronous Lambda work held back",
            Self::FailoverOff => "automatic NLB fail-over off",
            Self::ThrottlesRelaxed => "launch throttles relaxed step by step",
            Self::FailoverOn => "automatic NLB fail-over on again",
            Self::VelocityLimit => "limit on how fast NLB takes capacity out",
            Self::QueueThrottle => "launches throttled by the length of queues",
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.caption())
    }
}
