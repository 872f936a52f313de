//! Real etcd clusters on loopback: started, killed, paused, wiped and cleaned up.
//!
//! No function here relies on a fixed sleep. Each asks the cluster until the expected state
//! is there, for at most a few minutes.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::network::Network;
use crate::started;

/// A test that waits longer fails. Nothing here takes that long.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// The time between two questions to the cluster while a test waits.
const PAUSE: Duration = Duration::from_millis(20);

/// How many sets of ports are tried, because another program may take a free port first.
const TRIES: usize = 3;

/// Asks again and again until `so` is true.
pub fn wait_until(what: &str, so: impl FnMut() -> bool) {
    assert!(comes_true(so), "gave up waiting until {what}");
}

fn comes_true(mut so: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while !so() {
        if begin.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(PAUSE);
    }
    true
}

/// A running cluster. Dropping it kills the members and deletes their disks.
#[derive(Debug)]
pub struct Cluster {
    dir: PathBuf,
    members: Vec<Member>,
    network: Option<Network>,
    /// The size at which a member is full, if it is not etcd's own.
    quota: Option<u64>,
}

#[derive(Debug)]
struct Member {
    name: String,
    client: SocketAddr,
    /// The address where it listens for the other members.
    listens: SocketAddr,
    /// The address to which the other members connect: the same one, or a proxy's.
    peer: SocketAddr,
    process: Option<Child>,
}

impl Cluster {
    /// Starts a cluster of this many members and waits until all are healthy.
    pub fn start(members: usize) -> Self {
        Self::start_on(members, |_| None, None)
    }

    /// Starts a cluster whose members are full at this many bytes.
    pub fn with_quota(members: usize, bytes: u64) -> Self {
        Self::start_on(members, |_| None, Some(bytes))
    }

    /// Starts a cluster whose network between the members can be cut.
    pub fn with_network(members: usize) -> Self {
        Self::start_on(members, |listen| Some(Network::before(listen)), None)
    }

    fn start_on(
        members: usize,
        network: impl Fn(&[SocketAddr]) -> Option<Network>,
        quota: Option<u64>,
    ) -> Self {
        for _ in 0..TRIES {
            if let Some(cluster) = Self::try_to_start(members, &network, quota) {
                return cluster;
            }
        }
        panic!("no etcd cluster came up in {TRIES} tries");
    }

    fn try_to_start(
        members: usize,
        network: impl Fn(&[SocketAddr]) -> Option<Network>,
        quota: Option<u64>,
    ) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("etcd-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let ports = free_ports(2 * members);
        let (clients, listen) = ports.split_at(members);
        let network = network(listen);
        let members = clients.iter().zip(listen).enumerate();
        let members = members.map(|(at, (&client, &listens))| Member {
            name: format!("m{at}"),
            client,
            listens,
            peer: network
                .as_ref()
                .map_or(listens, |network| network.address(at)),
            process: None,
        });
        let mut cluster = Self {
            dir,
            members: members.collect(),
            network,
            quota,
        };
        for at in 0..cluster.members.len() {
            cluster.spawn(at, "new");
        }
        let all_answer = comes_true(|| {
            let died = (0..cluster.members.len()).any(|at| cluster.has_ended(at));
            died || cluster.is_healthy()
        });
        (all_answer && cluster.is_healthy()).then_some(cluster)
    }

    /// The members' addresses for clients.
    pub fn endpoints(&self) -> Vec<String> {
        let clients = self.members.iter().map(|member| member.client);
        clients.map(|client| format!("http://{client}")).collect()
    }

    /// How many members there are.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// The member that reports itself as leader.
    pub fn leader(&self) -> usize {
        self.leader_but(None)
    }

    /// The member, other than `not`, that reports itself as leader.
    pub fn leader_but(&self, not: Option<usize>) -> usize {
        let mut leader = None;
        wait_until("a member leads", || {
            let mut members = (0..self.size()).filter(|&at| Some(at) != not);
            leader = members.find(|&at| self.leads(at));
            leader.is_some()
        });
        leader.unwrap()
    }

    /// The revision that a member has reached, by its own report. It reports this without
    /// asking the other members.
    pub fn revision_at(&self, at: usize) -> i64 {
        let status = self.ask(at, &["endpoint", "status"]);
        status[0]["Status"]["header"]["revision"].as_i64().unwrap()
    }

    /// Waits until a member knows no leader.
    pub fn wait_until_leaderless(&self, at: usize) {
        wait_until("the member has no leader", || {
            let status = self.ask(at, &["endpoint", "status"]);
            // Some versions leave the field out if it is 0.
            status[0]["Status"]["leader"].as_u64().unwrap_or(0) == 0
        });
    }

