//! Mistakes: all that are found in a fleet file, for a report in the order of the file.
//!
//! # Rules
//! 1. The reader of a value notes a mistake with its place, and reading goes on without the
//!    value.
//! 2. A comparison with a value that was refused is not made, so that no mistake is noted
//!    that is only the consequence of another one.
//! 3. A file that is not TOML says nothing reliable. So then only the mistakes in the syntax
//!    are reported.

use std::cell::{Cell, RefCell};

/// The mistakes that have been found so far.
#[derive(Default)]
pub(super) struct Mistakes {
    found: RefCell<Vec<Found>>,
    syntax: RefCell<Vec<Found>>,
    count: Cell<usize>,
}

/// A mistake, and the byte of the file at which it is.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) at: usize,
    pub(super) message: String,
}

impl Mistakes {
    /// Most mistakes that are kept. Of the others only the number is known.
    pub(super) const MAX: usize = 1000;

    pub(super) fn add(&self, at: usize, message: impl Into<String>) {
        self.count.set(self.count.get() + 1);
        let mut found = self.found.borrow_mut();
        if found.len() < Self::MAX {
            let message = message.into();
            found.push(Found { at, message });
        }
    }

    /// Adds a mistake in the syntax.
    pub(super) fn add_syntax(&self, at: usize, message: String) {
        self.count.set(self.count.get() + 1);
        let mut syntax = self.syntax.borrow_mut();
        if syntax.len() < Self::MAX {
            syntax.push(Found { at, message });
        }
    }

    /// How many have been found.
    pub(super) fn count(&self) -> usize {
        self.count.get()
    }

    /// What is to be reported, in the order of the file, and how many mistakes there are
    /// beside these.
    pub(super) fn into_report(self) -> (Vec<Found>, usize) {
        let (mut found, syntax) = (self.found.into_inner(), self.syntax.into_inner());
        let mut more = self.count.get() - found.len() - syntax.len();
        if !syntax.is_empty() {
            (found, more) = (syntax, 0);
        }
        found.sort_by_key(|found| found.at);
        (found, more)
    }
}
