//! The rows of the database, and how they are encoded. The [crate's documentation](crate) says
//! what they mean.

use plan_store::memory::Known;
use plan_store::{EndpointName, EndpointState, Generation, RecordSet};
use redb::TableDefinition;
use serde::{Deserialize, Serialize};

/// The version of this layout.
pub(crate) const FORMAT: u64 = 1;

/// Numbers about the whole store: [`FORMAT_ROW`], [`COMMITS_ROW`].
pub(crate) const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
pub(crate) const FORMAT_ROW: &str = "format";
pub(crate) const COMMITS_ROW: &str = "commits";

/// A [`LayerRow`] for each generation whose content is needed.
pub(crate) const LAYERS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("layers");
/// The content of a layer, by its generation and the number of the part: [`Change`]s.
pub(crate) const PARTS: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("parts");
/// The names of a block's endpoints, by the block's number.
pub(crate) const NAMES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("names");
/// The [`Run`]s of a block's states, by the block's number.
pub(crate) const STATES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("states");
/// Notes by name.
pub(crate) const NOTES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("notes");

/// What a row says of a layer.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(crate) struct LayerRow {
    /// The newest layer at or before this one that has a whole plan.
    pub(crate) base: Generation,
    /// How large that whole plan is, in bytes.
    pub(crate) whole: u64,
    /// How large all later layers up to this one are, in bytes, with [`LAYER_COST`] for each.
    pub(crate) changes: u64,
    /// How many parts this layer has.
    pub(crate) parts: u32,
    /// Whether the plan of this generation is in the store, or only a later one needs the layer.
    pub(crate) is_plan: bool,
}

/// What a layer takes beside its parts, in bytes. It bounds the number of small layers.
pub(crate) const LAYER_COST: u64 = 128;

/// An endpoint's records from a layer on, or `None` if the plan does not name the endpoint.
pub(crate) type Change = (EndpointName, Option<RecordSet>);

/// So many endpoints in a row of a block are in the same state.
type Run = (u16, u64, Generation);

/// The size at which a part ends, in bytes. It fits into a page of the database.
const PART: usize = 3_800;

/// A row that cannot be decoded.
#[derive(Debug, thiserror::Error)]
#[error("a row of the table `{table}` cannot be read: {reason}")]
pub(crate) struct BadRow {
    pub(crate) table: &'static str,
    pub(crate) reason: String,
}

impl BadRow {
    pub(crate) fn new(table: &'static str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { table, reason }
    }
}

/// Encodes changes as parts.
pub(crate) fn encode_changes<'a>(
    changes: impl IntoIterator<Item = (&'a EndpointName, Option<&'a RecordSet>)>,
) -> postcard::Result<Vec<Vec<u8>>> {
    let (mut parts, mut part) = (Vec::new(), Vec::new());
    for change in changes {
        part = postcard::to_extend(&change, part)?;
        if part.len() >= PART {
            parts.push(std::mem::take(&mut part));
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    Ok(parts)
}

/// Decodes a part, and adds its changes to `changes`.
pub(crate) fn decode_changes(mut part: &[u8], changes: &mut Vec<Change>) -> Result<(), BadRow> {
    while !part.is_empty() {
        let change = postcard::take_from_bytes(part);
        let (change, rest) = change.map_err(|error| BadRow::new("parts", error.to_string()))?;
        changes.push(change);
        part = rest;
    }
    Ok(())
}

pub(crate) fn encode_states(states: &[Known]) -> postcard::Result<Vec<u8>> {
    let runs = states.chunk_by(|a, b| a == b).map(|run| {
        let length = u16::try_from(run.len()).unwrap_or(u16::MAX);
        (length, run[0].state.to_word(), run[0].since)
    });
    postcard::to_stdvec(&runs.collect::<Vec<Run>>())
}

/// Decodes the states of a block that has so many names.
pub(crate) fn decode_states(row: &[u8], names: usize) -> Result<Vec<Known>, BadRow> {
    let runs = postcard::from_bytes::<Vec<Run>>(row);
    let runs = runs.map_err(|error| BadRow::new("states", error.to_string()))?;
    let mut states = Vec::with_capacity(names);
    for (length, word, since) in runs {
        let state = EndpointState::from_word(word);
        let length = states.len() + usize::from(length);
        if length > names {
            break;
        }
        states.resize(length, Known { state, since });
    }
    if states.len() == names {
        Ok(states)
    } else {
        Err(BadRow::new("states", "it has another length than `names`"))
    }
}

pub(crate) fn decode<'a, T: Deserialize<'a>>(
    table: &'static str,
    row: &'a [u8],
) -> Result<T, BadRow> {
    postcard::from_bytes(row).map_err(|error| BadRow::new(table, error.to_string()))
}

#[cfg(test)]
mod tests {
    use plan_store::{Rrset, StaticRecords, Target};

    use super::*;

    /// Rows in files of this format have these bytes. If this test fails, raise [`FORMAT`], and
    /// say what becomes of older files.
    #[test]
    fn the_rows_of_this_format_have_these_bytes() {
        let name: EndpointName = "a.example".parse().unwrap();
        let targets = ["192.0.2.1", "2001:db8::1"];
        let targets = targets.map(|address| Target::new(address.parse().unwrap(), 7));
        let text = Rrset::new(16, 300, [b"\x01x".to_vec()]).unwrap();
        let records = RecordSet::new(60, targets).unwrap();
        let records = records
            .with_static_records(StaticRecords::new([text]).unwrap())
            .unwrap();
        let changes = [(&name, Some(&records)), (&name, None)];
        let parts = encode_changes(changes).unwrap();
        let expected = "09612e6578616d706c65013c0200c00002010701\
                        20010db800000000000000000000000107\
                        0110ac020102017809612e6578616d706c6500";
        assert_eq!(
            parts.iter().map(|part| hex(part)).collect::<Vec<_>>(),
            [expected]
        );
        let mut decoded = Vec::new();
        decode_changes(&parts[0], &mut decoded).unwrap();
        assert_eq!(
            decoded,
            [(name.clone(), Some(records)), (name.clone(), None)]
        );

        let (one, two) = (Generation::FIRST, Generation::FIRST.next().unwrap());
        let state = EndpointState::from_word(2 << 32 | 1);
        let states = [
            Known { state, since: one },
            Known::added_by(two),
            Known::added_by(two),
        ];
        let row = encode_states(&states).unwrap();
        assert_eq!(hex(&row), "0201818080802001020002");
        assert_eq!(decode_states(&row, 3).unwrap(), states);
        assert!(decode_states(&row, 2).is_err() && decode_states(&row, 4).is_err());

        let row = LayerRow {
            base: one,
            whole: 300,
            changes: 5,
            parts: 1,
            is_plan: true,
        };
        assert_eq!(hex(&postcard::to_stdvec(&row).unwrap()), "01ac02050101");
        let names = vec![Some(name), None];
        let row = postcard::to_stdvec(&names).unwrap();
        assert_eq!(hex(&row), "020109612e6578616d706c6500");
    }

    fn hex(bytes: &[u8]) -> String {
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<Vec<_>>().concat()
    }
}
