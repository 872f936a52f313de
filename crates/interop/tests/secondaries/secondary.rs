//! Their side: a program of another project, which transfers the zone.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, process, thread};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use interop::started;

use crate::primary::{FIRST, KEY, LAST, ZONE, address, secret};

/// A test that waits longer fails. Nothing here takes that long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How long a client waits between two questions to a secondary.
const STEP: Duration = Duration::from_millis(10);

/// The programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    Nsd,
    Knot,
    Bind,
}

/// What a secondary that answers says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Seen {
    /// The serial number.
    pub(crate) serial: u32,
    /// The plan that the address of the first endpoint, or of the last, is from.
    pub(crate) plan: u32,
}

/// A running secondary. It ends when this is dropped.
pub(crate) struct Running {
    pub(crate) program: Program,
    process: Option<Child>,
    directory: PathBuf,
    pub(crate) address: SocketAddr,
}

/// A port that is free for both UDP and TCP.
pub(crate) fn free_port() -> SocketAddr {
    let free = (0..100).find_map(|_| {
        let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
        let address = udp.local_addr().ok()?;
        TcpListener::bind(address).ok().map(|_| address)
    });
    free.unwrap()
}

impl Running {
    /// A secondary that will transfer from this primary and has this secret. It does not run yet.
    pub(crate) fn new(
        program: Program,
        address: SocketAddr,
        primary: SocketAddr,
        secret: &str,
    ) -> Self {
        let name = format!("secondary-{program:?}-{}-{}", process::id(), address.port());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let text = program.configuration(&directory, address, primary, secret);
        fs::write(directory.join("conf"), text).unwrap();
        Self {
            program,
            process: None,
            directory,
            address,
        }
    }

    /// Starts it, and waits until it answers at all.
    pub(crate) fn start(&mut self) {
        let (program, arguments) = self.program.command(&self.directory);
        let log = fs::File::create(self.directory.join("log")).unwrap();
        let mut command = Command::new(path(program));
        command.args(arguments).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(started(program, command.spawn()));
        let deadline = Instant::now() + PATIENCE;
        while self.ask(FIRST, RecordType::A).is_none() {
            let ended = self.process.as_mut().unwrap().try_wait();
            assert!(matches!(ended, Ok(None)), "it has ended: {}", self.log());
            assert!(
                Instant::now() < deadline,
                "it does not answer: {}",
                self.log()
            );
        }
    }

