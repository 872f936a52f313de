//! From a packet to its reply, without sockets.
//!
//! # Two ways
//! The *fast path* takes ordinary queries (`query.rs`) for the addresses of an endpoint, and
//! copies an answer that was made in advance (`compiled.rs`). It takes no lock and allocates
//! nothing. One atomic load by the reader shows whether the plan is still active. If it is
//! not, the answers are made again, unless the new plan has the same record set.
//!
//! Everything else is read by a strict parser (`request.rs`), answered from the zones and the
//! store (`authority.rs`), and encoded by hickory-proto.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use foldhash::{HashMap, HashMapExt};
#[cfg(feature = "transfer")]
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, Record};
use plan_store::{EndpointName, Resolution, Resolve};

use crate::authority::Authority;
use crate::compiled::{Compiled, Shape};
use crate::counters::Counters;
use crate::extras::{Client, Extras, MAX_OPTIONS, Shown};
use crate::lookup::Lookup;
#[cfg(feature = "transfer")]
use crate::query::{CLASS_IN, be16};
use crate::query::{Edns, HEADER, LowerName, Query, endpoint};
use crate::rate_limit::{Limiter, Verdict};
use crate::reply::{Opt, Outcome, Transport, question_name, truncate};
use crate::request::Request;
use crate::serial::Serial;
use crate::tcp::TcpLimits;
#[cfg(feature = "transfer")]
use crate::transfer::{self, Asked, Head, Made, Stream, Transfers};
use crate::tsig::{self, Signer};
use crate::zone::{Zones, to_dns};
use crate::zone_updates::ZoneUpdates;
use crate::{Error, MAX_TARGETS};

/// Answers packets, on one thread.
#[derive(Debug)]
pub struct Responder<R> {
    reader: R,
    zones: Arc<Zones>,
    /// Where newer zones come from, if they may be replaced.
    updates: Option<ZoneUpdates>,
    max_targets: usize,
    rng: Rng,
    serial: Serial,
    extras: Arc<Extras>,
    /// How long a TCP connection may be idle.
    idle: Duration,
    /// The limit on replies over UDP, if there is one.
    limiter: Option<Limiter>,
    /// Where transfers come from, if there can be any.
    #[cfg(feature = "transfer")]
    transfers: Option<Arc<Transfers>>,
    /// The wildcard that stands for the current question's name, in wire format and lower case.
    wildcard: Option<Box<[u8]>>,
    /// Whether the current request has a good signature.
    is_signed: bool,
    /// The EDNS options of the current reply.
    options: Vec<u8>,
    /// What the client's cookie says.
    shown: Shown,
    /// Bytes of the reply's OPT record; 0 if it has none.
    opt: usize,
    /// The endpoints that were asked for and had an answer, by name in wire format and lower
    /// case. Clients cannot fill it with other names.
    endpoints: HashMap<Box<[u8]>, Endpoint>,
    counters: Arc<Counters>,
}

/// An endpoint that was asked for, with its answers.
#[derive(Debug)]
struct Endpoint {
    name: EndpointName,
    dns_name: Name,
    /// The authority section of an answer without records.
    negative_soa: Record,
    compiled: Option<Compiled>,
}

impl<R: Resolve> Responder<R> {
    /// A responder that answers with up to `max_targets` targets, drawn in an order that
    /// depends on `seed`.
    ///
    /// # Errors
    /// [`Error::Setting`] unless `max_targets` is `1..=MAX_TARGETS`.
    pub fn new(
        reader: R,
        zones: Arc<Zones>,
        max_targets: usize,
        seed: u64,
        counters: Arc<Counters>,
    ) -> Result<Self, Error> {
        if !(1..=MAX_TARGETS).contains(&max_targets) {
            return Err(Error::Setting {
                setting: "max_targets",
                value: max_targets,
                bounds: "1 to 1024",
            });
        }
        Ok(Self {
            reader,
            zones,
            updates: None,
            max_targets,
            rng: Rng::with_seed(seed),
            serial: Serial::default(),
            extras: Arc::default(),
            idle: TcpLimits::default().idle,
            limiter: None,
            #[cfg(feature = "transfer")]
            transfers: None,
            wildcard: None,
            is_signed: false,
            options: Vec::with_capacity(MAX_OPTIONS),
            shown: Shown::Nothing,
            opt: 0,
            endpoints: HashMap::new(),
            counters,
        })
    }

