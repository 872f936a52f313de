//! Reads everything when a store opens.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use plan_store::memory::Contents;
use plan_store::{EndpointName, Generation, InvalidName, InvalidPlan, Plan, RecordSet};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableError};

use crate::durable::{Block, Durable, Layer};
use crate::layout::{
    ABOUT, BadRow, COMMITS_ROW, Change, FORMAT, FORMAT_ROW, LAYERS, LayerRow, NAMES, NOTES, PARTS,
    STATES, decode, decode_changes, decode_states,
};

/// What a database holds.
pub(crate) enum Loaded {
    /// Nothing: it is new.
    Nothing,
    /// Rows of another version of the layout.
    OtherFormat(u64),
    /// The content, and how many commits it took.
    Content(Durable, u64),
}

/// Reads a database.
pub(crate) fn load(database: &Database) -> Result<Loaded, redb::Error> {
    let transaction = database.begin_read()?;
    let about = match transaction.open_table(ABOUT) {
        Ok(about) => about,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Loaded::Nothing),
        Err(error) => return Err(error.into()),
    };
    let number = |row| match about.get(row) {
        Ok(Some(number)) => Ok(number.value()),
        Ok(None) => Err(damaged(BadRow::new("about", format!("`{row}` is missing")))),
        Err(error) => Err(error.into()),
    };
    let format = number(FORMAT_ROW)?;
    if format != FORMAT {
        return Ok(Loaded::OtherFormat(format));
    }
    let commits = number(COMMITS_ROW)?;
    let layers = layers(&transaction)?;
    let blocks = blocks(&transaction, &names_in(&layers))?;
    let durable = Durable::new(layers, blocks, notes(&transaction)?);
    Ok(Loaded::Content(durable, commits))
}

/// What the store in memory begins with.
pub(crate) fn contents(durable: &Durable) -> Contents {
    let layers = durable.layers.iter();
    let plans = layers.filter_map(|(&generation, layer)| Some((generation, layer.plan.clone()?)));
    let blocks = durable.blocks.iter();
    let endpoints = blocks.flat_map(|block| {
        let endpoints = block.names.iter().zip(&block.states);
        endpoints.filter_map(|(name, known)| Some((name.clone()?, *known)))
    });
    Contents {
        plans: plans.collect(),
        endpoints: endpoints.collect(),
    }
}

/// A bad row, as an error of the database.
fn damaged(row: BadRow) -> redb::Error {
    redb::Error::Backend(Box::new(row))
}

/// Reads the layers, and makes the plans that are in the store.
fn layers(transaction: &ReadTransaction) -> Result<BTreeMap<Generation, Layer>, redb::Error> {
    let (rows, parts) = (
        transaction.open_table(LAYERS)?,
        transaction.open_table(PARTS)?,
    );
    let mut layers = BTreeMap::new();
    let mut previous: Option<(Generation, Arc<Plan>)> = None;
    for entry in rows.iter()? {
        let (key, row) = entry?;
        let number = key.value();
        let bad = |reason: String| damaged(BadRow::new("layers", format!("{number}: {reason}")));
        let row: LayerRow = decode("layers", row.value()).map_err(damaged)?;
        let generation = Generation::new(number).ok_or_else(|| bad("no generation".into()))?;
        let mut changes = Vec::new();
        for part in 0..row.parts {
            let part = parts.get((number, part))?;
            let part = part.ok_or_else(|| bad("a part is missing".into()))?;
            decode_changes(part.value(), &mut changes).map_err(damaged)?;
        }
        let older = previous.take();
        let is_whole = row.base == generation;
        if !is_whole && older.as_ref().and_then(|(g, _)| g.next().ok()) != Some(generation) {
            return Err(bad("the layer before it is missing".into()));
        }
        let older = older.map(|(_, plan)| plan);
        let plan = made_of(changes, is_whole, older).map_err(|error| bad(error.to_string()))?;
        let plan = Arc::new(plan);
        previous = Some((generation, Arc::clone(&plan)));
        let plan = row.is_plan.then_some(plan);
        layers.insert(generation, Layer { row, plan });
    }
    Ok(layers)
}

/// The plan that these changes make of the older one, or a whole plan, which shares memory with
/// the older one.
fn made_of(
    changes: Vec<Change>,
    is_whole: bool,
    older: Option<Arc<Plan>>,
) -> Result<Plan, InvalidPlan> {
    match older {
        Some(older) if !is_whole => older.changed(changes),
        older => {
            let named = changes.into_iter();
            let named = named.filter_map(|(name, records)| Some((name, records?)));
            let plan = Plan::new::<RecordSet>(named)?;
            Ok(match older {
                Some(older) => plan.sharing(&older),
                None => plan,
            })
        }
    }
}

/// The names of the newest plan by their text. A block shares them, which takes less time and
/// memory than to make them from the text again.
fn names_in(layers: &BTreeMap<Generation, Layer>) -> HashMap<String, EndpointName> {
    let newest = layers.values().next_back();
    let newest = newest.and_then(|layer| layer.plan.as_ref());
    let names = newest.into_iter().flat_map(|plan| plan.endpoints());
    names
        .map(|(name, _)| (name.as_str().to_owned(), name.clone()))
        .collect()
}

fn blocks(
    transaction: &ReadTransaction,
    known: &HashMap<String, EndpointName>,
) -> Result<Vec<Block>, redb::Error> {
    let (names, states) = (
        transaction.open_table(NAMES)?,
        transaction.open_table(STATES)?,
    );
    let name_of = |text: &str| {
        let name = known.get(text).cloned();
        let name = name.map_or_else(|| text.parse(), Ok);
        name.map_err(|error: InvalidName| damaged(BadRow::new("names", error.to_string())))
    };
    let mut blocks = Vec::new();
    for (expected, entry) in (0..).zip(names.iter()?) {
        let (key, row) = entry?;
        let number = key.value();
        let state = states.get(number)?.filter(|_| number == expected);
        let state = state.ok_or_else(|| {
            damaged(BadRow::new(
                "states",
                format!("{expected}: a row is missing"),
            ))
        })?;
        let names: Vec<Option<&str>> = decode("names", row.value()).map_err(damaged)?;
        let names = names.into_iter().map(|text| text.map(name_of).transpose());
        let names: Vec<_> = names.collect::<Result<_, _>>()?;
        let states = decode_states(state.value(), names.len()).map_err(damaged)?;
        let names = Arc::new(names);
        blocks.push(Block { names, states });
    }
    Ok(blocks)
}

fn notes(transaction: &ReadTransaction) -> Result<BTreeMap<String, Vec<u8>>, redb::Error> {
    let notes = transaction.open_table(NOTES)?;
    let mut read = BTreeMap::new();
    for entry in notes.iter()? {
        let (name, note) = entry?;
        read.insert(name.value().to_owned(), note.value().to_owned());
    }
    Ok(read)
}
