//! `enact serve` with a secondary, as its operator sees it: NOTIFY for a new plan, and then a
//! signed transfer of all of it. The keys are read again with the fleet file.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use std::{fs, thread};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

/// The bound of every wait; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_mins(1);

const KEY: &str = "hmac-sha256:key.test:c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0\n";

/// A folder of this test. It is removed when this value is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("enact-secondary-{test}-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).unwrap();
        folder
    }

    fn write(&self, name: &str, text: &str) -> String {
        let file = self.0.join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running `enact serve`. It is killed when this value is dropped.
struct Serve(Child, Receiver<String>);

impl Serve {
    fn start(fleet: &str, keys: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_enact"))
            .args(["serve", "--listen", "127.0.0.1:0", "--store", "memory"])
            .args(["--fleet", fleet, "--tsig-keys", keys, "--demo-targets"])
            .env("NO_COLOR", "1")
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (send, log) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Self(process, log)
    }

    /// Reads the log up to a line that contains `text`.
    fn wait_for(&self, text: &str) -> String {
        self.lines_to(text).pop().unwrap()
    }

    /// The lines of the log up to one that contains `text`.
    fn lines_to(&self, text: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines: Vec<String> = Vec::new();
        while lines.last().is_none_or(|line| !line.contains(text)) {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.1.recv_timeout(left);
            lines.push(line.unwrap_or_else(|_| panic!("no line contains `{text}`")));
        }
        lines
    }

    fn reload(&self) {
        let kill = format!("kill -HUP {}", self.0.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn fleet(secondary: SocketAddr, key: &str, endpoints: &[&str]) -> String {
    let endpoints = endpoints.iter().map(|name| {
        format!(
            "[[endpoint]]\nname = \"{name}.x.example\"\n\
             target = [{{ address = \"127.77.7.7\", zone = \"z\", capacity = 1 }}]\n"
        )
    });
    format!(
        "[timings]\nplanner_interval_ms = 20\n\
         [health_check]\nport = 7777\ninterval_ms = 100\n\
         [[dns_zone]]\napex = \"x.example\"\nname_server = [{{ name = \"ns.test\" }}]\n\
         secondary = [{{ address = \"127.0.0.1\", port = {}{key} }}]\n{}",
        secondary.port(),
        endpoints.collect::<String>()
    )
}

/// The names of the A records of a transfer, and its serial number; or the refusal.
fn transfer(server: SocketAddr) -> Result<(Vec<String>, u32), ResponseCode> {
    let mut query = Message::new(7, MessageType::Query, OpCode::Query);
    let apex = Name::from_ascii("x.example.").unwrap();
    query.add_query(Query::query(apex, RecordType::AXFR));
    let packet = query.to_vec().unwrap();
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], &packet].concat()).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut reply = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut reply).unwrap();
    let reply = Message::from_vec(&reply).unwrap();
    if reply.metadata.response_code != ResponseCode::NoError {
        return Err(reply.metadata.response_code);
    }
    let addresses = reply
        .answers
        .iter()
        .filter(|r| r.record_type() == RecordType::A);
    let names = addresses.map(|record| record.name.to_ascii()).collect();
    let RData::SOA(soa) = &reply.answers[0].data else {
        panic!("{reply}")
    };
    Ok((names, soa.serial))
}

/// Waits for NOTIFY of another plan than this one, and acknowledges all. Returns the serial
/// number, and whether the message is signed.
fn heard(socket: &UdpSocket, besides: u32) -> (u32, bool) {
    let mut packet = [0; 1024];
    loop {
        let (length, from) = socket.recv_from(&mut packet).unwrap();
        let mut answer = packet[..length].to_vec();
        answer[2] |= 0x80;
        socket.send_to(&answer, from).unwrap();
        let is_signed = packet[10..12] == [0, 1];
        if is_signed {
            answer[11] = 0; // hickory-proto would take the record for one of another kind.
        }
        let message = Message::from_vec(&answer).unwrap();
        assert_eq!(message.metadata.op_code, OpCode::Notify);
        let RData::SOA(soa) = &message.answers[0].data else {
            panic!("{message}")
        };
        if soa.serial != besides {
            return (soa.serial, is_signed);
        }
    }
}

