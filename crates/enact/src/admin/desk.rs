//! The desk: answers what is asked over the admin API, and carries commands out.
//!
//! # Rules
//! 1. A command checks all of its input first. What is refused changes nothing.
//! 2. Drains, freezes and rejections are orders: they are in the store before the Planner hears
//!    of them (see `orders`).
//! 3. An answer to a command shows what is held afterwards.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use control_plane::{
    ChangeId, DnsZone, Drain, DrainScope, EndpointDiff, Fleet, FleetError, FleetMistake, Order,
    PlannerHandle, Publication, TargetDiff, chain, diff,
};
use hyper::StatusCode;
use nix::unistd::{Uid, User};
use plan_store::{EndpointName, Generation, Pin, PinError};
use tracing::info;

use super::status::{self, Overview};
use super::{Get, Post, Refused, json, parse};
use crate::api;
use crate::backing::{Backing, NotBackedUp};
use crate::history::{History, MOST};
use crate::http::Client;
use crate::orders::{Draft, OrderDesk, scope_of};
use crate::text::counted;

/// How long a command waits for the Planner.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a preview waits for the Planner, which makes all decisions for it.
const PREVIEW_PATIENCE: Duration = Duration::from_secs(20);
/// The longest drain with an end, in seconds: a year.
const LONGEST: u64 = 366 * 24 * 3600;
/// So many names or plans are in an answer that refuses.
const MOST_NAMES: usize = 20;
/// Most drains at a time.
const MOST_DRAINS: usize = 1000;
/// Most characters of a reason.
const MOST_WHY: usize = 200;

/// What answers are made from.
pub(crate) struct Desk<S> {
    pub(crate) overview: Arc<Overview<S>>,
    /// `None` in a process without a Planner.
    pub(crate) office: Option<Office>,
    /// Reads the fleet file that the process was started with.
    pub(crate) read_fleet: Box<dyn Fn() -> Result<Fleet, FleetError> + Send + Sync>,
}

/// What commands need.
pub(crate) struct Office {
    pub(crate) orders: OrderDesk,
    pub(crate) history: History,
}

impl<S: Backing> Desk<S> {
    pub(super) fn get(&self, get: &Get<'_>) -> Result<Vec<u8>, Refused> {
        match *get {
            Get::Status => json(&self.overview.status()),
            Get::Endpoints => json(&self.overview.endpoints(api::MOST_ENDPOINTS)),
            Get::Targets => json(&self.overview.list_of_targets()),
            Get::Endpoint(name) => json(&self.endpoint(name)?),
            Get::Target(address) => json(&self.target(address)?),
            Get::History => {
                self.planner()?;
                let plans = self.office()?.history.newest(MOST as usize);
                json(&api::History { plans })
            }
            Get::Backup => match self.overview.store.backup() {
                Ok(backup) => Ok(backup),
                Err(NotBackedUp::Never(text)) => Err(conflict(text.into())),
                Err(NotBackedUp::Failed(error)) => Err(error.into()),
            },
            Get::Diff(from, to) => {
                let (from, to) = (self.pin(from)?, self.pin(to)?);
                json(&changes(diff(from.plan(), to.plan()), Vec::new()))
            }
        }
    }

    pub(super) fn post(&self, post: Post, body: &[u8], client: Client) -> Result<Vec<u8>, Refused> {
        let person = person(client);
        let by = person.as_str();
        if post == Post::Plan {
            return json(&self.plan(parse(body)?)?);
        }
        let done = match post {
            Post::Confirm => self.confirm(&parse(body)?, by),
            Post::Reject => self.reject(&parse(body)?, by),
            Post::Drain => self.drain(parse(body)?, by),
            Post::Undrain => self.undrain(parse(body)?, by),
            Post::Freeze => self.freeze(parse(body)?, by),
            Post::Thaw => parse(body).and_then(|api::ThawRequest {}| self.thaw(by)),
            Post::Return | Post::Plan => self.go_back(&parse(body)?, by),
        };
        match done {
            Ok(done) => {
                info!(%by, %client, "{}", done);
                let planning = self
                    .overview
                    .planner
                    .handle()
                    .map(|planner| planner.status());
                let held = planning.iter().flat_map(|planning| &planning.held);
                let held = held.map(status::held).collect();
                json(&api::Done { done, held })
            }
            Err(refused) => {
                info!(%by, %client, command = %post, why = %refused.1, "a command is refused");
                Err(refused)
            }
        }
    }

