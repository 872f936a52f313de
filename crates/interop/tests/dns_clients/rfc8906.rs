//! The queries of RFC 8906, section 8. They test whether a server answers correctly what it
//! does not know.

use crate::world::{run, serve};

/// The name of the test, the query as the RFC writes it, the texts that the answer must
/// contain, and the texts that it must not contain.
type Case = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

#[rustfmt::skip] // One case, one line.
const CASES: &[Case] = &[
    // 8.1: basic DNS.
    ("8.1.1 the server is there", "+noedns +noad +norec SOA shop.example", &["status: NOERROR", "flags: qr aa;", "SOA"], &["EDNS"]),
    ("8.1.2 unknown type", "+noedns +noad +norec TYPE1000 shop.example", &["status: NOERROR", "flags: qr aa;", "ANSWER: 0,"], &["EDNS"]),
    ("8.1.3.1 CD set", "+noedns +noad +norec +cd SOA shop.example", &["status: NOERROR", "flags: qr aa;", "SOA"], &["EDNS"]),
    ("8.1.3.2 AD set", "+noedns +norec +ad SOA shop.example", &["status: NOERROR", "flags: qr aa;", "SOA"], &["EDNS"]),
    ("8.1.3.3 reserved bit", "+noedns +noad +norec +zflag SOA shop.example", &["status: NOERROR", "flags: qr aa;", "SOA"], &["EDNS", "MBZ"]),
    ("8.1.3.4 recursion", "+noedns +noad +rec SOA shop.example", &["status: NOERROR", "flags: qr aa rd;", "SOA"], &["EDNS"]),
    ("8.1.4 unknown opcode", "+noedns +noad +opcode=15 +norec +header-only", &["status: NOTIMP", "opcode: RESERVED15", "flags: qr;"], &["EDNS"]),
    ("8.1.4 with EDNS, by RFC 6891, 6.1.1", "+nocookie +edns=0 +noad +opcode=15 +norec +header-only", &["status: NOTIMP", "flags: qr;", "EDNS: version: 0"], &[]),
    ("8.1.5 TCP", "+noedns +noad +norec +tcp SOA shop.example", &["status: NOERROR", "flags: qr aa;", "SOA"], &["EDNS"]),
    // 8.2: EDNS.
    ("8.2.1 minimal EDNS", "+nocookie +edns=0 +noad +norec SOA shop.example", &["status: NOERROR", "flags: qr aa;", "EDNS: version: 0", "SOA"], &[]),
    ("8.2.2 EDNS version", "+nocookie +edns=1 +noednsneg +noad +norec SOA shop.example", &["status: BADVERS", "EDNS: version: 0", "flags: qr;"], &["IN\tSOA\t"]),
    ("8.2.3 unknown option", "+nocookie +edns=0 +noad +norec +ednsopt=100 SOA shop.example", &["status: NOERROR", "flags: qr aa;", "EDNS: version: 0", "SOA"], &["OPT=100"]),
    ("8.2.4 unknown flag", "+nocookie +edns=0 +noad +norec +ednsflags=0x40 SOA shop.example", &["status: NOERROR", "flags: qr aa;", "EDNS: version: 0, flags:;", "SOA"], &["MBZ"]),
    ("8.2.5 version 1 and a flag", "+nocookie +edns=1 +noednsneg +noad +norec +ednsflags=0x40 SOA shop.example", &["status: BADVERS", "EDNS: version: 0, flags:;"], &["IN\tSOA\t", "MBZ"]),
    ("8.2.6 version 1 and an option", "+nocookie +edns=1 +noednsneg +noad +norec +ednsopt=100 SOA shop.example", &["status: BADVERS", "EDNS: version: 0"], &["IN\tSOA\t", "OPT=100"]),
    ("8.2.7 truncated", "+nocookie +norec +dnssec +bufsize=512 +ignore A big.shop.example", &["status: NOERROR", "flags: qr aa tc;", "EDNS: version: 0, flags: do;"], &[]),
    ("8.2.8 DO set", "+nocookie +edns=0 +noad +norec +dnssec SOA shop.example", &["status: NOERROR", "EDNS: version: 0, flags: do;", "SOA"], &[]),
    ("8.2.9 version 1 and DO", "+nocookie +edns=1 +noednsneg +noad +norec +dnssec SOA shop.example", &["status: BADVERS", "EDNS: version: 0, flags: do;"], &["IN\tSOA\t"]),
    ("8.2.10 options defined by now", "+edns=0 +noad +norec +cookie +nsid +expire +subnet=0.0.0.0/0 SOA shop.example", &["status: NOERROR", "flags: qr aa;", "EDNS: version: 0", "SOA"], &[]),
    ("8.2 EDNS over TCP", "+nocookie +edns=0 +noad +norec +tcp SOA shop.example", &["status: NOERROR", "EDNS: version: 0", "SOA"], &[]),
];

#[test]
fn what_is_unknown_is_answered_as_rfc_8906_says() {
    let server = serve();
    for (what, arguments, expected, unexpected) in CASES {
        let text = run("dig", server.addresses()[0], arguments);
        for part in *expected {
            assert!(text.contains(part), "{what}: no `{part}` in:\n{text}");
        }
        for part in *unexpected {
            assert!(!text.contains(part), "{what}: `{part}` in:\n{text}");
        }
    }
}
