//! What the admin API does with clients that mean harm, or are broken.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;

use std::path::Path;

use super::*;

pub(crate) fn connect(serve: &Serve) -> UnixStream {
    let client = UnixStream::connect(&serve.admin).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// The answer to these bytes. A server may close before it has read all of them.
pub(crate) fn answer(mut client: impl Read + Write, request: &[u8]) -> String {
    let _ = client.write_all(request);
    let mut bytes = Vec::new();
    let _ = client.read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

fn demo(more: &[&str]) -> (FleetFile, Serve) {
    let name = new_socket().display().to_string().replace('/', "-");
    let fleet = FleetFile::new(
        &name,
        &format!("{ZONE}{}", endpoint("a.re.example", &["127.9.9.9"])),
    );
    let serve = Serve::start(&[&["--fleet", fleet.path()], more].concat());
    (fleet, serve)
}

/// Sends each request to a process, and compares the begin of the answer's status. Then the
/// process is as before.
fn each_is_refused(cases: &[(&str, String, &str)]) {
    let (_fleet, serve) = demo(&[]);
    for (name, request, status) in cases {
        let answer = answer(connect(&serve), request.as_bytes());
        let wanted = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&wanted), "{name}: {answer}");
    }
    let status = serve.tell(&["status", "--json"]);
    assert!(status.contains("\"freeze\": null"), "{status}");
    assert!(status.contains("\"drains\": []"), "{status}");
    serve.end();
}

#[test]
fn paths_and_methods_that_play_tricks_are_refused() {
    let request = |line: &str| format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n");
    let many = format!(
        "GET /v1/status HTTP/1.1\r\n{}\r\n",
        "x: y\r\n".repeat(2_000)
    );
    each_is_refused(&[
        ("a way up", request("GET /v1/../v1/status"), "404"),
        ("an empty part", request("GET /v1//status"), "404"),
        ("an encoded letter", request("GET /v1/%73tatus"), "404"),
        (
            "an encoded slash",
            request("GET /v1/endpoints/..%2fstatus"),
            "404",
        ),
        ("another version", request("GET /v2/status"), "404"),
        (
            "a long path",
            request(&format!("GET /v1/{}", "a".repeat(20_000))),
            "4",
        ),
        ("two thousand headers", many, "4"),
        ("another method", request("DELETE /v1/status"), "405"),
        ("a change by GET", request("GET /v1/freeze"), "405"),
        ("no HTTP at all", "\0\0\0 hello\r\n\r\n".into(), "400"),
    ]);
}

#[test]
fn bodies_that_are_too_large_or_no_json_are_refused() {
    let head = "POST /v1/freeze HTTP/1.1\r\nHost: x\r\n";
    let json = format!("{head}Content-Type: application/json\r\n");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let chunks = format!("1000\r\n{}\r\n", "a".repeat(0x1000)).repeat(40);
    let why = format!("{{\"why\": \"{}\"}}", "a".repeat(100_000));
    each_is_refused(&[
        (
            "no type",
            format!("{head}Content-Length: 2\r\n\r\n{{}}"),
            "415",
        ),
        (
            "a form",
            format!("{head}{form}Content-Length: 2\r\n\r\n{{}}"),
            "415",
        ),
        ("a huge body", post("/v1/freeze", &why), "413"),
        (
            "a huge claim",
            format!("{json}Content-Length: 99999999999999\r\n\r\n"),
            "413",
        ),
        (
            "chunks without end",
            format!("{json}Transfer-Encoding: chunked\r\n\r\n{chunks}"),
            "413",
        ),
        (
            "a negative length",
            format!("{json}Content-Length: -1\r\n\r\n"),
            "400",
        ),
        (
            "nested brackets",
            post("/v1/freeze", &"[".repeat(50_000)),
            "400",
        ),
        ("half of an object", post("/v1/freeze", "{\"why"), "400"),
        (
            "bytes that are no text",
            post("/v1/freeze", "{\"why\": \"\u{0}\"}"),
            "400",
        ),
    ]);
}

