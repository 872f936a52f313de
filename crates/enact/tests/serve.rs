//! `enact serve` as an operator runs it: one process, asked over UDP and HTTP, and
//! controlled by signals.
//!
//! The program takes free ports and names them in its log, and it says itself when it is
//! ready. No test guesses a port, sleeps, or concludes from one part that another is up.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

#[path = "serve/backup.rs"]
mod backup;
#[path = "serve/commands.rs"]
mod commands;
#[path = "serve/hostile.rs"]
mod hostile;
#[path = "serve/page.rs"]
mod page;
#[path = "serve/soak.rs"]
mod soak;
#[path = "serve/watch.rs"]
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, RecordType};

/// The bound of every wait; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The log line by which the process says that it is ready.
const READY: &str = "enact::readiness: ready";

/// A running `enact serve`. It is killed when this value is dropped.
struct Serve {
    process: Child,
    log: Receiver<String>,
    dns: SocketAddr,
    http: SocketAddr,
    /// The socket of the admin API.
    admin: PathBuf,
    admin_tcp: Option<SocketAddr>,
}

impl Serve {
    /// Starts it and waits until it is ready.
    fn start(arguments: &[&str]) -> Self {
        Self::start_with_log(arguments, Some("info"), usize::MAX).0
    }

    /// Starts it with this log level or its own, and waits until it is ready. The log is read
    /// up to the line that says so, and so many lines further; then the thread returns what it
    /// read from.
    fn start_with_log(
        arguments: &[&str],
        level: Option<&str>,
        further: usize,
    ) -> (Self, JoinHandle<BufReader<ChildStderr>>) {
        let mut process = Self::spawn(arguments, level);
        let (log, reader) = lines(process.stderr.take().unwrap(), further);
        let serve = Self::addressed(process, log, arguments.contains(&"--admin-tcp"));
        serve.wait_for(READY);
        (serve, reader)
    }

    fn spawn(arguments: &[&str], level: Option<&str>) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_enact"));
        match level {
            Some(level) => command.env("RUST_LOG", level),
            None => command.env_remove("RUST_LOG"),
        };
        command.arg("serve");
        if !arguments.contains(&"--store") {
            command.args(["--store", "memory"]);
        }
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(["--metrics", "127.0.0.1:0"])
            .arg("--admin")
            .arg(new_socket())
            .args(arguments)
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// A process whose log names its addresses.
    fn addressed(process: Child, log: Receiver<String>, with_tcp: bool) -> Self {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut serve = Self {
            process,
            log,
            dns: unknown,
            http: unknown,
            admin: PathBuf::new(),
            admin_tcp: None,
        };
        let line = serve.wait_for("serving metrics url=");
        serve.http = between(&line, "url=http://", "/metrics").parse().unwrap();
        let line = serve.wait_for("admin API socket=");
        serve.admin = line.split_once("socket=").unwrap().1.into();
        if with_tcp {
            let line = serve.wait_for("admin API over TCP address=");
            let (_, address) = line.split_once("address=").unwrap();
            serve.admin_tcp = Some(address.parse().unwrap());
        }
        let line = serve.wait_for("serving address=");
        serve.dns = between(&line, "address=", " ").parse().unwrap();
        serve
    }

    /// Reads the log up to a line that contains `text`.
    fn wait_for(&self, text: &str) -> String {
        let mut seen = String::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).unwrap_or_else(|error| {
                panic!("no log line contains `{text}` ({error}); it has:\n{seen}")
            });
            if line.contains(text) {
                return line;
            }
            seen += &line;
            seen.push('\n');
        }
    }

    fn signal(&self, name: &str) {
        let id = self.process.id();
        let kill = format!("kill -{name} {id}");
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success());
    }

    /// Asks for A records until the answer is as wanted.
    fn ask_until(&self, name: &str, wanted: impl Fn(&Message) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reply = self.ask(name);
            if wanted(&reply) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{name} is not as wanted:\n{reply}"
            );
        }
    }

    /// Asks once for A records.
    fn ask(&self, name: &str) -> Message {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(self.dns).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut query = Message::new(7, MessageType::Query, OpCode::Query);
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
        socket.send(&query.to_vec().unwrap()).unwrap();
        let mut buffer = [0; 2048];
        let length = socket.recv(&mut buffer).unwrap();
        Message::from_vec(&buffer[..length]).unwrap()
    }

    /// The whole answer to a request over HTTP.
    fn get(&self, path: &str) -> String {
        self.request("GET", path)
    }

    fn request(&self, method: &str, path: &str) -> String {
        let mut client = TcpStream::connect(self.http).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(client, "{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    /// Gives a command, such as `enact status`.
    fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_enact"));
        command.args(arguments).env("ENACT_ADMIN", &self.admin);
        command.output().unwrap()
    }

    /// Gives a command that succeeds, and returns what it prints.
    fn tell(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Ends it. Returns how often it has become ready since the last line that was read.
    fn end(mut self) -> usize {
        self.signal("TERM");
        let deadline = Instant::now() + PATIENCE;
        let mut rest = Vec::new();
        while let Ok(line) = self
            .log
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            rest.push(line);
        }
        assert!(
            rest.iter().any(|line| line.contains("stopped queries=")),
            "{rest:#?}"
        );
        assert!(self.process.wait().unwrap().success());
        rest.iter().filter(|line| line.contains(READY)).count()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
        // The lock stays behind, so that no two processes hold different ones.
        let _ = fs::remove_file(self.admin.with_extension("sock.lock"));
    }
}

