//! Random histories in a world whose clock the test moves: targets die, swallow packets and
//! recover, zones go, the fleet file changes, a person confirms, the Planner restarts.
//!
//! After each tick the laws of the Planner are held against a model that knows the
//! configuration in force and what the checks say, and nothing of how the Planner works.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::net::IpAddr;

use control_plane::{Fleet, FleetEndpoint, FleetTarget, HoldReason, TargetState};
use fastrand::Rng;
use plan_store::{Pin, Plan, PlanStore};

use crate::sim::{Fate, Fault, Sim};
use crate::{parse, served};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const TARGETS: u8 = 16;
/// A history lasts so long, in milliseconds.
const LASTS: u64 = 30_000;
/// `suspect_for_ms` of all fleets here.
const SUSPECT_FOR: u64 = 5000;

/// Something that happens.
#[derive(Clone)]
enum Event {
    Set(u8, Fate),
    Zone(u8, Fate),
    Reload(Fleet),
    Confirm(&'static str),
    Restart,
}

/// A line of text.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Reload(fleet) = self else {
            return match self {
                Self::Set(last, fate) => write!(f, "{last} {fate:?}"),
                Self::Zone(zone, fate) => write!(f, "zone {zone} {fate:?}"),
                Self::Confirm(name) => write!(f, "confirm {name}"),
                _ => f.write_str("restart"),
            };
        };
        f.write_str("reload")?;
        for endpoint in fleet.endpoints() {
            write!(f, " {}:", endpoint.name())?;
            for target in endpoint.targets() {
                let (tier, drained) = (target.tier, if target.drained { "d" } else { "" });
                write!(f, " {}/{tier}{drained}", target.address)?;
            }
        }
        Ok(())
    }
}

/// A fleet of some of the endpoints, each with some of the targets.
fn some_fleet(random: &mut Rng) -> Fleet {
    let mut text = format!(
        "planner = {{ suspect_for_ms = {SUSPECT_FOR} }}\n\
         health_check = {{ interval_ms = 500, timeout_ms = 300, rise = 2, fall = 3 }}\n"
    );
    let some = random.u8(..) | 1 << random.u8(..5);
    for name in (0..)
        .zip(NAMES)
        .filter(|(n, _)| some >> n & 1 == 1)
        .map(|n| n.1)
    {
        let fail = random.choice(["all", "all", "last"]).unwrap();
        writeln!(
            text,
            "[[endpoint]]\nname = \"{name}.example\"\nfail = \"{fail}\"\ntarget = ["
        )
        .unwrap();
        let count = random.usize(1..=7);
        let mut targets: Vec<u8> = (1..=TARGETS).collect();
        random.shuffle(&mut targets);
        for (at, last) in targets[..count].iter().enumerate() {
            // The first is neither drained nor a spare.
            let weight = if at > 0 && random.u8(..8) == 0 {
                0
            } else {
                255
            };
            let tier = u8::from(at > 0 && random.u8(..5) == 0);
            writeln!(
                text,
                "{{ address = \"192.0.2.{last}\", zone = \"z{}\", capacity = 1, weight = {weight}, tier = {tier} }},",
                last % 3
            )
            .unwrap();
        }
        text += "]\n";
    }
    parse(&text)
}

/// The fleet with a few changes.
fn changed(fleet: &Fleet, random: &mut Rng) -> Fleet {
    if random.u8(..4) == 0 {
        return some_fleet(random);
    }
    let mut text = format!(
        "health_check = {{ interval_ms = 500, timeout_ms = 300, rise = 2, fall = 3 }}\n\
         [planner]\nsuspect_for_ms = {SUSPECT_FOR}\n"
    );
    for endpoint in fleet.endpoints() {
        writeln!(
            text,
            "[[endpoint]]\nname = \"{}\"\ntarget = [",
            endpoint.name()
        )
        .unwrap();
        let all = endpoint.targets();
        let kept: Vec<_> = all.iter().filter(|_| random.u8(..5) > 0).collect();
        let kept = if kept.iter().all(|t| t.drained) {
            all.iter().collect()
        } else {
            kept
        };
        for target in kept {
            writeln!(
                text,
                "{{ address = \"{}\", zone = \"{}\", capacity = 1, weight = {}, tier = {} }},",
                target.address, target.zone, target.weight, target.tier
            )
            .unwrap();
        }
        text += "]\n";
    }
    parse(&text)
}

