//! Where the cluster is, and how to talk to it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use plan_store::Retention;

use crate::Error;

/// Where the cluster is, and how to talk to it. Checked by
/// [`EtcdStore::connect`](crate::EtcdStore::connect).
///
/// ```
/// # use plan_store_etcd::EtcdConfig;
/// let config: EtcdConfig = "etcd://192.0.2.1:2379,192.0.2.2:2379/dns".parse()?;
/// assert_eq!(config.endpoints, ["http://192.0.2.1:2379", "http://192.0.2.2:2379"]);
/// assert_eq!(config.prefix, "/dns/");
/// # Ok::<(), plan_store_etcd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EtcdConfig {
    /// The members, each as `http://host:port` or, with [`EtcdConfig::tls`],
    /// `https://host:port`.
    pub endpoints: Vec<String>,
    /// The prefix of all keys of the store; it ends in a slash. Stores with different
    /// prefixes are independent, unless one prefix begins with the other. Default:
    /// `/dns-control-plane/`.
    pub prefix: String,
    /// The settings for TLS. `None` means connections without TLS.
    pub tls: Option<Tls>,
    /// The user to log in as, if the cluster requires one.
    pub user: Option<User>,
    /// How long to wait for a connection to one member. Default: 1 s.
    pub connect_timeout: Duration,
    /// How long to wait for one member's answer to one request. Default: 2 s,
    /// longer than etcd takes to elect a leader.
    pub request_timeout: Duration,
    /// How long pins outlive a process that has ended or stalled: whole seconds, at least 2
    /// s. Default: 10 s.
    pub lease_ttl: Duration,
    /// How long the leader keeps etcd's history: at least this long, at most twice. Compaction
    /// concerns all keys of the cluster, also those of other programs. `None` leaves it to
    /// them. Default: `None`.
    pub history: Option<Duration>,
    /// The members' `--quota-backend-bytes`, if they are older than 3.6 and cannot say it
    /// themselves. Default: 2 GiB, as in etcd.
    pub quota: u64,
    /// Which plans a sweep by this process keeps. Give all processes the same value.
    /// Default: the newest 3.
    pub retention: Retention,
    /// The file in which readers keep their view. A process that cannot reach the cluster
    /// when it starts shows the view in this file. Default: no file.
    pub snapshot: Option<PathBuf>,
}

/// The settings for TLS. All texts are PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificates of the authorities that may sign the members' certificates.
    pub ca: Vec<u8>,
    /// This client's certificate and key, if the cluster requires them.
    pub identity: Option<Identity>,
    /// The host name in the members' certificates, if it differs from the host of their
    /// URLs.
    pub domain: Option<String>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, or a chain of them.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: Vec<u8>,
}

/// A user of etcd.
#[derive(Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl EtcdConfig {
    /// A configuration with these members and the defaults for the rest.
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            prefix: "/dns-control-plane/".into(),
            tls: None,
            user: None,
            connect_timeout: Duration::from_secs(1),
            request_timeout: Duration::from_secs(2),
            lease_ttl: Duration::from_secs(10),
            history: None,
            quota: 2 << 30,
            retention: Retention::newest(3),
            snapshot: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let bad = |what, value: &dyn fmt::Display, reason: &str| {
            let (value, reason) = (value.to_string(), reason.into());
            Err(Error::Config {
                what,
                value,
                reason,
            })
        };
        if self.endpoints.is_empty() {
            return bad("endpoints", &"", "there are none; give at least one");
        }
        for (what, pem, holds) in self.tls.iter().flat_map(Tls::parts) {
            if !String::from_utf8_lossy(pem).contains(holds) {
                return bad(what, &"", &format!("give PEM that has a {holds}"));
            }
        }
        let scheme = if self.tls.is_some() {
            "https://"
        } else {
            "http://"
        };
        if let Some(other) = self.endpoints.iter().find(|e| !e.starts_with(scheme)) {
            let reason = format!(
                "give a URL that begins with {scheme}, as TLS is {}",
                match self.tls {
                    Some(_) => "configured",
                    None => "not configured",
                }
            );
            return bad("endpoint", other, &reason);
        }
        if self.prefix.len() > MAX_PREFIX || !self.prefix.ends_with('/') {
            let reason = "give 1 to 128 characters, the last of them a slash";
            return bad("prefix", &self.prefix, reason);
        }
        for (what, duration) in [
            ("connect_timeout", self.connect_timeout),
            ("request_timeout", self.request_timeout),
        ] {
            if duration.is_zero() || duration > LONGEST {
                return bad(what, &format_args!("{duration:?}"), "give 1 ns to 1 h");
            }
        }
        if let Some(history) = self.history
            && (history < Duration::from_secs(1) || history > Duration::from_hours(24))
        {
            let history = format_args!("{history:?}").to_string();
            return bad("history", &history, "give 1 s to 24 h");
        }
        if self.lease_ttl < Duration::from_secs(2) || self.lease_ttl > LONGEST {
            let ttl = format_args!("{:?}", self.lease_ttl).to_string();
            return bad("lease_ttl", &ttl, "give 2 s to 1 h");
        }
        Ok(())
    }
}