    fn endpoint(&self, name: &str) -> Result<api::Endpoint, Refused> {
        let known: Option<EndpointName> = name.parse().ok();
        let known = known.and_then(|name| self.overview.endpoint(&name));
        known.ok_or_else(|| {
            let text = format!("there is no endpoint `{}`", clean(name));
            match &self.overview.names()[..] {
                [] => not_found(format!("{text}; none is served")),
                names => not_found(format!("{text}; there are {}", some(names))),
            }
        })
    }

    fn target(&self, address: &str) -> Result<api::TargetDetails, Refused> {
        let no_such = || {
            let text = "`enact status ENDPOINT` lists the targets of an endpoint";
            not_found(format!("there is no target `{}`; {text}", clean(address)))
        };
        let address: IpAddr = address.parse().map_err(|_| no_such())?;
        self.overview.target(address).ok_or_else(no_such)
    }

    fn plan(&self, request: api::PlanRequest) -> Result<api::Changes, Refused> {
        let planner = self.planner()?;
        let fleet = match request.fleet {
            Some(sent) => parse_fleet(&sent),
            None => (self.read_fleet)(),
        };
        let fleet = fleet.map_err(|error| unprocessable(chain(&error)))?;
        let preview = planner.preview(fleet, PREVIEW_PATIENCE).ok_or_else(busy)?;
        let preview = preview.map_err(|error| unavailable(chain(&error)))?;
        let held = preview.held.iter().map(status::held).collect();
        Ok(changes(preview.changes, held))
    }

    /// Confirms all of these changes or none.
    fn confirm(&self, ids: &api::Ids, by: &str) -> Result<String, Refused> {
        let planner = self.planner()?;
        let now = planner.status();
        if let Some(freeze) = &now.orders.freeze {
            let (by, at) = (&freeze.by, api::time(freeze.at));
            return Err(conflict(format!(
                "it is frozen, by {by} since {at}; thaw first: a confirmation does not outlive \
                 the process, and a freeze does"
            )));
        }
        let known = now.held.iter().chain(&now.rejected).map(|held| held.id);
        let ids = all_of(ids, &known.collect())?;
        match planner.confirm(&ids, by, PATIENCE) {
            Some(Ok(())) => Ok(format!(
                "confirmed {}; the next plan carries it out",
                list(&ids)
            )),
            Some(Err(id)) => Err(conflict(format!(
                "{id} is not held any more; nothing is confirmed; `enact status` lists the ids"
            ))),
            None => Err(unavailable(
                "the Planner is busy, and may confirm this later; look at `enact status` before \
                 you repeat the command"
                    .into(),
            )),
        }
    }

    /// Rejects all of these changes or none.
    fn reject(&self, ids: &api::Ids, by: &str) -> Result<String, Refused> {
        let now = self.planner()?.status();
        let known = now.held.iter().map(|held| held.id);
        let ids = all_of(ids, &known.collect())?;
        let text = format!("rejected {}; the endpoint keeps what it has", list(&ids));
        let still: BTreeSet<_> = now.rejected.iter().map(|held| held.id).collect();
        self.order(&signed(by, &text), |Draft { orders, .. }| {
            // A rejection ends with its hold.
            orders.rejected.retain(|id| still.contains(id));
            orders.rejected.extend(&ids);
            Ok(())
        })?;
        Ok(text)
    }

