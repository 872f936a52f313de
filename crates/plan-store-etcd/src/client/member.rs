//! One member of the cluster, and the connection to it.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use tonic::Request;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::Error;
use crate::client::login::Token;
use crate::client::status::with_causes;
use crate::config::{EtcdConfig, Tls};

pub(super) struct Member {
    pub(super) url: String,
    endpoint: Endpoint,
    connect_timeout: Duration,
    channel: Mutex<Option<Channel>>,
}

/// A member's channel, and the token to send with each request.
pub(super) struct Connection {
    /// The index of the member.
    pub(super) at: usize,
    pub(super) channel: Channel,
    pub(super) token: Token,
}

/// The interval of pings on a connection, so that a member that is gone is noticed within
/// seconds. etcd closes connections that ping more often than every 5 s.
const PING_INTERVAL: Duration = Duration::from_secs(6);

impl Member {
    pub(super) fn new(url: &str, config: &EtcdConfig) -> Result<Self, Error> {
        let bad = |error: tonic::transport::Error| Error::Config {
            what: "endpoint",
            value: url.into(),
            reason: with_causes(&error),
        };
        let mut endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(bad)?
            .connect_timeout(config.connect_timeout)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(config.request_timeout)
            .tcp_nodelay(true);
        if let Some(tls) = &config.tls {
            endpoint = endpoint.tls_config(tls_config(tls)).map_err(bad)?;
        }
        Ok(Self {
            url: url.into(),
            endpoint,
            connect_timeout: config.connect_timeout,
            channel: Mutex::new(None),
        })
    }

    /// Returns the connection to the member. Makes one if there is none.
    pub(super) async fn connected(&self) -> Result<Channel, Error> {
        let mut channel = self.channel.lock().await;
        if let Some(channel) = &*channel {
            return Ok(channel.clone());
        }
        let unreachable = |reason| Error::Unreachable {
            endpoint: self.url.clone(),
            reason,
        };
        let within = self.connect_timeout;
        let connected = timeout(within, self.endpoint.connect())
            .await
            .map_err(|_| unreachable(format!("no connection within {within:?}")))?
            .map_err(|error| unreachable(with_causes(&error)))?;
        Ok(channel.insert(connected).clone())
    }

    pub(super) async fn disconnect(&self) {
        *self.channel.lock().await = None;
    }
}

fn tls_config(tls: &Tls) -> ClientTlsConfig {
    let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&tls.ca));
    if let Some(ours) = &tls.identity {
        config = config.identity(Identity::from_pem(&ours.certificate, &ours.key));
    }
    match &tls.domain {
        Some(domain) => config.domain_name(domain),
        None => config,
    }
}

impl Connection {
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.clone());
        }
        request
    }
}