impl Tls {
    /// The name of each part, its text, and the kind of PEM block that the text must have.
    fn parts(&self) -> impl Iterator<Item = (&'static str, &[u8], &'static str)> {
        let ca = ("tls.ca", self.ca.as_slice(), "CERTIFICATE");
        let ours = self.identity.iter().flat_map(|ours| {
            [
                ("certificate", ours.certificate.as_slice(), "CERTIFICATE"),
                ("key", ours.key.as_slice(), "PRIVATE KEY"),
            ]
        });
        std::iter::once(ca).chain(ours)
    }
}

const MAX_PREFIX: usize = 128;
const LONGEST: Duration = Duration::from_hours(1);

/// Parses `etcd://host:port,host:port/prefix`, or the same with `etcds://` for TLS. After
/// `etcds://`, [`EtcdConfig::tls`] is still to be set. Without a prefix, the default prefix
/// is used.
impl FromStr for EtcdConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |reason: &str| Error::Config {
            what: "URL",
            value: text.into(),
            reason: reason.into(),
        };
        let (scheme, rest) = match text.split_once("://") {
            Some(("etcd", rest)) => ("http", rest),
            Some(("etcds", rest)) => ("https", rest),
            _ => return Err(bad("give etcd://host:port,…/prefix")),
        };
        let (hosts, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let with_port = |host: &&str| {
            let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
            matches!(port, Some(Ok(1..)))
        };
        if !hosts.split(',').all(|host| with_port(&host)) {
            return Err(bad(
                "each member needs a host and a port, as in 192.0.2.1:2379",
            ));
        }
        let endpoints = hosts.split(',').map(|host| format!("{scheme}://{host}"));
        let mut config = Self::new(endpoints);
        let prefix = prefix.trim_matches('/');
        if !prefix.is_empty() {
            config.prefix = format!("/{prefix}/");
        }
        Ok(config)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("User").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_url_is_refused_and_says_why() {
        for (text, says) in [
            ("http://h:1", "etcd://host:port"),
            ("etcd://h", "a host and a port"),
            ("etcd://h:0", "a host and a port"),
            ("etcd://a:1,b/x", "a host and a port"),
            ("etcd://", "a host and a port"),
        ] {
            let error = text.parse::<EtcdConfig>().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_url_may_leave_the_prefix_out() {
        let config: EtcdConfig = "etcds://[::1]:2379".parse().unwrap();
        assert_eq!(config.endpoints, ["https://[::1]:2379"]);
        assert_eq!(config.prefix, "/dns-control-plane/");
    }

    #[test]
    fn a_bad_configuration_names_its_part() {
        let good = || EtcdConfig::new(["http://127.0.0.1:2379"]);
        good().check().unwrap();
        let with = |spoil: &dyn Fn(&mut EtcdConfig)| {
            let mut config = good();
            spoil(&mut config);
            config
        };
        let other = "https://127.0.0.1:1";
        let tls = |certificate: &str, key: &str| {
            let (certificate, key) = (certificate.as_bytes().to_vec(), key.as_bytes().to_vec());
            Some(Tls {
                ca: certificate.clone(),
                identity: Some(Identity { certificate, key }),
                domain: None,
            })
        };
        for (says, config) in [
            ("endpoints", with(&|c| c.endpoints.clear())),
            ("http://", with(&|c| c.endpoints.push(other.into()))),
            ("tls.ca", with(&|c| c.tls = tls("x", "PRIVATE KEY"))),
            ("key", with(&|c| c.tls = tls("CERTIFICATE", "x"))),
            ("prefix", with(&|c| c.prefix = "/dns".into())),
            (
                "connect_timeout",
                with(&|c| c.connect_timeout = Duration::ZERO),
            ),
            (
                "request_timeout",
                with(&|c| c.request_timeout = LONGEST * 2),
            ),
            ("lease_ttl", with(&|c| c.lease_ttl = Duration::from_secs(1))),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let user = User {
            name: "root".into(),
            password: "hunter2".into(),
        };
        let identity = Identity {
            certificate: b"hunter2".to_vec(),
            key: b"hunter2".to_vec(),
        };
        assert!(!format!("{user:?}{identity:?}").contains("hunter2"));
    }
}
