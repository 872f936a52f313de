//! HTTP and HTTPS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};

use control_plane::TargetState;
use health_checks::TargetStatus;

use crate::certificates::{Authority, Until, tls_server};
use crate::{Checked, PATIENCE, at_once, fails, listener, server, succeeds, watchlist};

/// The head of a request.
fn request(stream: impl Read) -> Vec<String> {
    let lines = BufReader::new(stream).lines();
    let lines = lines.map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).collect()
}

/// A server that always answers with this, and hands out what it was asked.
fn answers(answer: &[&[u8]]) -> (SocketAddr, Receiver<Vec<String>>) {
    let answer: Vec<_> = answer.iter().map(|part| part.to_vec()).collect();
    let (ask, asked) = channel();
    let address = server(move |mut stream| {
        let _ = ask.send(request(&stream));
        // The checker may have seen enough.
        let _ = answer.iter().try_for_each(|part| stream.write_all(part));
    });
    (address, asked)
}

fn http(more: &str) -> String {
    format!("kind = \"http\", {more}")
}

#[test]
fn the_request_is_as_the_fleet_file_says() {
    let (target, asked) = answers(&[b"HTTP/1.1 204 No Content\r\n\r\n"]);
    let ask = "method = \"OPTIONS\", path = \"/health?full=1\", host = \"b.example\"";
    succeeds(target, &http(ask));
    let lines = asked.recv_timeout(PATIENCE).unwrap();
    assert_eq!(lines[0], "OPTIONS /health?full=1 HTTP/1.1");
    let host = format!("host: b.example:{}", target.port());
    assert!(lines.contains(&host), "{lines:?}");
    assert!(lines.contains(&"connection: close".to_owned()), "{lines:?}");
    succeeds(target, &http("path = \"/\""));
    let host = format!("host: a.example:{}", target.port());
    let mut all = asked.try_iter();
    assert!(all.any(|lines| lines[0] == "GET / HTTP/1.1" && lines.contains(&host)));
}

#[test]
fn a_status_is_a_success_only_if_the_check_says_so() {
    let (target, _asked) = answers(&[b"HTTP/1.1 503 Service Unavailable\r\n\r\n"]);
    fails(target, &http("path = \"/\""), "status 503");
    fails(target, &http("status = \"200,500-502\""), "status 503");
    succeeds(target, &http("status = \"200-299,503\""));
}

#[test]
fn a_text_is_found_in_the_body_wherever_it_is() {
    let split: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\n\r\nall is w", b"ell today"];
    let chunks: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"5\r\nall i\r\n5\r\ns wel\r\n1\r\nl\r\n0\r\n\r\n",
    ];
    for answer in [split, chunks] {
        let (target, _asked) = answers(answer);
        succeeds(target, &http("body = \"is well\""));
        let error = "the body does not have the text";
        fails(target, &http("body = \"is ill\""), error);
    }
}

#[test]
fn a_body_is_read_to_its_bound_and_no_further() {
    let head: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
    let filler = vec![b'.'; (64 << 10) - 2];
    let (inside, _asked) = answers(&[head, &filler, b"ok"]);
    succeeds(inside, &http("body = \"ok\""));
    let (beyond, _asked) = answers(&[head, &filler, b".ok"]);
    let error = "the body does not have the text";
    fails(beyond, &http("body = \"ok\""), error);
    let endless = server(move |mut stream| {
        request(&stream);
        let _ = stream.write_all(head);
        while stream.write_all(&filler).is_ok() {}
    });
    fails(endless, &http("body = \"ok\""), error);
}

#[test]
fn a_server_that_closes_or_speaks_something_else_is_a_failure() {
    let closes = server(|stream| drop(request(&stream)));
    let error = "HTTP: connection closed before message completed";
    fails(closes, &http("path = \"/\""), error);
    let (mail, _asked) = answers(&[b"220 mail.example ESMTP\r\n"]);
    fails(
        mail,
        &http("path = \"/\""),
        "HTTP: invalid HTTP version parsed",
    );
}

/// Nobody takes the connections, which the system completes.
#[test]
fn a_server_that_does_not_answer_times_out() {
    let (_silent, target) = listener();
    let quick = "interval_ms = 100, timeout_ms = 100";
    fails(target, &http(quick), "timed out");
}

#[test]
fn https_is_http_with_a_certificate() {
    let authority = Authority::new("https");
    let identity = authority.certify("a.example", Until::Year2095);
    let target = tls_server(&identity, |mut stream| {
        let lines = request(&mut stream);
        let answer: &[u8] = match lines.first().map(String::as_str) {
            Some("GET /ok HTTP/1.1") => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        };
        let _ = stream.write_all(answer);
        let _ = stream.flush();
    });
    let https = |more: &str| format!("kind = \"https\", {}, {more}", authority.trusted());
    let status = succeeds(target, &https("path = \"/ok\", body = \"ok\""));
    assert_eq!(status.certificate_expires, Some(Until::Year2095.time()));
    let status = fails(target, &https("path = \"/\""), "status 404");
    assert_eq!(status.certificate_expires, Some(Until::Year2095.time()));
    let error = "certificate is not for b.example";
    fails(target, &https("host = \"b.example\""), error);
}

/// The error and its time stay. No check comes near its time-out, so there is one error only.
#[test]
fn an_error_is_kept_with_the_time_since_when_it_is_so() {
    let (target, _asked) = answers(&[b"HTTP/1.1 500 No\r\n\r\n"]);
    let patient = http("interval_ms = 600000, timeout_ms = 600000");
    let checked = Checked::of(&at_once(watchlist([(target, patient.as_str())])));
    let has_failed = |status: &TargetStatus| status.error.is_some();
    let first = checked.until(target, has_failed);
    let failed = checked.health.counts().failed;
    let later = checked.until(target, |_| checked.health.counts().failed > failed + 3);
    assert_eq!(later.error.as_deref(), Some("status 500"));
    assert_eq!(later.error_since, first.error_since);
    let TargetState::Down { since, .. } = later.state else {
        panic!("{later:?}");
    };
    assert_eq!(later.error_since, Some(since));
}