    /// The same responder, which takes these zones whenever they are replaced, and shares this
    /// serial number with others.
    pub(crate) fn following(self, updates: ZoneUpdates, serial: Serial) -> Self {
        let updates = Some(updates);
        Self {
            updates,
            serial,
            ..self
        }
    }

    /// The same responder, with transfers from there.
    #[cfg(feature = "transfer")]
    pub(crate) fn with_transfers(self, transfers: Arc<Transfers>) -> Self {
        let transfers = Some(transfers);
        Self { transfers, ..self }
    }

    /// Takes the zones of now, if they have been replaced.
    fn take_newer_zones(&mut self) {
        if let Some(zones) = self.updates.as_mut().and_then(ZoneUpdates::newer) {
            self.zones = zones;
            self.endpoints.clear();
        }
    }

    /// Begins the transfer over TCP that this packet asks for. `None` if it asks for none, or if
    /// the reply is a single message that refuses it.
    #[cfg(feature = "transfer")]
    pub(crate) fn begin_transfer(&mut self, packet: &[u8], client: Client) -> Option<Stream> {
        self.take_newer_zones();
        let stream = self.transfer(packet, client)?;
        self.counters.count(Outcome::Transfer);
        Some(stream)
    }

    /// The transfer that this packet asks for, if it is not refused.
    #[cfg(feature = "transfer")]
    fn transfer(&mut self, packet: &[u8], client: Client) -> Option<Stream> {
        let transfers = self.transfers.as_ref()?;
        let name = question_name(packet)?;
        let record_type = be16(packet, HEADER + name.len())?;
        if !transfer::is_transfer(record_type) {
            return None;
        }
        let mut request = Request::read(packet)?;
        let signer = tsig::check(packet, &mut request, &self.zones);
        let question = request
            .question
            .filter(|question| question.class == CLASS_IN)?;
        let apex = LowerName::of(question.name);
        if let Some(problem) = &request.problem {
            let why = tsig::refusal(problem, signer.as_ref());
            if let (Some(why), Some(client)) = (why, client.address) {
                transfers.refused(&self.zones, client, apex.as_bytes(), why);
            }
            return None;
        }
        self.is_signed = signer.is_some();
        let mut opt = Vec::new();
        if let Some(edns) = &request.edns {
            let (options, idle) = (&mut self.options, self.idle);
            self.shown = self.extras.options(&edns.options, client, idle, options);
            let dnssec_ok = edns.dnssec_ok;
            Opt { dnssec_ok, options }.write(ResponseCode::NoError, &mut opt);
        }
        self.opt = opt.len();
        let head = Head {
            id: request.id,
            recursion_desired: request.recursion_desired,
            question: packet.get(HEADER..HEADER + name.len() + 4)?.to_vec(),
            opt,
        };
        let asked = Asked {
            apex: apex.as_bytes(),
            record_type,
            serial: request.serial,
            client: client.address?,
            is_tcp: client.transport == Transport::Tcp,
        };
        transfers.begin(&self.zones, &asked, head, signer)
    }

    /// The serial number, which is the whole reply to an incremental transfer over UDP.
    #[cfg(feature = "transfer")]
    fn serial_over_udp(
        &mut self,
        packet: &[u8],
        client: Client,
        reply: &mut Vec<u8>,
    ) -> Option<Outcome> {
        if client.transport != Transport::Udp {
            return None;
        }
        let mut stream = self.transfer(packet, client)?;
        (stream.next(reply) == Made::Message).then_some(Outcome::Transfer)
    }

