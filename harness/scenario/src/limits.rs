//! The limits of requests. `docs/limits.md` has them in one table with all others.

/// Lines that one load of a worker may have: those that warm up and those before a flush included.
pub const MOST_LINES_OF_A_LOAD: u64 = 1 << 26;

/// Bytes of the appends of one request to a candidate.
pub const MOST_REQUEST_BYTES: usize = 8 << 20;
