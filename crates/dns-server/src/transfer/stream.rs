//! The messages of one transfer, made one by one as the secondary takes them.
//!
//! A transfer holds the plans that it is made from, which nothing changes any more, and where it
//! stands in them. So it takes little memory whatever the size of the zone, and the plans may
//! change meanwhile.
//!
//! Two plans may differ in nothing that travels, such as weights. So a call of [`Stream::next`]
//! ends after [`LOOKS`] records even if there is no message yet, and the thread has time for its
//! other clients.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use plan_store::{EndpointName, Plan, RecordSet};

use crate::query::{CLASS_IN, HEADER, RECURSION_DESIRED};
use crate::transfer::content::{self, Rr};
use crate::transfer::history::Changed;
use crate::tsig::Signer;
use crate::zone::{ZoneData, Zones};

/// About how many bytes a message has. Names can point no further back.
const MESSAGE: usize = 16 * 1024 - 512;
/// About how many records are looked at for a message. A message of small records has fewer.
const LOOKS: usize = 2_048;
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
        at: Changed,
    },
}

/// What a call of [`Stream::next`] has made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Made {
    Message,
    /// No message yet. The next call goes on.
    Nothing,
    /// No message, as there are no more records.
    End,
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

    /// Replaces the content of `message` by the next message, if it gets one made.
    pub(crate) fn next(&mut self, message: &mut Vec<u8>) -> Made {
        let mut writer = Writer::new(message, &self.head, self.is_first);
        let mut looks = LOOKS;
        let mut nothing = Made::Nothing;
        loop {
            let Some(record) = self.pending.pop_front() else {
                if looks == 0 {
                    break;
                }
                let Some(looked) = self.look() else {
                    nothing = Made::End;
                    break;
                };
                looks = looks.saturating_sub(looked);
                continue;
            };
            if writer.records > 0 && writer.message.len() + record.len() > MESSAGE {
                self.pending.push_front(record);
                break;
            }
            writer.add(&record);
        }
        if writer.records == 0 {
            return nothing;
        }
        writer.finish(&self.head, self.is_first);
        self.is_first = false;
        if let Some(signer) = &mut self.signer {
            signer.sign(message);
        }
        Made::Message
    }

    /// Finds the records that are next, which may be none. Returns how many it has looked at, at
    /// least 1; `None` at the end.
    fn look(&mut self) -> Option<usize> {
        let part = self.parts.front_mut()?;
        let looked = part.next(&self.zone, &mut self.pending);
        if looked.is_none() {
            self.parts.pop_front();
        }
        Some(looked.unwrap_or(0).max(1))
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

    /// Adds its next records, which may be none. Returns how many it has looked at; `None` at its
    /// end.
    fn next(&mut self, zone: &ZoneAt, records: &mut VecDeque<Rr>) -> Option<usize> {
        match self {
            Self::Records(all) => {
                let looked = all.len();
                records.extend(all.drain(..));
                (looked > 0).then_some(looked)
            }
            Self::Whole { plan, next } => {
                let first = next.take()?;
                let mut endpoints = plan.endpoints_from(&first);
                let (endpoint, set) = endpoints.next()?;
                let is_here = zone.zone().is_some_and(|zone| zone.is_above(endpoint));
                let found = is_here.then(|| zone.records(endpoint, set))?;
                *next = endpoints.next().map(|(endpoint, _)| endpoint.clone());
                let looked = found.len();
                records.extend(found);
                Some(looked)
            }
            Self::Only { of, not, at } => {
                let endpoint = at.next()?;
                let in_plan = |plan: &Plan| {
                    let set = plan.records(&endpoint);
                    set.map_or_else(Vec::new, |set| zone.records(&endpoint, set))
                };
                let (others, own) = (in_plan(not), in_plan(of));
                let looked = others.len() + own.len();
                let others: HashSet<Rr> = others.into_iter().collect();
                records.extend(own.into_iter().filter(|record| !others.contains(record)));
                Some(looked)
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

#[cfg(test)]
pub(super) mod tests {
    use plan_store::Target;

    use super::*;
    use crate::zone::{NameServer, Zone};

    fn zone() -> ZoneAt {
        let name_server = NameServer {
            name: "ns.elsewhere.test".parse().unwrap(),
            addresses: Vec::new(),
        };
        let zone = Zone::new("shop.example".parse().unwrap(), [name_server]).unwrap();
        ZoneAt {
            zones: Arc::new(Zones::new([zone]).unwrap()),
            apex: b"\x04shop\x07example\0".to_vec(),
        }
    }

    fn head() -> Head {
        Head {
            id: 7,
            recursion_desired: false,
            question: Vec::new(),
            opt: Vec::new(),
        }
    }

    /// A plan of so many endpoints. The last one has this address, all have this weight.
    fn plan(count: usize, last: u8, weight: u8) -> Arc<Plan> {
        let endpoints = (1..=count).map(|n| {
            let name: EndpointName = format!("e{n:06}.shop.example").parse().unwrap();
            let last = if n == count { last } else { 1 };
            let target = Target::new([192, 0, 2, last].into(), weight);
            (name, RecordSet::new(5, [target]).unwrap())
        });
        Arc::new(Plan::new(endpoints).unwrap())
    }

    /// How often [`slow_stream`] makes nothing before it makes its only message. There is a record
    /// of either plan at each endpoint.
    pub(crate) const SLOW_TURNS: usize = 2 * SLOW_ENDPOINTS / LOOKS - 1;
    const SLOW_ENDPOINTS: usize = 4 * LOOKS;

    /// A transfer that has much to look at and little to send.
    pub(crate) fn slow_stream() -> Stream {
        let count = SLOW_ENDPOINTS;
        let (of, not) = (plan(count, 2, 3), plan(count, 1, 4));
        let names = of.endpoints().map(|(name, _)| name.clone()).collect();
        let at = Changed::new("shop.example".parse().unwrap(), vec![names]);
        Stream::new(head(), zone(), [Part::Only { of, not, at }], None)
    }

    #[test]
    fn a_call_ends_after_so_many_records_even_without_a_message() {
        let mut stream = slow_stream();
        let (mut message, mut made) = (Vec::new(), Vec::new());
        while made.last() != Some(&Made::End) {
            made.push(stream.next(&mut message));
        }
        let nothing = made.iter().take_while(|made| **made == Made::Nothing);
        assert_eq!(nothing.count(), SLOW_TURNS);
        assert_eq!(made[made.len() - 2..], [Made::Message, Made::End]);
    }
}
