//! What a server says about itself and to clients that ask for it: cookies, its name, its
//! version, and how long it keeps a connection.

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::cookies::{self, CLIENT, CookieKeys, SERVER};
use crate::query::{COOKIE, KEEPALIVE, NSID, Options};
use crate::reply::Transport;

/// Most bytes of a name or a version: what one string of a TXT record takes, and short enough
/// for every reply.
const MAX_TEXT: usize = 64;

/// What a server does besides answering. Nothing of it changes an answer's records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extras {
    /// The keys of the server cookies, by default a random one. Servers that share an address
    /// need the same keys.
    pub cookie_keys: CookieKeys,
    /// The server's name: for the EDNS option NSID (RFC 5001), and for TXT of `id.server` and
    /// `hostname.bind` in class CH (RFC 4892). By default it has none.
    pub nsid: Option<ServerText>,
    /// The answer to TXT of `version.server` and `version.bind` in class CH. By default this is
    /// refused.
    pub version: Option<ServerText>,
}

impl Default for Extras {
    fn default() -> Self {
        Self {
            cookie_keys: CookieKeys::random(),
            nsid: None,
            version: None,
        }
    }
}

/// A name or a version: 1 to 64 bytes of printable ASCII.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerText(String);

impl ServerText {
    /// This text. `None` if it is empty, too long, or not printable ASCII.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        let fits = (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(printable);
        fits.then_some(Self(text))
    }
}

/// Where a query came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Client {
    /// How it came.
    pub transport: Transport,
    /// The client's address. Without it there are no cookies.
    pub address: Option<IpAddr>,
}

impl From<Transport> for Client {
    /// A client whose address is not known.
    fn from(transport: Transport) -> Self {
        Self {
            transport,
            address: None,
        }
    }
}

/// What a client's cookie says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shown {
    /// The client has sent no cookie.
    Nothing,
    /// It has a client cookie only.
    ClientOnly,
    /// Its server cookie is not one of ours, or too old.
    Invalid,
    Valid,
}

impl Extras {
    /// Replaces the content of `bytes` by the options of the reply to a client with these
    /// options. Returns what its cookie says.
    pub(crate) fn options(
        &self,
        asked: &Options<'_>,
        client: Client,
        idle: Duration,
        bytes: &mut Vec<u8>,
    ) -> Shown {
        bytes.clear();
        let mut shown = Shown::Nothing;
        if let (Some(cookie), Some(address)) = (&asked.cookie, client.address) {
            let (both, valid) = self.cookie_keys.answer(cookie, address, cookies::now());
            option(bytes, COOKIE, &both);
            shown = match (valid, cookie.server) {
                (true, _) => Shown::Valid,
                (false, []) => Shown::ClientOnly,
                (false, _) => Shown::Invalid,
            };
        }
        if let (true, Some(ServerText(name))) = (asked.nsid, &self.nsid) {
            option(bytes, NSID, name.as_bytes());
        }
        if asked.keepalive && client.transport == Transport::Tcp {
            let tenths = u16::try_from(idle.as_millis() / 100).unwrap_or(u16::MAX);
            option(bytes, KEEPALIVE, &tenths.to_be_bytes());
        }
        shown
    }

    /// The record at a name of class CH, if it is known and not secret.
    pub(crate) fn chaos(&self, name: &Name, record_type: RecordType) -> Option<Record> {
        let text = match name.to_ascii().to_ascii_lowercase().as_str() {
            "id.server." | "hostname.bind." => self.nsid.as_ref(),
            "version.server." | "version.bind." => self.version.as_ref(),
            _ => None,
        };
        let ServerText(text) = text.filter(|_| record_type == RecordType::TXT)?;
        let data = RData::TXT(TXT::new(vec![text.clone()]));
        let mut record = Record::from_rdata(name.clone(), 0, data);
        record.dns_class = DNSClass::CH;
        Some(record)
    }
}

/// Most bytes of a reply's options.
pub(crate) const MAX_OPTIONS: usize = 4 + CLIENT + SERVER + 4 + MAX_TEXT + 4 + 2;

fn option(bytes: &mut Vec<u8>, code: u16, data: &[u8]) {
    let length = u16::try_from(data.len()).unwrap_or(0);
    bytes.extend(code.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(data);
}
