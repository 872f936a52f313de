//! Holds the SMT text of the store's protocol against [`protocol::next`], which the running code
//! is held against.
//!
//! From a new store, all states of a small size are visited by `next`. In each state, each step
//! with each choice is decided twice: by `next`, and by evaluating the text's guards. Both must
//! allow it, or both refuse it, and a guard that `next` names must be false in the text. If
//! the step is allowed, each function of the state after it must have the same value at each
//! point where it means something.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use protocol::{Generation, PinId, Refused, State, Step, SweepId, next};

use crate::evaluate::{Evaluator, Sizes, Value};
use crate::protocol::Protocol;

/// An endpoint, as a number.
type Endpoint = usize;

/// The only sweep, and the only number of plans that retention keeps.
const SWEEP: SweepId = 0;
const KEEP: u32 = 1;

/// How large everything is.
#[derive(Clone, Copy, Debug)]
struct Size {
    pins: PinId,
    endpoints: usize,
    /// The last generation.
    plans: Generation,
    /// A pin is not taken more often than this on a plan.
    taken: u64,
    /// No state is further away from a new store than this.
    steps: usize,
}

/// The cells that an endpoint can have, one after another.
const CELLS: usize = 2;

/// The functions of the state that `next` has, each with the points where it means something.
const SHARED: [&str; 24] = [
    "newest", "content", "indexed", "deleted", "taken", "holds", "made", "since", "stands", "was",
    "off", "back", "known", "cell", "its", "begun", "listed", "old", "saw", "token", "moved",
    "read", "found", "by",
];

/// The functions of the state that only state invariants. No guard and no other function rests
/// on them.
const HISTORY: [&str; 5] = ["picked", "returned", "origin", "been", "gone"];

const SIZES: [Size; 3] = [
    // A plan is swept and its endpoint forgotten and brought again.
    Size {
        pins: 1,
        endpoints: 1,
        plans: 3,
        taken: 1,
        steps: usize::MAX,
    },
    Size {
        pins: 2,
        endpoints: 1,
        plans: 2,
        taken: 2,
        steps: usize::MAX,
    },
    Size {
        pins: 2,
        endpoints: 2,
        plans: 2,
        taken: 2,
        steps: 7,
    },
];

/// What was compared.
#[derive(Default, Debug)]
struct Compared {
    states: usize,
    allowed: usize,
    refused: usize,
    steps: BTreeSet<&'static str>,
    guards: BTreeSet<String>,
}

/// Compares at all sizes, and prints what was compared. Says whether the two agree, each step
/// was taken, and each guard refused a step.
pub(crate) fn check(protocol: &Protocol) -> bool {
    println!("The steps in `crates/protocol` against the text, by enumeration\n");
    println!(
        "{:<44}{:>9}{:>10}{:>10}",
        "size", "states", "allowed", "refused"
    );
    let (mut steps, mut guards) = (BTreeSet::new(), BTreeSet::new());
    for size in SIZES {
        let compared = match compare(protocol, size) {
            Ok(compared) => compared,
            Err(difference) => {
                println!("{difference}: FAILED");
                return false;
            }
        };
        let Compared {
            states,
            allowed,
            refused,
            ..
        } = compared;
        println!(
            "{:<44}{states:>9}{allowed:>10}{refused:>10}",
            size.to_string()
        );
        steps.extend(compared.steps);
        guards.extend(compared.guards);
    }
    let mut missing: Vec<_> = protocol.steps().into_iter().map(str::to_owned).collect();
    missing.retain(|step| !steps.contains(step.as_str()));
    for step in protocol.steps() {
        let all = protocol.guards(step).into_iter();
        let never = all.filter(|guard| *guard != CHOSEN && !guards.contains(*guard));
        missing.extend(never.map(str::to_owned));
    }
    for name in &missing {
        println!("  {name} decided nothing: FAILED");
    }
    println!();
    missing.is_empty()
}

/// `next` chooses the new cells itself, so that this guard holds.
const CHOSEN: &str = "publish.when.new-cells";

