//! A soak: reloads, a log that nobody reads and clients that are slow, all at the same time, while
//! every answer is checked. It takes a few seconds. For ten minutes, set `SOAK_SECONDS=600`.
//!
//! The records of each version of the zone file have a TTL of their own. So an answer shows which
//! plans its records are from.

use std::io;
use std::sync::atomic::AtomicBool;

use hickory_proto::rr::rdata::TXT;
use socket2::{Domain, Socket, Type};

use super::*;

const SECONDS: u64 = 3;
/// How many answers each client checks at least, also on a machine that is slow.
const ANSWERS: usize = 100;
/// How many names have records of each version.
const NAMES: u32 = 8;
/// The TTL of version 0.
const TTL: u32 = 1_000;
/// Where the slow clients ask from. The server counts clients by their address.
const SLOW: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// How many slow clients there are at a time, of each kind.
const SLOW_CLIENTS: usize = 16;

/// What the threads of the soak share.
struct Soak {
    dns: SocketAddr,
    /// The newest version that the process may have read.
    version: AtomicU32,
    is_over: AtomicBool,
}

fn zone_file(version: u32) -> String {
    let names = (0..NAMES).map(|n| {
        format!(
            "s{n} TXT a{version}\ns{n} TXT b{version}\nalias{n} CNAME s{n}\n*.w{n} TXT a{version}\n"
        )
    });
    format!("$TTL {}\n{}", TTL + version, names.collect::<String>())
}

fn query(name: &str, record_type: RecordType) -> Vec<u8> {
    let mut query = Message::new(7, MessageType::Query, OpCode::Query);
    let name = Name::from_ascii(format!("{name}re.example.")).unwrap();
    query.add_query(Query::query(name, record_type));
    query.to_vec().unwrap()
}

/// The version that all records of the answer are from (`WholeAnswer`).
fn version(reply: &Message) -> u32 {
    assert_eq!(
        reply.metadata.response_code,
        ResponseCode::NoError,
        "{reply}"
    );
    assert!(reply.metadata.authoritative, "{reply}");
    let ttls: BTreeSet<_> = reply.answers.iter().map(|record| record.ttl).collect();
    assert_eq!(ttls.len(), 1, "`NeverEmpty`, `WholeAnswer`: {reply}");
    let version = ttls.first().unwrap() - TTL;
    let texts = reply
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::TXT(TXT { txt_data, .. }) => Some(String::from_utf8_lossy(&txt_data[0])),
            _ => None,
        });
    for text in texts {
        assert_eq!(text[1..], version.to_string(), "`WholeAnswer`: {reply}");
    }
    version
}

impl Soak {
    /// Asks for everything in turns, and checks each answer.
    fn check(&self, mut ask: impl FnMut(&[u8]) -> Message) {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let (mut serial, mut answers) = (0, 0);
        while answers <= ANSWERS || !self.is_over.load(Ordering::Relaxed) {
            for n in 0..NAMES {
                for (name, counts) in [
                    (format!("s{n}."), &[2][..]),
                    // While a pass is under way, the alias may come alone.
                    (format!("alias{n}."), &[1, 3]),
                    (format!("x.w{n}."), &[1]),
                ] {
                    let reply = ask(&query(&name, RecordType::TXT));
                    let version = version(&reply);
                    assert!(counts.contains(&reply.answers.len()), "{reply}");
                    let newest = self.version.load(Ordering::Relaxed);
                    let before = seen.insert(name, version).unwrap_or(0);
                    assert!((before..=newest).contains(&version), "`Monotonic`: {reply}");
                    answers += 1;
                }
            }
            let reply = ask(&query("a.", RecordType::A));
            assert_eq!(reply.answers.len(), 1, "`NeverEmpty`: {reply}");
            assert!(is_missing(&ask(&query("nobody.", RecordType::A))));
            let reply = ask(&query("", RecordType::SOA));
            let RData::SOA(soa) = &reply.answers[0].data else {
                panic!("{reply}")
            };
            assert!(soa.serial >= serial, "{} after {serial}", soa.serial);
            serial = soa.serial;
            answers += 3;
        }
    }

    fn over_udp(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(self.dns).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reply = [0; 2048];
        self.check(|query| {
            socket.send(query).unwrap();
            let length = socket.recv(&mut reply).unwrap();
            Message::from_vec(&reply[..length]).unwrap()
        });
    }

