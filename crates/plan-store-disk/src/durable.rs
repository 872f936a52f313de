//! What the database holds, as the writer knows it, and drafts of changes to it.
//!
//! A [`Draft`] collects the changes of one commit. It is decided on top of [`Durable`], which
//! takes it in only after the commit. So a commit that fails leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use plan_store::memory::{Known, Step};
use plan_store::{EndpointName, Generation, GenerationsExhausted, Plan, RecordSet, Standing};

use crate::layout::{LAYER_COST, LayerRow, encode_changes};

/// How many endpoints a block holds.
pub(crate) const SLOTS: usize = 256;

/// Endpoints that share a row of states. A step at one of them rewrites the row.
#[derive(Clone, Default, Debug)]
pub(crate) struct Block {
    /// `None` where an endpoint was forgotten.
    pub(crate) names: Arc<Vec<Option<EndpointName>>>,
    pub(crate) states: Vec<Known>,
}

impl Block {
    /// Puts an endpoint here, in a place that is free or the next one.
    fn put(&mut self, at: usize, name: EndpointName, known: Known) {
        let names = Arc::make_mut(&mut self.names);
        if let (Some(free), Some(state)) = (names.get_mut(at), self.states.get_mut(at)) {
            (*free, *state) = (Some(name), known);
        } else {
            names.push(Some(name));
            self.states.push(known);
        }
    }
}

/// The content that a plan adds to the layer before it, or all of the plan's content.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) row: LayerRow,
    /// The plan of this generation, if it is in the store.
    pub(crate) plan: Option<Arc<Plan>>,
}

/// Where an endpoint is: its block, and its place there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slot {
    pub(crate) block: u32,
    pub(crate) at: usize,
}

/// What the database holds.
#[derive(Default, Debug)]
pub(crate) struct Durable {
    pub(crate) layers: BTreeMap<Generation, Layer>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) notes: BTreeMap<String, Vec<u8>>,
    slots: HashMap<EndpointName, Slot>,
    free: Vec<Slot>,
}

/// Changes that are not in the database yet.
#[derive(Default, Debug)]
pub(crate) struct Draft {
    /// New layers, with their parts.
    pub(crate) layers: BTreeMap<Generation, (Layer, Vec<Vec<u8>>)>,
    /// Blocks as they are after the changes.
    pub(crate) blocks: BTreeMap<u32, Block>,
    /// Those of them that have other names.
    pub(crate) renamed: BTreeSet<u32>,
    pub(crate) notes: BTreeMap<String, Vec<u8>>,
    slots: HashMap<EndpointName, Slot>,
    /// How many of the free slots are taken, from the end.
    taken: usize,
}

/// Why a plan was not added to a draft.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDrafted {
    #[error(transparent)]
    GenerationsExhausted(#[from] GenerationsExhausted),
    #[error(transparent)]
    Encoding(#[from] postcard::Error),
}

impl Draft {
    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty() && self.blocks.is_empty() && self.notes.is_empty()
    }
}

impl Durable {
    /// The content of a database: its layers, and its blocks in the order of their numbers.
    pub(crate) fn new(
        layers: BTreeMap<Generation, Layer>,
        blocks: Vec<Block>,
        notes: BTreeMap<String, Vec<u8>>,
    ) -> Self {
        let mut this = Self {
            layers,
            notes,
            ..Self::default()
        };
        for (number, block) in (0..).zip(blocks) {
            for (at, name) in block.names.iter().enumerate() {
                let slot = Slot { block: number, at };
                match name {
                    Some(name) => drop(this.slots.insert(name.clone(), slot)),
                    None => this.free.push(slot),
                }
            }
            this.blocks.push(block);
        }
        this
    }

