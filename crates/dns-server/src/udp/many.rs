//! Many datagrams in one system call. While a thread answers some, others come
//! in; under load it takes them all at once, and idle it takes one and does not
//! wait for more.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use plan_store::Resolve;

use super::{MAX_QUERY, address};
use crate::responder::Responder;

/// Most datagrams in one call.
const BATCH: usize = 32;

/// The buffers of a thread.
pub(super) struct Exchange {
    queries: Box<[[u8; MAX_QUERY]; BATCH]>,
    incoming: MultiHeaders<SockaddrStorage>,
    /// How long each query is, and who sent it.
    from: Vec<(usize, Option<SockaddrStorage>)>,
    replies: [Vec<u8>; BATCH],
    outgoing: MultiHeaders<SockaddrStorage>,
    /// The client that gets each reply.
    to: Vec<Option<SockaddrStorage>>,
}

impl Exchange {
    #[expect(clippy::large_stack_arrays, reason = "once, as a thread starts")]
    pub(super) fn new() -> Self {
        Self {
            queries: Box::new([[0; MAX_QUERY]; BATCH]),
            incoming: MultiHeaders::preallocate(BATCH, None),
            from: Vec::with_capacity(BATCH),
            replies: Default::default(),
            outgoing: MultiHeaders::preallocate(BATCH, None),
            to: Vec::with_capacity(BATCH),
        }
    }

    /// Receives what is there, answers it and sends the answers.
    pub(super) fn turn<R: Resolve>(
        &mut self,
        socket: &UdpSocket,
        responder: &mut Responder<R>,
    ) -> io::Result<()> {
        self.receive(socket)?;
        self.to.clear();
        for (query, &(length, client)) in self.queries.iter().zip(&self.from) {
            let reply = &mut self.replies[self.to.len()];
            let from = super::from(client.as_ref().and_then(address));
            responder.respond(&query[..length], from, reply);
            if !reply.is_empty() && client.is_some() {
                self.to.push(client);
            }
        }
        self.send(socket);
        Ok(())
    }

    /// Waits for a query, and takes with it all others that are there.
    fn receive(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let queries = self.queries.each_mut();
        let mut buffers = queries.map(|query| [IoSliceMut::new(query)]);
        let received = recvmmsg(
            socket.as_raw_fd(),
            &mut self.incoming,
            buffers.iter_mut(),
            MsgFlags::MSG_WAITFORONE,
            None,
        )?;
        self.from.clear();
        self.from
            .extend(received.map(|message| (message.bytes, message.address)));
        Ok(())
    }

    /// Sends all replies. One that cannot be sent is lost, as any datagram may
    /// be: the client asks again.
    fn send(&mut self, socket: &UdpSocket) {
        let replies = self.replies.each_ref();
        let buffers = replies.map(|reply| [IoSlice::new(reply)]);
        let mut sent = 0;
        while sent < self.to.len() {
            let result = sendmmsg(
                socket.as_raw_fd(),
                &mut self.outgoing,
                &buffers[sent..],
                &self.to[sent..],
                [],
                MsgFlags::empty(),
            );
            sent += match result {
                Ok(results) => results.count(),
                Err(Errno::EINTR) => 0,
                Err(_) => 1,
            };
        }
    }
}
