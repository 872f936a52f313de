//! A socket on the unspecified address: each reply leaves from the address that was asked.
//!
//! The system tells the address of each datagram beside it (`IP_PKTINFO`, `IPV6_PKTINFO`), and
//! takes it back with the reply. This goes with one datagram at a time, so it costs more than a
//! socket on an address of its own.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd};

use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo, in6_pktinfo};
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
};
use plan_store::Resolve;

use super::{MAX_QUERY, address};
use crate::responder::Responder;

/// Has the system tell the address that each datagram was sent to.
pub(super) fn prepare(socket: &impl AsFd, is_ipv6: bool) -> io::Result<()> {
    if is_ipv6 {
        setsockopt(socket, Ipv6RecvPacketInfo, &true)?;
    } else {
        setsockopt(socket, Ipv4PacketInfo, &true)?;
    }
    Ok(())
}

/// The buffers of a thread.
pub(super) struct Exchange {
    query: Box<[u8; MAX_QUERY]>,
    control: Vec<u8>,
    reply: Vec<u8>,
}

/// The address that a datagram was sent to, as the system takes it for a reply.
enum Asked {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

impl Exchange {
    pub(super) fn new() -> Self {
        Self {
            query: Box::new([0; MAX_QUERY]),
            control: cmsg_space!(in_pktinfo, in6_pktinfo),
            reply: Vec::new(),
        }
    }

    /// Receives a query, answers it and sends the answer.
    pub(super) fn turn<R: Resolve>(
        &mut self,
        socket: &UdpSocket,
        responder: &mut Responder<R>,
    ) -> io::Result<()> {
        let mut query = [IoSliceMut::new(self.query.as_mut_slice())];
        let control = Some(self.control.as_mut_slice());
        let flags = MsgFlags::empty();
        let received = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut query, control, flags)?;
        let (length, client) = (received.bytes, received.address);
        let asked = received.cmsgs()?.find_map(|message| Asked::of(&message));
        let query = &self.query[..length];
        let from = super::from(client.as_ref().and_then(address));
        responder.respond(query, from, &mut self.reply);
        if !self.reply.is_empty() {
            let asked = asked.as_ref().map(Asked::reply);
            let reply = [IoSlice::new(&self.reply)];
            // Lost, as any datagram may be: the client asks again.
            let _ = sendmsg(
                socket.as_raw_fd(),
                &reply,
                asked.as_slice(),
                flags,
                client.as_ref(),
            );
        }
        Ok(())
    }
}

impl Asked {
    /// The address, without the interface: the route to the client decides on that.
    fn of(message: &ControlMessageOwned) -> Option<Self> {
        match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => Some(Self::V4(in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: info.ipi_spec_dst,
                ipi_addr: in_addr { s_addr: 0 },
            })),
            ControlMessageOwned::Ipv6PacketInfo(info) => Some(Self::V6(in6_pktinfo {
                ipi6_ifindex: 0,
                ipi6_addr: info.ipi6_addr,
            })),
            _ => None,
        }
    }

    fn reply(&self) -> ControlMessage<'_> {
        match self {
            Self::V4(info) => ControlMessage::Ipv4PacketInfo(info),
            Self::V6(info) => ControlMessage::Ipv6PacketInfo(info),
        }
    }
}
