//! etcd clusters on loopback.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A running cluster. Dropping it kills the members and deletes their data.
pub(crate) struct Cluster {
    folder: PathBuf,
    /// Each member's ports for clients and for peers.
    ports: Vec<(u16, u16)>,
    members: Vec<Child>,
}

impl Cluster {
    pub(crate) fn start(members: usize) -> Self {
        let name = format!("etcd-bench-{}-{members}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // All are held at once, so that they differ.
        let free: Vec<_> = (0..2 * members)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let port = |at: usize| free[at].local_addr().unwrap().port();
        let ports: Vec<_> = (0..members)
            .map(|at| (port(2 * at), port(2 * at + 1)))
            .collect();
        drop(free);
        let mut cluster = Self {
            folder,
            ports,
            members: Vec::new(),
        };
        cluster.members = (0..members).map(|at| cluster.member(at)).collect();
        for (member, (client, _)) in cluster.members.iter_mut().zip(&cluster.ports) {
            while TcpStream::connect(("127.0.0.1", *client)).is_err() {
                let ended = member.try_wait().unwrap();
                assert!(ended.is_none(), "a member of etcd has ended: {ended:?}");
                sleep(Duration::from_millis(50));
            }
        }
        cluster
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        let clients = self.ports.iter().map(|(client, _)| client);
        clients.map(|client| url(*client)).collect()
    }

    fn member(&self, at: usize) -> Child {
        let peers = self.ports.iter().enumerate();
        let peers: Vec<_> = peers
            .map(|(at, (_, peer))| format!("m{at}={}", url(*peer)))
            .collect();
        let (client, peer) = self.ports[at];
        Command::new("etcd")
            .arg(format!("--name=m{at}"))
            .arg("--data-dir")
            .arg(self.folder.join(format!("m{at}")))
            .arg(format!("--listen-client-urls={}", url(client)))
            .arg(format!("--advertise-client-urls={}", url(client)))
            .arg(format!("--listen-peer-urls={}", url(peer)))
            .arg(format!("--initial-advertise-peer-urls={}", url(peer)))
            .arg(format!("--initial-cluster={}", peers.join(",")))
            .arg("--log-level=error")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start etcd: {error}; apt-get install etcd-server")
            })
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            // The member may have ended already.
            let _ = member.kill();
            let _ = member.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