#[test]
fn json_that_asks_for_nonsense_is_refused() {
    let why = |why: &str| post("/v1/freeze", &format!("{{\"why\": \"{why}\"}}"));
    let both = "{\"target\": \"127.9.9.9\", \"zone\": \"z\"}";
    let fleet = "{\"fleet\": {\"name\": \"x\", \"text\": \"[\"}}";
    each_is_refused(&[
        ("another type", post("/v1/confirm", "{\"ids\": 7}"), "400"),
        (
            "an unknown field",
            post("/v1/freeze", "{\"force\": true}"),
            "400",
        ),
        ("no ids", post("/v1/confirm", "{\"ids\": []}"), "422"),
        (
            "an id that is none",
            post("/v1/reject", "{\"ids\": [\"; rm -rf /\"]}"),
            "404",
        ),
        ("two scopes", post("/v1/drain", both), "422"),
        ("no scope", post("/v1/drain", "{}"), "422"),
        (
            "a number out of range",
            post("/v1/return", "{\"generation\": 4294967296}"),
            "400",
        ),
        (
            "generation 0",
            post("/v1/return", "{\"generation\": 0}"),
            "422",
        ),
        ("an escape sequence", why("\\u001b[2Jgone"), "422"),
        ("a second line for the log", why("a\\nINFO ready"), "422"),
        ("a long reason", why(&"a".repeat(201)), "422"),
        ("a fleet that is none", post("/v1/plan", fleet), "422"),
    ]);
}

#[test]
fn slow_clients_hold_up_neither_commands_nor_the_end() {
    let (_fleet, serve) = demo(&[]);
    let mut slow: Vec<_> = (0..100).map(|_| connect(&serve)).collect();
    for (client, part) in slow.iter_mut().zip(
        ["", "POST /v1/fr", &post("/v1/plan", "{")[..40]]
            .iter()
            .cycle(),
    ) {
        // The oldest ones may be closed already.
        let _ = client.write_all(part.as_bytes());
    }
    serve.tell(&["freeze"]);
    serve.tell(&["thaw"]);
    serve.end();
}

/// The socket's mode is the operator's, and another user cannot connect.
#[test]
fn another_user_needs_the_mode() {
    let (_fleet, serve) = demo(&[]);
    let mode = fs::metadata(&serve.admin).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Only root can become another user; others test the mode alone.
    if commands::uid() == "0" {
        // Outside of the home of root, where this user may find the program.
        let copy = std::env::temp_dir().join(format!("enact-copy-{}", std::process::id()));
        fs::copy(env!("CARGO_BIN_EXE_enact"), &copy).unwrap();
        let mut command = Command::new(&copy);
        command
            .args(["freeze", "--admin"])
            .arg(&serve.admin)
            .uid(65534);
        let output = command.output().unwrap();
        fs::remove_file(&copy).unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("Permission denied"), "{error}");
    }
    assert!(
        serve
            .tell(&["status", "--json"])
            .contains("\"freeze\": null")
    );
    serve.end();
}

#[test]
fn over_tcp_each_request_needs_the_token() {
    let name = format!("token-{}", new_socket().display()).replace('/', "-");
    let token = FleetFile::new(&name, "correct-horse-battery\n");
    let (_fleet, serve) = demo(&["--admin-tcp", "127.0.0.1:0", "--admin-token", token.path()]);
    let address = serve.admin_tcp.unwrap();
    let ask = |header: &str| {
        let client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = post("/v1/freeze", "{}").replace("Host: x", &format!("Host: x{header}"));
        answer(client, request.as_bytes())
    };
    for wrong in [
        "",
        "\r\nAuthorization: Bearer ",
        "\r\nAuthorization: Bearer correct-horse",
        "\r\nAuthorization: Bearer correct-horse-battery2",
        "\r\nAuthorization: Basic correct-horse-battery",
        "\r\nAuthorization: bearer correct-horse-battery",
        "\r\nX-Token: correct-horse-battery",
    ] {
        let answer = ask(wrong);
        assert!(answer.starts_with("HTTP/1.1 401 "), "{wrong}: {answer}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_enact"));
    let address = address.to_string();
    command.args([
        "freeze",
        "--admin-tcp",
        &address,
        "--admin-token",
        token.path(),
    ]);
    assert!(command.output().unwrap().status.success());
    assert!(
        serve
            .tell(&["status"])
            .contains("by the token from 127.0.0.1")
    );
    serve.end();
}

