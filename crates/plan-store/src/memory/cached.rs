//! An endpoint's cell, with what it resolved to: what [`Reader`](super::Reader) and
//! [`Follower`](super::Follower) are made of.
//!
//! # Rule
//! A resolution belongs to the word it was made from, and is returned only while the
//! cell still holds that word. Words never return (`cell.rs`, rule 1), so equal means
//! unchanged.

use std::sync::Arc;

use super::cell::Cell;
use super::shared::Shared;
use crate::primitives::Primitives;
use crate::{EndpointState, Generation, Key, Resolution, Value};

pub(super) struct Cached<K: Key, V: Value, P: Primitives> {
    cell: Arc<Cell<K, P>>,
    /// The cell's word when it was resolved.
    word: u64,
    resolution: Resolution<V>,
    /// `word` if the resolution is an answer, else what no word is.
    answered: u64,
}

/// No state has this word, because one bit of a state's word is always 0.
const NO_WORD: u64 = u64::MAX;

impl<K: Key, V: Value, P: Primitives> Cached<K, V, P> {
    pub(super) fn new(cell: Arc<Cell<K, P>>) -> Self {
        Self {
            cell,
            word: EndpointState::VACANT.to_word(),
            resolution: Resolution::Vacant,
            answered: NO_WORD,
        }
    }

    /// What an endpoint without a cell resolves to.
    pub(super) fn unknown(endpoint: &K) -> Self {
        let of_nobody_else = Arc::new(Cell::vacant(endpoint.clone(), Generation::FIRST));
        Self {
            resolution: Resolution::Unknown,
            ..Self::new(of_nobody_else)
        }
    }

    pub(super) fn endpoint(&self) -> &K {
        self.cell.endpoint()
    }

    pub(super) fn is_of(&self, cell: &Arc<Cell<K, P>>) -> bool {
        Arc::ptr_eq(&self.cell, cell)
    }

    /// What it resolved to last.
    pub(super) fn resolution(&self) -> &Resolution<V> {
        &self.resolution
    }

    /// Whether it resolved to an answer, and still does.
    #[inline]
    pub(super) fn is_current_answer(&self) -> bool {
        self.cell.word() == self.answered
    }

    /// Resolves it anew if its word has changed.
    #[inline]
    pub(super) fn resolve(&mut self, shared: &Shared<K, V, P>) -> &Resolution<V> {
        let word = self.cell.word();
        if word != self.word {
            self.resolve_from(EndpointState::from_word(word), shared);
        }
        &self.resolution
    }

    #[cold]
    fn resolve_from(&mut self, state: EndpointState, shared: &Shared<K, V, P>) {
        let (state, resolution) = shared.answer(&self.cell, state);
        (self.word, self.resolution) = (state.to_word(), resolution);
        let answers = matches!(self.resolution, Resolution::Answer { .. });
        self.answered = if answers { self.word } else { NO_WORD };
    }
}
