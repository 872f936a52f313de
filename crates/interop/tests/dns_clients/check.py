"""Sends generated queries to a server and reads every answer strictly.

Usage: check.py ADDRESS PORT
"""

import random
import socket
import struct
import sys

try:
    import dns.edns
    import dns.flags
    import dns.message
    import dns.rcode
except ImportError as error:
    sys.exit(f"{error}; install dnspython with `apt-get install python3-dnspython`")

QUERIES = 3000
NAMES = [
    "shop.example.", "ns1.shop.example.", "db.shop.example.", "v4.shop.example.",
    "v6.shop.example.", "big.shop.example.", "under_score.shop.example.",
    "deep.shop.example.", "a.deep.shop.example.", "c.a.deep.shop.example.",
    "x.db.shop.example.", "nobody.shop.example.", "elsewhere.test.", ".",
    "*.shop.example.", "with\\.dot.shop.example.", "a" * 63 + ".shop.example.",
]
TYPES = ["A", "AAAA", "NS", "SOA", "TXT", "MX", "ANY", "HINFO", "CNAME", "SRV",
         "DS", "DNSKEY", "RRSIG", "HTTPS", "TYPE1000", "TYPE65280"]
OPTIONS = [dns.edns.GenericOption(65001, b"x" * 8), dns.edns.GenericOption(10, b"12345678"),
           dns.edns.GenericOption(3, b""), dns.edns.GenericOption(12, b"\0" * 40)]


def query(chance):
    name = "".join(chance.choice([c.upper(), c.lower()]) for c in chance.choice(NAMES))
    message = dns.message.make_query(name, chance.choice(TYPES))
    message.flags = chance.choice([0, dns.flags.RD, dns.flags.AD, dns.flags.CD,
                                   dns.flags.RD | dns.flags.AD | dns.flags.CD])
    if chance.random() < 0.6:
        options = chance.sample(OPTIONS, chance.randrange(len(OPTIONS)))
        message.use_edns(chance.choice([0, 0, 0, 1]), chance.choice([0, 0x8000]),
                         chance.choice([0, 512, 700, 1232, 4096, 65535]), options=options)
    return message


def check(asked, over_tcp, wire):
    # Raises on anything that is not well-formed, trailing bytes included.
    answer = dns.message.from_wire(wire, ignore_trailing=False)
    assert answer.id == asked.id, "another id"
    assert answer.flags & dns.flags.QR, "not a response"
    assert not answer.flags & (dns.flags.RA | dns.flags.AD | dns.flags.CD), "flags"
    assert bool(answer.flags & dns.flags.RD) == bool(asked.flags & dns.flags.RD), "RD"
    assert answer.question == asked.question, "another question"
    # The comparison above ignores case; this one does not.
    assert answer.question[0].name.labels == asked.question[0].name.labels, "case"
    assert (answer.edns >= 0) == (asked.edns >= 0), "OPT"
    if answer.edns >= 0:
        assert answer.edns == 0 and answer.payload == 1232, "OPT"
        # Both halves of the cookie if the client's half was sent, and nothing else.
        sent = [option.data for option in asked.options if option.otype == 10]
        given = [(option.otype, option.data[:8], len(option.data)) for option in answer.options]
        cookies = [(10, data, 24) for data in sent if asked.edns == 0]
        assert given == cookies, f"options: {given}"
        assert (answer.ednsflags & 0x8000) == (asked.ednsflags & 0x8000), "DO"
    if asked.edns > 0:
        assert answer.rcode() == dns.rcode.BADVERS, "version"
    if not over_tcp:
        limit = min(1232, max(512, asked.payload if asked.edns >= 0 else 0))
        assert len(wire) <= limit, f"{len(wire)} bytes, more than {limit}"
    else:
        assert not answer.flags & dns.flags.TC, "truncated over TCP"
    if answer.flags & dns.flags.TC:
        assert not answer.answer, "part of a record set"


def main():
    server, port = sys.argv[1], int(sys.argv[2])
    chance = random.Random(2025)
    seen = set()
    for _ in range(QUERIES):
        asked = query(chance)
        over_tcp = chance.random() < 0.1
        wire = exchange(asked, server, port, over_tcp)
        try:
            check(asked, over_tcp, wire)
        except Exception as fault:
            sys.exit(f"{fault!r} in the answer {wire.hex()} to:\n{asked}")
        answer = dns.message.from_wire(wire)
        seen.add((answer.rcode(), bool(answer.flags & dns.flags.TC), bool(answer.answer)))
    assert len(seen) >= 6, f"too few kinds of answers: {seen}"
    print(f"{QUERIES} queries, {len(seen)} kinds of answers")


def exchange(asked, server, port, over_tcp):
    packet = asked.to_wire()
    if over_tcp:
        with socket.create_connection((server, port), timeout=10) as stream:
            stream.sendall(struct.pack("!H", len(packet)) + packet)
            file = stream.makefile("rb")
            (length,) = struct.unpack("!H", file.read(2))
            return file.read(length)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(10)
        datagrams.sendto(packet, (server, port))
        return datagrams.recv(65535)


main()