#[test]
fn two_processes_never_share_a_socket_and_a_killed_one_leaves_none_in_the_way() {
    let (fleet, serve) = demo(&[]);
    let begin = |admin: &Path| {
        Command::new(env!("CARGO_BIN_EXE_enact"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--fleet",
                fleet.path(),
                "--store",
                "memory",
                "--admin",
            ])
            .arg(admin)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let output = begin(&serve.admin).wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("another process of enact has it"), "{error}");
    // No other file is ever replaced.
    let output = begin(Path::new(fleet.path())).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        fs::read_to_string(fleet.path())
            .unwrap()
            .contains("a.re.example")
    );
    let _ = fs::remove_file(format!("{}.lock", fleet.path()));
    // A process that is killed leaves its socket.
    let admin = serve.admin.clone();
    serve.signal("KILL");
    let mut killed = serve;
    killed.process.wait().unwrap();
    assert!(admin.exists());
    let mut next = begin(&admin);
    let (log, _reader) = lines(next.stderr.take().unwrap(), usize::MAX);
    let deadline = Instant::now() + PATIENCE;
    let open = |line: String| line.contains("admin API socket=");
    while !log.recv_timeout(deadline - Instant::now()).is_ok_and(open) {
        assert!(Instant::now() < deadline, "the socket is not opened");
    }
    next.kill().unwrap();
    next.wait().unwrap();
}

/// The heads are valid or nearly so, and mean something else than they seem to.
#[test]
fn heads_with_two_meanings_are_refused() {
    let freeze = |head: &str, body: &str| {
        format!(
            "POST /v1/freeze HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}\r\n\r\n{body}"
        )
    };
    each_is_refused(&[
        (
            "two lengths",
            freeze("Content-Length: 2\r\nContent-Length: 9", "{}       "),
            "400",
        ),
        (
            "a length with a sign",
            freeze("Content-Length: +2", "{}"),
            "400",
        ),
        (
            "a list of lengths",
            freeze("Content-Length: 2, 9", "{}"),
            "400",
        ),
        (
            "a coding that is not the last",
            freeze("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"),
            "400",
        ),
        (
            "a compressed body",
            freeze(
                "Content-Encoding: gzip\r\nContent-Length: 3",
                "\u{1}\u{2}\u{3}",
            ),
            "400",
        ),
        (
            "a chunk without a size",
            freeze("Transfer-Encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n"),
            "400",
        ),
        (
            "a chunk whose size overflows",
            freeze(
                "Transfer-Encoding: chunked",
                "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
            ),
            "400",
        ),
        (
            "a space before the colon",
            freeze("Content-Length : 2", "{}"),
            "400",
        ),
        (
            "a folded line",
            freeze("X: a\r\n b\r\nContent-Length: 2", "{}"),
            "400",
        ),
        (
            "a zero in a value",
            freeze("X: a\0b\r\nContent-Length: 2", "{}"),
            "400",
        ),
        (
            "two types",
            freeze("Content-Type: text/html\r\nContent-Length: 1", "{"),
            "4",
        ),
    ]);
}

#[test]
fn first_lines_that_mean_something_else_are_refused() {
    let line = |line: &str| format!("{line}\r\nHost: x\r\n\r\n");
    each_is_refused(&[
        (
            "a version that is none",
            line("GET /v1/status HTTP/9.9"),
            "4",
        ),
        ("a tunnel", line("CONNECT x:80 HTTP/1.1"), "4"),
        ("all resources", line("OPTIONS * HTTP/1.1"), "4"),
        (
            "a method in small letters",
            line("get /v1/status HTTP/1.1"),
            "4",
        ),
        (
            "a method of its own",
            line("FREEZE /v1/freeze HTTP/1.1"),
            "405",
        ),
        (
            "a body of GET that is a command",
            line("HEAD /v1/freeze HTTP/1.1"),
            "405",
        ),
        (
            "a path that is no path",
            line("GET v1/status HTTP/1.1"),
            "4",
        ),
        (
            "letters that are no ASCII",
            line("GET /v1/st\u{e4}tus HTTP/1.1"),
            "4",
        ),
    ]);
}

