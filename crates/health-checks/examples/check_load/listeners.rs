//! Targets on loopback: some take connections, some stop, and some are black holes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// The listeners of all targets of a fate, on one port.
pub(crate) struct Listeners {
    pub(crate) lives: u16,
    pub(crate) dies: (Dying, u16),
    pub(crate) black_hole: (Socket, u16),
    /// They fill the queue of the black hole.
    _waiting: Vec<TcpStream>,
}

/// A socket that stops listening when it is dropped.
pub(crate) struct Dying(Socket);

impl Listeners {
    pub(crate) fn start() -> io::Result<Self> {
        let (lives, port) = listen(4096)?;
        accept(lives.try_clone()?);
        accept(lives);
        let (dying, dies) = listen(4096)?;
        accept(dying.try_clone()?);
        let black_hole = listen(0)?;
        let full = SocketAddr::from((Ipv4Addr::LOCALHOST, black_hole.1));
        let wait = Duration::from_millis(200);
        let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&full, wait).ok());
        Ok(Self {
            lives: port,
            dies: (Dying(dying), dies),
            black_hole,
            _waiting: waiting.take(100).collect(),
        })
    }
}

impl Drop for Dying {
    fn drop(&mut self) {
        // Ends the thread that accepts, too.
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

fn listen(backlog: i32) -> io::Result<(Socket, u16)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
    socket.listen(backlog)?;
    let address = socket.local_addr()?.as_socket();
    Ok((socket, address.map_or(0, |address| address.port())))
}

/// Takes connections until the socket stops listening.
fn accept(socket: Socket) {
    let is_listening = |accepted: io::Result<_>| match accepted {
        Ok(_) => true,
        // The check was quicker, and has reset it.
        Err(error) => error.kind() == io::ErrorKind::ConnectionAborted,
    };
    thread::spawn(move || while is_listening(socket.accept()) {});
}