/// Visits all states of this size. `Err` says where the two differ.
fn compare(protocol: &Protocol, size: Size) -> Result<Compared, String> {
    let mut text = Text::of(protocol, size)?;
    let mut compared = Compared::default();
    let first: State<Endpoint> = State::new(0, size.plans, KEEP);
    let mut seen = HashSet::from([first.clone()]);
    let mut open = VecDeque::from([(first, 0)]);
    while let Some((state, length)) = open.pop_front() {
        compared.states += 1;
        text.show(&state);
        for step in size.steps_from(&state) {
            text.choose(&state, &step);
            let after = next(&state, &step);
            text.agrees(&step, &after)?;
            match after {
                Ok(after) => {
                    compared.allowed += 1;
                    compared.steps.insert(step.name());
                    if length < size.steps && size.contains(&after) && seen.insert(after.clone()) {
                        open.push_back((after, length + 1));
                    }
                }
                Err(refused) => {
                    compared.refused += 1;
                    compared.guards.insert(guard(&step, refused));
                }
            }
        }
    }
    Ok(compared)
}

/// The guard's name in the text.
fn guard(step: &Step<Endpoint>, refused: Refused) -> String {
    format!("{}.when.{}", step.name(), refused.guard())
}

impl Size {
    fn generations(self) -> impl Iterator<Item = Generation> + Clone {
        0..=self.plans
    }

    fn contains(self, state: &State<Endpoint>) -> bool {
        state.plans.values().all(|plan| plan.taken <= self.taken)
    }

    /// All steps with all choices, possible or not.
    fn steps_from(self, state: &State<Endpoint>) -> Vec<Step<Endpoint>> {
        let mut steps = Vec::new();
        for content in 0..1 << self.endpoints {
            let names = names(content, self.endpoints);
            steps.push(Step::Publish { names });
        }
        // The last one was never made.
        let cells = 0..=state.cells.len();
        let generations = self.generations();
        for pin in 0..self.pins {
            steps.extend([Step::Return { pin }, Step::Unpin { pin }]);
            steps.extend(generations.clone().map(|plan| Step::Pin { pin, plan }));
            let endpoints = 0..self.endpoints;
            steps.extend(endpoints.map(|endpoint| Step::Activate { pin, endpoint }));
            steps.extend(cells.clone().map(|cell| Step::Withdraw { pin, cell }));
        }
        let sweep = SWEEP;
        for plan in generations.clone() {
            steps.push(Step::Begin {
                sweep,
                applied: plan,
            });
            steps.extend((0..=self.taken).map(|count| Step::See { sweep, plan, count }));
            steps.extend([Step::Delete { sweep, plan }, Step::Remove { sweep, plan }]);
        }
        for cell in cells {
            let values = generations.clone();
            steps.extend(values.map(|value| Step::Read { sweep, cell, value }));
        }
        steps.extend((0..self.endpoints).map(|endpoint| Step::Forget { endpoint }));
        steps
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            pins,
            endpoints,
            plans,
            steps,
            ..
        } = self;
        write!(f, "{pins} pin(s), {endpoints} endpoint(s), {plans} plans")?;
        match *steps {
            usize::MAX => f.write_str(", all states"),
            steps => write!(f, ", {steps} steps"),
        }
    }
}

/// The endpoints that a content names: its bits.
fn names(content: usize, endpoints: usize) -> BTreeSet<Endpoint> {
    (0..endpoints).filter(|e| content & 1 << e != 0).collect()
}

/// The text, with one state shown to it.
struct Text {
    size: Size,
    evaluator: Evaluator,
    /// Of each step: its guards, and each function that it changes.
    steps: BTreeMap<String, (Vec<String>, Vec<String>)>,
    /// The points of each function.
    points: BTreeMap<&'static str, Vec<Vec<usize>>>,
    anything: Value,
    now: Table,
    after: Table,
}

/// Each function of a state, at each point where it means something.
type Table = BTreeMap<&'static str, BTreeMap<Vec<usize>, Value>>;

