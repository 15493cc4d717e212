//! Single parts of a scan, for benchmarks. Nothing here is a stable interface.

use crate::parse::{self, Parsed};

/// Where the first marker in `body` stands: the offsets of its first byte and of the byte behind it.
#[must_use]
pub fn first_marker(body: &[u8]) -> Option<(usize, usize)> {
    parse::first_marker(body).map(|marked| (marked.start, marked.end))
}

/// Whether a row of this body and target is a fact. A row without a marker is none.
#[must_use]
pub fn is_fact(body: &[u8], target: &[u8]) -> bool {
    parse::first_marker(body)
        .is_some_and(|marked| matches!(parse::parse(body, marked, Some(target)), Parsed::Fact(_)))
}
