//! Three DNS clients from three projects, and what each must print.

use crate::world::{run, serve};

/// A client's arguments, the texts that it must print, and the texts that it must not
/// print.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

fn check(program: &str, cases: &[Case]) {
    let server = serve();
    for (arguments, expected, unexpected) in cases {
        for &address in server.addresses() {
            let text = run(program, address, arguments);
            for part in *expected {
                assert!(
                    text.contains(part),
                    "{program} {arguments}: no `{part}` in:\n{text}"
                );
            }
            for part in *unexpected {
                assert!(
                    !text.contains(part),
                    "{program} {arguments}: `{part}` in:\n{text}"
                );
            }
        }
    }
}

/// dig checks the client's half of the cookie, and asks again with the server's half.
#[test]
fn dig_gets_cookies_and_the_idle_time() {
    let server = serve();
    let address = server.addresses()[0];
    let first = run("dig", address, "A db.shop.example +cookie=1234567812345678");
    let line = first.lines().find(|line| line.contains("COOKIE: "));
    let line = line.unwrap_or_else(|| panic!("no cookie in:\n{first}"));
    assert!(line.ends_with("(good)"), "{line}");
    let cookie = line.split_whitespace().nth(2).unwrap();
    assert_eq!(cookie.len(), 48, "{line}");
    let again = format!("A db.shop.example +cookie={cookie}");
    let again = run("dig", address, &again);
    assert!(again.contains(cookie), "it stays as it is:\n{again}");
    let alone = run("dig", address, "+header-only +cookie=1234567812345678");
    let parts = ["status: NOERROR", "QUERY: 0, ANSWER: 0", "(good)"];
    assert!(parts.iter().all(|part| alone.contains(part)), "{alone}");
    let tcp = run("dig", address, "A db.shop.example +tcp +keepalive");
    assert!(tcp.contains("TCP KEEPALIVE: 10.0 secs"), "{tcp}");
}

#[rustfmt::skip] // One case, one line.
#[test]
fn dig_is_answered() {
    check("dig", &[
        ("db.shop.example A", &["status: NOERROR", "flags: qr aa rd;", "ANSWER: 3,", "192.0.2.0", "192.0.2.2", "udp: 1232", "(good)"], &["Warning", "Malformed"]),
        ("db.shop.example AAAA +norec", &["flags: qr aa;", "ANSWER: 1,", "2001:db8::"], &[]),
        ("db.shop.example +noedns", &["ANSWER: 3, AUTHORITY: 0, ADDITIONAL: 0"], &["EDNS"]),
        ("db.shop.example +nocookie", &["ANSWER: 3,"], &["COOKIE"]),
        ("dB.ShOp.eXaMpLe", &["dB.ShOp.eXaMpLe."], &["db.shop.example"]),
        ("db.shop.example +dnssec", &["flags: do;"], &["RRSIG"]),
        ("db.shop.example +tcp", &["ANSWER: 3,", "(TCP)"], &[]),
        ("db.shop.example TXT", &["status: NOERROR", "ANSWER: 0, AUTHORITY: 1,", "5\tIN\tSOA"], &[]),
        ("nobody.shop.example", &["status: NXDOMAIN", "flags: qr aa", "5\tIN\tSOA"], &[]),
        ("deep.shop.example", &["status: NOERROR", "ANSWER: 0, AUTHORITY: 1,"], &[]),
        ("elsewhere.test", &["status: REFUSED", "flags: qr rd;"], &["SOA"]),
        ("shop.example SOA", &["3600\tIN\tSOA\tns1.shop.example. hostmaster.shop.example."], &[]),
        ("shop.example NS", &["3600\tIN\tNS\tns1.shop.example.", "192.0.2.253"], &[]),
        ("db.shop.example ANY +notcp", &["status: NOERROR", "ANSWER: 1,", "HINFO\t\"RFC8482\" \"\""], &[]),
        ("shop.example AXFR", &["Transfer failed"], &["SOA"]),
        ("version.bind TXT CH", &["status: REFUSED"], &[]),
        // 100 A records take 1,640 bytes: too many for UDP, whatever size the client
        // offers.
        ("big.shop.example +ignore +bufsize=4096", &["flags: qr aa tc", "ANSWER: 0,", "udp: 1232"], &["192.0.5."]),
        ("big.shop.example +ignore +noedns", &["flags: qr aa tc", "ANSWER: 0,"], &["192.0.5."]),
        ("big.shop.example +bufsize=1232", &["Truncated, retrying in TCP mode", "ANSWER: 100,", "(TCP)"], &[]),
        ("c.a.deep.shop.example +ignore +bufsize=512", &["ANSWER: 4,"], &["flags: qr aa tc"]),
        ("db.shop.example +tcp +keepopen +noall +answer db.shop.example AAAA v4.shop.example", &["192.0.2.0", "2001:db8::", "192.0.3.1"], &[]),
    ]);
}

#[rustfmt::skip] // One case, one line.
#[test]
fn kdig_is_answered() {
    check("kdig", &[
        ("db.shop.example A +edns", &["status: NOERROR", "Flags: qr aa rd;", "ANSWER: 3;", "192.0.2.2", "UDP size: 1232 B"], &["WARNING", "malformed"]),
        ("db.shop.example AAAA", &["ANSWER: 1;", "2001:db8::"], &["EDNS"]),
        ("db.shop.example +dnssec", &["flags: do"], &["RRSIG"]),
        ("db.shop.example +tcp", &["ANSWER: 3;", "(TCP)"], &[]),
        ("db.shop.example +cookie", &["ANSWER: 3;", "COOKIE: "], &["bad"]),
        ("db.shop.example +padding=128 +edns", &["ANSWER: 3;"], &["PADDING"]),
        ("nobody.shop.example", &["status: NXDOMAIN", "SOA"], &[]),
        ("elsewhere.test", &["status: REFUSED"], &[]),
        ("big.shop.example +ignore +bufsize=4096", &["Flags: qr aa tc", "ANSWER: 0;", "UDP size: 1232 B"], &[]),
        ("big.shop.example", &["ANSWER: 100;", "(TCP)"], &[]),
        ("db.shop.example ANY", &["ANSWER: 1;", "HINFO", "RFC8482"], &[]),
        ("shop.example AXFR", &["REFUSED"], &[]),
        ("shop.example NOTIFY=1", &["NOTIMPL"], &[]),
    ]);
}

#[rustfmt::skip] // One case, one line.
#[test]
fn drill_is_answered() {
    check("drill", &[
        ("db.shop.example A", &["rcode: NOERROR", "flags: qr aa rd ;", "ANSWER: 3,", "192.0.2.2"], &["malformed"]),
        ("db.shop.example AAAA", &["ANSWER: 1,", "2001:db8::"], &[]),
        ("-t db.shop.example A", &["ANSWER: 3,"], &[]),
        ("-b 512 -D db.shop.example A", &["ANSWER: 3,", "EDNS: version 0; flags: do ;"], &["RRSIG"]),
        ("nobody.shop.example A", &["rcode: NXDOMAIN", "SOA"], &[]),
        ("elsewhere.test A", &["rcode: REFUSED"], &[]),
        ("big.shop.example A", &["flags: qr aa tc rd ;", "ANSWER: 0,"], &[]),
        ("-t big.shop.example A", &["flags: qr aa rd ;", "ANSWER: 100,"], &[]),
        ("shop.example NS", &["ns1.shop.example."], &[]),
    ]);
}
