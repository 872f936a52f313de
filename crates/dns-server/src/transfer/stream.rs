//! The messages of one transfer, made one by one as the secondary takes them.
//!
//! A transfer holds the plans that it is made from, which nothing changes any more, and where it
//! stands in them. So it takes little memory whatever the size of the zone, and the plans may
//! change meanwhile.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use plan_store::{EndpointName, Plan, RecordSet};

use crate::query::{CLASS_IN, HEADER, RECURSION_DESIRED};
use crate::transfer::content::{self, Rr};
use crate::tsig::Signer;
use crate::zone::{ZoneData, Zones};

/// About how many bytes a message has. Names can point no further back.
const MESSAGE: usize = 16 * 1024 - 512;
/// How far back in a message a name can point (RFC 1035, 4.1.4).
const POINTED: usize = 0x4000;
const RESPONSE: u8 = 0x80;
const AUTHORITATIVE: u8 = 0x04;

/// A transfer that is under way.
#[derive(Debug)]
pub(crate) struct Stream {
    head: Head,
    zone: ZoneAt,
    parts: VecDeque<Part>,
    /// Records that are next.
    pending: VecDeque<Rr>,
    signer: Option<Signer>,
    is_first: bool,
}

/// What the messages repeat of the request.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) id: u16,
    pub(crate) recursion_desired: bool,
    /// Name, type and class, as they came.
    pub(crate) question: Vec<u8>,
    /// The OPT record of the reply; empty if the request has none.
    pub(crate) opt: Vec<u8>,
}

/// A zone of these zones.
#[derive(Debug)]
pub(crate) struct ZoneAt {
    pub(crate) zones: Arc<Zones>,
    /// In wire format and lower case.
    pub(crate) apex: Vec<u8>,
}

/// A part of a transfer.
#[derive(Debug)]
pub(crate) enum Part {
    Records(Vec<Rr>),
    /// The endpoints of a plan, from this one on.
    Whole {
        plan: Arc<Plan>,
        next: Option<EndpointName>,
    },
    /// The records that one plan has at these endpoints and another has not.
    Only {
        of: Arc<Plan>,
        not: Arc<Plan>,
        at: std::vec::IntoIter<EndpointName>,
    },
}

impl Stream {
    pub(crate) fn new(
        head: Head,
        zone: ZoneAt,
        parts: impl Into<VecDeque<Part>>,
        signer: Option<Signer>,
    ) -> Self {
        Self {
            head,
            zone,
            parts: parts.into(),
            pending: VecDeque::new(),
            signer,
            is_first: true,
        }
    }

    /// Replaces the content of `message` by the next message. False if there is none.
    pub(crate) fn next(&mut self, message: &mut Vec<u8>) -> bool {
        let mut writer = Writer::new(message, &self.head, self.is_first);
        while let Some(record) = self.next_record() {
            if writer.records > 0 && writer.message.len() + record.len() > MESSAGE {
                self.pending.push_front(record);
                break;
            }
            writer.add(&record);
        }
        if writer.records == 0 {
            return false;
        }
        writer.finish(&self.head, self.is_first);
        self.is_first = false;
        if let Some(signer) = &mut self.signer {
            signer.sign(message);
        }
        true
    }

    fn next_record(&mut self) -> Option<Rr> {
        while self.pending.is_empty() {
            let part = self.parts.front_mut()?;
            match part.next(&self.zone) {
                Some(records) => self.pending.extend(records),
                None => drop(self.parts.pop_front()),
            }
        }
        self.pending.pop_front()
    }
}

impl ZoneAt {
    fn zone(&self) -> Option<&ZoneData> {
        self.zones.of(&self.apex)
    }

    fn records(&self, endpoint: &EndpointName, records: &RecordSet) -> Vec<Rr> {
        let of = |zone| content::at_name(&self.zones, zone, endpoint, records);
        self.zone().map_or_else(Vec::new, of)
    }
}