/// A fleet, and what happens to it, in the order of time.
fn some_history(seed: u64, restarts: bool) -> (Fleet, Vec<(u64, Event)>) {
    let mut random = Rng::with_seed(seed);
    let first = some_fleet(&mut random);
    let mut fleet = first.clone();
    let mut times: Vec<u64> = (0..random.usize(10..40))
        .map(|_| random.u64(1..LASTS))
        .collect();
    times.sort_unstable();
    let events = times.into_iter().map(|time| {
        let fates = [Fate::Refuses, Fate::BlackHole, Fate::Lives, Fate::Lives];
        let fate = *random.choice(&fates).unwrap();
        let event = match random.u8(..20) {
            0 | 1 => Event::Zone(random.u8(..3), fate),
            2..=4 => {
                fleet = changed(&fleet, &mut random);
                Event::Reload(fleet.clone())
            }
            5..=7 => Event::Confirm(random.choice(NAMES).unwrap()),
            8 if restarts => Event::Restart,
            _ => Event::Set(random.u8(1..=TARGETS), fate),
        };
        (time, event)
    });
    let events = events.collect();
    (first, events)
}

fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

/// What the test knows.
struct Model {
    fleet: Fleet,
    /// The configuration in force.
    accepted: BTreeMap<String, Vec<FleetTarget>>,
    /// The targets that the plan served when the Planner started, and that have been
    /// watched since.
    found: BTreeSet<IpAddr>,
    dead_since: BTreeMap<IpAddr, u64>,
    /// When the Planner started.
    started: u64,
    /// When a suspicion was seen last.
    suspected: Option<u64>,
    /// The endpoints of the plan before.
    named: BTreeSet<String>,
    /// Endpoints that a person has let go.
    let_go: BTreeSet<String>,
}

impl Model {
    fn new(fleet: &Fleet) -> Self {
        let mut model = Self {
            fleet: fleet.clone(),
            accepted: BTreeMap::new(),
            found: BTreeSet::new(),
            dead_since: BTreeMap::new(),
            started: 0,
            suspected: None,
            named: BTreeSet::new(),
            let_go: BTreeSet::new(),
        };
        model.judge();
        model
    }

    /// The fleet's endpoint of this name.
    fn file(&self, name: &str) -> Option<&FleetEndpoint> {
        let mut all = self.fleet.endpoints().iter();
        all.find(|endpoint| endpoint.name().as_str() == name)
    }

    /// What must be held. All other changes take effect.
    fn judge(&mut self) -> BTreeMap<String, HoldReason> {
        let mut held = BTreeMap::new();
        let file = self.fleet.endpoints().iter().map(|e| e.name().to_string());
        let names: BTreeSet<String> = file.chain(self.accepted.keys().cloned()).collect();
        for name in names {
            let to = self.file(&name).map(|endpoint| endpoint.targets().to_vec());
            match self
                .accepted
                .get(&name)
                .and_then(|from| reason(from, to.as_deref()))
            {
                Some(reason) => {
                    held.insert(name, reason);
                }
                None => self.accept(&name, to),
            }
        }
        held
    }

    fn accept(&mut self, name: &str, to: Option<Vec<FleetTarget>>) {
        match to {
            Some(to) => self.accepted.insert(name.to_owned(), to),
            None => self.accepted.remove(name),
        };
    }