    fn drain(&self, request: api::DrainRequest, by: &str) -> Result<String, Refused> {
        let scope = scope(request.target, request.zone)?;
        self.check_known(&scope)?;
        let why = reason(request.why)?;
        let (until, long) = match request.for_seconds {
            None => (None, String::new()),
            Some(seconds @ 1..=LONGEST) => {
                let long = Duration::from_secs(seconds);
                let text = format!(" for {}", humantime::format_duration(long));
                (Some(SystemTime::now() + long), text)
            }
            Some(seconds) => {
                let text = format!("`for_seconds` is {seconds}; use 1 to {LONGEST}");
                return Err(unprocessable(text));
            }
        };
        let because = if why.is_empty() {
            String::new()
        } else {
            format!(": {why}")
        };
        let text = format!("drained {scope}{long}{because}");
        let drain = Drain {
            order: Order {
                by: by.to_owned(),
                at: SystemTime::now(),
                why,
            },
            until,
        };
        self.order(&signed(by, &text), |Draft { orders, .. }| {
            orders.drains.insert(scope.clone(), drain.clone());
            if orders.drains.len() > MOST_DRAINS {
                let text = format!("there are {MOST_DRAINS} drains already; end some with undrain");
                return Err(conflict(text));
            }
            Ok(())
        })?;
        Ok(text)
    }

    /// Refuses a target or a zone that the fleet does not have: most probably a slip.
    fn check_known(&self, scope: &DrainScope) -> Result<(), Refused> {
        let fleet = self.overview.fleet.get();
        if fleet.targets().any(|target| scope.covers(target)) {
            return Ok(());
        }
        let hint = match scope {
            DrainScope::Target(_) => {
                "`enact status ENDPOINT` lists the targets of an endpoint".to_owned()
            }
            DrainScope::Zone(_) => {
                let zones: BTreeSet<_> = fleet.targets().map(|target| &target.zone).collect();
                let zones: Vec<_> = zones.into_iter().collect();
                format!("its zones are {}", some(&zones))
            }
        };
        Err(not_found(format!("the fleet file has no {scope}; {hint}")))
    }

    fn undrain(&self, request: api::UndrainRequest, by: &str) -> Result<String, Refused> {
        let scope = scope(request.target, request.zone)?;
        let text = format!("ended the drain of {scope}");
        self.order(&signed(by, &text), |draft| {
            if draft.orders.drains.remove(&scope).is_some() || draft.replaces_damage {
                return Ok(());
            }
            let text = "is not drained by a person; if the fleet file drains it, change the file";
            Err(conflict(format!("{scope} {text}")))
        })?;
        Ok(text)
    }

    fn freeze(&self, request: api::FreezeRequest, by: &str) -> Result<String, Refused> {
        let why = reason(request.why)?;
        let freeze = signed(by, &why);
        let because = if why.is_empty() {
            String::new()
        } else {
            format!(": {why}")
        };
        let text = format!("frozen{because}; no plan is published until a thaw");
        self.order(&signed(by, &text), |Draft { orders, .. }| {
            if let Some(before) = &orders.freeze {
                let (by, at) = (&before.by, api::time(before.at));
                return Err(conflict(format!(
                    "it is frozen already, by {by} since {at}"
                )));
            }
            orders.freeze = Some(freeze.clone());
            Ok(())
        })?;
        Ok(text)
    }

    fn thaw(&self, by: &str) -> Result<String, Refused> {
        let text = "thawed; plans are published again";
        self.order(&signed(by, text), |draft| {
            if draft.orders.freeze.take().is_some() || draft.replaces_damage {
                return Ok(());
            }
            Err(conflict("nothing is frozen".into()))
        })?;
        Ok(text.into())
    }

    /// Publishes the content of an older plan again, under a freeze.
    fn go_back(&self, request: &api::ReturnRequest, by: &str) -> Result<String, Refused> {
        self.planner()?;
        let office = self.office()?;
        let older = request.generation;
        let old = self.pin(&older.to_string())?;
        let latest = self.overview.store.latest();
        let latest = latest.map_err(plan_store::Error::from)?;
        let changes = latest.map_or_else(Vec::new, |latest| diff(latest.plan(), old.plan()));
        if changes.is_empty() {
            let text =
                format!("plan {older} has the content of the newest plan; freeze to keep it");
            return Err(conflict(text));
        }
        let gone = changes.iter().filter(|change| change.ttl.1.is_none());
        let gone: Vec<_> = gone.map(|change| &change.endpoint).collect();
        if !gone.is_empty() && !request.remove_endpoints {
            return Err(conflict(format!(
                "plan {older} does not have {} ({}), which would go; \
                 allow that with --remove-endpoints",
                counted(gone.len(), "name"),
                some(&gone)
            )));
        }
        let text = format!("return to plan {older}");
        let freeze = |draft: &mut Draft| {
            let orders = &mut draft.orders;
            orders.freeze.get_or_insert_with(|| signed(by, &text));
            Ok::<_, Refused>(())
        };
        office.orders.change(&signed(by, &text), freeze)?;
        let half_done = |why: &str| half_returned(older, why);
        self.obeyed().map_err(|Refused(_, why)| half_done(&why))?;
        let published = self.overview.store.publish(Arc::clone(old.plan()));
        let published = published.map_err(plan_store::Error::from);
        let generation = published.map_err(|error| half_done(&chain(&error)))?;
        office.history.add(Publication {
            generation,
            author: by.to_owned(),
            cause: text,
            names: changes.len(),
            endpoints: changes.iter().filter(|change| change.has_targets).count(),
        });
        Ok(format!(
            "plan {generation} has the content of plan {older}; \
             no other plan is published until a thaw"
        ))
    }

