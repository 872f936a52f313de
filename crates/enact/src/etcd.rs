//! A store on etcd, which several processes share: its arguments, its metrics, and how
//! Enactors hear of a new plan.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::Args;
use control_plane::Waker;
use plan_store::{Generation, Plan};
use plan_store_etcd::{
    Candidate, Error, EtcdConfig, EtcdStore, Identity, MemberStorage, Tls, User,
};

use crate::backing::{Backing, NotBackedUp};
use crate::leadership::{Candidacy, Leadership};
use crate::metrics::{self, Scrape};
use crate::notes::Notes;
use crate::option_file;

/// How to connect to etcd, and what to keep of it.
#[derive(Args)]
pub(crate) struct EtcdArguments {
    /// Keep what the DNS server answers from in this file, and start from it when etcd
    /// cannot be reached. With `--role front`, a copy of the fleet file is kept beside it,
    /// for a start with a broken fleet file
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    /// How long plans stay pinned after their process has died or stalled, in seconds. Another
    /// Planner takes over after the same time
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=3600))]
    lease_ttl: u64,
    /// How long the leading Planner keeps etcd's history, in seconds: at least this long, and at
    /// most twice. Compaction concerns all keys of the cluster, also those of other programs. 0
    /// leaves it to them
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    history: u64,
    /// The members' `--quota-backend-bytes`, if they are older than 3.6; the default is etcd's
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 30)]
    quota: u64,
    #[command(flatten)]
    login: Login,
}

/// How to log in to etcd.
#[derive(Args)]
pub(crate) struct Login {
    /// With `etcds://`: the certificate authorities of the members, in PEM
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// With `etcds://`: the certificate of this process, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// With `etcds://`: the key of that certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// With `etcds://`: the name in the members' certificates, if it is not their host
    #[arg(long, value_name = "NAME", requires = "tls_ca")]
    tls_domain: Option<String>,
    /// The user name to log in to etcd with
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// A file with the user's password in its first line
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

impl EtcdArguments {
    /// The file of the DNS server's cache.
    pub(crate) fn cache(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    /// Adds the other arguments to the URL's configuration.
    pub(crate) fn complete(&self, config: EtcdConfig) -> Result<EtcdConfig, Box<dyn StdError>> {
        Ok(EtcdConfig {
            lease_ttl: Duration::from_secs(self.lease_ttl),
            history: Some(Duration::from_secs(self.history)).filter(|time| !time.is_zero()),
            quota: self.quota,
            snapshot: self.cache.clone(),
            ..self.login.complete(config)?
        })
    }
}

impl Login {
    /// Adds the other arguments to the URL's configuration.
    pub(crate) fn complete(&self, config: EtcdConfig) -> Result<EtcdConfig, Box<dyn StdError>> {
        let identity = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: option_file::read("--tls-cert", certificate)?,
                key: option_file::read("--tls-key", key)?,
            }),
            _ => None,
        };
        let ca = self.tls_ca.as_deref();
        let ca = ca.map(|ca| option_file::read("--tls-ca", ca)).transpose()?;
        let tls = ca.map(|ca| Tls {
            ca,
            identity,
            domain: self.tls_domain.clone(),
        });
        Ok(EtcdConfig {
            tls,
            user: self.user()?,
            ..config
        })
    }

    fn user(&self) -> Result<Option<User>, Box<dyn StdError>> {
        let (Some(name), Some(file)) = (&self.user, &self.password_file) else {
            return Ok(None);
        };
        let text = option_file::read_text("--password-file", file)?;
        Ok(Some(User {
            name: name.clone(),
            password: text.lines().next().unwrap_or_default().into(),
        }))
    }
}

impl Backing for EtcdStore {
    type Wakening = Wakening;

    fn wake_on_publish(&self, wakers: Vec<Waker>) -> io::Result<Wakening> {
        Wakening::start(self.clone(), wakers)
    }

    fn can_be_read(&self) -> bool {
        self.wait_for_view(Duration::ZERO).is_ok()
    }

    fn stand_for_election(&self, name: String) -> Box<dyn Candidacy> {
        Box::new(EtcdStore::stand_for_election(self, name))
    }

    fn plans(&self) -> Result<Vec<Generation>, plan_store::Error> {
        self.generations().map_err(plan_store::Error::new)
    }

    fn notes(&self) -> Arc<dyn Notes> {
        Arc::new(self.clone())
    }

