//! One datagram at a time: for systems without calls for many.

use std::io;
use std::net::UdpSocket;

use plan_store::Resolve;

use super::MAX_QUERY;
use crate::responder::Responder;

/// The buffers of a thread.
pub(super) struct Exchange {
    query: [u8; MAX_QUERY],
    reply: Vec<u8>,
}

impl Exchange {
    pub(super) fn on(_: &UdpSocket) -> Self {
        Self {
            query: [0; MAX_QUERY],
            reply: Vec::new(),
        }
    }

    /// Receives a query, answers it and sends the answer.
    pub(super) fn turn<R: Resolve>(
        &mut self,
        socket: &UdpSocket,
        responder: &mut Responder<R>,
    ) -> io::Result<()> {
        let (length, client) = socket.recv_from(&mut self.query)?;
        let query = &self.query[..length];
        responder.respond(query, super::from(Some(client.ip())), &mut self.reply);
        if !self.reply.is_empty() {
            // Lost, as any datagram may be: the client asks again.
            let _ = socket.send_to(&self.reply, client);
        }
        Ok(())
    }
}
