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

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

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
}

impl Serve {
    /// Starts it and waits until it is ready.
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_enact"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--metrics", "127.0.0.1:0"])
            .args(arguments)
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = lines(process.stderr.take().unwrap());
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut serve = Self {
            process,
            log,
            dns: unknown,
            http: unknown,
        };
        let line = serve.wait_for("serving metrics url=");
        serve.http = between(&line, "url=http://", "/metrics").parse().unwrap();
        let line = serve.wait_for("serving address=");
        serve.dns = between(&line, "address=", " ").parse().unwrap();
        serve.wait_for(READY);
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
        let mut client = TcpStream::connect(self.http).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
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
    }
}

/// The lines of a log, read by a thread so that waiting for one has a bound.
fn lines(log: ChildStderr) -> Receiver<String> {
    let (send, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            // The test may have ended.
            let _ = send.send(line);
        }
    });
    lines
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

#[test]
fn health_changes_plans_and_plans_change_answers() {
    // A check waits so long for its connection that only a target that is down fails.
    let timings = "[timings]\nplanner_interval_ms = 50\n\
                   [health_check]\nport = 18453\ninterval_ms = 100\ntimeout_ms = 60000\n\
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
    let head = format!("[timings]\nplanner_interval_ms = 20\n{ZONE}");
    let endpoint = |name: &str| endpoint(name, &["127.9.9.9"]);
    let one = format!("{head}{}", endpoint("one.re.example"));
    let fleet = FleetFile::new("again", &one);
    let serve = Serve::start(&["--fleet", fleet.path()]);
    assert_eq!(serve.ask("one.re.example.").answers.len(), 1);
    assert!(is_missing(&serve.ask("two.re.example.")));

    let bad = [
        (format!("{one}nonsense"), ":"),
        (
            format!("{one}{}", endpoint("two.elsewhere.test")),
            "lies in no zone",
        ),
        (one.replace("re.example", "other.example"), "zones differ"),
        (one.replace("= 20", "= 30"), "timings"),
    ];
    for (text, says) in bad {
        fleet.write(&text);
        serve.signal("HUP");
        let line = serve.wait_for("the fleet stays as it is");
        assert!(line.contains(says), "`{line}` does not say `{says}`");
        assert!(serve.get("/ready").starts_with("HTTP/1.1 200 OK\r\n"));
    }
    fleet.write(&format!("{one}{}", endpoint("two.re.example")));
    serve.signal("HUP");
    serve.ask_until("two.re.example.", has_answers(1));
    serve.ask_until("one.re.example.", has_answers(1));
    // Taking one of two endpoints away needs a confirmation.
    fleet.write(&one);
    serve.signal("HUP");
    serve.wait_for("refuse");
    assert_eq!(serve.ask("two.re.example.").answers.len(), 1);
    assert!(serve.get("/ready").starts_with("HTTP/1.1 200 OK\r\n"));
    serve.signal("USR1");
    serve.ask_until("two.re.example.", is_missing);
    assert_eq!(serve.end(), 0, "it was ready all the time");
}

#[test]
fn a_process_that_is_ready_has_all_of_its_parts_at_work() {
    // One tick of the Planner, and no check fails before the test is over.
    let timings = "[timings]\nplanner_interval_ms = 600000\n\
                   [health_check]\ninterval_ms = 600000\nfall = 100\n";
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
        "plans_in_store 1",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in:\n{text}");
    }
    assert!(serve.get("/").starts_with("HTTP/1.1 404 "));
    // A silent client holds up the others for at most a second.
    let _silent = TcpStream::connect(serve.http).unwrap();
    assert!(serve.get("/metrics").contains("plans_in_store 1"));
    assert_eq!(serve.end(), 0, "it becomes ready once");
}

#[test]
fn a_bad_argument_or_file_is_status_2() {
    for (arguments, says) in [
        (&["--fleet", "no-such.toml"][..], "no-such.toml"),
        (&["--listen", "nowhere"], "nowhere"),
        (&["--max-targets", "0"], "1 to 1024"),
        (&["--threads", "999"], "1 to 256"),
        (&["--listen", "192.0.2.1:5300"], "192.0.2.1:5300"),
        (&["--metrics", "192.0.2.1:9153"], "192.0.2.1:9153"),
        (&["--role", "front"], "a store to share"),
        (&["--store", "nowhere"], "nowhere"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_enact"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(says), "`{text}` does not say `{says}`");
        assert!(!text.contains("panicked"), "{text}");
        assert!(!text.contains(READY), "{text}");
    }
}