#[test]
fn values_at_the_edge_of_what_json_can_say_are_refused() {
    let ids = format!("{{\"ids\": [{}]}}", vec!["\"0\""; 5_000].join(","));
    let drain = |more: &str| {
        post(
            "/v1/drain",
            &format!("{{\"target\": \"127.9.9.9\", {more}}}"),
        )
    };
    each_is_refused(&[
        (
            "a mark before the JSON",
            post("/v1/freeze", "\u{feff}{}"),
            "400",
        ),
        ("something after it", post("/v1/freeze", "{} {}"), "400"),
        (
            "a key twice",
            post("/v1/freeze", "{\"why\": \"a\", \"why\": \"b\"}"),
            "400",
        ),
        (
            "half of a pair of surrogates",
            post("/v1/freeze", "{\"why\": \"\\ud800\"}"),
            "400",
        ),
        (
            "a list in place of an object",
            post("/v1/thaw", "[1]"),
            "400",
        ),
        ("no end at all", drain("\"for_seconds\": 0"), "422"),
        ("a negative time", drain("\"for_seconds\": -1"), "400"),
        ("a part of a second", drain("\"for_seconds\": 1.5"), "400"),
        ("an infinite time", drain("\"for_seconds\": 1e999"), "400"),
        (
            "more than a year",
            drain("\"for_seconds\": 18446744073709551615"),
            "422",
        ),
        (
            "a reason that turns the text around",
            drain("\"why\": \"\\u202egone\""),
            "422",
        ),
        (
            "another form of the address",
            post("/v1/drain", "{\"target\": \"127.9.2313\"}"),
            "422",
        ),
        (
            "an address in IPv6's clothes",
            post("/v1/drain", "{\"target\": \"::ffff:127.9.9.9\"}"),
            "404",
        ),
        (
            "an empty zone",
            post("/v1/drain", "{\"zone\": \"\"}"),
            "404",
        ),
        (
            "a zone with a second line",
            post("/v1/drain", "{\"zone\": \"z\\nz\"}"),
            "404",
        ),
        ("thousands of ids", post("/v1/confirm", &ids), "404"),
        (
            "a file of the machine",
            post("/v1/plan", "{\"fleet\": \"/etc/passwd\"}"),
            "400",
        ),
        (
            "an empty fleet",
            post("/v1/plan", "{\"fleet\": {\"name\": \"\", \"text\": \"\"}}"),
            "422",
        ),
    ]);
}

/// A connection carries one request. What a client sends after it is not read.
#[test]
fn a_request_that_hides_behind_another_one_is_not_carried_out() {
    let (_fleet, serve) = demo(&[]);
    let status = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
    let hidden = format!("{status}{}", post("/v1/freeze", "{}"));
    let answered = answer(connect(&serve), hidden.as_bytes());
    assert_eq!(answered.matches("HTTP/1.1 ").count(), 1, "{answered}");
    let longer = post("/v1/thaw", "{}") + &post("/v1/freeze", "{}");
    let answered = answer(connect(&serve), longer.as_bytes());
    assert!(answered.starts_with("HTTP/1.1 409 "), "{answered}");
    // Another protocol has no answer.
    let answered = answer(connect(&serve), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(answered, "");
    // Clients that go before they are answered.
    for _ in 0..50 {
        let mut client = connect(&serve);
        let _ = client.write_all(post("/v1/plan", "{}").as_bytes());
    }
    assert!(
        serve
            .tell(&["status", "--json"])
            .contains("\"freeze\": null")
    );
    serve.end();
}