    /// All on one connection, which the slow clients do not take away.
    fn over_tcp(&self) {
        let mut stream = TcpStream::connect(self.dns).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        self.check(|query| {
            stream.write_all(&framed(query)).unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut reply).unwrap();
            Message::from_vec(&reply).unwrap()
        });
    }

    /// Clients that say nothing, that stop in a query, that take no replies, and that take no
    /// transfer. The server may close any of them. New ones come as long as it does so.
    fn slow_clients(&self) {
        let transfer = framed(&query("", RecordType::AXFR));
        let many = framed(&query("s0.", RecordType::TXT)).repeat(2_000);
        let kinds = [&[][..], &transfer[..5], &many, &transfer];
        let mut clients = Vec::new();
        for kind in kinds.iter().cycle() {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            if clients.len() == SLOW_CLIENTS * kinds.len() {
                clients.remove(0);
            }
            // It may have no port left, or be closed while it sends.
            if let Ok(mut client) = slow_client(self.dns) {
                let _ = client.write_all(kind);
                clients.push(client);
            }
            // So that the others have the processor; no order depends on it.
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn slow_client(server: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(4096)?;
    socket.set_write_timeout(Some(Duration::from_millis(10)))?;
    socket.bind(&SocketAddr::from((SLOW, 0)).into())?;
    socket.connect(&server.into())?;
    Ok(socket.into())
}

fn framed(packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    [&length[..], packet].concat()
}

#[test]
fn soak() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let targets = Targets::start([1]);
    let records = FleetFile::new("soak-records", &zone_file(0));
    let next = FleetFile::new("soak-next", "");
    let name = records.0.file_name().unwrap().to_str().unwrap();
    let secondary = format!("secondary = [{{ address = \"{SLOW}\", notify = false }}]\n");
    let zone = format!("{ZONE}records = \"{name}\"\n{secondary}");
    let fleet = targets.fleet(&[("a", &[1])]).replace(ZONE, &zone);
    let fleet = FleetFile::new("soak", &fleet);
    let (serve, log) = Serve::start_with_log(&["--fleet", fleet.path()], Some("debug"), 0);
    // Open, and not read.
    let mut log = Some(log.join().unwrap());
    let soak = Soak {
        dns: serve.dns,
        version: AtomicU32::new(0),
        is_over: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        let soak = &soak;
        let checking = [Soak::over_udp, Soak::over_udp, Soak::over_tcp];
        let checking = checking.map(|check| scope.spawn(move || check(soak)));
        scope.spawn(|| soak.slow_clients());
        // Its threads end, whatever happens here.
        let is_over = Over(&soak.is_over);
        let asking = UdpSocket::bind("127.0.0.1:0").unwrap();
        asking.connect(soak.dns).unwrap();
        asking.set_read_timeout(Some(PATIENCE)).unwrap();
        let begin = Instant::now();
        let is_alive = || checking.iter().all(|thread| !thread.is_finished());
        let mut version = 0;
        // On a slow machine it takes longer: two versions are served, the last one without a log.
        while (begin.elapsed() < Duration::from_secs(seconds) || log.is_some() || version < 2)
            && is_alive()
        {
            if begin.elapsed() > Duration::from_secs(seconds) / 2 {
                log = None; // Its reader is gone.
            }
            version = soak.version.fetch_add(1, Ordering::Relaxed) + 1;
            // The process never sees half of a file.
            next.write(&zone_file(version));
            fs::rename(next.path(), records.path()).unwrap();
            serve.signal("HUP");
            let deadline = Instant::now() + PATIENCE;
            let last = query(&format!("s{}.", NAMES - 1), RecordType::TXT);
            let mut reply = [0; 2048];
            while is_alive() {
                asking.send(&last).unwrap();
                let length = asking.recv(&mut reply).unwrap();
                if self::version(&Message::from_vec(&reply[..length]).unwrap()) == version {
                    break;
                }
                assert!(Instant::now() < deadline, "version {version} is not served");
            }
        }
        drop(is_over);
        for thread in checking {
            thread.join().unwrap();
        }
    });
    assert!(log.is_none(), "half of the time had no log");
    assert!(soak.version.into_inner() > 1);
    assert_eq!(metric(&serve, "dns_panics_total"), 0);
    end_unread(serve);
}

/// Ends the soak when it is dropped.
struct Over<'s>(&'s AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
