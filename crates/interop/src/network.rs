//! The network between the members of a cluster, which can be cut and healed. The other
//! members reach a member through a proxy. Clients reach it directly.
//!
//! # Rules
//! 1. A cut loses what is sent, as a real network does. It breaks no connection and refuses
//!    none. So a member notices a cut only because it hears nothing.
//! 2. After [`Network::isolate`] has returned, no byte crosses the cut any more.
//! 3. Healing closes the connections that were cut. So nothing arrives late, and members
//!    connect anew.
//! 4. Connections to an isolated member and connections from it are cut. Linux tells which
//!    process a connection comes from. A connection from an unknown process is cut, too.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// The proxies of all members. Dropping it closes them.
#[derive(Debug)]
pub(crate) struct Network {
    proxies: Vec<Arc<Proxy>>,
}

/// The proxy of a member, to which the other members connect.
#[derive(Debug)]
struct Proxy {
    address: SocketAddr,
    member: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The processes whose connections are let through; `None` means all.
    only_from: Option<Vec<u32>>,
    links: Vec<Arc<Link>>,
    /// Connections that came during a cut. They get no answer.
    waiting: Vec<TcpStream>,
    ended: bool,
}

/// A connection from one member to another.
#[derive(Debug)]
struct Link {
    from: TcpStream,
    to: TcpStream,
    /// The lock is held while bytes go through.
    is_cut: Mutex<bool>,
}

impl Network {
    /// Starts a proxy in front of each member.
    pub(crate) fn before(members: &[SocketAddr]) -> Self {
        let proxies = members.iter().map(|&member| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let proxy = Arc::new(Proxy {
                address: listener.local_addr().unwrap(),
                member,
                state: Mutex::default(),
            });
            let accepting = Arc::clone(&proxy);
            thread::spawn(move || accepting.accept(&listener));
            proxy
        });
        Self {
            proxies: proxies.collect(),
        }
    }

    /// The address of a member's proxy.
    pub(crate) fn address(&self, member: usize) -> SocketAddr {
        self.proxies[member].address
    }

    /// Cuts some members off from all others. `processes` are the process ids of all
    /// members.
    pub(crate) fn isolate(&self, apart: &[usize], processes: &[u32]) {
        let together = processes.iter().enumerate();
        let together = together.filter(|(at, _)| !apart.contains(at));
        let together: Vec<_> = together.map(|(_, process)| *process).collect();
        for (at, proxy) in self.proxies.iter().enumerate() {
            let isolated = apart.contains(&at);
            proxy.cut(if isolated {
                Vec::new()
            } else {
                together.clone()
            });
        }
    }

    pub(crate) fn heal(&self) {
        self.proxies.iter().for_each(|proxy| proxy.heal());
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for proxy in &self.proxies {
            proxy.heal();
            proxy.state().ended = true;
            // Wakes the thread that waits for a connection.
            let _ = TcpStream::connect(proxy.address);
        }
    }
}

impl Proxy {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn accept(&self, listener: &TcpListener) {
        for from in listener.incoming().flatten() {
            let mut state = self.state();
            if state.ended {
                return;
            }
            if state.keeps_out(&from) {
                state.waiting.push(from);
            } else if let Ok(to) = TcpStream::connect(self.member) {
                // If both ends of a link are closed, only this list still holds it.
                state.links.retain(|link| Arc::strong_count(link) > 1);
                state.links.push(Link::start(from, to));
            } // Otherwise the member does not listen, and the connection is closed.
        }
    }

    fn cut(&self, only_from: Vec<u32>) {
        let mut state = self.state();
        state.only_from = Some(only_from);
        let cut = state
            .links
            .iter()
            .filter(|link| state.keeps_out(&link.from));
        cut.for_each(|link| *link.is_cut.lock().unwrap() = true);
    }

    fn heal(&self) {
        let mut state = self.state();
        state.only_from = None;
        state.waiting.clear();
        let cut = state
            .links
            .iter()
            .filter(|link| *link.is_cut.lock().unwrap());
        cut.for_each(|link| link.close());
    }
}

impl State {
    fn keeps_out(&self, from: &TcpStream) -> bool {
        let processes = self.only_from.as_ref();
        processes.is_some_and(|only| !only.iter().any(|process| is_from(*process, from)))
    }
}

impl Link {
    /// Starts two threads that carry the bytes, one in each direction.
    fn start(from: TcpStream, to: TcpStream) -> Arc<Self> {
        let is_cut = Mutex::new(false);
        let link = Arc::new(Self { from, to, is_cut });
        for there in [true, false] {
            let link = Arc::clone(&link);
            thread::spawn(move || {
                let (mut source, mut sink) = if there {
                    (&link.from, &link.to)
                } else {
                    (&link.to, &link.from)
                };
                link.carry(&mut source, &mut sink);
                // A cut also hides that this end was closed.
                if !*link.is_cut.lock().unwrap() {
                    link.close();
                }
            });
        }
        link
    }

    fn carry(&self, source: &mut impl Read, sink: &mut impl Write) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = source.read(&mut buffer) {
            let is_cut = self.is_cut.lock().unwrap();
            if !*is_cut && sink.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    }

    fn close(&self) {
        for end in [&self.from, &self.to] {
            // It may be closed already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

/// Whether the other end of a connection belongs to this process.
fn is_from(process: u32, connection: &TcpStream) -> bool {
    let (Ok(theirs), Ok(ours)) = (connection.peer_addr(), connection.local_addr()) else {
        return false;
    };
    let Some(socket) = socket(theirs, ours) else {
        return false;
    };
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return false;
    };
    let open = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    open.into_iter()
        .any(|file| file.as_os_str() == socket.as_str())
}

/// Linux's name for the socket with these addresses; `own` is the socket's own.
fn socket(own: SocketAddr, other: SocketAddr) -> Option<String> {
    let (own, other) = (as_listed(own)?, as_listed(other)?);
    let sockets = fs::read_to_string("/proc/net/tcp").ok()?;
    sockets.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let found = fields.get(1..3)? == [own.as_str(), other.as_str()];
        let inode = fields.get(9).filter(|_| found)?;
        Some(format!("socket:[{inode}]"))
    })
}

/// Formats an address as in `/proc/net/tcp`: the bytes in memory order, as one number.
fn as_listed(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else {
        return None;
    };
    let ip = u32::from_ne_bytes(address.ip().octets());
    Some(format!("{ip:08X}:{:04X}", address.port()))
}
