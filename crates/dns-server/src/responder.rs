//! From a packet to its reply, without sockets.
//!
//! # Two ways
//! The *fast path* takes ordinary queries (`query.rs`) for the addresses of an endpoint, and
//! copies an answer that was made in advance (`compiled.rs`). It takes no lock and allocates
//! nothing. One atomic load by the reader shows whether the plan is still active. If it is
//! not, the answers are made again, unless the new plan has the same record set.
//!
//! Everything else goes through hickory-proto's decoder and encoder
//! (`authority.rs`).

use std::collections::HashMap;
use std::sync::Arc;

use fastrand::Rng;
use hickory_proto::ProtoError;
use hickory_proto::rr::{Name, Record};
use plan_store::{EndpointName, Resolution, Resolve};

use crate::authority::{Authority, Draft};
use crate::compiled::Compiled;
use crate::counters::Counters;
use crate::query::{LowerName, Query, endpoint};
use crate::reply::{OptRecords, Outcome, Shape, Transport};
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
    opt: OptRecords,
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
            opt: OptRecords::new().map_err(|source| Error::Encoder { source })?,
            endpoints: HashMap::new(),
            counters,
        })
    }

    /// The same responder, which takes these zones whenever they are replaced.
    pub(crate) fn following(self, updates: ZoneUpdates) -> Self {
        let updates = Some(updates);
        Self { updates, ..self }
    }

    /// Replaces the content of `reply` by the reply to `packet`, and returns its outcome. After
    /// [`Outcome::Dropped`] the caller sends nothing.
    pub fn respond(&mut self, packet: &[u8], transport: Transport, reply: &mut Vec<u8>) -> Outcome {
        reply.clear();
        if let Some(zones) = self.updates.as_mut().and_then(ZoneUpdates::newer) {
            self.zones = zones;
            self.endpoints.clear();
        }
        let fast = Query::ordinary(packet)
            .filter(Query::asks_for_addresses)
            .and_then(|query| self.fast(&query, transport, reply));
        let outcome = fast.unwrap_or_else(|| self.slow(packet, transport, reply));
        self.counters.count(outcome);
        outcome
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

    fn fast(
        &mut self,
        query: &Query<'_>,
        transport: Transport,
        reply: &mut Vec<u8>,
    ) -> Option<Outcome> {
        let name = LowerName::of(query);
        let endpoint = if let Some(known) = self.endpoints.get_mut(name.as_bytes()) {
            known
        } else {
            self.admit(&name)?;
            self.endpoints.get_mut(name.as_bytes())?
        };
        let Some(compiled) = endpoint.current(&mut self.reader, &self.counters) else {
            self.endpoints.remove(name.as_bytes());
            return None;
        };
        let shape = Shape {
            max_targets: self.max_targets,
            limit: transport.limit(query.udp_size()),
            opt: &self.opt,
        };
        compiled.write(query, &shape, &mut self.rng, reply)
    }

    /// Adds the endpoint of this name, if there is one and it has an answer.
    fn admit(&mut self, name: &LowerName) -> Option<()> {
        let endpoint = endpoint(name.labels())?;
        let dns_name = to_dns(&endpoint).ok()?;
        let zone = self.zones.of(&dns_name)?;
        self.reader.resolve(&endpoint).records()?;
        let entry = Endpoint {
            name: endpoint,
            dns_name,
            negative_soa: zone.negative_soa.clone(),
            compiled: None,
        };
        self.endpoints.insert(name.as_bytes().into(), entry);
        Some(())
    }

    fn slow(&mut self, packet: &[u8], transport: Transport, reply: &mut Vec<u8>) -> Outcome {
        let mut authority = Authority {
            zones: &self.zones,
            reader: &mut self.reader,
            rng: &mut self.rng,
            max_targets: self.max_targets,
        };
        let Some(draft) = authority.reply(packet) else {
            return Outcome::Dropped;
        };
        encode(&draft, transport, reply).unwrap_or_else(|error| {
            tracing::warn!(%error, "a reply cannot be encoded");
            reply.clear();
            Outcome::Failed
        })
    }
}

impl Endpoint {
    /// The answers from the plan that is active now, made again if needed. `None` if the
    /// endpoint has no answer any more.
    fn current(&mut self, reader: &mut impl Resolve, counters: &Counters) -> Option<&mut Compiled> {
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
                }
                same
            }
        };
        if !self.compiled.as_mut().is_some_and(current) {
            let (name, soa) = (&self.dns_name, &self.negative_soa);
            let compiled = Compiled::new(name, soa, generation, records);
            self.compiled = Some(compiled.ok()?);
            counters.activation_seen(generation);
        }
        self.compiled.as_mut()
    }
}

/// Encodes a reply, without its records if it would be too long. hickory's own truncation
/// can lose the OPT record, so this function never lets it happen.
fn encode(draft: &Draft, transport: Transport, reply: &mut Vec<u8>) -> Result<Outcome, ProtoError> {
    let bytes = draft.message.to_vec()?;
    if bytes.len() <= transport.limit(draft.udp_size) {
        reply.extend_from_slice(&bytes);
        return Ok(draft.outcome);
    }
    reply.extend_from_slice(&draft.message.truncate().to_vec()?);
    Ok(Outcome::Truncated)
}