/// A place for the socket of the next process.
fn new_socket() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let file = format!("enact-{}-{number}.sock", std::process::id());
    std::env::temp_dir().join(file)
}

/// The lines of a log, read by a thread so that waiting for one has a bound. The thread ends
/// with the log, or so many lines after [`READY`].
fn lines(
    log: ChildStderr,
    further: usize,
) -> (Receiver<String>, JoinHandle<BufReader<ChildStderr>>) {
    let (send, lines) = channel();
    let reader = thread::spawn(move || {
        let mut log = BufReader::new(log);
        let mut left = usize::MAX;
        let mut line = String::new();
        while left > 0 && log.read_line(&mut line).is_ok_and(|length| length > 0) {
            left = if line.contains(READY) {
                further
            } else {
                left - 1
            };
            // The test may have ended.
            let _ = send.send(std::mem::take(&mut line).trim_end().to_owned());
        }
        log
    });
    (lines, reader)
}

fn between<'t>(line: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = line.split_once(before).unwrap();
    rest.split_once(after).unwrap().0
}

fn has_answers(count: usize) -> impl Fn(&Message) -> bool {
    move |reply| reply.answers.len() == count
}

fn is_missing(reply: &Message) -> bool {
    reply.metadata.response_code == ResponseCode::NXDomain
}

/// A fleet file that is removed with its handle.
struct FleetFile(PathBuf);

