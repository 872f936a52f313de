//! A client that resolves names over UDP, as resolvers did during the outage.

use std::fmt;
use std::net::UdpSocket;
use std::time::Duration;

use dns_server::{NameServer, Server, ServerConfig, Zone, Zones};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use plan_store::{DnsStore, EndpointName};

use crate::Error;
use incident::{Actor, ClientAnswer, Event, Journal};

/// How long a client waits for an answer, and how often it asks.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES: usize = 5;

/// A DNS server on a store and a client of it, on loopback.
pub struct Client<R> {
    _server: Server,
    socket: UdpSocket,
    reader: R,
    next_id: u16,
}

impl<R> Client<R> {
    /// Serves these endpoints from the store, each as its own zone.
    ///
    /// # Errors
    /// [`Error::Name`] and [`Error::Server`] if the DNS server does not start, and
    /// [`Error::Thread`] if there is no socket.
    pub fn start<S>(store: &S, endpoints: &[EndpointName]) -> Result<Self, Error>
    where
        S: DnsStore<Reader = R>,
        R: plan_store::Resolve + Send + 'static,
    {
        let zones = endpoints.iter().map(zone).collect::<Result<Vec<_>, _>>()?;
        let config = ServerConfig {
            listen: vec![([127, 0, 0, 1], 0).into()],
            threads: 1,
            ..ServerConfig::default()
        };
        let server = Server::start(store, Zones::new(zones)?, &config)?;
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(server.addresses())?;
        Ok(Self {
            _server: server,
            socket,
            reader: store.reader(),
            next_id: 0,
        })
    }

    /// Resolves the endpoints and records the answers in the journal. The store tells
    /// which plan an answer is from; its addresses do not.
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
    fn resolve(&mut self, endpoint: &EndpointName) -> Result<ClientAnswer, Error> {
        match self.ask(endpoint, RecordType::A)? {
            ClientAnswer::Nothing => self.ask(endpoint, RecordType::AAAA),
            told => Ok(told),
        }
    }

    fn ask(
        &mut self,
        endpoint: &EndpointName,
        record_type: RecordType,
    ) -> Result<ClientAnswer, Error> {
        self.next_id = self.next_id.wrapping_add(1);
        let mut query = Message::new(self.next_id, MessageType::Query, OpCode::Query);
        let mut name = Name::from_ascii(endpoint.as_str())?;
        name.set_fqdn(true);
        query.add_query(Query::query(name, record_type));
        let packet = query.to_vec()?;
        for _ in 0..TRIES {
            // If nothing was sent or received, the client asks again.
            if self.socket.send(&packet).is_ok()
                && let Some(reply) = self.receive()
            {
                return Ok(told(&reply));
            }
        }
        Ok(ClientAnswer::Later)
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

fn told(reply: &Message) -> ClientAnswer {
    match (reply.metadata.response_code, reply.answers.len()) {
        (ResponseCode::NoError, 0) => ClientAnswer::Nothing,
        (ResponseCode::NoError, count) => ClientAnswer::Addresses(count),
        (ResponseCode::NXDomain, _) => ClientAnswer::NoSuchName,
        _ => ClientAnswer::Later,
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
