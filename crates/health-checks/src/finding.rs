//! What a check has found.

use std::borrow::Cow;
use std::io;
use std::time::SystemTime;

/// What a check has found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    pub(crate) result: Result<(), Trouble>,
    /// When the target's certificate expires, if it showed one.
    pub(crate) certificate: Option<SystemTime>,
}

/// Why a check did not succeed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// The target did not answer as it should: this counts against it.
    Target(Cow<'static, str>),
    /// The check could not be made: this says nothing about the target.
    Checker(Cow<'static, str>),
}

impl Trouble {
    pub(crate) fn target(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Target(text.into())
    }

    pub(crate) fn checker(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Checker(text.into())
    }

    /// An error of a connection that has been begun.
    pub(crate) fn of_connection(error: &io::Error) -> Self {
        Self::Target(reason(error))
    }
}

impl From<Result<(), Trouble>> for Finding {
    fn from(result: Result<(), Trouble>) -> Self {
        Self {
            result,
            certificate: None,
        }
    }
}

/// A short text for what the operating system said, without a number.
pub(crate) fn reason(error: &io::Error) -> Cow<'static, str> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset => "connection reset".into(),
        io::ErrorKind::TimedOut => "timed out".into(),
        io::ErrorKind::HostUnreachable => "host unreachable".into(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".into(),
        io::ErrorKind::UnexpectedEof => "connection closed".into(),
        _ => error.to_string().into(),
    }
}