    fn happens(&mut self, sim: &mut Sim, event: &Event) {
        match event {
            Event::Set(last, fate) => self.set(sim, address(*last), *fate),
            Event::Zone(zone, fate) => {
                for last in (1..=TARGETS).filter(|last| last % 3 == *zone) {
                    self.set(sim, address(last), *fate);
                }
            }
            Event::Reload(fleet) => {
                self.fleet = fleet.clone();
                sim.reload(fleet.clone());
                self.judge();
            }
            Event::Confirm(name) => {
                let name = format!("{name}.example");
                let held = self.judge().contains_key(&name);
                assert_eq!(sim.confirm(&name), held, "{name} is held");
                if held {
                    let to = self.file(&name).map(|endpoint| endpoint.targets().to_vec());
                    if to.is_none() {
                        self.let_go.insert(name.clone());
                    }
                    self.accept(&name, to);
                }
            }
            Event::Restart => self.restart(sim),
        }
        if !matches!(event, Event::Restart) {
            let watched = &sim.planner.watchlist().targets;
            self.found
                .retain(|&target| watched.contains_key(&target.into()));
        }
    }

    fn set(&mut self, sim: &mut Sim, target: IpAddr, fate: Fate) {
        sim.set(target, fate);
        if fate == Fate::Lives {
            self.dead_since.remove(&target);
        } else {
            self.dead_since.entry(target).or_insert(sim.now);
        }
    }

    /// All is lost but the plan.
    fn restart(&mut self, sim: &mut Sim) {
        sim.restart(self.fleet.clone());
        self.started = sim.now;
        self.accepted.clear();
        self.found.clear();
        if let Some(latest) = sim.store.latest().unwrap() {
            for (name, records) in latest.plan().endpoints() {
                let targets = records.targets().map(|target| FleetTarget {
                    address: target.address,
                    zone: String::new(),
                    capacity: 1,
                    weight: target.weight,
                    tier: 0,
                    drained: target.weight == 0,
                    check: None,
                });
                let targets: Vec<_> = targets.collect();
                let drawn = targets.iter().filter(|t| !t.drained);
                self.found.extend(drawn.map(|t| t.address));
                self.accepted.insert(name.to_string(), targets);
            }
        }
        self.judge();
    }

    /// The laws, after a tick.
    fn check(&mut self, sim: &Sim, interval: u64) {
        let (status, watched) = (sim.planner.status(), &sim.planner.watchlist().targets);
        self.found
            .retain(|&target| watched.contains_key(&target.into()));
        let held = status
            .held
            .iter()
            .map(|h| (h.endpoint.to_string(), h.reason));
        assert_eq!(
            held.collect::<BTreeMap<_, _>>(),
            self.judge(),
            "what is held, and why"
        );
        if status.suspected > 0 {
            self.suspected = Some(sim.now);
        }
        let Some(latest) = sim.store.latest().unwrap() else {
            assert!(
                !status.awaited.is_empty(),
                "no plan, and nothing is waited for"
            );
            assert!(
                sim.now <= self.started + 2 * (500 + 300) + interval,
                "waits for good"
            );
            return;
        };
        let plan = latest.plan();
        for (name, targets) in &self.accepted {
            let Some(drawn) = drawn(plan, name) else {
                let is_awaited = status.awaited.iter().any(|n| n.as_str() == name);
                assert!(
                    is_awaited && !self.named.contains(name),
                    "{name} is not in the plan"
                );
                continue;
            };
            self.check_endpoint(sim, name, targets, &drawn, interval);
        }
        let now: BTreeSet<_> = plan.endpoints().map(|(name, _)| name.to_string()).collect();
        for name in self.named.difference(&now) {
            assert!(
                self.let_go.contains(name),
                "{name} has gone, and nobody has let it go"
            );
        }
        self.named = now;
    }

