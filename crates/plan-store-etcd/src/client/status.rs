//! Decides from a request's answer, or from the lack of one, whether the request was done,
//! was not done, or has an unknown outcome.

use tokio::time::error::Elapsed;
use tonic::{Code, ConnectError, Response, Status};

use crate::Error;

/// The member's answer to a request, or why there is none.
pub(super) fn answer<T>(
    url: &str,
    answer: Result<Result<Response<T>, Status>, Elapsed>,
) -> Result<T, Error> {
    let status = match answer {
        Ok(Ok(answer)) => return Ok(answer.into_inner()),
        Ok(Err(status)) => status,
        Err(_) => Status::deadline_exceeded("not in time"),
    };
    let (endpoint, code) = (url.into(), status.code());
    Err(if is_refusal(&status) {
        let message = status.message().into();
        Error::Refused {
            endpoint,
            code,
            message,
        }
    } else if was_not_sent(&status) {
        let reason = reason(&status);
        Error::Unreachable { endpoint, reason }
    } else {
        let reason = reason(&status);
        Error::NoAnswer { endpoint, reason }
    })
}

/// Whether etcd itself refused the request and did nothing. Other statuses, for example a
/// time-out within the cluster, do not say whether the request was done.
fn is_refusal(status: &Status) -> bool {
    let refuses = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::OutOfRange
    );
    status.code() == Code::Unimplemented || refuses && status.message().starts_with("etcdserver:")
}

/// Whether the request was not sent: the connection was gone and could not be made again.
fn was_not_sent(status: &Status) -> bool {
    causes(status).any(<dyn std::error::Error>::is::<ConnectError>)
}

fn causes(
    error: &dyn std::error::Error,
) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&error| error.source())
}

/// The status's message with all its causes.
fn reason(status: &Status) -> String {
    add_causes(status.message().into(), status)
}

/// The error with all its causes.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    add_causes(error.to_string(), error)
}

fn add_causes(mut text: String, error: &dyn std::error::Error) -> String {
    for cause in causes(error) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_etcd_itself_refuses_was_not_done() {
        let not_done = |code, message: &str| {
            let status = Status::new(code, message);
            answer::<()>("m1", Ok(Err(status)))
                .unwrap_err()
                .not_applied()
        };
        for (code, message) in [
            (
                Code::InvalidArgument,
                "etcdserver: duplicate key given in txn request",
            ),
            (Code::NotFound, "etcdserver: requested lease not found"),
            (Code::ResourceExhausted, "etcdserver: too many requests"),
            (Code::Unauthenticated, "etcdserver: invalid auth token"),
            (Code::Unimplemented, "unknown service etcdserverpb.KV"),
        ] {
            assert!(not_done(code, message), "{message}");
        }
        for (code, message) in [
            (Code::Unavailable, "etcdserver: request timed out"),
            (Code::Unavailable, "etcdserver: leader changed"),
            (Code::Unknown, "etcdserver: whatever it is"),
            (Code::ResourceExhausted, "the answer is too long"),
            (Code::OutOfRange, "decoded message length too large"),
            (Code::Cancelled, "operation was canceled"),
        ] {
            assert!(!not_done(code, message), "{message}");
        }
    }
}
