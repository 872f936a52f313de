//! TLS: whose certificates are accepted, and when they expire.

use std::io::Write;

use control_plane::{HealthSource, TargetState};

use crate::certificates::{Authority, Until, shake_hands, tls_server};
use crate::{Checked, fails, is_not_made, listener, server, succeeds, watchlist};

fn tls(more: &str) -> String {
    format!("kind = \"tls\", {more}")
}

#[test]
fn a_certificate_of_a_trusted_authority_for_the_endpoint_is_a_success() {
    let authority = Authority::new("good");
    let target = tls_server(
        &authority.certify("a.example", Until::Year2095),
        shake_hands,
    );
    let status = succeeds(target, &tls(&authority.trusted()));
    assert_eq!(
        status.certificate_expires,
        Some(Until::Year2095.time()),
        "its expiry is known"
    );
}

#[test]
fn a_certificate_for_another_name_is_a_success_only_if_that_is_the_host() {
    let authority = Authority::new("name");
    let target = tls_server(
        &authority.certify("b.example", Until::Year2095),
        shake_hands,
    );
    let trusted = authority.trusted();
    let error = "certificate is not for a.example";
    fails(target, &tls(&trusted), error);
    succeeds(target, &tls(&format!("{trusted}, host = \"b.example\"")));
}

#[test]
fn an_expired_certificate_is_a_failure_and_its_expiry_is_known() {
    let authority = Authority::new("expired");
    let target = tls_server(
        &authority.certify("a.example", Until::Year2020),
        shake_hands,
    );
    let check = tls(&authority.trusted());
    let status = fails(target, &check, "certificate expired");
    assert_eq!(status.certificate_expires, Some(Until::Year2020.time()));
}

#[test]
fn an_authority_is_trusted_only_if_the_check_says_so() {
    let [authority, other] = ["issuer", "other"].map(Authority::new);
    let valid = authority.certify("a.example", Until::Year2095);
    let target = tls_server(&valid, shake_hands);
    let error = "certificate is from an authority that is not trusted";
    fails(target, &tls(&other.trusted()), error);
    let expired = authority.certify("b.example", Until::Year2020);
    let target = tls_server(&expired, shake_hands);
    // Any certificate is any certificate.
    let status = succeeds(target, &tls("trust = \"any\""));
    assert_eq!(status.certificate_expires, Some(Until::Year2020.time()));
}

/// The list is the same, and the file has another authority.
#[test]
fn a_file_of_authorities_is_read_again_with_each_list() {
    let [trusted, issuer] = ["before", "after"].map(Authority::new);
    let identity = issuer.certify("a.example", Until::Year2095);
    let target = tls_server(&identity, shake_hands);
    let list = watchlist([(target, tls(&trusted.trusted()).as_str())]);
    let mut checked = Checked::of(&list);
    let error = "certificate is from an authority that is not trusted";
    checked.until(target, |status| status.error.as_deref() == Some(error));
    trusted.now_is(&issuer);
    checked.health.watch(&list);
    checked.until(target, |status| status.state == TargetState::Up);
}

#[test]
fn a_server_that_says_nothing_times_out() {
    let (_silent, target) = listener();
    let quick = "interval_ms = 100, timeout_ms = 100, trust = \"any\"";
    fails(target, &tls(quick), "timed out");
}

#[test]
fn a_server_that_speaks_something_else_is_a_failure() {
    let target = server(|mut stream| stream.write_all(b"220 mail.example ESMTP\r\n").unwrap());
    let error = "TLS: received corrupt message of type InvalidContentType";
    fails(target, &tls("trust = \"any\""), error);
}

#[test]
fn a_file_of_authorities_that_cannot_be_read_is_the_checkers_fault() {
    let (_open, target) = listener();
    let check = tls("trust = \"/no/such/file.pem\"");
    is_not_made(
        target,
        &check,
        "/no/such/file.pem has no certificate authorities",
    );
}
