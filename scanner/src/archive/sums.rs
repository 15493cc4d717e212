//! What the files of a shard have in common.

use serde::{Deserialize, Serialize};

use super::priority::OpenTurns;
use super::total::{self, Total};

/// What the files of a shard have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) models: Vec<String>,
    #[serde(with = "total::fixed")]
    pub(crate) totals: Vec<Total>,
    /// Turns that are known and whose tier is not.
    #[serde(skip)]
    pub(crate) open_turns: OpenTurns,
    /// What is counted of every file, be it a copy or not.
    pub(crate) found: Found,
}

/// What there is to tell of files beside what was used in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Lines of unknown kinds, and broken ones.
    pub(crate) unknown: u64,
    pub(crate) broken: u64,
    /// Files of 2025, and those whose result rests on the time of their lines.
    pub(crate) untyped: u64,
    pub(crate) inferred: u64,
}

impl Found {
    /// Whether there is something to tell file by file.
    pub(crate) fn is_told(&self) -> bool {
        self.broken > 0 || self.untyped > 0 || self.inferred > 0
    }
}
