//! gRPC's health protocol, against tonic's own server of it.

use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::thread;

use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic_health::ServingStatus;

use crate::certificates::{self, Authority, Until};
use crate::{fails, listener, server, succeeds};

/// A server whose service `well` serves and whose service `ill` does not.
fn grpc_server(identity: Option<&certificates::Identity>) -> SocketAddr {
    let tls = identity.map(|identity| {
        let identity = Identity::from_pem(&identity.certificate, &identity.key);
        ServerTlsConfig::new().identity(identity)
    });
    let (tell, told) = channel();
    // It ends with the process.
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let (reporter, health) = tonic_health::server::health_reporter();
            for (service, status) in [
                ("well", ServingStatus::Serving),
                ("ill", ServingStatus::NotServing),
            ] {
                reporter.set_service_status(service, status).await;
            }
            let mut server = Server::builder();
            if let Some(tls) = tls {
                server = server.tls_config(tls).unwrap();
            }
            let incoming = TcpIncoming::from(listener);
            let serving = server.add_service(health).serve_with_incoming(incoming);
            serving.await.unwrap();
        });
    });
    told.recv().unwrap()
}

#[test]
fn a_service_is_up_if_it_serves() {
    let target = grpc_server(None);
    // The whole server has the empty name.
    succeeds(target, "kind = \"grpc\"");
    succeeds(target, "kind = \"grpc\", service = \"well\"");
    let ill = "kind = \"grpc\", service = \"ill\"";
    fails(target, ill, "status NOT_SERVING");
    let other = "kind = \"grpc\", service = \"other\"";
    fails(target, other, "gRPC: the server does not know the service");
}

#[test]
fn with_tls_the_certificate_counts_too() {
    let authority = Authority::new("grpcs");
    let target = grpc_server(Some(&authority.certify("a.example", Until::Year2095)));
    let check = format!("kind = \"grpcs\", {}", authority.trusted());
    let status = succeeds(target, &check);
    assert_eq!(status.certificate_expires, Some(Until::Year2095.time()));
    let check = format!("{check}, host = \"b.example\"");
    fails(target, &check, "certificate is not for b.example");
}

#[test]
fn a_server_that_closes_is_a_failure_and_one_that_is_silent_times_out() {
    let closes = server(drop);
    let checked = crate::Checked::start([(closes, "kind = \"grpc\"")]);
    let status = checked.until(closes, |status| status.error.is_some());
    let error = status.error.unwrap();
    assert!(!status.not_made && error.starts_with("gRPC: "), "{error}");
    let (_silent, target) = listener();
    let quick = "kind = \"grpc\", interval_ms = 100, timeout_ms = 100";
    fails(target, quick, "timed out");
}