    fn backup(&self) -> Result<Vec<u8>, NotBackedUp> {
        let text = "the plans are on etcd; back the cluster up with `etcdctl snapshot save FILE`, \
                    and after a restore run `enact restore-cluster` (docs/etcd.md)";
        Err(NotBackedUp::Never(text))
    }

    fn newest_plan(&self) -> Option<(Generation, Arc<Plan>)> {
        self.newest_seen()
    }

    fn describe(&self, scrape: &mut Scrape<'_>) {
        let health = self.health();
        scrape.value(&metrics::ETCD_CONNECTED, u64::from(health.connected));
        let heard = health
            .last_contact
            .map_or(f64::NAN, |heard| heard.as_secs_f64());
        scrape.value(&metrics::ETCD_LAST_CONTACT, heard);
        let revision = health
            .revision
            .and_then(|revision| revision.try_into().ok());
        scrape.value(&metrics::ETCD_REVISION, revision.unwrap_or(0_u64));
        scrape.value(&metrics::ETCD_FROM_DISK, u64::from(health.from_disk));
        scrape.value(&metrics::ETCD_LOSSES, health.losses);
        let storage = self.storage();
        let members = storage.members.iter();
        let bytes = |of: fn(&MemberStorage) -> u64| members.clone().map(move |m| ([&m.url], of(m)));
        scrape.values(&metrics::ETCD_SIZE, bytes(|member| member.size));
        scrape.values(&metrics::ETCD_IN_USE, bytes(|member| member.in_use));
        scrape.values(&metrics::ETCD_QUOTA, bytes(|member| member.quota));
        let is_known = !storage.members.is_empty();
        let no_space = is_known.then(|| ([] as [&str; 0], u64::from(storage.no_space)));
        scrape.values(&metrics::ETCD_NO_SPACE, no_space);
        scrape.value(&metrics::ETCD_RESTORES, health.restores);
        scrape.value(&metrics::ETCD_KEPT, health.kept);
        let is_other = matches!(health.error, Some(Error::OtherCluster { .. }));
        scrape.value(&metrics::ETCD_OTHER, u64::from(is_other));
        let newest = health.newest.map_or(0, Generation::get);
        scrape.value(&metrics::ETCD_NEWEST, newest);
        let oldest = health.oldest_shown.map_or(newest, Generation::get);
        scrape.value(&metrics::ETCD_LAG, newest.saturating_sub(oldest));
        // A cluster that does not answer would hold up the metrics.
        let plans = health.connected.then(|| self.generations().ok()).flatten();
        let plans = plans.map(|plans| ([] as [&str; 0], plans.len()));
        scrape.values(&metrics::PLANS, plans);
    }
}

impl Candidacy for Candidate {
    fn leadership(&self) -> Leadership {
        use plan_store_etcd::Leadership as OnEtcd;
        match Candidate::leadership(self) {
            OnEtcd::Leading => Leadership::Leading,
            OnEtcd::StandingBy { leader } => Leadership::StandingBy { leader },
            OnEtcd::Unknown { reason } => {
                let reason = reason.map(|reason| reason.to_string());
                let reason = reason.unwrap_or_else(|| "etcd has not answered yet".into());
                Leadership::Unknown { reason }
            }
        }
    }
}

impl Notes for EtcdStore {
    fn note(&self, name: &str) -> Result<Option<Vec<u8>>, plan_store::Error> {
        Self::note(self, name).map_err(plan_store::Error::new)
    }

    fn set_note(&self, name: &str, bytes: &[u8]) -> Result<(), plan_store::Error> {
        Self::set_note(self, name, bytes).map_err(plan_store::Error::new)
    }

    fn replace_note(
        &self,
        name: &str,
        before: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<bool, plan_store::Error> {
        Self::replace_note(self, name, before, bytes).map_err(plan_store::Error::new)
    }
}

/// Wakes Enactors whenever a plan is published, by whatever process, until it is dropped.
pub(crate) struct Wakening {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How often the thread looks whether it is to stop.
const LOOK_UP: Duration = Duration::from_millis(200);

impl Wakening {
    pub(crate) fn start(store: EtcdStore, wakers: Vec<Waker>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        if wakers.is_empty() {
            return Ok(Self { stop, thread: None });
        }
        let builder = thread::Builder::new().name("plans".into());
        let thread = builder.spawn(move || {
            let mut seen = None;
            while !stopped.load(Ordering::Relaxed) {
                if let Some(newest) = store.wait_for_plan_after(seen, LOOK_UP) {
                    seen = Some(newest);
                    wakers.iter().for_each(Waker::wake);
                }
            }
        })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Wakening {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed.
            let _ = thread.join();
        }
    }
}