    fn check_endpoint(
        &self,
        sim: &Sim,
        name: &str,
        targets: &[FleetTarget],
        drawn: &BTreeSet<IpAddr>,
        interval: u64,
    ) {
        assert!(!drawn.is_empty(), "{name} is empty");
        let is_healthy = |target: &&&FleetTarget| match sim.state(target.address) {
            TargetState::Up => true,
            TargetState::Down { .. } => false,
            _ => self.found.contains(&target.address),
        };
        let usable: Vec<_> = targets.iter().filter(|target| !target.drained).collect();
        let healthy: Vec<_> = usable.iter().filter(is_healthy).collect();
        let Some(tier) = healthy.iter().map(|target| target.tier).min() else {
            return;
        };
        // Something is healthy. It serves, whatever is held anywhere.
        let in_tier = healthy.iter().filter(|target| target.tier == tier);
        let in_tier: BTreeSet<_> = in_tier.map(|target| target.address).collect();
        if sim.planner.status().suspected == 0 {
            assert_eq!(*drawn, in_tier, "{name} at {}", sim.now);
        }
        // Nothing serves beside it that has been dead for too long.
        let detection = 500 * 11 / 10 * 3 + 300 + interval;
        for target in drawn {
            let Some(&died) = self.dead_since.get(target) else {
                continue;
            };
            let since = died.max(self.started);
            let waits = self.suspected.is_some_and(|at| at >= since);
            // The finding becomes suspicious within one detection window at most.
            let suspicion = detection + SUSPECT_FOR;
            let may_last = detection + if waits { suspicion } else { 0 };
            assert!(
                sim.now <= since + may_last,
                "{name} serves {target} at {}",
                sim.now
            );
        }
    }
}

/// Why this change must be held.
fn reason(from: &[FleetTarget], to: Option<&[FleetTarget]>) -> Option<HoldReason> {
    let usable = |targets: &[FleetTarget]| -> BTreeSet<IpAddr> {
        let usable = targets.iter().filter(|target| !target.drained);
        usable.map(|target| target.address).collect()
    };
    let Some(to) = to else {
        return Some(HoldReason::Goes);
    };
    let named = to.len();
    let (from, to) = (usable(from), usable(to));
    let (removed, of) = (from.difference(&to).count(), from.len());
    let most = if of >= 4 { of * 34 / 100 } else { of - 1 };
    (removed > most || to.is_empty()).then_some(HoldReason::Loses { removed, of, named })
}

/// The targets of an endpoint that can be drawn.
fn drawn(plan: &Plan, name: &str) -> Option<BTreeSet<IpAddr>> {
    let records = plan.records(&name.parse().unwrap())?;
    let drawn = records.targets().filter(|target| target.weight > 0);
    Some(drawn.map(|target| target.address).collect())
}

/// Runs a history. Returns what is served and what is held in the end, and how many ticks
/// saw a suspicion.
fn run(
    (fleet, events): &(Fleet, Vec<(u64, Event)>),
    interval: u64,
) -> (BTreeMap<String, String>, Vec<String>, usize) {
    run_with(None, (fleet, events.as_slice()), interval)
}

/// The same in a world with a fault.
fn run_with(
    fault: Option<Fault>,
    (fleet, events): (&Fleet, &[(u64, Event)]),
    interval: u64,
) -> (BTreeMap<String, String>, Vec<String>, usize) {
    let mut sim = Sim::new(fleet.clone(), interval);
    sim.fault = fault;
    let mut model = Model::new(fleet);
    let mut suspected = 0;
    let mut seen = |model: &mut Model, sim: &Sim| {
        model.check(sim, interval);
        suspected += usize::from(sim.planner.status().suspected > 0);
    };
    for (time, event) in events {
        sim.run_to(*time, |sim| seen(&mut model, sim));
        if matches!(event, Event::Reload(_)) {
            // See the module `planner`: the one thing that the interval decides.
            sim.tick();
            seen(&mut model, &sim);
        }
        model.happens(&mut sim, event);
    }
    sim.run_to(LASTS + 20_000, |sim| seen(&mut model, sim));
    sim.tick();
    seen(&mut model, &sim);
    let held = sim.planner.status().held.iter();
    let held = held.map(|held| format!("{} {}", held.id, held.reason));
    (served(&sim.store), held.collect(), suspected)
}

