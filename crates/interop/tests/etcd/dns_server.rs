//! A DNS server without a cluster: it keeps answering, reports the loss, and catches up
//! later.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drill::Client;
use incident::{ClientAnswer, Event, Journal};
use plan_store::{Generation, Resolution};
use plan_store_etcd::{EtcdConfig, EtcdReader, EtcdStore};

use crate::load::{connect, endpoint};
use crate::processes::publish_and_pass;
use interop::cluster::{Cluster, PATIENCE, wait_until};

const PREFIX: &str = "/dns-server/";

/// A DNS server, and a client that asks it over UDP.
struct Asked {
    store: EtcdStore,
    client: Client<EtcdReader>,
    journal: Arc<Journal>,
}

impl Asked {
    /// Starts the server as soon as there is a view to answer from.
    fn start(endpoints: Vec<String>, snapshot: &Path) -> Self {
        let store = EtcdStore::connect(EtcdConfig {
            prefix: PREFIX.into(),
            snapshot: Some(snapshot.into()),
            ..EtcdConfig::new(endpoints)
        });
        let store = store.unwrap();
        store.wait_for_view(PATIENCE).unwrap();
        let client = Client::start(&store, &[endpoint(0)]).unwrap();
        let journal = Journal::keeping_steps();
        Self {
            store,
            client,
            journal,
        }
    }

    /// The plan that the server answers from, if a client gets addresses.
    fn answers(&mut self) -> Option<Generation> {
        self.client
            .resolve_all(&[endpoint(0)], &self.journal)
            .unwrap();
        match self.journal.steps().pop().map(|step| step.event) {
            Some(Event::Resolved {
                resolution: Resolution::Answer { generation, .. },
                told: Some(ClientAnswer::Addresses(1)),
                ..
            }) => Some(generation),
            _ => None,
        }
    }
}

fn file() -> PathBuf {
    std::env::temp_dir().join(format!("view-{}", std::process::id()))
}

#[test]
fn a_dns_server_answers_without_a_cluster_and_catches_up_after() {
    let mut cluster = Cluster::start(3);
    let writer = connect(&cluster, PREFIX);
    let first = publish_and_pass(&writer, 8);
    let (one, other) = (file(), file().with_extension("other"));
    let mut server = Asked::start(cluster.endpoints(), &one);
    // The server may begin a moment behind.
    wait_until("it shows the first plan", || {
        server.answers() == Some(first)
    });

    (0..cluster.size()).for_each(|at| cluster.kill(at));
    wait_until("the server knows", || !server.store.health().connected);
    assert_eq!(server.answers(), Some(first));
    let health = server.store.health();
    assert!(health.last_contact.is_some() && health.error.is_some());

    // The view on disk may be a moment behind, too.
    let mut fresh = None;
    wait_until("its view is on disk", || {
        let copied = fs::copy(&one, &other).is_ok();
        fresh = copied.then(|| Asked::start(cluster.endpoints(), &other));
        let answers = fresh.as_mut().and_then(Asked::answers);
        answers == Some(first)
    });
    let mut fresh = fresh.unwrap();
    let health = fresh.store.health();
    assert!(health.from_disk && !health.connected && health.last_contact.is_none());

    cluster.restart_all();
    let second = publish_and_pass(&writer, 9);
    for server in [&mut server, &mut fresh] {
        wait_until("it has caught up", || server.answers() == Some(second));
        let health = server.store.health();
        assert!(health.connected && !health.from_disk, "{health:?}");
    }
    for file in [one, other] {
        fs::remove_file(file).unwrap();
    }
}
