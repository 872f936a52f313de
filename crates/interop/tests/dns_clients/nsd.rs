//! Compares our server with NSD on the same zone. Both must answer thousands of generated
//! packets, well-formed or not, in the same way, except for the differences in
//! [`justified`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use std::{fs, process};

use fastrand::Rng;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{DNSClass, Name, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use interop::started;

use crate::world::{ENDPOINTS, TTL, ZONE, serve, v4, v6};

const PACKETS: usize = 10_000;
const SEED: u64 = 2025;

/// A test that waits longer fails. Nothing here takes that long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running NSD. It ends when this is dropped.
pub(crate) struct Nsd {
    process: Child,
    directory: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Nsd {
    /// Starts an NSD on this zone file, and waits until it answers. NSD cannot choose a port itself, so this
    /// chooses one that was free a moment ago. If NSD ends because another program has
    /// taken the port, this tries another one.
    pub(crate) fn start(zone: &str) -> Self {
        let tries = (0..5).find_map(|_| {
            let mut nsd = Self::on(free_port(), zone);
            nsd.answers().then_some(nsd)
        });
        tries.unwrap()
    }

    fn on(address: SocketAddr, zone: &str) -> Self {
        let name = format!("dns-clients-nsd-{}-{}", process::id(), address.port());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("zone"), zone).unwrap();
        let config = directory.join("nsd.conf");
        fs::write(&config, configuration(&directory, address)).unwrap();
        let program = if Path::new("/usr/sbin/nsd").exists() {
            "/usr/sbin/nsd" // Not on every user's path.
        } else {
            "nsd"
        };
        let process = Command::new(program)
            .arg("-d")
            .arg("-c")
            .arg(&config)
            .spawn();
        Self {
            process: started("nsd", process),
            directory,
            address,
        }
    }

    /// Waits until it answers, or has ended.
    fn answers(&mut self) -> bool {
        let client = Client::bound_to(self.address);
        let mut goes_on = || matches!(self.process.try_wait(), Ok(None));
        client.waits(&mut goes_on)
    }
}

/// A port that is free for both UDP and TCP.
fn free_port() -> SocketAddr {
    let free = (0..100).find_map(|_| {
        let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
        let address = udp.local_addr().ok()?;
        TcpListener::bind(address).ok().map(|_| address)
    });
    free.unwrap()
}

impl Drop for Nsd {
    fn drop(&mut self) {
        // SIGTERM also ends its children; SIGKILL would not.
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn configuration(directory: &Path, address: SocketAddr) -> String {
    let directory = directory.display();
    let (ip, port) = (address.ip(), address.port());
    format!(
        "server:
            ip-address: {ip}@{port}
            server-count: 1
            username: \"\"
            database: \"\"
            zonesdir: \"{directory}\"
            pidfile: \"{directory}/pid\"
            zonelistfile: \"{directory}/list\"
            xfrdfile: \"{directory}/xfrd\"
            xfrdir: \"{directory}\"
            rrl-ratelimit: 0
            minimal-responses: yes
        remote-control:
            control-enable: no
        zone:
            name: {ZONE}
            zonefile: zone\n"
    )
}

/// The server's endpoints as a zone file.
fn zone_file() -> String {
    let mut lines = vec![
        format!("{ZONE}. 3600 SOA ns1.{ZONE}. hostmaster.{ZONE}. 1 3600 600 604800 5"),
        format!("{ZONE}. 3600 NS ns1.{ZONE}."),
        format!("ns1.{ZONE}. 3600 A 192.0.2.253"),
    ];
    for (at, (name, ..)) in ENDPOINTS.iter().enumerate() {
        lines.extend(v4(at).map(|address| format!("{name}. {TTL} A {address}")));
        lines.extend(v6(at).map(|address| format!("{name}. {TTL} AAAA {address}")));
    }
    lines.join("\n") + "\n"
}

/// A client of one server. Both servers answer in the order of the queries. So if the next
/// packet is answered first, the packet before it gets no answer.
pub(crate) struct Client {
    socket: UdpSocket,
}

impl Client {
    /// Makes a client, and waits until the server answers.
    pub(crate) fn of(server: SocketAddr) -> Self {
        // Tries use another socket, so that a late answer to a try does not reach the
        // client.
        Self::bound_to(server).wait();
        let client = Self::bound_to(server);
        client.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    fn bound_to(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.connect(server).unwrap();
        Self { socket }
    }

    /// Waits until the server answers at all.
    fn wait(&self) {
        assert!(self.waits(&mut || true), "the server does not answer");
    }

    /// Waits while `goes_on`. Returns whether the server answers.
    fn waits(&self, goes_on: &mut dyn FnMut() -> bool) -> bool {
        let step = Duration::from_millis(50);
        self.socket.set_read_timeout(Some(step)).unwrap();
        let tries = PATIENCE.as_millis() / step.as_millis();
        for _ in 0..tries {
            // While no server listens, this is refused and the wait is short.
            let sent = self.socket.send(&marker(0)).is_ok();
            if sent && self.socket.recv(&mut [0; 2048]).is_ok() {
                return true;
            }
            if !goes_on() {
                return false;
            }
            std::thread::sleep(step);
        }
        false
    }

    pub(crate) fn ask(&self, packet: &[u8], number: u16) -> Option<Vec<u8>> {
        self.socket.send(packet).unwrap();
        self.socket.send(&marker(number)).unwrap();
        let mut reply = None;
        loop {
            let mut buffer = [0; 4096];
            let length = self.socket.recv(&mut buffer).unwrap();
            let is_marker = buffer[..2] == (MARKERS | number).to_be_bytes();
            match (is_marker, &reply) {
                (true, _) => return reply,
                (false, None) => reply = Some(buffer[..length].to_vec()),
                (false, Some(_)) => panic!("two answers to one packet"),
            }
        }
    }
}

/// Ids from here on belong to the queries that follow each packet.
const MARKERS: u16 = 0x8000;

fn marker(number: u16) -> Vec<u8> {
    let mut query = Message::new(MARKERS | number, MessageType::Query, OpCode::Query);
    query.add_query(Query::query(
        Name::from_ascii("shop.example.").unwrap(),
        RecordType::SOA,
    ));
    query.to_vec().unwrap()
}

/// The parts of a reply that must be the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    code: ResponseCode,
    /// Opcode, AA, TC, RD, RA, AD, CD.
    opcode: OpCode,
    flags: [bool; 6],
    question: Vec<String>,
    /// The sections answer, authority and additional, each as a set.
    pub(crate) sections: [BTreeSet<String>; 3],
    /// Version and DO.
    edns: Option<(u8, bool)>,
}

impl Reply {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let message = Message::from_vec(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}"));
        let section = |records: &[Record]| records.iter().map(record).collect();
        let head = message.metadata;
        Self {
            code: head.response_code,
            opcode: head.op_code,
            flags: [
                head.authoritative,
                head.truncation,
                head.recursion_desired,
                head.recursion_available,
                head.authentic_data,
                head.checking_disabled,
            ],
            question: message.queries.iter().map(|q| format!("{q:?}")).collect(),
            sections: [
                section(&message.answers),
                section(&message.authorities),
                section(&message.additionals),
            ],
            edns: message
                .edns
                .map(|edns| (edns.version(), edns.flags().dnssec_ok)),
        }
    }
}

/// A record as text, with its names in lower case: NSD compresses names by pointing into
/// the question, and so copies the question's case.
fn record(record: &Record) -> String {
    let (name, ttl, data) = (&record.name, record.ttl, &record.data);
    let text = format!("{name} {ttl} {} {data}", record.record_type());
    text.to_ascii_lowercase()
}

/// Why the two servers may differ on this packet; `None` if they must not.
fn justified(packet: &[u8], ours: Option<&Reply>, theirs: Option<&Reply>) -> Option<&'static str> {
    let ours = ours?;
    let code = ours.code;
    let same_code = theirs.is_some_and(|theirs| theirs.code == code);
    let asks_any = ours.question.iter().any(|q| q.contains("query_type: ANY"));
    let is_badvers = |reply: &Reply| u16::from(reply.code) == 16;
    if packet[3] & 0x0f != 0 {
        return Some("a response code in a query: malformed to NSD, to us without meaning");
    }
    if packet[11] == 1
        && ours.edns.is_none()
        && !matches!(code, ResponseCode::FormErr | ResponseCode::NotImp)
    {
        return Some("a record that is not OPT after the question: malformed to NSD, not to us");
    }
    match code {
        ResponseCode::NotImp => Some(
            "another opcode: NSD does nothing with most of them and some more with NOTIFY, \
             for secondaries; we have none, and say so (RFC 8906, 3.1.4)",
        ),
        ResponseCode::FormErr if has_more(packet) => {
            Some("bytes after the message: NSD takes no notice, to us it is malformed")
        }
        ResponseCode::FormErr if theirs.is_none() => {
            Some("malformed: NSD keeps silent, we say so (RFC 1035, 4.1.1)")
        }
        ResponseCode::FormErr if same_code => {
            Some("malformed: NSD copies other flags, we the id, the opcode and RD")
        }
        ResponseCode::Refused if same_code => {
            Some("another class: NSD leaves the question out of its refusal")
        }
        ResponseCode::NoError if same_code && asks_any => {
            Some("ANY: both answer minimally, NSD with one record set, we with HINFO (RFC 8482)")
        }
        ResponseCode::FormErr if theirs.is_some_and(is_badvers) => {
            Some("a later EDNS version whose record is cut: NSD looks at the version first")
        }
        ResponseCode::Refused if theirs.is_some_and(|t| t.code == ResponseCode::NotImp) => {
            Some("a zone transfer over UDP: NSD has none, we have none at all")
        }
        _ if is_badvers(ours) && same_code => {
            Some("EDNS version: NSD copies CD and clears DO; an authority copies DO, not CD")
        }
        _ => None,
    }
}

/// Whether bytes follow the message.
fn has_more(packet: &[u8]) -> bool {
    let mut decoder = BinDecoder::new(packet);
    Message::read(&mut decoder).is_ok() && !decoder.is_empty()
}

fn names() -> Vec<String> {
    let below = [
        "",
        "ns1.",
        "deep.",
        "a.deep.",
        "nobody.",
        "n.o.b.o.d.y.",
        "*.",
        "y.x.db.",
    ];
    let outside = [".", "example.", "elsewhere.test.", "ample."];
    let below = below.iter().map(|labels| format!("{labels}{ZONE}."));
    let endpoints = ENDPOINTS.iter().map(|(name, ..)| format!("{name}."));
    let outside = outside.iter().map(|name| (*name).to_owned());
    below.chain(endpoints).chain(outside).collect()
}

/// A query, ordinary or odd. One in four is then damaged.
fn packet(random: &mut Rng, names: &[String]) -> Vec<u8> {
    let mut message = Message::new(random.u16(..MARKERS), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = random.bool();
    message.metadata.checking_disabled = random.u8(..8) == 0;
    message.metadata.authentic_data = random.u8(..8) == 0;
    let name = random.choice(names).unwrap().chars();
    let name: String = name
        .map(|c| {
            if random.bool() {
                c.to_ascii_uppercase()
            } else {
                c
            }
        })
        .collect();
    let types = [
        1, 1, 1, 28, 28, 2, 6, 5, 12, 13, 15, 16, 33, 43, 46, 48, 65, 255, 1000, 65_280,
    ];
    let record_type = RecordType::from(*random.choice(types).as_ref().unwrap());
    let mut query = Query::query(Name::from_ascii(name).unwrap(), record_type);
    if random.u8(..32) == 0 {
        query.set_query_class(DNSClass::CH);
    }
    message.add_query(query);
    if random.u8(..32) == 0 {
        message.metadata.op_code = OpCode::from_u8(random.u8(1..16));
    }
    if random.bool() {
        let mut edns = Edns::new();
        edns.set_max_payload(*random.choice([512, 700, 1232, 4096]).as_ref().unwrap());
        edns.set_dnssec_ok(random.bool());
        if random.u8(..16) == 0 {
            edns.set_version(random.u8(1..));
        }
        if random.u8(..4) == 0 {
            let option =
                EdnsOption::Unknown(random.u16(65_001..65_535), vec![7; random.usize(..40)]);
            edns.options_mut().insert(option);
        }
        message.set_edns(edns);
    }
    let mut packet = message.to_vec().unwrap();
    if random.u8(..4) == 0 {
        spoil(&mut packet, random);
    }
    packet
}

/// Changes, cuts or lengthens a packet, but not its id.
fn spoil(packet: &mut Vec<u8>, random: &mut Rng) {
    match random.u8(..4) {
        0 => packet.truncate(random.usize(2..packet.len())),
        1 => packet.extend((0..random.usize(1..20)).map(|_| random.u8(..))),
        _ => {
            for _ in 0..random.usize(1..4) {
                let at = random.usize(2..packet.len());
                packet[at] = random.u8(..);
            }
        }
    }
}

#[test]
fn nsd_answers_the_same() {
    let server = serve();
    let nsd = Nsd::start(&zone_file());
    let (ours, theirs) = (Client::of(server.addresses()[0]), Client::of(nsd.address));
    let (mut random, names) = (Rng::with_seed(SEED), names());
    let mut differences: BTreeMap<&str, usize> = BTreeMap::new();
    let mut faults = Vec::new();
    let mut codes = BTreeSet::new();
    for number in 0..PACKETS {
        let packet = packet(&mut random, &names);
        let number = u16::try_from(number).unwrap() % MARKERS;
        let [ours, theirs] = [&ours, &theirs].map(|client| client.ask(&packet, number));
        let [ours, theirs] = [ours, theirs].map(|reply| reply.map(|bytes| Reply::read(&bytes)));
        codes.extend(ours.iter().map(|reply| u16::from(reply.code)));
        if ours == theirs {
            continue;
        }
        match justified(&packet, ours.as_ref(), theirs.as_ref()) {
            Some(reason) => *differences.entry(reason).or_default() += 1,
            None => faults.push(format!(
                "{packet:02x?}\nours:   {ours:?}\ntheirs: {theirs:?}"
            )),
        }
    }
    for (reason, times) in &differences {
        println!("{times:>5} × {reason}");
    }
    let shown = faults
        .iter()
        .take(10)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n\n");
    assert!(
        faults.is_empty(),
        "{} of {PACKETS} differ:\n{shown}",
        faults.len()
    );
    assert!(codes.len() >= 6, "too few kinds of answers: {codes:?}");
}
