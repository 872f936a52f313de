//! TLS handshakes, and whose certificates are accepted.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use control_plane::{CheckKind, Trust, Watchlist};
use parking_lot::Mutex;
use plan_store::EndpointName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::finding::{Trouble, reason};

/// What is spoken inside TLS.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Inside {
    Nothing,
    Http1,
    Http2,
}

/// The settings of handshakes.
#[derive(Default)]
pub(crate) struct Trusts(Mutex<HashMap<Trust, Loaded>>);

/// The settings, or why there are none.
type Loaded = Result<Arc<ClientConfig>, String>;

impl Trusts {
    /// Loads what the checks of this list need, the files again.
    pub(crate) fn load(&self, list: &Watchlist) {
        let mut loaded = HashMap::new();
        for watched in list.targets.values() {
            if let Some(trust) = trust_of(&watched.check.kind)
                && !loaded.contains_key(trust)
            {
                loaded.insert(trust.clone(), config(trust));
            }
        }
        *self.0.lock() = loaded;
    }

    /// Shakes hands on this connection. The second part is when the certificate expires,
    /// also if it has expired.
    pub(crate) async fn shake_hands(
        &self,
        stream: TcpStream,
        trust: &Trust,
        host: &EndpointName,
        inside: Inside,
    ) -> (Result<TlsStream<TcpStream>, Trouble>, Option<SystemTime>) {
        let connector = match self.connector(trust) {
            Ok(connector) => connector,
            Err(trouble) => return (Err(trouble), None),
        };
        let Ok(name) = ServerName::try_from(host.as_str().to_owned()) else {
            let text = format!("{host} cannot be the name in a certificate; set `host`");
            return (Err(Trouble::checker(text)), None);
        };
        let connector = connector.with_alpn(inside.protocols());
        match connector.connect(name, stream).await {
            Ok(stream) => {
                let (_, session) = stream.get_ref();
                let shown = session.peer_certificates().and_then(<[_]>::first);
                let expires = shown.and_then(expiry);
                (Ok(stream), expires)
            }
            Err(error) => refused(&error, host),
        }
    }

    fn connector(&self, trust: &Trust) -> Result<TlsConnector, Trouble> {
        match self.0.lock().get(trust) {
            Some(Ok(config)) => Ok(TlsConnector::from(Arc::clone(config))),
            Some(Err(cause)) => Err(Trouble::checker(cause.clone())),
            // A check of an earlier list.
            None => Err(Trouble::checker("the check is not on the list any more")),
        }
    }
}

impl Inside {
    /// As ALPN has them.
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Http2 => vec![b"h2".to_vec()],
        }
    }
}

fn trust_of(kind: &CheckKind) -> Option<&Trust> {
    match kind {
        CheckKind::Tls(check) => Some(&check.trust),
        CheckKind::Http(check) => check.tls.as_ref(),
        CheckKind::Grpc(check) => check.tls.as_ref(),
        CheckKind::Tcp | CheckKind::Command(_) => None,
    }
}

fn config(trust: &Trust) -> Loaded {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let mut config = match trust {
        Trust::System => builder.with_root_certificates(system_roots()?),
        Trust::File(path) => builder.with_root_certificates(roots_in(path)?),
        Trust::Any => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
    }
    .with_no_client_auth();
    // A resumed session shows no certificate.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn system_roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(
            "the system trusts no certificate authority; install `ca-certificates`, or set `trust`"
                .into(),
        );
    }
    Ok(roots)
}

fn roots_in(path: &Path) -> Result<RootCertStore, String> {
    let named = |error: &dyn std::fmt::Display| {
        format!(
            "{} has no certificate authorities in PEM: {error}",
            path.display()
        )
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| named(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| named(&error))?;
        roots.add(certificate).map_err(|error| named(&error))?;
    }
    if roots.is_empty() {
        return Err(named(&"there is no certificate in it"));
    }
    Ok(roots)
}

/// When a certificate expires.
fn expiry(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    at_seconds(u64::try_from(seconds).ok()?)
}

fn at_seconds(seconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// What a failed handshake says of the target.
fn refused<T>(error: &io::Error, host: &EndpointName) -> (Result<T, Trouble>, Option<SystemTime>) {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let certificate = match inner {
        Some(Error::InvalidCertificate(certificate)) => certificate,
        Some(other) => return (Err(Trouble::target(format!("TLS: {other}"))), None),
        None => {
            let text = format!("TLS: {}", reason(error));
            return (Err(Trouble::target(text)), None);
        }
    };
    let (text, expires) = match certificate {
        CertificateError::Expired => ("certificate expired".into(), None),
        CertificateError::ExpiredContext { not_after, .. } => (
            "certificate expired".into(),
            at_seconds(not_after.as_secs()),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            (format!("certificate is not for {host}"), None)
        }
        CertificateError::UnknownIssuer => (
            "certificate is from an authority that is not trusted".into(),
            None,
        ),
        other => (format!("certificate: {other}"), None),
    };
    (Err(Trouble::target(text)), expires)
}

/// Accepts any certificate, and checks that the server has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