    /// Drafts a publish.
    pub(crate) fn publish(
        &self,
        draft: &mut Draft,
        plan: Arc<Plan>,
    ) -> Result<Generation, NotDrafted> {
        let newest = self.newest(draft);
        let generation = match newest {
            Some((newest, _)) => newest.next()?,
            None => Generation::FIRST,
        };
        let older = newest.and_then(|(_, layer)| Some((layer.row, layer.plan.as_ref()?)));
        let changes: Vec<Changed<'_>> = match older {
            Some((_, older)) => plan.changes_since(older).collect(),
            None => whole(&plan),
        };
        let added = changes.iter().filter(|(_, records)| records.is_some());
        let added: Vec<_> = added.map(|(name, _)| (*name).clone()).collect();
        let (row, parts) = layer(generation, older.map(|(row, _)| row), &changes, &plan)?;
        for name in added {
            self.add(draft, name, generation);
        }
        let plan = Some(plan);
        draft
            .layers
            .insert(generation, (Layer { row, plan }, parts));
        Ok(generation)
    }

    /// Drafts the latest plan again, as this generation, which must be above all that are there.
    /// `None` if there is no plan.
    pub(crate) fn publish_again(
        &self,
        draft: &mut Draft,
        generation: Generation,
    ) -> Result<Option<Arc<Plan>>, postcard::Error> {
        let latest = self.layers.values().next_back();
        let Some(plan) = latest.and_then(|layer| layer.plan.clone()) else {
            return Ok(None);
        };
        let (row, parts) = layer(generation, None, &[], &plan)?;
        let copy = Layer {
            row,
            plan: Some(Arc::clone(&plan)),
        };
        draft.layers.insert(generation, (copy, parts));
        Ok(Some(plan))
    }

    /// The newest layer, drafted or not.
    fn newest<'a>(&'a self, draft: &'a Draft) -> Option<(Generation, &'a Layer)> {
        let drafted = draft.layers.last_key_value();
        let drafted = drafted.map(|(&generation, (layer, _))| (generation, layer));
        let durable = self.layers.last_key_value();
        drafted.or_else(|| durable.map(|(&generation, layer)| (generation, layer)))
    }

    /// Drafts a step at an endpoint. Does nothing if the step is refused.
    pub(crate) fn step(&self, draft: &mut Draft, endpoint: &EndpointName, step: Step) {
        let Some(slot) = self.slot(draft, endpoint) else {
            return; // Forgotten, or never there.
        };
        let seen = draft.blocks.get(&slot.block);
        let seen = seen.or_else(|| self.block(slot.block));
        let seen = seen.and_then(|block| block.states.get(slot.at)).copied();
        if let Some(Ok(next)) = seen.map(|known| known.after(step)) {
            let block = self.drafted(draft, slot.block);
            if let Some(state) = block.states.get_mut(slot.at) {
                *state = next;
            }
        }
    }

    /// Takes in a draft that is in the database now.
    pub(crate) fn absorb(&mut self, draft: Draft) {
        let layers = draft.layers.into_iter();
        self.layers.extend(layers.map(|(g, (layer, _))| (g, layer)));
        for (number, block) in draft.blocks {
            match self.blocks.get_mut(number as usize) {
                Some(place) => *place = block,
                None => self.blocks.push(block), // In the order of their numbers.
            }
        }
        self.notes.extend(draft.notes);
        self.slots.extend(draft.slots);
        self.free.truncate(self.free.len() - draft.taken);
    }

    /// Takes a plan out of the store. Returns the generations whose rows change.
    pub(crate) fn delete(&mut self, plan: Generation) -> Vec<Generation> {
        let Some(layer) = self.layers.get_mut(&plan) else {
            return Vec::new();
        };
        layer.plan = None;
        layer.row.is_plan = false;
        let mut changed = vec![plan];
        // A layer is needed if the next plan in the store is built on it.
        let mut base_of_next = None;
        let mut needed = |generation: Generation, layer: &Layer| {
            if layer.row.is_plan {
                base_of_next = Some(layer.row.base);
            }
            base_of_next.is_some_and(|base| base <= generation)
        };
        let layers = self.layers.iter().rev();
        let left_over = layers.filter(|&(&generation, layer)| !needed(generation, layer));
        let left_over: Vec<_> = left_over.map(|(&generation, _)| generation).collect();
        for generation in left_over {
            self.layers.remove(&generation);
            changed.push(generation);
        }
        changed
    }

    /// Forgets the endpoints where nothing is active, that have no rollback target, and that
    /// `is_known` does not know any more. Returns the blocks whose rows change.
    pub(crate) fn forget(&mut self, is_known: impl Fn(&EndpointName) -> bool) -> Vec<u32> {
        let mut changed = Vec::new();
        for (number, block) in (0..).zip(&mut self.blocks) {
            let mut forgotten = Vec::new();
            for (at, known) in block.states.iter().enumerate() {
                let (standing, rollback) = (known.state.standing, known.state.rollback);
                let is_idle = !matches!(standing, Standing::Active(_)) && rollback.is_none();
                if is_idle
                    && let Some(Some(name)) = block.names.get(at)
                    && !is_known(name)
                {
                    forgotten.push((at, name.clone()));
                }
            }
            if forgotten.is_empty() {
                continue;
            }
            changed.push(number);
            for (at, name) in forgotten {
                self.slots.remove(&name);
                self.free.push(Slot { block: number, at });
                if let Some(place) = Arc::make_mut(&mut block.names).get_mut(at) {
                    *place = None;
                }
            }
        }
        changed
    }

    pub(crate) fn block(&self, number: u32) -> Option<&Block> {
        self.blocks.get(number as usize)
    }

    fn slot(&self, draft: &Draft, endpoint: &EndpointName) -> Option<Slot> {
        let drafted = draft.slots.get(endpoint);
        drafted.or_else(|| self.slots.get(endpoint)).copied()
    }

    /// Drafts a new endpoint, unless it is known.
    fn add(&self, draft: &mut Draft, name: EndpointName, since: Generation) {
        if self.slot(draft, &name).is_some() {
            return;
        }
        let known = Known::added_by(since);
        let free = self.free.iter().rev().nth(draft.taken).copied();
        let slot = free.unwrap_or_else(|| self.next_slot(draft));
        draft.taken += usize::from(free.is_some());
        self.drafted(draft, slot.block)
            .put(slot.at, name.clone(), known);
        draft.renamed.insert(slot.block);
        draft.slots.insert(name, slot);
    }

    /// The slot after the last one.
    fn next_slot(&self, draft: &Draft) -> Slot {
        let drafted = draft.blocks.last_key_value();
        let blocks = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        let last = drafted.map_or(0, |(&number, _)| number + 1).max(blocks);
        let last = last.saturating_sub(1);
        let block = draft.blocks.get(&last).or_else(|| self.block(last));
        match block.map_or(0, |block| block.states.len()) {
            SLOTS => Slot {
                block: last + 1,
                at: 0,
            },
            at => Slot { block: last, at },
        }
    }

    /// The block in the draft, copied or begun there if it is new to the draft.
    fn drafted<'d>(&self, draft: &'d mut Draft, number: u32) -> &'d mut Block {
        let block = || self.block(number).cloned().unwrap_or_default();
        draft.blocks.entry(number).or_insert_with(block)
    }
}

