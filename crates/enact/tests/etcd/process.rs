//! A process of `enact serve`, its fleet file, and its targets.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use interop::cluster::{Cluster, PATIENCE, signal, wait_until};
use plan_store_etcd::{EtcdConfig, EtcdStore};

/// The prefix of the store's keys.
const PREFIX: &str = "/enact/";

/// The store that the processes share.
pub(crate) fn store(cluster: &Cluster) -> EtcdStore {
    let config = EtcdConfig {
        prefix: PREFIX.into(),
        request_timeout: PATIENCE,
        lease_ttl: PATIENCE,
        ..EtcdConfig::new(cluster.endpoints())
    };
    EtcdStore::connect(config).unwrap()
}

/// A running process. It is killed when this value is dropped.
pub(crate) struct Process {
    child: Child,
    log: Receiver<String>,
    http: SocketAddr,
}

impl Process {
    /// Starts a process of this role, and waits until it serves its metrics.
    pub(crate) fn start(role: &str, cluster: &Cluster, arguments: &[&str]) -> Self {
        let members = cluster.endpoints().join(",").replace("http://", "");
        let mut child = Command::new(env!("CARGO_BIN_EXE_enact"))
            .args(["serve", "--role", role])
            .args(["--store", &format!("etcd://{members}{PREFIX}")])
            .args(["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
            .args(arguments)
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, log) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // The test may have ended.
                let _ = send.send(line);
            }
        });
        let mut process = Self {
            child,
            log,
            http: SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        let line = process.wait_for("serving metrics url=");
        let (_, url) = line.split_once("url=http://").unwrap();
        process.http = url.strip_suffix("/metrics").unwrap().parse().unwrap();
        process
    }

    /// Reads the log up to a line that contains `text`.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_for_lines(text).pop().unwrap()
    }

    /// Reads the log up to a line that contains `text`. Returns what it has read.
    pub(crate) fn wait_for_lines(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).unwrap_or_else(|error| {
                panic!("no log line contains `{text}` ({error}); it has:\n{seen:#?}")
            });
            let found = line.contains(text);
            seen.push(line);
            if found {
                return seen;
            }
        }
    }

    /// The whole answer to a request over HTTP.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut client = TcpStream::connect(self.http).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    /// A metric's value; `None` if it is not there.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics");
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Some(value.parse().unwrap())
    }

    /// Waits until a metric has a value as wanted.
    pub(crate) fn metric_until(&self, name: &str, wanted: impl Fn(f64) -> bool) {
        wait_until(&format!("{name} is as wanted"), || {
            self.metric(name).is_some_and(&wanted)
        });
    }

    /// Ends it by SIGTERM.
    pub(crate) fn end(mut self) {
        signal(&self.child, "TERM");
        assert!(self.child.wait().unwrap().success());
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file that is removed with its handle.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let file = format!("enact-etcd-{}-{name}", std::process::id());
        let file = Self(std::env::temp_dir().join(file));
        fs::write(&file.0, text).unwrap();
        file
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // Left behind in the folder for temporary files at worst.
        let _ = fs::remove_file(&self.0);
    }
}

/// Listeners on loopback addresses that are this test run's own, all on one port.
pub(crate) struct Targets {
    /// No other test uses the addresses of this group.
    group: u8,
    port: u16,
    listeners: BTreeMap<u8, Listener>,
}

/// Accepts connections until it is dropped, and closes them.
struct Listener {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let accept = move || {
            while listener.accept().is_ok() && !end.load(Ordering::SeqCst) {}
        };
        let thread = Some(thread::spawn(accept));
        Self {
            address,
            ended,
            thread,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // This wakes the thread.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Targets {
    pub(crate) fn start(group: u8, numbers: impl IntoIterator<Item = u8>) -> Self {
        let mut targets = Self {
            group,
            port: 0,
            listeners: BTreeMap::new(),
        };
        numbers.into_iter().for_each(|number| targets.begin(number));
        targets
    }

    pub(crate) fn begin(&mut self, number: u8) {
        let listener = TcpListener::bind((self.address(number), self.port)).unwrap();
        self.port = listener.local_addr().unwrap().port();
        self.listeners.insert(number, Listener::start(listener));
    }

    pub(crate) fn end(&mut self, number: u8) {
        self.listeners.remove(&number);
    }

    pub(crate) fn address(&self, number: u8) -> Ipv4Addr {
        let [.., high, low] = std::process::id().to_be_bytes();
        [127, 150 + 20 * self.group + number, high, low].into()
    }

    /// A fleet file with quick checks. Each endpoint has targets, each with a capacity.
    pub(crate) fn fleet(&self, endpoints: &[(&str, &[(u8, u32)])]) -> String {
        let head = format!(
            "[timings]\nplanner_interval_ms = 20\n\
             [health_check]\nport = {}\ninterval_ms = 100\n\
             [[dns_zone]]\napex = \"example\"\nname_server = [{{ name = \"ns.test\" }}]\n",
            self.port
        );
        let endpoints = endpoints.iter().map(|(name, targets)| {
            let targets = targets.iter().map(|&(number, capacity)| {
                let address = self.address(number);
                format!("{{ address = \"{address}\", zone = \"z\", capacity = {capacity} }}")
            });
            let targets: Vec<_> = targets.collect();
            let targets = targets.join(", ");
            format!("[[endpoint]]\nname = \"{name}\"\ntarget = [{targets}]\n")
        });
        head + &endpoints.collect::<String>()
    }
}
