//! Certificates for the servers of these tests.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};

use crate::server;

/// The authority that vouches for certificates. The file is removed at the end.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

/// A certificate with its key, in PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Until when the certificates are valid.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Year2095,
    Year2020,
}

impl Until {
    pub(crate) fn time(self) -> SystemTime {
        let seconds = match self {
            Self::Year2095 => 3_944_678_400,
            Self::Year2020 => 1_577_836_800,
        };
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }
}

impl Authority {
    /// An authority whose file has this name in it.
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let file = format!("{}-{name}.pem", std::process::id());
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file);
        fs::write(&file, pem).unwrap();
        let issuer = Issuer::new(params, key);
        Self { issuer, file }
    }

    /// Puts another authority into the file of this one.
    pub(crate) fn now_is(&self, other: &Self) {
        fs::copy(&other.file, &self.file).unwrap();
    }

    /// The field of a fleet file that trusts this authority.
    pub(crate) fn trusted(&self) -> String {
        format!("trust = \"{}\"", self.file.display())
    }

    pub(crate) fn certify(&self, name: &str, until: Until) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = match until {
            Until::Year2095 => date_time_ymd(2095, 1, 1),
            Until::Year2020 => date_time_ymd(2020, 1, 1),
        };
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // Left behind in the target folder at worst.
        let _ = fs::remove_file(&self.file);
    }
}

/// A server that shakes hands, and then does this with each connection.
pub(crate) fn tls_server(
    identity: &Identity,
    mut serve: impl FnMut(StreamOwned<ServerConnection, TcpStream>) + Send + 'static,
) -> SocketAddr {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    server(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        serve(StreamOwned::new(connection, stream));
    })
}

/// Shakes hands, and sends nothing. An error is what a client makes that refuses.
pub(crate) fn shake_hands(mut stream: StreamOwned<ServerConnection, TcpStream>) {
    let _ = stream.flush();
    let _ = stream.read(&mut [0]);
}