    /// Replaces the content of `reply` by the reply to `packet`, and returns its outcome. The
    /// caller does not send a reply that is empty.
    pub fn respond(
        &mut self,
        packet: &[u8],
        client: impl Into<Client>,
        reply: &mut Vec<u8>,
    ) -> Outcome {
        let client = client.into();
        reply.clear();
        self.options.clear();
        self.shown = Shown::Nothing;
        self.is_signed = false;
        self.wildcard = None;
        self.opt = 0;
        self.take_newer_zones();
        let fast = Query::ordinary(packet)
            .filter(Query::asks_for_addresses)
            .and_then(|query| self.fast(&query, client, reply));
        #[cfg(feature = "transfer")]
        let fast = fast.or_else(|| self.serial_over_udp(packet, client, reply));
        let outcome = fast.unwrap_or_else(|| self.slow(packet, client, reply));
        let outcome = self.limit(outcome, client, reply);
        self.counters.count(outcome);
        outcome
    }

    /// The same responder, with these extras and this idle time of TCP connections.
    #[must_use]
    pub fn with_extras(self, extras: Arc<Extras>, idle: Duration) -> Self {
        Self {
            extras,
            idle,
            ..self
        }
    }

    /// The same responder, which sends at most so many replies of one kind over UDP to one
    /// network each second.
    #[must_use]
    pub fn with_rate_limit(self, per_second: Option<NonZeroU32>) -> Self {
        let limiter = per_second.map(Limiter::new);
        Self { limiter, ..self }
    }

    /// Where this responder counts.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Goes on after a panic, without anything that the panic may have left half done.
    pub(crate) fn recover(&mut self) {
        self.counters.panicked();
        self.endpoints.clear();
    }

    fn fast(&mut self, query: &Query<'_>, client: Client, reply: &mut Vec<u8>) -> Option<Outcome> {
        let name = LowerName::of(query.name);
        let endpoint = if let Some(known) = self.endpoints.get_mut(name.as_bytes()) {
            known
        } else {
            self.admit(&name)?;
            self.endpoints.get_mut(name.as_bytes())?
        };
        let current = endpoint.current(&mut self.reader, &self.counters, &self.serial);
        let Some(compiled) = current else {
            self.endpoints.remove(name.as_bytes());
            return None;
        };
        let opt = query.edns.as_ref().map(|edns| {
            let (options, idle) = (&mut self.options, self.idle);
            self.shown = self.extras.options(&edns.options, client, idle, options);
            Opt {
                dnssec_ok: edns.dnssec_ok,
                options: &self.options,
            }
        });
        self.opt = opt.map_or(0, |opt| opt.len());
        let shape = Shape {
            max_targets: self.max_targets,
            limit: client.transport.limit(Edns::udp_size(query.edns)),
            serial: self.serial.get(),
            opt,
        };
        compiled.write(query, shape, &mut self.rng, reply)
    }

    /// Applies the rate limit to a reply over UDP.
    fn limit(&mut self, outcome: Outcome, client: Client, reply: &mut Vec<u8>) -> Outcome {
        let (Some(limiter), Some(address)) = (&mut self.limiter, client.address) else {
            return outcome;
        };
        let is_known = self.shown == Shown::Valid || self.is_signed;
        let is_free = client.transport == Transport::Tcp || is_known;
        if is_free || reply.is_empty() {
            return outcome;
        }
        // Replies to one name are of one kind, and so are those of one wildcard, all denials and
        // all errors.
        let name = match outcome {
            Outcome::Answer | Outcome::NoData | Outcome::Dangling | Outcome::Truncated => {
                question_name(reply).map(LowerName::of)
            }
            _ => None,
        };
        let wildcard = self.wildcard.as_deref();
        let name = name
            .as_ref()
            .map(|name| wildcard.unwrap_or(name.as_bytes()));
        match limiter.count(address, (outcome, name), Instant::now()) {
            Verdict::Send => return outcome,
            // The OPT record is the last one, unless there is a TSIG record.
            Verdict::Slip if outcome != Outcome::NotAuth => truncate(reply, self.opt),
            Verdict::Slip | Verdict::Drop => reply.clear(),
        }
        Outcome::Limited
    }