    /// Ends it, as an operator would.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // SIGTERM also ends its children; SIGKILL would not.
            let id = process.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &id]).status();
            let _ = process.wait();
        }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Waits until this plan survives the end of the process: NSD writes its zones from time to
    /// time, and not at its end.
    pub(crate) fn wait_until_kept(&self, plan: u32) {
        let deadline = Instant::now() + PATIENCE;
        let file = self.directory.join("zone");
        // NSD breaks the SOA record before the serial number.
        let soa = format!("\t{plan} 60 15 604800 5");
        let is_kept = || fs::read_to_string(&file).is_ok_and(|zone| zone.contains(&soa));
        while self.program == Program::Nsd && !is_kept() {
            assert!(Instant::now() < deadline, "not written: {}", self.log());
            thread::sleep(STEP);
        }
    }

    /// The serial numbers that NSD's log says it took, in this order. Waits until this plan's is
    /// among them: NSD may write the line after its first answer.
    pub(crate) fn taken_up_to(&self, plan: u32) -> Vec<u32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let taken = self.taken();
            if taken.contains(&plan) {
                return taken;
            }
            assert!(Instant::now() < deadline, "not taken: {}", self.log());
            thread::sleep(STEP);
        }
    }

    fn taken(&self) -> Vec<u32> {
        let log = self.log();
        // The last line may be in the middle of being written.
        let lines = log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let taken = lines.filter_map(|line| line.split(" is updated to ").nth(1));
        taken
            .filter_map(|serial| serial.trim().parse().ok())
            .collect()
    }

    /// What it says of the zone at this endpoint; `None` if it does not have the zone.
    pub(crate) fn sees(&self, endpoint: &str) -> Option<Seen> {
        let soa = self.ask(ZONE, RecordType::SOA)?;
        let a = self.ask(endpoint, RecordType::A)?;
        if [&soa, &a]
            .iter()
            .any(|m| m.metadata.response_code != ResponseCode::NoError)
        {
            return None;
        }
        let serial = soa.answers.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(soa.serial),
            _ => None,
        });
        let plan = a.answers.iter().find_map(|record| match &record.data {
            RData::A(a) => Some(u32::from(a.0) & 0xffff),
            _ => None,
        });
        assert_eq!(a.answers.len(), 1, "an endpoint is never empty");
        Some(Seen {
            serial: serial?,
            plan: plan?,
        })
    }

    /// Waits until it has this plan at the first and the last endpoint. Returns all that it has
    /// said until then.
    pub(crate) fn wait_for(&self, plan: u32) -> Vec<Seen> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            for endpoint in [FIRST, LAST] {
                seen.extend(self.sees(endpoint));
            }
            let newest = Seen { serial: plan, plan };
            if seen.ends_with(&[newest, newest]) {
                return seen;
            }
            assert!(
                Instant::now() < deadline,
                "plan {plan} {:?} does not arrive; last {:?}: {}",
                address(plan),
                seen.last(),
                self.log()
            );
            thread::sleep(STEP);
        }
    }

    /// Its answer; `None` if there is none soon.
    fn ask(&self, name: &str, record_type: RecordType) -> Option<Message> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(self.address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        let mut query = Message::new(fastrand::u16(..), MessageType::Query, OpCode::Query);
        let mut name = Name::from_ascii(name).unwrap();
        name.set_fqdn(true);
        query.add_query(Query::query(name, record_type));
        socket.send(&query.to_vec().unwrap()).ok()?;
        let mut reply = [0; 2048];
        let Ok(length) = socket.recv(&mut reply) else {
            thread::sleep(STEP); // Refused at once while nothing listens.
            return None;
        };
        Message::from_vec(&reply[..length]).ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The program, which may not be on every user's path.
fn path(program: &str) -> PathBuf {
    let path = Path::new("/usr/sbin").join(program);
    if path.exists() { path } else { program.into() }
}

impl Program {
    fn command(self, directory: &Path) -> (&'static str, Vec<String>) {
        let conf = directory.join("conf").display().to_string();
        match self {
            Self::Nsd => ("nsd", vec!["-d".into(), "-c".into(), conf]),
            Self::Knot => ("knotd", vec!["-c".into(), conf]),
            Self::Bind => ("named", vec!["-g".into(), "-c".into(), conf]),
        }
    }

    fn configuration(
        self,
        directory: &Path,
        address: SocketAddr,
        primary: SocketAddr,
        secret: &str,
    ) -> String {
        let directory = directory.display();
        let (port, ip, primary_ip) = (address.port(), address.ip(), primary.ip());
        let primary_port = primary.port();
        match self {
            Self::Nsd => format!(
                "server:
                    ip-address: {ip}@{port}
                    server-count: 1
                    username: \"\"
                    database: \"\"
                    zonesdir: \"{directory}\"
                    pidfile: \"{directory}/pid\"
                    zonelistfile: \"{directory}/list\"
                    xfrdfile: \"{directory}/xfrd\"
                    xfrdir: \"{directory}\"
                    xfrd-reload-timeout: 0
                    zonefiles-write: 1
                    rrl-ratelimit: 0
                    verbosity: 2
                remote-control:
                    control-enable: no
                key:
                    name: {KEY}
                    algorithm: hmac-sha256
                    secret: \"{secret}\"
                zone:
                    name: {ZONE}
                    zonefile: zone
                    allow-notify: {primary_ip} {KEY}
                    request-xfr: {primary_ip}@{primary_port} {KEY}\n"
            ),
            Self::Knot => format!(
                "server:
    listen: {ip}@{port}
    rundir: {directory}
log:
  - target: stderr
    any: info
database:
    storage: {directory}
key:
  - id: {KEY}
    algorithm: hmac-sha256
    secret: \"{secret}\"
remote:
  - id: primary
    address: {primary_ip}@{primary_port}
    key: {KEY}
acl:
  - id: notify
    address: {primary_ip}
    key: {KEY}
    action: notify
zone:
  - domain: {ZONE}
    storage: {directory}
    master: primary
    acl: notify\n"
            ),
            Self::Bind => format!(
                "options {{
                    directory \"{directory}\";
                    pid-file \"{directory}/pid\";
                    session-keyfile \"{directory}/session.key\";
                    listen-on port {port} {{ {ip}; }};
                    listen-on-v6 {{ none; }};
                    recursion no;
                    dnssec-validation no;
                    notify no;
                    serial-query-rate 1000;
                    notify-rate 1000;
                    max-refresh-time 600;
                    min-refresh-time 1;
                    min-retry-time 1;
                }};
                controls {{ }};
                key \"{KEY}\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};
                zone \"{ZONE}\" {{
                    type secondary;
                    primaries {{ {primary_ip} port {primary_port} key {KEY}; }};
                    allow-notify {{ key {KEY}; }};
                    file \"zone\";
                }};\n"
            ),
        }
    }
}

/// A secret that the primary does not have.
pub(crate) fn wrong_secret() -> String {
    secret().replace('a', "b")
}
