//! A store on etcd, which several processes share: its arguments, what it says of
//! itself, and how an Enactor hears of a new plan.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::Args;
use control_plane::Waker;
use plan_store_etcd::{EtcdConfig, EtcdStore, Identity, Tls, User};

use crate::backing::Backing;
use crate::metrics::Text;

/// How to talk to etcd.
#[derive(Args)]
pub(crate) struct EtcdArguments {
    /// Keep what the front shows in this file, and start from it if etcd cannot be
    /// reached then
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    /// How long plans stay pinned by a process that is gone or stands still, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=3600))]
    lease_ttl: u64,
    /// With `etcds://`: the authorities that vouch for the members, in PEM
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// With `etcds://`: this process's own certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// With `etcds://`: the key of that certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// With `etcds://`: the name that the members' certificates are for, if not their host
    #[arg(long, value_name = "NAME", requires = "tls_ca")]
    tls_domain: Option<String>,
    /// Who to be, if etcd asks
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// A file with the user's password in its first line
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

impl EtcdArguments {
    /// Adds to the URL's configuration what else was given.
    pub(crate) fn complete(&self, config: EtcdConfig) -> Result<EtcdConfig, Box<dyn Error>> {
        let identity = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: read(certificate)?,
                key: read(key)?,
            }),
            _ => None,
        };
        let ca = self.tls_ca.as_deref().map(read).transpose()?;
        let tls = ca.map(|ca| Tls {
            ca,
            identity,
            domain: self.tls_domain.clone(),
        });
        Ok(EtcdConfig {
            tls,
            user: self.user()?,
            lease_ttl: Duration::from_secs(self.lease_ttl),
            snapshot: self.cache.clone(),
            ..config
        })
    }

    fn user(&self) -> Result<Option<User>, Box<dyn Error>> {
        let (Some(name), Some(file)) = (&self.user, &self.password_file) else {
            return Ok(None);
        };
        let text = String::from_utf8(read(file)?)?;
        Ok(Some(User {
            name: name.clone(),
            password: text.lines().next().unwrap_or_default().into(),
        }))
    }
}

fn read(file: &Path) -> Result<Vec<u8>, io::Error> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    fs::read(file).map_err(named)
}

impl Backing for EtcdStore {
    type Wakening = Wakening;

    fn wake_on_publish(&self, wakers: Vec<Waker>) -> io::Result<Wakening> {
        Wakening::start(self.clone(), wakers)
    }

    fn can_be_read(&self) -> bool {
        self.wait_for_view(LOOK_UP).is_ok()
    }

    fn describe(&self, text: &mut Text) {
        let health = self.health();
        let says = "1 while the cluster is followed.";
        text.gauge("etcd_connected", says, u8::from(health.connected));
        if let Some(heard) = health.last_contact {
            let says = "How long ago the cluster was heard of.";
            text.gauge("etcd_last_contact_seconds", says, heard.as_secs_f64());
        }
        if let Some(revision) = health.revision {
            let says = "The cluster's revision that is served.";
            text.gauge("etcd_revision", says, revision);
        }
        let says = "1 while what is served comes from the file that was there at the start.";
        text.gauge("etcd_from_disk", says, u8::from(health.from_disk));
        text.help(
            "etcd_losses_total",
            "counter",
            "How often the cluster was lost.",
        );
        text.sample("etcd_losses_total", "", health.losses);
        // Only a cluster that can answer is asked.
        if health.connected
            && let Ok(plans) = self.generations()
        {
            text.gauge(
                "plans_in_store",
                "Plans that no sweep has deleted.",
                plans.len(),
            );
        }
    }
}

/// Wakes an Enactor whenever a plan is published, by whatever process. Dropping it
/// ends that.
pub(crate) struct Wakening {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How long something is waited for before one looks up whether to end.
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
            // It has nothing to say at the end.
            let _ = thread.join();
        }
    }
}