    /// Changes the orders, and waits until the Planner has read them.
    fn order(
        &self,
        order: &Order,
        change: impl Fn(&mut Draft) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        self.planner()?;
        self.office()?.orders.change(order, change)?;
        self.obeyed()
    }

    /// Waits until the Planner has read the orders.
    fn obeyed(&self) -> Result<(), Refused> {
        match self.planner()?.obey(PATIENCE) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(unavailable(format!(
                "the order is in the store, but the Planner cannot read it yet: {}",
                chain(&error)
            ))),
            None => Err(unavailable(
                "the order is in the store; the Planner is busy and reads it next".into(),
            )),
        }
    }

    fn pin(&self, generation: &str) -> Result<S::Pin, Refused> {
        let number = generation.parse().ok().and_then(Generation::new);
        let no_number = || unprocessable(format!("`{}` is no generation", clean(generation)));
        let number = number.ok_or_else(no_number)?;
        match self.overview.store.pin(number) {
            Ok(pin) => Ok(pin),
            Err(PinError::NoSuchPlan { .. }) => {
                let kept = ranges(&self.overview.store.plans()?);
                let newest = self.overview.fleet.get().retention().count();
                let kept = if kept.is_empty() {
                    "it has none".to_owned()
                } else {
                    format!("it has {kept} (`keep_newest = {newest}`)")
                };
                let text = format!("plan {number} is not in the store; {kept}");
                Err(not_found(text))
            }
            Err(error) => Err(plan_store::Error::from(error).into()),
        }
    }

    fn planner(&self) -> Result<PlannerHandle, Refused> {
        self.overview.planner.handle().ok_or_else(no_planner)
    }

    fn office(&self) -> Result<&Office, Refused> {
        self.office.as_ref().ok_or_else(no_planner)
    }
}

/// The author of a request. The name of a user may come from a directory service, and so
/// take a while.
fn person(client: Client) -> String {
    match client {
        Client::Process(process) => user(process.uid()),
        Client::Address(address) => format!("the token from {}", address.ip()),
    }
}

/// A user by its name, if it has one.
pub(crate) fn user(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => format!("{} (uid {uid})", clean(&user.name)),
        _ => format!("uid {uid}"),
    }
}

/// The fleet that a client sends. No file is opened for it.
fn parse_fleet(sent: &api::FleetText) -> Result<Fleet, FleetError> {
    let read = |fleet: &Fleet, zone: &DnsZone, path: &Path| {
        let apex = zone.apex.as_str();
        let Some(text) = sent.zone_files.get(apex) else {
            let message =
                format!("the zone file is not sent; send its text as `{apex}` in `zone_files`");
            return Err(FleetError::Mistakes {
                file: path.to_owned(),
                mistakes: vec![FleetMistake {
                    line: 1,
                    column: 1,
                    field: None,
                    message,
                }],
                more: 0,
            });
        };
        zone_file::parse(fleet, zone, text.as_bytes(), path)
    };
    Fleet::parse_with(&sent.text, sent.name.as_ref(), &read)
}

fn signed(by: &str, why: &str) -> Order {
    Order {
        by: by.to_owned(),
        at: SystemTime::now(),
        why: why.to_owned(),
    }
}

