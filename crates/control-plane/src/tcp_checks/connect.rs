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
        self.board.lock().health()
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
