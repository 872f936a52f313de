//! Checks with gRPC's health protocol.
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>

use std::error::Error as _;
use std::io;

use control_plane::GrpcCheck;
use hyper_util::rt::TokioIo;
use plan_store::EndpointName;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::finding::Trouble;

/// Asks whether the service is serving.
pub(crate) async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    check: &GrpcCheck,
    host: &EndpointName,
    port: u16,
) -> Result<(), Trouble> {
    // tonic's own TLS is not in use, so its address is one without.
    let address = Endpoint::from_shared(format!("http://{host}:{port}"));
    let mut address = address.map_err(|error| cannot_ask(&error))?;
    if check.tls.is_some() {
        let origin = format!("https://{host}:{port}").parse();
        address = address.origin(origin.map_err(|error| cannot_ask(&error))?);
    }
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_| {
        let stream = stream.take().ok_or(io::ErrorKind::NotConnected);
        async { stream.map_err(io::Error::from) }
    });
    let channel = address.connect_with_connector(connector).await;
    let channel = channel.map_err(|error| Trouble::target(format!("gRPC: {}", last(&error))))?;
    let service = check.service.clone();
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest { service })
        .await;
    match answer {
        Ok(answer) => match answer.into_inner().status() {
            ServingStatus::Serving => Ok(()),
            other => Err(Trouble::target(format!("status {}", other.as_str_name()))),
        },
        Err(status) => Err(Trouble::target(describe(&status))),
    }
}

fn describe(status: &Status) -> String {
    match status.code() {
        Code::Unimplemented => "gRPC: the server has no health service".into(),
        Code::NotFound => "gRPC: the server does not know the service".into(),
        _ if status.source().is_some() => format!("gRPC: {}", last(status)),
        code => format!("gRPC: {code:?}"),
    }
}

fn cannot_ask(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::checker(format!("no request can be made: {error}"))
}

/// What is at the bottom of an error says most.
fn last(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
