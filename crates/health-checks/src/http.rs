//! Checks over HTTP/1.1, one request on each connection.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::{Future, pending};

use control_plane::HttpCheck;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use plan_store::EndpointName;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::finding::{Trouble, reason};

/// So many bytes of a body are searched.
const MAX_BODY: usize = 64 << 10;
const USER_AGENT: &str = concat!("enact-health-check/", env!("CARGO_PKG_VERSION"));

/// Sends the request, and judges the answer.
pub(crate) async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    check: &HttpCheck,
    host: &EndpointName,
    port: u16,
) -> Result<(), Trouble> {
    let request = request(check, host, port)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| of_http(&error))?;
    let answer = async {
        let answer = sender.send_request(request).await;
        judge(check, answer.map_err(|error| of_http(&error))?).await
    };
    beside(connection, answer).await
}

/// Drives the connection until the work on it is done. When the connection ends first, the
/// work sees that itself.
async fn beside<T>(connection: impl Future, work: impl Future<Output = T>) -> T {
    let connection = async {
        connection.await;
        pending::<Infallible>().await
    };
    tokio::select! {
        done = work => done,
        never = connection => match never {},
    }
}

fn request(
    check: &HttpCheck,
    host: &EndpointName,
    port: u16,
) -> Result<Request<Empty<Bytes>>, Trouble> {
    let default = if check.tls.is_some() { 443 } else { 80 };
    let host = if port == default {
        host.to_string()
    } else {
        format!("{host}:{port}")
    };
    Request::builder()
        .method(check.method.as_str())
        .uri(check.path.as_str())
        .header(header::HOST, host)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| Trouble::checker(format!("no request can be made: {error}")))
}

async fn judge(check: &HttpCheck, answer: Response<Incoming>) -> Result<(), Trouble> {
    let status = answer.status().as_u16();
    if !check.status.contains(status) {
        return Err(Trouble::target(format!("status {status}")));
    }
    match &check.body {
        Some(text) => has(answer.into_body(), text).await,
        None => Ok(()),
    }
}

/// Whether the beginning of the body has this text in it.
async fn has(mut body: Incoming, text: &str) -> Result<(), Trouble> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| of_http(&error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        // A match may begin in what came before.
        let from = read.len().saturating_sub(text.len() - 1);
        let left = MAX_BODY - read.len();
        read.extend_from_slice(&data[..data.len().min(left)]);
        if read[from..]
            .windows(text.len())
            .any(|part| part == text.as_bytes())
        {
            return Ok(());
        }
        if data.len() >= left {
            break;
        }
    }
    Err(Trouble::target("the body does not have the text"))
}

fn of_http(error: &hyper::Error) -> Trouble {
    let io = error.source().and_then(|source| source.downcast_ref());
    match io {
        Some(io) => Trouble::target(reason(io)),
        None => Trouble::target(format!("HTTP: {error}")),
    }
}