/// These ids, if all of them are known.
fn all_of(ids: &api::Ids, known: &BTreeSet<ChangeId>) -> Result<Vec<ChangeId>, Refused> {
    if ids.ids.is_empty() {
        return Err(unprocessable("name at least one id".into()));
    }
    let find = |text: &String| {
        let id = text.parse().ok().filter(|id| known.contains(id));
        let text = clean(text);
        id.ok_or_else(|| {
            not_found(format!(
                "{text} is not held; nothing is done; `enact status` lists the ids"
            ))
        })
    };
    ids.ids.iter().map(find).collect()
}

/// Plans in short, such as `plans 3, 11 to 13`; an empty text if there are none. The plans are in
/// order.
fn ranges(plans: &[Generation]) -> String {
    let follows = |a: &Generation, b: &Generation| a.get() + 1 == b.get();
    let range = |plans: &[Generation]| match plans {
        [] => String::new(),
        [only] => only.to_string(),
        [first, .., last] => format!("{first} to {last}"),
    };
    let ranges: Vec<_> = plans.chunk_by(follows).map(range).collect();
    let noun = if plans.len() == 1 { "plan" } else { "plans" };
    match &ranges[..] {
        [] => String::new(),
        ranges => format!("{noun} {}", some(ranges)),
    }
}

/// The first of these, and how many more there are.
fn some(all: &[impl ToString]) -> String {
    let shown = all.iter().take(MOST_NAMES).map(ToString::to_string);
    let shown: Vec<_> = shown.collect();
    let shown = shown.join(", ");
    match all.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn list(ids: &[ChangeId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}

fn scope(target: Option<String>, zone: Option<String>) -> Result<DrainScope, Refused> {
    let scope = match (target, zone) {
        (Some(target), None) => api::Scope::Target(target),
        (None, Some(zone)) => api::Scope::Zone(zone),
        _ => return Err(unprocessable("name a target or a zone, one of them".into())),
    };
    let no_address = || unprocessable("the target is no IP address".into());
    scope_of(&scope).ok_or_else(no_address)
}

/// A reason that can be logged and shown.
fn reason(why: String) -> Result<String, Refused> {
    if why.chars().count() > MOST_WHY || !why.chars().all(api::is_harmless) {
        let text = format!("the reason is one line of at most {MOST_WHY} characters");
        return Err(unprocessable(text));
    }
    Ok(why)
}

/// A text of the client, for an answer or the log.
fn clean(text: &str) -> String {
    let begin: String = text.chars().take(MOST_WHY).collect();
    api::harmless(&begin)
}

fn changes(diffs: Vec<EndpointDiff>, held: Vec<api::Held>) -> api::Changes {
    let changes = diffs.into_iter().map(change).collect();
    api::Changes { changes, held }
}

fn change(diff: EndpointDiff) -> api::Change {
    let kind = match diff.ttl {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let target = |target: TargetDiff| api::TargetChange {
        address: target.address.to_string(),
        weight_before: target.before,
        weight_after: target.after,
    };
    api::Change {
        endpoint: diff.endpoint.to_string(),
        kind: kind.into(),
        ttl_before: diff.ttl.0,
        ttl_after: diff.ttl.1,
        targets: diff.targets.into_iter().map(target).collect(),
    }
}

/// A return that failed after its freeze. The history may not have its plan either.
fn half_returned(older: u32, why: &str) -> Refused {
    unavailable(format!(
        "the plans are frozen now, but plan {older} may not have returned; repeat the \
         command, which says so if it has, or run `enact thaw`: {why}"
    ))
}

fn no_planner() -> Refused {
    let text = "no Planner plans in this process; ask the process that leads; \
                `enact status` of a Planner that stands by names it";
    not_found(text.into())
}

fn busy() -> Refused {
    unavailable("the Planner is busy; ask again later".into())
}

fn not_found(text: String) -> Refused {
    Refused(StatusCode::NOT_FOUND, text)
}

fn conflict(text: String) -> Refused {
    Refused(StatusCode::CONFLICT, text)
}

fn unprocessable(text: String) -> Refused {
    Refused(StatusCode::UNPROCESSABLE_ENTITY, text)
}

fn unavailable(text: String) -> Refused {
    Refused(StatusCode::SERVICE_UNAVAILABLE, text)
}