    /// A member that runs and is not the leader.
    pub fn follower(&self) -> usize {
        let leader = self.leader();
        let runs = |at: &usize| self.members[*at].process.is_some();
        let mut others = (0..self.size()).filter(|at| *at != leader);
        others.find(runs).unwrap()
    }

    /// Kills a member with SIGKILL, and waits for its end.
    pub fn kill(&mut self, at: usize) {
        let mut process = self.members[at].process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Starts a killed member again, with its old disk. Returns when it is healthy.
    pub fn restart(&mut self, at: usize) {
        self.restart_each(&[at]);
    }

    /// Starts all members again after all were killed.
    pub fn restart_all(&mut self) {
        let all: Vec<_> = (0..self.size()).collect();
        self.restart_each(&all);
    }

    fn restart_each(&mut self, killed: &[usize]) {
        wait_until("the members are back", || {
            for &at in killed {
                // A member ends if another program has taken its port.
                if self.has_ended(at) {
                    self.spawn(at, "existing");
                }
            }
            killed.iter().all(|&at| self.member_is_healthy(at))
        });
    }

    /// Cuts some members off from all others. Clients still reach them.
    pub fn cut_off(&self, apart: &[usize]) {
        let processes = (0..self.size()).map(|at| self.process(at).id());
        let processes: Vec<_> = processes.collect();
        self.network.as_ref().unwrap().isolate(apart, &processes);
    }

    /// Lets all members reach each other again, and waits until they are healthy.
    pub fn heal(&self) {
        self.network.as_ref().unwrap().heal();
        self.wait_until_healthy();
    }

    /// Suspends a member's process.
    pub fn pause(&self, at: usize) {
        signal(self.process(at), "STOP");
    }

    /// Resumes a member's process, and waits until it is healthy.
    pub fn resume(&self, at: usize) {
        signal(self.process(at), "CONT");
        wait_until("the member is back", || self.member_is_healthy(at));
    }

    /// Kills a member and deletes its disk. Then it joins as a new member, as etcd's manual
    /// says: it is removed, added, and started with an empty disk.
    pub fn wipe(&mut self, at: usize) {
        self.kill(at);
        fs::remove_dir_all(self.dir.join(&self.members[at].name)).unwrap();
        let other = (at + 1) % self.size();
        let Member { name, peer, .. } = &self.members[at];
        let (name, peer) = (name.clone(), *peer);
        let peer = format!("http://{peer}");
        // A request that failed may still have been done, so this checks.
        let there = || {
            let list = self.ask(other, &["member", "list"]);
            let mut members = list["members"].as_array().unwrap().iter();
            let there = members.find(|member| member["peerURLs"][0] == peer.as_str());
            there.map(|member| member["ID"].as_u64().unwrap())
        };
        let lost = there().unwrap();
        let id = format!("{lost:x}");
        // etcd refuses this until the cluster has been healthy for a while.
        wait_until("the lost member is removed", || {
            self.try_to_ask(other, &["member", "remove", &id]);
            there().is_none()
        });
        let url = format!("--peer-urls={peer}");
        wait_until("a new member is added", || {
            self.try_to_ask(other, &["member", "add", &name, &url]);
            there().is_some()
        });
        self.restart(at);
    }

    /// Saves a backup of the cluster beside its members' disks.
    pub fn save(&self, name: &str) -> PathBuf {
        let file = self.dir.join(name);
        wait_until("the backup is saved", || {
            let mut save = self.ctl(0);
            let saved = started(
                "etcdctl",
                save.args(["snapshot", "save"]).arg(&file).output(),
            );
            saved.status.success()
        });
        file
    }

    /// Kills all members and starts them again from a backup. With another token, the cluster
    /// has another id.
    pub fn restore(&mut self, backup: &Path, token: &str) {
        for at in 0..self.size() {
            self.kill(at);
            let member = &self.members[at];
            let disk = self.dir.join(&member.name);
            fs::remove_dir_all(&disk).unwrap();
            let peer = format!("http://{}", member.peer);
            let mut restore = Command::new("etcdctl");
            let restore = restore
                .env("ETCDCTL_API", "3")
                .args(["snapshot", "restore"])
                .arg(backup)
                .args(["--name", &member.name])
                .arg("--data-dir")
                .arg(disk)
                .args(["--initial-cluster", &self.initial_cluster()])
                .args(["--initial-advertise-peer-urls", &peer])
                .args(["--initial-cluster-token", token]);
            let restored = started("etcdctl", restore.output());
            assert!(restored.status.success(), "{restored:?}");
        }
        self.restart_all();
    }

    fn initial_cluster(&self) -> String {
        let members = self.members.iter();
        let members: Vec<_> = members
            .map(|member| format!("{}=http://{}", member.name, member.peer))
            .collect();
        members.join(",")
    }

    /// Waits until every member is healthy.
    pub fn wait_until_healthy(&self) {
        wait_until("the cluster is healthy", || self.is_healthy());
    }

    /// The answer of one member to `etcdctl`, as JSON.
    pub fn ask(&self, at: usize, arguments: &[&str]) -> Value {
        let mut answer = None;
        wait_until("the member answers", || {
            answer = self.try_to_ask(at, arguments);
            answer.is_some()
        });
        answer.unwrap()
    }

    /// Puts a number as the store encodes it: eight bytes, the highest first.
    pub fn put_number(&self, key: &str, number: u64) {
        wait_until("the number is put", || {
            let mut put = self.ctl(0);
            let put = put.args(["put", key]).stdin(Stdio::piped());
            let mut put = started("etcdctl", put.spawn());
            let value = number.to_be_bytes();
            put.stdin.take().unwrap().write_all(&value).unwrap();
            put.wait().unwrap().success()
        });
    }

    fn try_to_ask(&self, at: usize, arguments: &[&str]) -> Option<Value> {
        let output = started("etcdctl", self.ctl(at).args(arguments).output());
        let answer = output.status.success();
        answer.then(|| serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// `etcdctl`, to be run against one member.
    pub fn ctl(&self, at: usize) -> Command {
        let endpoint = format!("--endpoints=http://{}", self.members[at].client);
        let mut ctl = Command::new("etcdctl");
        ctl.args([&endpoint, "--write-out=json", "--command-timeout=2s"]);
        ctl.env("ETCDCTL_API", "3");
        ctl
    }

    fn leads(&self, at: usize) -> bool {
        let runs = self.members[at].process.is_some();
        let status = runs.then(|| self.try_to_ask(at, &["endpoint", "status"]));
        status.flatten().is_some_and(|status| {
            let status = &status[0]["Status"];
            status["leader"] == status["header"]["member_id"]
        })
    }

    fn is_healthy(&self) -> bool {
        (0..self.size()).all(|at| self.member_is_healthy(at))
    }

    /// Whether the member reports that it has a leader and can read through it.
    fn member_is_healthy(&self, at: usize) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut member = TcpStream::connect(self.members[at].client)?;
            member.set_read_timeout(Some(Duration::from_secs(2)))?;
            member.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            member.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.contains("\"health\":\"true\""))
    }

    fn has_ended(&mut self, at: usize) -> bool {
        let process = self.members[at].process.as_mut();
        process.is_none_or(|process| process.try_wait().unwrap().is_some())
    }

    fn process(&self, at: usize) -> &Child {
        self.members[at].process.as_ref().unwrap()
    }

    fn spawn(&mut self, at: usize, state: &str) {
        let member = &self.members[at];
        let url = |address: SocketAddr| format!("http://{address}");
        let client = url(member.client);
        let log = self.dir.join(format!("{}.log", member.name));
        let log = File::options().create(true).append(true).open(log).unwrap();
        let quota = self.quota.unwrap_or(0).to_string();
        let process = Command::new("etcd")
            .args(["--name", &member.name])
            .arg("--data-dir")
            .arg(self.dir.join(&member.name))
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &url(member.listens)])
            .args(["--initial-advertise-peer-urls", &url(member.peer)])
            .args(["--initial-cluster", &self.initial_cluster()])
            .args(["--initial-cluster-state", state])
            .args(["--quota-backend-bytes", &quota])
            .args(["--logger", "zap", "--log-level", "warn"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.members[at].process = Some(started("etcd", process));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            if let Some(mut process) = member.process.take() {
                // If it has ended already, there is nothing to do.
                let _ = process.kill();
                let _ = process.wait();
            }
        }
        if thread::panicking() {
            eprintln!("the members' logs are in {}", self.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Ports that were free a moment ago. All are held at once, so that they differ.
pub fn free_ports(count: usize) -> Vec<SocketAddr> {
    let taken = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let taken: Vec<_> = taken.collect();
    taken
        .iter()
        .map(|port| port.local_addr().unwrap())
        .collect()
}

/// Sends a process a signal by name.
pub fn signal(process: &Child, name: &str) {
    let id = process.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status();
    assert!(sent.unwrap().success());
}