#[test]
fn a_thousand_histories_break_no_law() {
    let (mut suspected, mut held) = (0, 0);
    for seed in 0..1000 {
        let history = some_history(seed, true);
        let result = std::panic::catch_unwind(|| run(&history, 500));
        let Ok((_, held_at_end, suspicions)) = result else {
            panic!("seed {seed}: {:#?}", history.1);
        };
        suspected += usize::from(suspicions > 0);
        held += usize::from(!held_at_end.is_empty());
    }
    assert!(suspected > 50, "{suspected} histories had a suspicion");
    assert!(held > 100, "{held} histories ended with something held");
}

/// What the broken laws say in the first histories of a world with this fault.
fn broken(fault: Fault) -> Vec<String> {
    let said = |seed| {
        let (fleet, events) = some_history(seed, true);
        let run = || run_with(Some(fault), (&fleet, &events), 500);
        let said = std::panic::catch_unwind(run).err()?;
        said.downcast::<String>().ok().map(|said| *said)
    };
    (0..40).filter_map(said).collect()
}

/// The control of the laws about dead targets: the Planner does not learn of the deaths.
#[test]
fn a_planner_that_does_not_see_deaths_breaks_a_law() {
    let said = broken(Fault::HidesDeath);
    assert!(said.iter().any(|s| s.contains(".example at ")), "{said:?}");
}

/// The control of the law that nothing waits for what is held.
#[test]
fn a_planner_that_waits_for_persons_breaks_a_law() {
    let said = broken(Fault::WaitsForPersons);
    assert!(said.iter().any(|s| s.contains(".example at ")), "{said:?}");
}

/// The controls of the laws that a valid plan cannot break: the model sees what is not so.
#[test]
fn an_empty_endpoint_a_lost_one_and_a_hold_without_a_reason_break_the_law() {
    let (fleet, events) = some_history(0, false);
    let all = |model: &mut Model, sim: &Sim| model.check(sim, 500);
    let says = |wrong: &dyn Fn(&mut Model)| {
        let check = || {
            let mut sim = Sim::new(fleet.clone(), 500);
            let mut model = Model::new(&fleet);
            sim.run_to(events[0].0.max(5000), |sim| all(&mut model, sim));
            wrong(&mut model);
            all(&mut model, &sim);
        };
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
        let said = checked
            .err()
            .and_then(|said| said.downcast::<String>().ok());
        said.map_or_else(String::new, |said| *said)
    };
    assert_eq!(says(&|_| {}), "");
    let name = || fleet.endpoints()[0].name().to_string();
    // The plan names no such endpoint.
    let said = says(&|model| {
        model.named.insert("lost.example".into());
    });
    assert!(said.contains("has gone"), "{said}");
    // The configuration in force has a target that the file lacks.
    let said = says(&|model| {
        let targets = model.accepted.get_mut(&name()).unwrap();
        let more = (100..110).map(|last| FleetTarget {
            address: address(last),
            ..targets[0].clone()
        });
        targets.extend(more.collect::<Vec<_>>());
    });
    assert!(said.contains("what is held, and why"), "{said}");
    let nothing = std::panic::catch_unwind(|| {
        let sim = Sim::new(fleet.clone(), 500);
        Model::new(&fleet).check_endpoint(&sim, "a", &[], &BTreeSet::new(), 500);
    });
    assert!(nothing.is_err(), "an empty endpoint");
}

#[test]
fn the_same_history_ends_in_the_same_plan_at_any_interval() {
    for seed in 5000..5100 {
        let history = some_history(seed, false);
        let ends = [250, 3000, 20_000].map(|interval| {
            let (served, held, _) = run(&history, interval);
            (served, held)
        });
        for end in &ends[1..] {
            assert_eq!(*end, ends[0], "seed {seed}: {:#?}", history.1);
        }
    }
}