impl Text {
    fn of(protocol: &Protocol, size: Size) -> Result<Self, String> {
        let sizes = Sizes::from([
            ("Endpoint", size.endpoints),
            ("Content", 1 << size.endpoints),
            ("Cell", size.endpoints * CELLS),
            ("Pin", size.pins as usize),
            ("Sweep", 1),
            ("Int", size.plans as usize + 1),
        ]);
        rests_on_no_history(protocol)?;
        let mut evaluator = Evaluator::new(protocol, &sizes)?;
        evaluator.set("last", &[], size.plans.into());
        evaluator.set("keep", &[], KEEP.into());
        for endpoint in 0..size.endpoints {
            for content in 0..1 << size.endpoints {
                let named = content & 1 << endpoint != 0;
                evaluator.set("names", &[content, endpoint], named.into());
            }
            for nth in 0..CELLS {
                evaluator.set("of", &[endpoint * CELLS + nth], number(endpoint));
            }
        }
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let steps = protocol.steps().into_iter().map(|step| {
            let changed = SHARED
                .into_iter()
                .filter(|name| protocol.changes(step, name));
            let changed = owned(changed.collect());
            (step.to_owned(), (owned(protocol.guards(step)), changed))
        });
        let points = SHARED
            .into_iter()
            .map(|name| (name, evaluator.points(name)));
        Ok(Self {
            size,
            steps: steps.collect(),
            points: points.collect(),
            evaluator,
            anything: 0,
            now: Table::new(),
            after: Table::new(),
        })
    }

    /// Shows a state to the text. Where a function means nothing, it has any value: here 1 in
    /// every second state, and else 0.
    fn show(&mut self, state: &State<Endpoint>) {
        self.now = table(state);
        self.anything = 1 - self.anything;
        for name in SHARED {
            self.evaluator.fill(name, self.anything);
            for (point, value) in self.now.get(name).into_iter().flatten() {
                self.evaluator.set(name, point, *value);
            }
        }
    }

    /// Makes the choices of a step.
    fn choose(&mut self, state: &State<Endpoint>, step: &Step<Endpoint>) {
        let mut set = |name: &str, value: usize| self.evaluator.set(name, &[], number(value));
        let plan = |plan: Generation| plan as usize;
        match *step {
            Step::Publish { ref names } => set("?content", content(names)),
            Step::Return { pin } | Step::Unpin { pin } => set("?pin", pin as usize),
            Step::Pin { pin, plan: on } => {
                set("?pin", pin as usize);
                set("?plan", plan(on));
            }
            Step::Activate { pin, endpoint } => {
                set("?pin", pin as usize);
                set("?endpoint", endpoint);
            }
            Step::Withdraw { pin, cell } => {
                set("?pin", pin as usize);
                set("?cell", in_text(state, cell));
            }
            Step::Begin { applied, .. } => set("?applied", plan(applied)),
            Step::See {
                plan: of, count, ..
            } => {
                set("?plan", plan(of));
                set("?count", usize::try_from(count).unwrap_or(usize::MAX));
            }
            Step::Read { cell, value, .. } => {
                set("?cell", in_text(state, cell));
                set("?value", plan(value));
            }
            Step::Delete { plan: of, .. } | Step::Remove { plan: of, .. } => set("?plan", plan(of)),
            Step::Forget { endpoint } => set("?endpoint", endpoint),
        }
        for endpoint in 0..self.size.endpoints {
            let made = state
                .cells
                .iter()
                .filter(|cell| cell.of == endpoint)
                .count();
            let new = endpoint * CELLS + made;
            self.evaluator.set("?new", &[endpoint], number(new));
        }
    }

    /// Whether the text decides the step as `next` did.
    fn agrees(
        &mut self,
        step: &Step<Endpoint>,
        after: &Result<State<Endpoint>, Refused>,
    ) -> Result<(), String> {
        let Some((guards, changed)) = self.steps.get(step.name()) else {
            return Err(format!("the text has no step {}", step.name()));
        };
        let holds = |guard: &str| self.evaluator.value(guard, &[]) == Some(1);
        let open = guards.iter().find(|guard| !holds(guard));
        match (after, open) {
            (Ok(after), None) => {
                self.after = table(after);
                self.same_state(step, changed)
            }
            (Err(refused), _) if holds(&guard(step, *refused)) => Err(format!(
                "{step:?}: `next` refuses it by {refused:?}, and that guard holds in the text"
            )),
            (Err(_), Some(_)) => Ok(()),
            (Ok(_), Some(guard)) => Err(format!("{step:?}: `next` allows it, not {guard}")),
            (Err(refused), None) => Err(format!("{step:?}: the text allows it, not {refused:?}")),
        }
    }

