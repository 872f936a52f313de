//! The checking threads: each takes a target that is due, connects to it, and puts
//! the result on the board.

use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::board::Board;
use crate::Health;

/// What the checking threads and the handles share.
pub(super) struct Shared {
    board: Mutex<Board>,
    /// Something may be due, or it is time to stop.
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(board: Board) -> Self {
        Self {
            board: Mutex::new(board),
            changed: Condvar::new(),
        }
    }

    /// Changes the board, then wakes all checking threads.
    pub(super) fn change(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.board.lock());
        self.changed.notify_all();
    }

    pub(super) fn health(&self) -> Health {
        let board = self.board.lock();
        board.health(Instant::now())
    }

    /// The work of a checking thread.
    pub(super) fn check_until_stopped(&self) {
        let mut board = self.board.lock();
        while !board.is_stopped() {
            match board.take_due(Instant::now()) {
                Ok(target) => {
                    let timeout = board.settings().timeout;
                    let address = SocketAddr::new(target, board.settings().port);
                    drop(board);
                    let connected = TcpStream::connect_timeout(&address, timeout).is_ok();
                    board = self.board.lock();
                    board.checked(target, connected, Instant::now());
                    self.changed.notify_one();
                }
                Err(Some(next)) => {
                    self.changed.wait_until(&mut board, next);
                }
                Err(None) => self.changed.wait(&mut board),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, TcpListener};
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use crossbeam::channel::bounded;
    use socket2::{Domain, Socket, Type};

    use super::*;
    use crate::{HealthCheck, TargetState};

    /// Nothing here takes as long. A test that waits in vain fails.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A listener that answers no further connection, because one waits to be accepted.
    fn full(address: IpAddr) -> (Socket, Vec<TcpStream>, u16) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(address, 0).into()).unwrap();
        socket.listen(0).unwrap();
        let full = socket.local_addr().unwrap().as_socket().unwrap();
        let wait = Duration::from_millis(200);
        let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&full, wait).ok());
        (socket, waiting.take(100).collect(), full.port())
    }

    /// These targets, which are due again at once when they have been checked. A connection
    /// may take longer than a test.
    fn always_due(targets: &[IpAddr], port: u16) -> Arc<Shared> {
        let settings = HealthCheck {
            interval: Duration::ZERO,
            timeout: 3 * PATIENCE,
            jitter_percent: 0,
            rise: 1,
            fall: 1,
            port,
        };
        let mut board = Board::new(settings, 1);
        board.set_targets(&targets.iter().copied().collect(), Instant::now());
        Arc::new(Shared::new(board))
    }

    #[test]
    fn a_check_that_is_due_does_not_hold_up_the_end() {
        let closed = IpAddr::from([127, 0, 0, 1]);
        let held = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        held.bind(&SocketAddr::new(closed, 0).into()).unwrap();
        let port = held.local_addr().unwrap().as_socket().unwrap().port();
        let shared = always_due(&[closed], port);
        let (end, ended) = bounded(1);
        let checks = Arc::clone(&shared);
        thread::spawn(move || {
            checks.check_until_stopped();
            end.send(())
        });
        shared.change(Board::stop);
        assert_eq!(ended.recv_timeout(PATIENCE), Ok(()));
    }

    /// One target does not answer. The check of the other one, where nothing listens, is done
    /// meanwhile, and so is a reading.
    #[test]
    fn a_check_that_waits_holds_up_nobody() {
        let [silent, closed] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(IpAddr::from);
        let (listener, waiting, port) = full(silent);
        assert!(TcpListener::bind((closed, port)).is_ok(), "nothing listens");
        let shared = always_due(&[silent, closed], port);
        for _ in 0..2 {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.check_until_stopped());
        }
        let (found, finds) = bounded(1);
        let reader = Arc::clone(&shared);
        thread::spawn(move || {
            let mut health = reader.health();
            while !matches!(health.of(closed).state, TargetState::Down { .. }) {
                thread::yield_now();
                health = reader.health();
            }
            found.send(health.of(silent).state)
        });
        let silent = finds.recv_timeout(PATIENCE);
        assert_eq!(
            silent,
            Ok(TargetState::Unknown),
            "the check of the silent target goes on"
        );
        shared.change(Board::stop);
        drop((listener, waiting));
    }
}