impl Part {
    /// All endpoints of a plan in the zone with this apex.
    pub(crate) fn whole(plan: Arc<Plan>, apex: EndpointName) -> Self {
        let next = Some(apex);
        Self::Whole { plan, next }
    }

    /// Its next records, which may be none; `None` at its end.
    fn next(&mut self, zone: &ZoneAt) -> Option<Vec<Rr>> {
        match self {
            Self::Records(records) => {
                let records = std::mem::take(records);
                (!records.is_empty()).then_some(records)
            }
            Self::Whole { plan, next } => {
                let first = next.take()?;
                let mut endpoints = plan.endpoints_from(&first);
                let (endpoint, records) = endpoints.next()?;
                let is_here = zone.zone().is_some_and(|zone| zone.is_above(endpoint));
                let records = is_here.then(|| zone.records(endpoint, records))?;
                *next = endpoints.next().map(|(endpoint, _)| endpoint.clone());
                Some(records)
            }
            Self::Only { of, not, at } => {
                let endpoint = at.next()?;
                let records = |plan: &Plan| {
                    let records = plan.records(&endpoint);
                    records.map_or_else(Vec::new, |records| zone.records(&endpoint, records))
                };
                let others: HashSet<Rr> = records(not).into_iter().collect();
                let mut only = records(of);
                only.retain(|record| !others.contains(record));
                Some(only)
            }
        }
    }
}

/// Writes a message. A name that ends like an earlier owner's points there.
struct Writer<'m> {
    message: &'m mut Vec<u8>,
    /// Where the names begin that can be pointed to.
    names: HashMap<Vec<u8>, u16>,
    records: u16,
}

impl<'m> Writer<'m> {
    fn new(message: &'m mut Vec<u8>, head: &Head, is_first: bool) -> Self {
        message.clear();
        message.extend([0; HEADER]);
        if is_first {
            message.extend(&head.question);
        }
        Self {
            message,
            names: HashMap::new(),
            records: 0,
        }
    }

    fn add(&mut self, record: &Rr) {
        self.name(&record.owner);
        for number in [record.code, CLASS_IN] {
            self.message.extend(number.to_be_bytes());
        }
        self.message.extend(record.ttl.to_be_bytes());
        // A record's data has at most 65,535 bytes.
        let length = u16::try_from(record.data.len()).unwrap_or(0);
        self.message.extend(length.to_be_bytes());
        self.message.extend(&record.data);
        self.records += 1;
    }

    fn name(&mut self, name: &[u8]) {
        let mut rest = name;
        while let Some((&length @ 1.., after)) = rest.split_first() {
            if let Some(&at) = self.names.get(rest) {
                self.message.extend((0xc000 | at).to_be_bytes());
                return;
            }
            if let Some(at) = u16::try_from(self.message.len())
                .ok()
                .filter(|&at| usize::from(at) < POINTED)
            {
                self.names.insert(rest.to_vec(), at);
            }
            let (label, below) = after
                .split_at_checked(length.into())
                .unwrap_or((after, &[]));
            self.message.push(length);
            self.message.extend(label);
            rest = below;
        }
        self.message.push(0);
    }

    /// Writes the header, and the OPT record of a first message.
    fn finish(self, head: &Head, is_first: bool) {
        let has_opt = is_first && !head.opt.is_empty();
        if has_opt {
            self.message.extend(&head.opt);
        }
        let mut flags = RESPONSE | AUTHORITATIVE;
        if head.recursion_desired {
            flags |= RECURSION_DESIRED;
        }
        let mut header = Vec::with_capacity(HEADER);
        header.extend(head.id.to_be_bytes());
        header.extend([flags, 0]);
        for count in [u16::from(is_first), self.records, 0, u16::from(has_opt)] {
            header.extend(count.to_be_bytes());
        }
        self.message[..HEADER].copy_from_slice(&header);
    }
}