#[test]
fn a_secondary_hears_of_a_plan_and_transfers_it() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (folder, secondary) = (Folder::new("plan"), socket.local_addr().unwrap());
    let path = folder.write("fleet.toml", &fleet(secondary, "", &["a"]));
    let keys = folder.write("keys", "# none yet\n\n");
    let serve = Serve::start(&path, &keys);
    let line = serve.wait_for("serving address=");
    let server = line.split("address=").nth(1).unwrap();
    let server = server.split(' ').next().unwrap().parse().unwrap();

    let (first, is_signed) = heard(&socket, 0);
    assert!(!is_signed);
    let (names, serial) = transfer(server).unwrap();
    assert_eq!((names, serial), (vec!["a.x.example.".to_owned()], first));
    // Years after 1970: later than that of any earlier process.
    assert!(serial > 1_700_000_000, "{serial}");

    folder.write("fleet.toml", &fleet(secondary, "", &["a", "b"]));
    serve.reload();
    let (second, _) = heard(&socket, first);
    let (names, serial) = transfer(server).unwrap();
    assert_eq!(names, ["a.x.example.", "b.x.example."]);
    assert_eq!((serial, second), (first + 1, first + 1));

    // From now on it has a key, which is not known at first.
    let key = ", tsig_key = \"key.test\"";
    folder.write("fleet.toml", &fleet(secondary, key, &["a", "b", "c"]));
    serve.reload();
    let line = serve.wait_for("the fleet stays as it is");
    let says = "zone x.example: secondary 127.0.0.1 has the TSIG key `key.test`, which the file of \
                --tsig-keys does not have";
    assert!(line.contains(says), "{line}");
    folder.write("keys", KEY);
    serve.reload();
    let (third, is_signed) = heard(&socket, second);
    assert_eq!((third, is_signed), (second + 1, true));
    // The refusal is logged once, however often the secondary asks, and so is its end.
    for _ in 0..20 {
        assert_eq!(transfer(server), Err(ResponseCode::Refused));
    }
    let line = serve.wait_for("a transfer is refused");
    let says = "zone=x.example client=127.0.0.1 reason=the request is not signed with the key";
    assert!(line.contains(says), "{line}");
    folder.write("fleet.toml", &fleet(secondary, "", &["a", "b", "c", "d"]));
    serve.reload();
    heard(&socket, third);
    transfer(server).unwrap();
    let lines = serve.lines_to("transfers are not refused any more");
    let again = lines
        .iter()
        .any(|line| line.contains("a transfer is refused"));
    assert!(!again, "{lines:#?}");
}

#[test]
fn a_zone_may_leave_together_with_its_key() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (folder, secondary) = (Folder::new("leaves"), socket.local_addr().unwrap());
    let key = ", tsig_key = \"key.test\"";
    // Another target than that of the other test, as both processes run at the same time.
    let fleet = |key, endpoints: &[&str]| {
        fleet(secondary, key, endpoints).replace("127.77.7.7", "127.77.7.8")
    };
    let path = folder.write("fleet.toml", &fleet(key, &["a"]));
    let serve = Serve::start(&path, &folder.write("keys", KEY));
    let (mut before, is_signed) = heard(&socket, 0);
    assert!(is_signed);
    folder.write("keys", "");
    // The endpoint of before is held, so its zone leaves slowly. Meanwhile other reloads come.
    for endpoints in [&["a"][..], &["a", "b"]] {
        let other = fleet("", endpoints).replace("x.example", "y.example");
        folder.write("fleet.toml", &other);
        serve.reload();
        serve.wait_for("the fleet file is read again");
        let (serial, is_signed) = heard(&socket, before);
        assert!(serial > before && !is_signed);
        before = serial;
    }
}

#[test]
fn a_file_that_has_no_keys_is_status_2() {
    for (file, says) in [
        ("/no/such", "error: --tsig-keys /no/such: No such file"),
        ("Cargo.toml", "Cargo.toml:1: this is no TSIG key"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_enact"));
        let command = command.args(["serve", "--demo", "--tsig-keys", file]);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(says), "{text}");
    }
}