impl FleetFile {
    fn new(name: &str, text: &str) -> Self {
        let file = format!("enact-serve-{}-{name}.toml", std::process::id());
        let this = Self(std::env::temp_dir().join(file));
        this.write(text);
        this
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for FleetFile {
    fn drop(&mut self) {
        // Left behind in the folder for temporary files at worst.
        let _ = fs::remove_file(&self.0);
    }
}

const ZONE: &str = "[[dns_zone]]\napex = \"re.example\"\nname_server = [{ name = \"ns.test\" }]\n";

fn endpoint(name: &str, addresses: &[&str]) -> String {
    let targets = addresses
        .iter()
        .map(|address| format!("{{ address = \"{address}\", zone = \"z\", capacity = 1 }}"));
    let targets: Vec<_> = targets.collect();
    format!(
        "[[endpoint]]\nname = \"{name}\"\ntarget = [{}]\n",
        targets.join(", ")
    )
}

/// Listeners on loopback addresses that are this test run's own, all on one port.
struct Targets {
    port: u16,
    listeners: BTreeMap<u8, TcpListener>,
}

impl Targets {
    fn start(numbers: impl IntoIterator<Item = u8>) -> Self {
        let mut targets = Self {
            port: 0,
            listeners: BTreeMap::new(),
        };
        numbers.into_iter().for_each(|number| targets.begin(number));
        targets
    }

    fn begin(&mut self, number: u8) {
        let listener = TcpListener::bind((Self::address(number), self.port)).unwrap();
        self.port = listener.local_addr().unwrap().port();
        self.listeners.insert(number, listener);
    }

    fn end(&mut self, numbers: &[u8]) {
        self.listeners.retain(|number, _| !numbers.contains(number));
    }

    fn address(number: u8) -> Ipv4Addr {
        let [.., high, low] = std::process::id().to_be_bytes();
        [127, 100 + number, high, low].into()
    }

    /// An endpoint of a fleet file with these targets, in three zones by turns.
    fn endpoint(name: &str, numbers: &[u8]) -> String {
        let targets = numbers.iter().map(|number| {
            let (address, zone) = (Self::address(*number), number % 3);
            format!("{{ address = \"{address}\", zone = \"z{zone}\", capacity = 1 }}")
        });
        let targets: Vec<_> = targets.collect();
        let targets = targets.join(", ");
        format!("[[endpoint]]\nname = \"{name}.re.example\"\ntarget = [{targets}]\n")
    }

    /// A fleet file with quick checks, and else default settings.
    fn fleet(&self, endpoints: &[(&str, &[u8])]) -> String {
        let port = self.port;
        let endpoints = endpoints.iter().map(|(name, t)| Self::endpoint(name, t));
        let endpoints: String = endpoints.collect();
        format!(
            "[timings]\nplanner_interval_ms = 20\n\
             [health_check]\nport = {port}\ninterval_ms = 100\n{ZONE}{endpoints}"
        )
    }
}

/// Whether the answer has these targets, and no others.
fn has(numbers: &[u8]) -> impl Fn(&Message) -> bool {
    let wanted: BTreeSet<_> = numbers.iter().map(|n| Targets::address(*n)).collect();
    move |reply| {
        let answers = reply.answers.iter().filter_map(|record| match record.data {
            RData::A(A(address)) => Some(address),
            _ => None,
        });
        answers.collect::<BTreeSet<_>>() == wanted
    }
}

/// The ids of the changes that are held, by endpoint.
fn held(serve: &Serve) -> BTreeMap<String, String> {
    let answer = serve.get("/held");
    let (head, lines) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let field = |line: &str, n: usize| line.split([' ', ':']).nth(n).unwrap().to_owned();
    lines
        .lines()
        .map(|line| (field(line, 2), field(line, 0)))
        .collect()
}

#[test]
fn rows_1_5_9_and_11_each_endpoint_is_judged_by_itself_and_a_person_decides_by_id() {
    let mut targets = Targets::start(1..=8);
    let (a, b) = (&[1, 2][..], &[3, 4, 5, 6, 7, 8][..]);
    let fleet = FleetFile::new("rows", &targets.fleet(&[("a", a), ("b", b)]));
    let serve = Serve::start(&["--fleet", fleet.path()]);
    assert!(has(a)(&serve.ask("a.re.example.")));
    assert!(has(b)(&serve.ask("b.re.example.")));

    // Row 1: one target of each dies.
    targets.end(&[1, 3]);
    serve.ask_until("a.re.example.", has(&[2]));
    serve.ask_until("b.re.example.", has(&[4, 5, 6, 7, 8]));
    assert_eq!(held(&serve), BTreeMap::new());

    // Row 5: a target that has never answered is added, and one that answers beside it.
    targets.begin(10);
    fleet.write(&targets.fleet(&[("a", &[2, 9, 10]), ("b", b)]));
    serve.signal("HUP");
    serve.ask_until("a.re.example.", has(&[2, 10]));
    targets.begin(9);
    serve.ask_until("a.re.example.", has(&[2, 9, 10]));

    // Row 11: an endpoint goes, which waits for a person; then a target of it dies.
    fleet.write(&targets.fleet(&[("a", &[11])]));
    serve.signal("HUP");
    serve.wait_for("changes held");
    targets.end(&[4]);
    serve.ask_until("b.re.example.", has(&[5, 6, 7, 8]));
    assert!(has(&[2, 9, 10])(&serve.ask("a.re.example.")));
    let metrics = serve.get("/metrics");
    assert!(metrics.contains("\nplanner_held_changes 2\n"), "{metrics}");

    // Row 9: a confirmation names what it confirms.
    let ids = held(&serve);
    let id = &ids["b.re.example"];
    for wrong in [
        &["0123456789abcdef"][..],
        &[id, "0123456789abcdef"],
        &["b.re.example"],
        &[],
    ] {
        let output = serve.command(&[&["confirm"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {output:?}");
        assert_eq!(held(&serve), ids, "{wrong:?}");
    }
    // The port of the metrics is for reading only.
    let answer = serve.request("POST", &format!("/confirm?id={id}"));
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert_eq!(held(&serve), ids);
    serve.tell(&["confirm", id]);
    serve.ask_until("b.re.example.", is_missing);
    assert!(has(&[2, 9, 10])(&serve.ask("a.re.example.")));
    assert_eq!(
        held(&serve).into_keys().collect::<Vec<_>>(),
        ["a.re.example"]
    );
    assert_eq!(serve.end(), 0, "it was ready all the time");
}

#[test]
fn row_2_a_zone_of_three_leaves_at_once() {
    let mut targets = Targets::start(1..=12);
    let (a, b) = (&[1, 2, 3, 4, 5, 6][..], &[7, 8, 9, 10, 11, 12][..]);
    let fleet = FleetFile::new("zone", &targets.fleet(&[("a", a), ("b", b)]));
    let serve = Serve::start(&["--fleet", fleet.path()]);
    targets.end(&[3, 6, 9, 12]);
    serve.ask_until("a.re.example.", has(&[1, 2, 4, 5]));
    serve.ask_until("b.re.example.", has(&[7, 8, 10, 11]));
    let metrics = serve.get("/metrics");
    assert!(
        metrics.contains("\nplanner_suspected_targets 0\n"),
        "{metrics}"
    );
    serve.end();
}

/// Static records come with the first plan, follow the zone file, and wait if too much goes.
#[test]
fn a_zone_file_is_served_read_again_and_held() {
    let targets = Targets::start([1]);
    let records = FleetFile::new(
        "records",
        "mail A 192.0.2.25\nwww CNAME a\n*.w A 192.0.2.9\n",
    );
    let name = records.0.file_name().unwrap().to_str().unwrap();
    let zone = format!("{ZONE}records = \"{name}\"\n");
    let fleet = targets.fleet(&[("a", &[1])]).replace(ZONE, &zone);
    let fleet = FleetFile::new("zone-file", &fleet);
    let serve = Serve::start(&["--fleet", fleet.path()]);
    assert_eq!(serve.ask("mail.re.example.").answers.len(), 1);
    assert_eq!(serve.ask("x.w.re.example.").answers.len(), 1);
    assert_eq!(
        serve.ask("www.re.example.").answers.len(),
        2,
        "alias and address"
    );
    records.write("mail A 192.0.2.25\nmail A 192.0.2.26\nwww CNAME a\n");
    serve.signal("HUP");
    serve.ask_until("mail.re.example.", has_answers(2));
    serve.ask_until("x.w.re.example.", is_missing);
    records.write("new A 192.0.2.1\n");
    serve.signal("HUP");
    serve.wait_for("change held");
    assert!(held(&serve).contains_key("re.example"));
    assert_eq!(serve.ask("mail.re.example.").answers.len(), 2);
    records.write("mail A 192.0.2.1\nmail A 192.0.2.\n");
    serve.signal("HUP");
    serve.wait_for(&format!("{name}:2:"));
    assert_eq!(serve.ask("mail.re.example.").answers.len(), 2);
    assert_eq!(serve.end(), 0);
}

#[test]
fn row_6_the_first_answer_has_what_the_first_round_found() {
    let targets = Targets::start([1, 2]);
    let fleet = FleetFile::new("first", &targets.fleet(&[("a", &[1, 2, 3]), ("b", &[4])]));
    let serve = Serve::start(&["--fleet", fleet.path()]);
    assert!(has(&[1, 2])(&serve.ask("a.re.example.")));
    // Nothing of this one has ever answered: it fails open.
    assert!(has(&[4])(&serve.ask("b.re.example.")));
    serve.end();
}

#[test]
fn health_changes_plans_and_plans_change_answers() {
    // A check waits so long for its connection that only a target that is down fails.
    let timings = "[timings]\nplanner_interval_ms = 50\n\
                   [health_check]\nport = 18453\ninterval_ms = 1000\ntimeout_ms = 1000\n\
                   rise = 1\nfall = 1\n";
    // The process listens on these; each run of this test has its own.
    let [.., high, low] = std::process::id().to_be_bytes();
    let addresses = [64, 65, 66, 67].map(|n| format!("127.{n}.{high}.{low}"));
    let addresses = addresses.each_ref().map(String::as_str);
    let fleet = format!("{timings}{ZONE}{}", endpoint("api.re.example", &addresses));
    let fleet = FleetFile::new("health", &fleet);
    let serve = Serve::start(&["--fleet", fleet.path(), "--demo-targets"]);
    assert_eq!(serve.ask("api.re.example.").answers.len(), 4);
    serve.wait_for("demo target down");
    serve.wait_for("unhealthy");
    serve.wait_for("publish generation=2");
    serve.ask_until("api.re.example.", has_answers(3));
    serve.end();
}

#[test]
fn a_fleet_file_is_read_again_and_a_bad_one_is_refused() {
    let head =
        format!("[timings]\nplanner_interval_ms = 20\n[health_check]\ninterval_ms = 100\n{ZONE}");
    let endpoint = |name: &str| endpoint(name, &["127.9.9.9"]);
    let one = format!("{head}{}", endpoint("one.re.example"));
    let fleet = FleetFile::new("again", &one);
    let serve = Serve::start(&["--fleet", fleet.path()]);
    assert_eq!(serve.ask("one.re.example.").answers.len(), 1);
    assert!(is_missing(&serve.ask("two.re.example.")));

    // Row 18: with the place.
    let bad = [
        (format!("{one}nonsense"), "again.toml:11:"),
        (
            format!("{one}{}", endpoint("two.elsewhere.test")),
            "again.toml:12:8: endpoint two.elsewhere.test lies in no zone",
        ),
        (
            one.replace("ns.test", "ns.re.example"),
            "again.toml:7:25: name server ns.re.example lies inside zone",
        ),
        (
            one.replace(ZONE, ""),
            "again.toml:1:1: the fleet has no zone to serve",
        ),
    ];
    for (text, says) in bad {
        fleet.write(&text);
        serve.signal("HUP");
        let line = serve.wait_for("the fleet stays as it is");
        assert!(line.contains(says), "`{line}` does not say `{says}`");
        assert!(serve.get("/ready").starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(metric(&serve, "fleet_refused "), 1);
    }
    fleet.write(&format!("{one}{}", endpoint("two.re.example")));
    serve.signal("HUP");
    serve.ask_until("two.re.example.", has_answers(1));
    assert_eq!(metric(&serve, "fleet_refused "), 0);
    serve.ask_until("one.re.example.", has_answers(1));
    assert_eq!(serve.end(), 0, "it was ready all the time");
}

#[test]
fn row_12_a_reload_takes_over_timings_and_zones() {
    let with = |zone: &str, timings: &str, name: &str| {
        let zone = ZONE.replace("re.example", zone);
        let endpoint = endpoint(name, &["127.9.9.9"]);
        format!("[timings]\n{timings}\n[health_check]\ninterval_ms = 100\n{zone}{endpoint}")
    };
    let quick = "planner_interval_ms = 20\nrecheck_ms = 600000";
    let fleet = FleetFile::new("over", &with("re.example", quick, "one.re.example"));
    let serve = Serve::start(&["--fleet", fleet.path()]);
    let refused = |reply: &Message| reply.metadata.response_code == ResponseCode::Refused;
    assert!(refused(&serve.ask("one.other.example.")));
    let other = "planner_interval_ms = 10\nrecheck_ms = 5\nbackoff_max_ms = 60";
    fleet.write(&with("other.example", other, "one.other.example"));
    serve.signal("HUP");
    serve.wait_for("the fleet file is read again");
    serve.ask_until("one.other.example.", has_answers(1));
    // The endpoint of before is held, so its zone is served on. Then both go.
    assert_eq!(serve.ask("one.re.example.").answers.len(), 1);
    let id = &held(&serve)["one.re.example"];
    serve.tell(&["confirm", id]);
    serve.ask_until("one.re.example.", refused);
    serve.ask_until("one.other.example.", has_answers(1));
    assert_eq!(serve.end(), 0, "it was ready all the time");
}

/// The apex of the zone that denies a name.
fn denied_by(apex: &str) -> impl Fn(&Message) -> bool {
    let apex = Name::from_ascii(apex).unwrap();
    move |reply| is_missing(reply) && reply.authorities.iter().any(|soa| soa.name == apex)
}

/// Its endpoint is served on, from the zone around it.
#[test]
fn a_zone_that_a_reload_merges_into_another_one_goes_at_once() {
    let head = "[timings]\nplanner_interval_ms = 20\n[health_check]\ninterval_ms = 100\n";
    let child = ZONE.replace("re.example", "sub.re.example");
    let endpoint = endpoint("one.sub.re.example", &["127.9.9.9"]);
    let fleet = FleetFile::new("merged", &format!("{head}{ZONE}{child}{endpoint}"));
    let serve = Serve::start(&["--fleet", fleet.path()]);
    let missing = "nobody.sub.re.example.";
    assert!(denied_by("sub.re.example.")(&serve.ask(missing)));
    fleet.write(&format!("{head}{ZONE}{endpoint}"));
    serve.signal("HUP");
    serve.ask_until(missing, denied_by("re.example."));
    assert_eq!(serve.ask("one.sub.re.example.").answers.len(), 1);
    assert_eq!(serve.end(), 0, "it was ready all the time");
}

#[test]
fn a_process_that_is_ready_has_all_of_its_parts_at_work() {
    // The first round finds nothing that answers, so there is one plan, which fails open.
    let timings = "[timings]\nplanner_interval_ms = 20\n\
                   [health_check]\ninterval_ms = 100\n";
    let addresses = ["127.8.0.1", "127.8.0.2"];
    let fleet = format!("{timings}{ZONE}{}", endpoint("api.re.example", &addresses));
    let fleet = FleetFile::new("ready", &fleet);
    let serve = Serve::start(&["--fleet", fleet.path()]);
    assert_eq!(serve.ask("api.re.example.").answers.len(), 2);
    let text = serve.get("/ready");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nready\n"), "{text}");
    let text = serve.get("/metrics");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    for line in [
        "# TYPE dns_queries_total counter",
        "dns_queries_total{outcome=\"answer\"} 1",
        "dns_queries_total{outcome=\"nxdomain\"} 0",
        "dns_queries_total{outcome=\"formerr\"} 0",
        "dns_served_generation 1",
        "planner_ticks_total{outcome=\"published\"} 1",
        "planner_ticks_total{outcome=\"failed\"} 0",
        "planner_held_changes 0",
        "planner_fail_open_endpoints 1",
        "plans_in_store 1",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in:\n{text}");
    }
    assert!(serve.get("/").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(serve.get("/other").starts_with("HTTP/1.1 404 "));
    // A silent client holds up no other one.
    let _silent = TcpStream::connect(serve.http).unwrap();
    assert!(serve.get("/metrics").contains("plans_in_store 1"));
    assert_eq!(serve.end(), 0, "it becomes ready once");
}

/// A metric's value.
fn metric(serve: &Serve, name: &str) -> u64 {
    let text = serve.get("/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in:\n{text}"));
    value.trim().parse().unwrap()
}

/// Lines that the log should have had and that it does not have.
fn until_lines_are_lost(serve: &Serve, reason: &str) {
    let name = format!("log_lines_lost_total{{reason=\"{reason}\"}}");
    let deadline = Instant::now() + PATIENCE;
    while metric(serve, &name) == 0 {
        assert!(Instant::now() < deadline, "no line is lost: {reason}");
        assert_eq!(serve.ask("api.re.example.").answers.len(), 1);
        for _ in 0..100 {
            // Worth a line at the level `debug`. The server may close the connection early.
            let mut client = TcpStream::connect(serve.http).unwrap();
            client.write_all(b"\0 / HTTP/1.1\r\n\r\n").unwrap();
            let _ = client.read_to_end(&mut Vec::new());
        }
    }
}

/// Ends it by SIGTERM; nothing reads its log.
fn end_unread(mut serve: Serve) {
    serve.signal("TERM");
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = serve.process.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < SOON, "it does not end");
        // The wait between two looks; no order depends on it.
        thread::sleep(Duration::from_millis(2));
    };
    assert!(status.success(), "{status}");
}

/// The process ends within a second; a busy machine may add to that.
const SOON: Duration = Duration::from_secs(10);

fn one_endpoint(name: &str) -> FleetFile {
    let timings = "[timings]\nplanner_interval_ms = 20\n[health_check]\ninterval_ms = 100\n";
    let endpoint = endpoint("api.re.example", &["127.8.0.1"]);
    FleetFile::new(name, &format!("{timings}{ZONE}{endpoint}"))
}

/// The new fleet file is a pipe that the process has opened and that nobody writes to.
#[test]
fn the_end_does_not_wait_for_a_fleet_file_that_is_being_read() {
    let fleet = one_endpoint("endless");
    let serve = Serve::start(&["--fleet", fleet.path()]);
    fs::remove_file(fleet.path()).unwrap();
    let made = Command::new("mkfifo").arg(fleet.path()).status();
    assert!(made.unwrap().success());
    serve.signal("HUP");
    // This waits until the process has opened the pipe.
    let pipe = fs::File::options().write(true).open(fleet.path()).unwrap();
    end_unread(serve);
    drop(pipe);
}

/// Row 3 of the failing DNS inputs.
#[test]
fn dns_does_not_wait_for_a_log_that_nobody_reads() {
    let fleet = one_endpoint("stalled");
    let (serve, reader) = Serve::start_with_log(&["--fleet", fleet.path()], Some("debug"), 0);
    // Open, and not read.
    let _log = reader.join().unwrap();
    until_lines_are_lost(&serve, "full");
    assert_eq!(serve.ask("api.re.example.").answers.len(), 1);
    end_unread(serve);
}

/// Row 4.
#[test]
fn dns_goes_on_without_the_reader_of_its_log() {
    let fleet = one_endpoint("closed");
    let (serve, reader) = Serve::start_with_log(&["--fleet", fleet.path()], Some("debug"), 0);
    drop(reader.join().unwrap());
    until_lines_are_lost(&serve, "failed");
    assert_eq!(serve.ask("api.re.example.").answers.len(), 1);
    assert_eq!(metric(&serve, "dns_panics_total"), 0);
    end_unread(serve);
}

/// Row 2: the options of each packet are cut off. The log is as it is by default.
#[test]
fn a_bad_packet_is_answered_and_not_logged() {
    let fleet = one_endpoint("quiet");
    let (serve, _reader) = Serve::start_with_log(&["--fleet", fleet.path()], None, usize::MAX);
    let mut packet = Message::new(7, MessageType::Query, OpCode::Query);
    packet.add_query(Query::query(
        Name::from_ascii("api.re.example.").unwrap(),
        RecordType::A,
    ));
    let mut packet = packet.to_vec().unwrap();
    packet[11] = 1;
    packet.extend([0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 2, 0, 10]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(serve.dns).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..50 {
        socket.send(&packet).unwrap();
        let mut reply = [0; 512];
        let length = socket.recv(&mut reply).unwrap();
        let reply = Message::from_vec(&reply[..length]).unwrap();
        assert_eq!(reply.metadata.response_code, ResponseCode::FormErr);
    }
    assert_eq!(metric(&serve, "dns_queries_total{outcome=\"formerr\"}"), 50);
    serve.signal("TERM");
    // What the control plane and the end of the process say, and nothing else.
    let known = [
        " control_plane::",
        " enact::serve: stopping",
        " enact::serve: stopped queries=",
    ];
    let mut last = String::new();
    while let Ok(line) = serve.log.recv_timeout(PATIENCE) {
        let is_known = known.iter().any(|known| line.contains(known));
        assert!(is_known, "a line per packet: {line}");
        last = line;
    }
    assert!(last.contains(known[2]), "the log ends with {last}");
}

/// Row 1 of the failing DNS inputs: the first plan waits for the first checks. A target that
/// says nothing keeps them open, until the checks are others.
#[test]
fn nothing_is_denied_before_the_first_plan_is_active() {
    let targets = Targets::start([1]);
    let quick = targets.fleet(&[("api", &[1])]);
    let endless = "kind = \"http\"\ninterval_ms = 600000\ntimeout_ms = 600000\n";
    let endless = quick.replace("interval_ms = 100\n", endless);
    let fleet = FleetFile::new("early", &endless);
    let mut process = Serve::spawn(&["--fleet", fleet.path()], Some("info"));
    let (log, _reader) = lines(process.stderr.take().unwrap(), usize::MAX);
    let serve = Serve::addressed(process, log, false);
    let code = |reply: Message| reply.metadata.response_code;
    for _ in 0..20 {
        assert!(serve.get("/ready").starts_with("HTTP/1.1 503 "));
        let known = code(serve.ask("api.re.example."));
        assert_eq!(known, ResponseCode::ServFail);
    }
    fleet.write(&quick);
    serve.signal("HUP");
    serve.ask_until("api.re.example.", |reply| {
        assert!(!is_missing(reply), "{reply}");
        has_answers(1)(reply)
    });
    serve.ask_until("nobody.re.example.", is_missing);
    serve.wait_for(READY);
    serve.end();
}

/// Row 6.
#[test]
fn slow_clients_of_the_metrics_hold_up_neither_each_other_nor_the_end() {
    let fleet = one_endpoint("slow");
    let serve = Serve::start(&["--fleet", fleet.path()]);
    let slow = || {
        let mut client = TcpStream::connect(serve.http).unwrap();
        client.write_all(b"GET /metrics HT").unwrap();
        client
    };
    let clients: Vec<_> = (0..10).map(|_| slow()).collect();
    assert!(serve.get("/metrics").contains("plans_in_store 1"));
    assert!(serve.get("/ready").starts_with("HTTP/1.1 200 "));
    end_unread(serve);
    drop(clients);
}

#[test]
fn a_bad_argument_or_file_is_status_2() {
    let good = format!("{ZONE}{}", endpoint("one.re.example", &["127.9.9.9"]));
    let good = FleetFile::new("good", &good);
    let bad = FleetFile::new("bad", &endpoint("one.re.example", &["240.0.0.1"]));
    let with =
        |arguments: [&'static str; 2]| vec!["--fleet", good.path(), arguments[0], arguments[1]];
    for (arguments, says) in [
        (
            vec!["--fleet", "no-such.toml"],
            "error: --fleet no-such.toml cannot be read; give the path",
        ),
        (
            vec!["--fleet", bad.path()],
            "bad.toml:3:23: 240.0.0.1 is reserved",
        ),
        (
            with(["--listen", "nowhere"]),
            "give an IP address and a port: 127.0.0.1:53",
        ),
        (with(["--listen", "1.2.3.4"]), "; give a port: 1.2.3.4:53"),
        (with(["--listen", "::1"]), "; give a port: [::1]:53"),
        (
            with(["--metrics", "1.2.3.4"]),
            "; give a port: 1.2.3.4:9153",
        ),
        (
            vec![
                "--demo",
                "--admin-tcp",
                "127.0.0.1:0",
                "--admin-token",
                "/no/such",
            ],
            "error: --admin-token /no/such: No such file",
        ),
        (with(["--max-targets", "0"]), "1 to 1024"),
        (with(["--threads", "999"]), "1 to 256"),
        (with(["--listen", "192.0.2.1:5300"]), "192.0.2.1:5300"),
        (with(["--metrics", "192.0.2.1:9153"]), "192.0.2.1:9153"),
        (
            with(["--cookie-keys", "/no/such"]),
            "error: --cookie-keys /no/such: No such file",
        ),
        (with(["--cookie-keys", "/dev/null"]), "there is no key"),
        (
            with(["--cookie-keys", "Cargo.toml"]),
            "Cargo.toml:1: this is no key",
        ),
        (with(["--nsid", ""]), "1 to 64 printable"),
        (with(["--role", "front"]), "a store to share"),
        (with(["--store", "nowhere"]), "nowhere"),
        (with(["--store", "disk:"]), "disk:/var/lib/enact"),
        (
            with(["--store", "disk:/proc/no-state"]),
            "cannot use /proc/no-state for plans",
        ),
        // Row 20: the demonstration is served only if it is asked for.
        (vec![], "--fleet <FLEET>"),
        (vec!["--role", "planner"], "--fleet <FLEET>"),
        (
            vec!["--demo", "--fleet", good.path()],
            "cannot be used with",
        ),
    ] {
        let named = arguments.contains(&"--store");
        let store: &[&str] = if named { &[] } else { &["--store", "memory"] };
        let output = Command::new(env!("CARGO_BIN_EXE_enact"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(store)
            .args(&arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(says), "`{text}` does not say `{says}`");
        assert!(!text.contains("panicked"), "{text}");
        assert!(!text.contains(READY), "{text}");
    }
}

/// The check of an endpoint is another one than that of the fleet, and a reload brings a
/// third one. The list says why a target is down.
#[test]
fn checks_are_as_the_fleet_file_says_and_targets_are_listed_with_their_errors() {
    let targets = Targets::start([1, 2]);
    let port = web_server();
    let fleet = |path: &str| {
        let fleet = targets.fleet(&[("a", &[1, 2, 4]), ("b", &[3])]);
        let check = format!("{{ kind = \"http\", port = {port}, path = \"{path}\" }}");
        let (before, last) = fleet.split_at(fleet.rfind("target = ").unwrap());
        format!("{before}health_check = {check}\n{last}")
    };
    let file = FleetFile::new("kinds", &fleet("/ill"));
    let serve = Serve::start(&["--fleet", file.path()]);
    assert!(has(&[1, 2])(&serve.ask("a.re.example.")));
    let list = list_until(&serve, |list| list.matches(" down for ").count() == 2);
    assert!(list.starts_with("HTTP/1.1 200 OK\r\n"), "{list}");
    assert_eq!(of_target(&list, 1), "up");
    let refused = of_target(&list, 4);
    assert!(refused.ends_with("s: connection refused"), "{refused}");
    let ill = of_target(&list, 3);
    assert!(ill.contains(", failing for ") && ill.ends_with("s: status 503"));
    let metrics = serve.get("/metrics");
    for line in [
        "health_targets{state=\"up\"} 2",
        "health_targets{state=\"down\"} 2",
        "health_targets_not_checked 0",
        "health_checks_total{outcome=\"not_made\"} 0",
    ] {
        let is_there = metrics.lines().any(|l| l == line);
        assert!(is_there, "no `{line}` in:\n{metrics}");
    }
    let hash = |metrics: &str| between(metrics, "fleet_info{hash=\"", "\"").to_owned();
    let before = hash(&metrics);

    file.write(&fleet("/well"));
    serve.signal("HUP");
    let says = serve.wait_for("the fleet file is read again");
    list_until(&serve, |list| of_target(list, 3) == "up");
    let after = hash(&serve.get("/metrics"));
    assert_ne!(after, before);
    assert!(says.contains(&after), "`{says}` does not say {after}");
    serve.end();
}

/// A web server at target 3 that is well at one path and ill at all others. Returns its port.
fn web_server() -> u16 {
    let listener = TcpListener::bind((Targets::address(3), 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut line = String::new();
            // A client that has gone needs no answer.
            let _ = BufReader::new(&client).read_line(&mut line);
            let is_well = line.starts_with("GET /well ");
            let status = if is_well { "200 OK" } else { "503 No" };
            let _ = write!(client, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        }
    });
    port
}

/// Asks for the list of targets until it is as wanted.
fn list_until(serve: &Serve, wanted: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = serve.get("/targets");
        if wanted(&list) {
            return list;
        }
        assert!(Instant::now() < deadline, "not as wanted:\n{list}");
    }
}

/// What a list says of a target.
fn of_target(list: &str, number: u8) -> &str {
    let address = format!("{} ", Targets::address(number));
    let mut lines = list.lines();
    lines.find_map(|line| line.strip_prefix(&address)).unwrap()
}

/// A folder for the state, which is removed with its handle.
struct StateFolder(PathBuf);

impl StateFolder {
    fn new(name: &str) -> Self {
        let folder = format!("enact-serve-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(folder))
    }

    /// The argument of `--store`.
    fn store(&self) -> String {
        format!("disk:{}", self.0.display())
    }
}

impl Drop for StateFolder {
    fn drop(&mut self) {
        // Left behind in the folder for temporary files at worst.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The serial number of the zone's SOA record, from the denial of a name.
fn serial(serve: &Serve) -> u32 {
    let reply = serve.ask("nobody.re.example.");
    let soa = reply
        .authorities
        .iter()
        .find_map(|record| match &record.data {
            RData::SOA(soa) => Some(soa.serial),
            _ => None,
        });
    soa.unwrap_or_else(|| panic!("no SOA:\n{reply}"))
}

/// What was out of service stays out, generations and the SOA's serial number go on, and DNS
/// answers before anything is checked: the second process makes no check within ten minutes.
#[test]
fn a_process_that_was_killed_goes_on_from_its_state_folder() {
    let mut targets = Targets::start([1, 2, 3]);
    let state = StateFolder::new("killed");
    let quick = targets.fleet(&[("api", &[1, 2, 3])]);
    let fleet = FleetFile::new("killed", &quick);
    let arguments = ["--fleet", fleet.path(), "--store", &state.store()];
    let serve = Serve::start(&arguments);
    serve.ask_until("api.re.example.", has(&[1, 2, 3]));
    targets.end(&[2]);
    serve.ask_until("api.re.example.", has(&[1, 3]));
    let before = serial(&serve);
    assert!(before > 1);
    drop(serve); // By SIGKILL.

    fleet.write(&quick.replace(
        "interval_ms = 100",
        "interval_ms = 600000\ntimeout_ms = 600000",
    ));
    let mut process = Serve::spawn(&arguments, Some("info"));
    let (log, _reader) = lines(process.stderr.take().unwrap(), usize::MAX);
    let serve = Serve::addressed(process, log, false);
    assert!(has(&[1, 3])(&serve.ask("api.re.example.")));
    assert_eq!(serial(&serve), before);
    drop(serve);

    fleet.write(&quick);
    targets.begin(2);
    let serve = Serve::start(&arguments);
    serve.ask_until("api.re.example.", has(&[1, 2, 3]));
    assert!(serial(&serve) > before);
    serve.end();
}

#[test]
fn a_second_process_on_the_same_state_folder_is_told_what_to_do() {
    let state = StateFolder::new("second");
    let fleet = one_endpoint("second");
    let arguments = ["--fleet", fleet.path(), "--store", &state.store()];
    let serve = Serve::start(&arguments);
    let second = Serve::spawn(&arguments, None).wait_with_output().unwrap();
    let text = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(2), "{text}");
    let folder = state.0.to_str().unwrap();
    for says in [folder, "in use by another process", "another folder"] {
        assert!(text.contains(says), "`{text}` does not say `{says}`");
    }
    serve.end();
}

/// Whether a process that is ready has left its state in this folder.
fn leaves_state(arguments: &[&str], folder: &Path) -> bool {
    let mut process = Command::new(env!("CARGO_BIN_EXE_enact"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics",
            "127.0.0.1:0",
        ])
        .args(arguments)
        .env("STATE_DIRECTORY", folder)
        .env_remove("RUST_LOG")
        .env("NO_COLOR", "1")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (log, _reader) = lines(process.stderr.take().unwrap(), usize::MAX);
    let serve = Serve::addressed(process, log, false);
    serve.wait_for(READY);
    serve.end();
    folder.join("plans.redb").exists()
}

#[test]
fn the_state_is_kept_by_default_but_not_of_a_demonstration() {
    let state = StateFolder::new("default");
    let fleet = one_endpoint("default");
    assert!(!leaves_state(&["--demo"], &state.0));
    let memory = ["--fleet", fleet.path(), "--store", "memory"];
    assert!(!leaves_state(&memory, &state.0));
    assert!(leaves_state(&["--fleet", fleet.path()], &state.0));
}