    /// Adds the endpoint of this name, if there is one and it has targets.
    fn admit(&mut self, name: &LowerName) -> Option<()> {
        let endpoint = endpoint(name.labels())?;
        let dns_name = to_dns(&endpoint).ok()?;
        let zone = self.zones.of(name.as_bytes())?;
        if zone.has_own(name.as_bytes()) {
            return None;
        }
        let records = self.reader.resolve(&endpoint).records();
        records.filter(|records| records.has_targets())?;
        let entry = Endpoint {
            name: endpoint,
            dns_name,
            negative_soa: zone.negative_soa(0),
            compiled: None,
        };
        self.endpoints.insert(name.as_bytes().into(), entry);
        Some(())
    }

    fn slow(&mut self, packet: &[u8], client: Client, reply: &mut Vec<u8>) -> Outcome {
        let Some(mut request) = Request::read(packet) else {
            return Outcome::Dropped;
        };
        let mut signer = tsig::check(packet, &mut request, &self.zones);
        self.is_signed = signer.as_ref().is_some_and(Signer::is_accepted);
        let opt = request.edns.as_ref().map(|edns| {
            let (options, idle) = (&mut self.options, self.idle);
            self.shown = self.extras.options(&edns.options, client, idle, options);
            Opt {
                dnssec_ok: edns.dnssec_ok,
                options,
            }
        });
        self.opt = opt.map_or(0, |opt| opt.len());
        let mut authority = Authority {
            lookup: Lookup {
                zones: &self.zones,
                reader: &mut self.reader,
                rng: &mut self.rng,
                max_targets: self.max_targets,
                serial: &self.serial,
                wildcard: None,
            },
            wildcard: None,
            extras: &self.extras,
            shown: self.shown,
        };
        let draft = authority.reply(&request);
        self.wildcard = authority.wildcard;
        let limit = client.transport.limit(Edns::udp_size(request.edns));
        let limit = limit.saturating_sub(signer.as_ref().map_or(0, Signer::len));
        let outcome = draft.encode(opt, limit, reply).unwrap_or_else(|error| {
            tracing::debug!(%error, "a reply cannot be encoded");
            server_failure(packet, reply);
            Outcome::Failed
        });
        if let Some(signer) = &mut signer {
            signer.sign(reply);
        }
        outcome
    }
}

/// The shortest reply that says that the server failed: a header.
fn server_failure(packet: &[u8], reply: &mut Vec<u8>) {
    const SERVFAIL: u8 = 2;
    const KEPT: u8 = 0x79; // Opcode and RD.
    let mut header = [0; HEADER];
    if let [id @ .., flags] = packet.get(..3).unwrap_or_default() {
        header[..2].copy_from_slice(id);
        header[2] = 0x80 | flags & KEPT;
    }
    header[3] = SERVFAIL;
    reply.clear();
    reply.extend_from_slice(&header);
}

impl Endpoint {
    /// The answers from the plan that is active now, made again if needed. `None` if the
    /// endpoint has no answer any more.
    fn current(
        &mut self,
        reader: &mut impl Resolve,
        counters: &Counters,
        serial: &Serial,
    ) -> Option<&mut Compiled> {
        let &Resolution::Answer {
            generation,
            ref records,
        } = reader.resolve(&self.name)
        else {
            return None;
        };
        let current = |compiled: &mut Compiled| {
            compiled.generation == generation || {
                let same = compiled.carry_over(generation, records);
                if same {
                    counters.activation_seen(generation);
                    serial.at_least(generation);
                }
                same
            }
        };
        if !self.compiled.as_mut().is_some_and(current) {
            if !records.has_targets() {
                return None; // It is no endpoint any more.
            }
            let (name, soa) = (&self.dns_name, &self.negative_soa);
            let compiled = Compiled::new(name, soa, generation, records);
            self.compiled = Some(compiled.ok()?);
            counters.activation_seen(generation);
            serial.at_least(generation);
        }
        self.compiled.as_mut()
    }
}