/// An endpoint with its new records, if it has any.
type Changed<'a> = (&'a EndpointName, Option<&'a Arc<RecordSet>>);

/// All of a plan, as changes.
fn whole(plan: &Plan) -> Vec<Changed<'_>> {
    let endpoints = plan.endpoints();
    endpoints
        .map(|(name, records)| (name, Some(records)))
        .collect()
}

/// The row of a plan's layer, and its parts: the changes since the layer before it, or all of the
/// plan if the changes since the last whole plan would be larger than that plan.
fn layer(
    generation: Generation,
    previous: Option<LayerRow>,
    changes: &[Changed<'_>],
    plan: &Plan,
) -> Result<(LayerRow, Vec<Vec<u8>>), postcard::Error> {
    let size = |parts: &[Vec<u8>]| parts.iter().map(|part| part.len() as u64).sum::<u64>();
    let count = |parts: &[Vec<u8>]| u32::try_from(parts.len()).unwrap_or(u32::MAX);
    let encode = |changes: &[Changed<'_>]| {
        let changes = changes.iter();
        encode_changes(changes.map(|&(name, records)| (name, records.map(|records| &**records))))
    };
    if let Some(row) = previous {
        let parts = encode(changes)?;
        let row = LayerRow {
            changes: row.changes + size(&parts) + LAYER_COST,
            parts: count(&parts),
            is_plan: true,
            ..row
        };
        if row.changes <= row.whole {
            return Ok((row, parts));
        }
    }
    let parts = encode(&whole(plan))?;
    let row = LayerRow {
        base: generation,
        whole: size(&parts),
        changes: 0,
        parts: count(&parts),
        is_plan: true,
    };
    Ok((row, parts))
}

#[cfg(test)]
mod tests {
    use plan_store::Target;

    use super::*;

    /// Each plan is built on the one before it, which is deleted soon.
    #[test]
    fn layers_that_no_plan_needs_go() {
        let name = |at: u8| -> EndpointName { format!("e{at}.example").parse().unwrap() };
        let records = |last| {
            let target = Target::new([192, 0, 2, last].into(), 1);
            RecordSet::new(60, [target]).unwrap()
        };
        let mut plan = Plan::new((0..50).map(|at| (name(at), records(at)))).unwrap();
        let mut durable = Durable::default();
        let mut most = 0;
        for number in 1..=200 {
            let mut draft = Draft::default();
            let published = durable.publish(&mut draft, Arc::new(plan.clone()));
            let newest = published.unwrap();
            durable.absorb(draft);
            if let Some(before) = Generation::new(newest.get() - 1) {
                assert!(durable.delete(before).contains(&before));
            }
            most = most.max(durable.layers.len());
            plan = plan
                .changed([(name(number % 50), Some(records(number)))])
                .unwrap();
        }
        assert!(most > 1, "no plan was built on another one");
        assert!(most < 100, "{most} layers");
    }
}
