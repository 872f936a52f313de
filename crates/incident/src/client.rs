//! A client that resolves names over UDP, as everybody's resolver did on the day.

use std::fmt;
use std::net::UdpSocket;
use std::time::Duration;

use dns_front::{Front, FrontConfig, NameServer, Zone, Zones};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use plan_store::{EndpointName, PlanStore};

use crate::Error;
use crate::journal::{Actor, Event, Journal};

/// How long a client waits for an answer, and how often it asks.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES: usize = 5;

/// What a client was told of a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Told {
    /// So many addresses.
    Addresses(usize),
    /// NOERROR, and no records: what the outage looked like.
    Nothing,
    /// NXDOMAIN.
    NoSuchName,
    /// Anything else, or no answer at all: ask later.
    Later,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(count) => f.pad(&format!("{count} addresses")),
            Self::Nothing => f.pad("NOERROR, no records"),
            Self::NoSuchName => f.pad("no such name"),
            Self::Later => f.pad("no answer"),
        }
    }
}

/// A DNS front on a store, and a client that asks it, on loopback.
pub struct Client<R> {
    _front: Front,
    socket: UdpSocket,
    reader: R,
    next_id: u16,
}

impl<R> Client<R> {
    /// Serves these endpoints from the store, each as a zone of its own.
    ///
    /// # Errors
    /// [`Error::Front`], [`Error::Thread`] if there is no socket to be had.
    pub fn start<S>(store: &S, endpoints: &[EndpointName]) -> Result<Self, Error>
    where
        S: PlanStore<Reader = R>,
        R: plan_store::Resolve + Send + 'static,
    {
        let zones = endpoints.iter().map(zone).collect::<Result<Vec<_>, _>>()?;
        let config = FrontConfig {
            listen: vec![([127, 0, 0, 1], 0).into()],
            threads: 1,
            ..FrontConfig::default()
        };
        let front = Front::start(store, Zones::new(zones)?, &config)?;
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(front.addresses())?;
        Ok(Self {
            _front: front,
            socket,
            reader: store.reader(),
            next_id: 0,
        })
    }

    /// Resolves the endpoints, and puts to the journal what it is told. Also
    /// looks which plan that is from: the addresses alone do not tell.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub fn resolve_all(
        &mut self,
        endpoints: &[EndpointName],
        journal: &Journal,
    ) -> Result<(), Error>
    where
        R: plan_store::Resolve,
    {
        for endpoint in endpoints {
            let told = self.resolve(endpoint)?;
            let resolution = self.reader.resolve(endpoint).clone();
            let event = Event::Resolved {
                endpoint: endpoint.clone(),
                resolution,
                told: Some(told),
            };
            journal.record(Actor::Resolver, event);
        }
        Ok(())
    }

    /// Asks for addresses of either family.
    fn resolve(&mut self, endpoint: &EndpointName) -> Result<Told, Error> {
        match self.ask(endpoint, RecordType::A)? {
            Told::Nothing => self.ask(endpoint, RecordType::AAAA),
            told => Ok(told),
        }
    }

    fn ask(&mut self, endpoint: &EndpointName, record_type: RecordType) -> Result<Told, Error> {
        self.next_id = self.next_id.wrapping_add(1);
        let mut query = Message::new(self.next_id, MessageType::Query, OpCode::Query);
        let mut name = Name::from_ascii(endpoint.as_str())?;
        name.set_fqdn(true);
        query.add_query(Query::query(name, record_type));
        let packet = query.to_vec()?;
        for _ in 0..TRIES {
            // Sending or receiving in vain: it asks again.
            if self.socket.send(&packet).is_ok()
                && let Some(reply) = self.receive()
            {
                return Ok(told(&reply));
            }
        }
        Ok(Told::Later)
    }

    /// The reply to the last query, if one comes.
    fn receive(&self) -> Option<Message> {
        let mut buffer = [0; 1500];
        loop {
            let length = self.socket.recv(&mut buffer).ok()?;
            let reply = Message::from_vec(&buffer[..length]).ok()?;
            if reply.metadata.id == self.next_id {
                return Some(reply);
            }
        }
    }
}

fn told(reply: &Message) -> Told {
    match (reply.metadata.response_code, reply.answers.len()) {
        (ResponseCode::NoError, 0) => Told::Nothing,
        (ResponseCode::NoError, count) => Told::Addresses(count),
        (ResponseCode::NXDomain, _) => Told::NoSuchName,
        _ => Told::Later,
    }
}

/// A zone whose apex is the endpoint.
fn zone(endpoint: &EndpointName) -> Result<Zone, Error> {
    let name_server = NameServer {
        name: "ns.invalid".parse()?,
        addresses: Vec::new(),
    };
    Ok(Zone::new(endpoint.clone(), [name_server])?)
}

impl<R> fmt::Debug for Client<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}
