//! `enact serve` as somebody runs it: one process, asked over UDP and HTTP and
//! told things by signals.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

/// Nothing here takes as long. A test that waits in vain fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running `serve`, ended with its handle.
struct Serve {
    process: Child,
    log: BufReader<ChildStderr>,
    dns: SocketAddr,
}

fn free_port() -> SocketAddr {
    // Free for both a moment ago.
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    UdpSocket::bind(address).unwrap().local_addr().unwrap()
}

impl Serve {
    fn start(arguments: &[&str]) -> Self {
        let dns = free_port();
        let mut process = Command::new(env!("CARGO_BIN_EXE_enact"))
            .arg("serve")
            .args(["--listen", &dns.to_string()])
            .args(arguments)
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { process, log, dns }
    }

    /// Reads the log up to a line with this in it.
    fn wait_for(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let length = self.log.read_line(&mut line).unwrap();
            assert!(length > 0, "the log ended without `{text}`:\n{seen}");
            if line.contains(text) {
                return line;
            }
            seen += &line;
        }
    }

    fn signal(&self, name: &str) {
        let id = self.process.id();
        let kill = format!("kill -{name} {id}");
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success());
    }

    /// Asks for A records until the answer is as wanted.
    fn ask_until(&self, name: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(self.dns).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        let mut query = Message::new(7, MessageType::Query, OpCode::Query);
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
        let query = query.to_vec().unwrap();
        let begin = std::time::Instant::now();
        loop {
            assert!(begin.elapsed() < PATIENCE, "{name} is not as wanted");
            let mut buffer = [0; 2048];
            // Refused until it listens.
            if socket.send(&query).is_err() {
                continue;
            }
            let Ok(length) = socket.recv(&mut buffer) else {
                continue;
            };
            let reply = Message::from_vec(&buffer[..length]).unwrap();
            if wanted(&reply) {
                return reply;
            }
        }
    }

    fn end(mut self) {
        self.signal("TERM");
        self.wait_for("stopped queries=");
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn has_answers(count: usize) -> impl Fn(&Message) -> bool {
    move |reply| reply.answers.len() == count
}

#[test]
fn one_command_shows_health_plans_and_answers_changing() {
    let mut serve = Serve::start(&["--demo-targets"]);
    serve.wait_for("publish generation=1");
    serve.ask_until("api.demo.example.", has_answers(6));
    serve.wait_for("demo target down");
    serve.wait_for("unhealthy");
    serve.wait_for("publish generation=2");
    serve.ask_until("api.demo.example.", has_answers(5));
    serve.end();
}

#[test]
fn a_fleet_file_is_read_again_and_a_bad_one_is_refused() {
    let file = std::env::temp_dir().join(format!("serve-{}.toml", std::process::id()));
    let endpoint = |name: &str| {
        format!(
            "[[endpoint]]\nname = \"{name}\"\n\
             target = [{{ address = \"127.9.9.9\", zone = \"z\", capacity = 1 }}]\n"
        )
    };
    let head = "[timings]\nplanner_interval_ms = 20\n\
                [[dns_zone]]\napex = \"re.example\"\nname_server = [{ name = \"ns.test\" }]\n";
    let one = format!("{head}{}", endpoint("one.re.example"));
    fs::write(&file, &one).unwrap();
    let mut serve = Serve::start(&["--fleet", file.to_str().unwrap()]);
    serve.ask_until("one.re.example.", has_answers(1));
    let missing = |reply: &Message| reply.metadata.response_code == ResponseCode::NXDomain;
    serve.ask_until("two.re.example.", missing);

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
        fs::write(&file, text).unwrap();
        serve.signal("HUP");
        let line = serve.wait_for("the fleet stays as it is");
        assert!(line.contains(says), "`{line}` does not say `{says}`");
    }
    fs::write(&file, format!("{one}{}", endpoint("two.re.example"))).unwrap();
    serve.signal("HUP");
    serve.ask_until("two.re.example.", has_answers(1));
    serve.ask_until("one.re.example.", has_answers(1));
    // To take one of two endpoints away needs a confirmation.
    fs::write(&file, &one).unwrap();
    serve.signal("HUP");
    serve.wait_for("refuse");
    serve.ask_until("two.re.example.", has_answers(1));
    serve.signal("USR1");
    serve.ask_until("two.re.example.", missing);
    serve.end();
    fs::remove_file(&file).unwrap();
}

#[test]
fn metrics_can_be_scraped() {
    let metrics = free_port();
    let serve = Serve::start(&["--metrics", &metrics.to_string()]);
    serve.ask_until("api.demo.example.", has_answers(6));
    let scrape = |path: &str| {
        let mut client = TcpStream::connect(metrics).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    };
    let text = scrape("/metrics");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    for line in [
        "# TYPE dns_queries_total counter",
        "dns_queries_total{outcome=\"answer\"} 1",
        "dns_served_generation 1",
        "planner_ticks_total{outcome=\"published\"} 1",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in:\n{text}");
    }
    assert!(scrape("/").starts_with("HTTP/1.1 404 "));
    // Who says nothing holds up the others for a second at most.
    let _silent = TcpStream::connect(metrics).unwrap();
    assert!(scrape("/metrics").contains("plans_in_store 1"));
    serve.end();
}

#[test]
fn a_bad_argument_or_file_is_status_2() {
    for (arguments, says) in [
        (&["--fleet", "no-such.toml"][..], "no-such.toml"),
        (&["--listen", "nowhere"], "nowhere"),
        (&["--max-targets", "0"], "1 to 1024"),
        (&["--threads", "999"], "1 to 256"),
        (&["--listen", "192.0.2.1:5300"], "192.0.2.1:5300"),
        (&["--role", "front"], "a store to share"),
        (&["--store", "nowhere"], "nowhere"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_enact"))
            .arg("serve")
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(says), "`{text}` does not say `{says}`");
        assert!(!text.contains("panicked"), "{text}");
    }
}