    /// Whether the state after the step is that of `next`, where it means something.
    fn same_state(&self, step: &Step<Endpoint>, changed: &[String]) -> Result<(), String> {
        for (name, points) in &self.points {
            let effect = format!("{}.{name}", step.name());
            let is_changed = changed.iter().any(|other| other == name);
            if !is_changed && self.now.get(name) == self.after.get(name) {
                continue;
            }
            for point in points {
                let Some(expected) = self.after.get(name).and_then(|at| at.get(point)) else {
                    continue;
                };
                let value = if is_changed {
                    self.evaluator.value(&effect, point)
                } else {
                    self.evaluator.get(name, point)
                };
                if value != Some(*expected) {
                    return Err(format!(
                        "{step:?}: {name} at {point:?} is {expected}, and in the text {value:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// That the text has no other functions of the state, and that nothing of the state that `next`
/// has rests on those that it has not.
fn rests_on_no_history(protocol: &Protocol) -> Result<(), String> {
    let known = |name: &str| SHARED.contains(&name) || HISTORY.contains(&name);
    if let Some(other) = protocol.state().iter().find(|f| !known(&f.name)) {
        return Err(format!("`next` has no {}", other.name));
    }
    for step in protocol.steps() {
        let mut definitions: Vec<_> = protocol
            .guards(step)
            .into_iter()
            .map(str::to_owned)
            .collect();
        definitions.extend(SHARED.iter().map(|name| format!("{step}.{name}")));
        for definition in definitions {
            let mentions = protocol.mentions(&definition);
            if let Some(history) = mentions.iter().find(|name| HISTORY.contains(name)) {
                return Err(format!("{definition} rests on {history}"));
            }
        }
    }
    Ok(())
}

fn number(value: usize) -> Value {
    Value::try_from(value).unwrap_or(Value::MAX)
}

fn content(names: &BTreeSet<Endpoint>) -> usize {
    names.iter().map(|endpoint| 1 << endpoint).sum()
}

/// A cell's number in the text: the cells of an endpoint are numbered in the order in which they
/// are made. The cell after the last one is the next of the first endpoint.
fn in_text(state: &State<Endpoint>, cell: usize) -> usize {
    let of = state.cells.get(cell).map_or(0, |cell| cell.of);
    let before = state.cells.iter().take(cell);
    of * CELLS + before.filter(|other| other.of == of).count()
}

/// The functions of a state, at the points where they mean something.
fn table(state: &State<Endpoint>) -> Table {
    let mut table = Table::new();
    let mut set = |name, point: &[usize], value| {
        table.entry(name).or_default().insert(point.to_vec(), value);
    };
    set("newest", &[], state.newest.into());
    let at = |plan: Generation| plan as usize;
    for plan in 0..=state.last {
        let known = state.plans.get(&plan);
        let is = |what: fn(&protocol::Plan<Endpoint>) -> bool| Value::from(known.is_some_and(what));
        set("indexed", &[at(plan)], is(|plan| plan.indexed));
        set("deleted", &[at(plan)], is(|plan| plan.deleted));
        let taken = known.map_or(0, |plan| plan.taken);
        set(
            "taken",
            &[at(plan)],
            Value::try_from(taken).unwrap_or(Value::MAX),
        );
        // A plan that was never published names nothing. The text leaves that open, and `next`
        // names a guard by it.
        let names = known.map(|plan| plan.cells.keys().copied().collect());
        let bits = names.map_or(0, |names| content(&names));
        set("content", &[at(plan)], number(bits));
        if let Some(known) = known {
            for (endpoint, cell) in &known.cells {
                set("its", &[at(plan), *endpoint], number(in_text(state, *cell)));
            }
        }
    }
    cells(state, &mut set);
    sweep(state, &mut set);
    table
}

/// Sets a function at a point.
type Set<'s> = dyn FnMut(&'static str, &[usize], Value) + 's;

fn cells(state: &State<Endpoint>, set: &mut Set<'_>) {
    for pin in 0..PINS {
        let holds = state.pins.get(&pin).copied().unwrap_or_default();
        set("holds", &[pin as usize], holds.into());
    }
    for endpoint in 0..ENDPOINTS {
        let known = state.known.get(&endpoint);
        set("known", &[endpoint], known.is_some().into());
        if let Some(cell) = known {
            set("cell", &[endpoint], number(in_text(state, *cell)));
        }
    }
    for cell in 0..ENDPOINTS * CELLS {
        let made = (0..state.cells.len()).find(|made| in_text(state, *made) == cell);
        let made = made.and_then(|made| state.cells.get(made));
        set("made", &[cell], made.is_some().into());
        set(
            "stands",
            &[cell],
            made.map_or(0, |made| made.now().plan).into(),
        );
        if let Some(made) = made {
            set("since", &[cell], made.since.into());
        }
        for plan in 0..=state.last {
            let was = made.and_then(|made| made.was.get(&plan));
            set("was", &[cell, plan as usize], was.is_some().into());
            if let Some(was) = was {
                set("off", &[cell, plan as usize], was.withdrawn.into());
                set("back", &[cell, plan as usize], was.rollback.into());
            }
        }
    }
}

fn sweep(state: &State<Endpoint>, set: &mut Set<'_>) {
    let begun = state.sweeps.get(&SWEEP);
    let sweep = begun.cloned().unwrap_or_default();
    let cells: BTreeMap<_, _> = (0..state.cells.len())
        .map(|made| (in_text(state, made), made))
        .collect();
    set("begun", &[0], begun.is_some().into());
    for cell in 0..ENDPOINTS * CELLS {
        let made = cells.get(&cell);
        let listed = made.is_some_and(|made| sweep.listed.contains(made));
        let read = made.and_then(|made| sweep.read.get(made));
        set("listed", &[0, cell], listed.into());
        set("read", &[0, cell], read.is_some().into());
        if let Some(found) = read {
            set("found", &[0, cell], (*found).into());
        }
    }
    for plan in 0..=state.last {
        let at = plan as usize;
        let saw = sweep.saw.get(&plan);
        set("old", &[0, at], sweep.old.contains(&plan).into());
        set("by", &[0, at], sweep.deleted.contains(&plan).into());
        set("saw", &[0, at], saw.is_some().into());
        let Some(saw) = saw else { continue };
        set(
            "token",
            &[0, at],
            Value::try_from(saw.count).unwrap_or(Value::MAX),
        );
        for cell in 0..ENDPOINTS * CELLS {
            let moved = cells
                .get(&cell)
                .is_some_and(|made| saw.moved.contains(made));
            set("moved", &[0, at, cell], moved.into());
        }
    }
}

/// The most pins and endpoints of any size. Points beyond a size are left out.
const PINS: PinId = 2;
const ENDPOINTS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    /// The first difference at a small size.
    fn difference(protocol: &Protocol) -> Option<String> {
        let first_steps = Size {
            steps: 4,
            ..SIZES[2]
        };
        let small = [first_steps, SIZES[1], SIZES[0]];
        small.iter().find_map(|size| compare(protocol, *size).err())
    }

    /// The protocol without a definition, or with another body in its place.
    fn without(protocol: &Protocol, name: &str, body: Option<&str>) -> Protocol {
        let mut changed = protocol.clone();
        match body {
            None => changed.definitions.retain(|d| d.name != name),
            Some(body) => {
                let definition = changed.definitions.iter_mut().find(|d| d.name == name);
                definition.unwrap().body = crate::sexpr::Sexpr::atom(body);
            }
        }
        changed
    }

    /// The control: without any one guard and without any one effect, the text differs. A cell
    /// stands on 0 before it is made, so the text need not say it.
    #[test]
    fn each_guard_and_each_effect_is_compared() {
        let store = store().unwrap();
        let mut same = Vec::new();
        for step in store.steps() {
            for guard in store.guards(step) {
                if difference(&without(&store, guard, Some("true"))).is_none() {
                    same.push(guard.to_owned());
                }
            }
            for name in SHARED.iter().filter(|name| store.changes(step, name)) {
                let effect = format!("{step}.{name}");
                if difference(&without(&store, &effect, None)).is_none() {
                    same.push(effect);
                }
            }
        }
        assert_eq!(same, [CHOSEN, "publish.stands"]);
    }
}
