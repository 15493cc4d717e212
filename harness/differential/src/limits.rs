//! The limits of numbers in histories, and of searches.

use std::time::Duration;

/// The largest file of a history, in bytes.
pub const LARGEST_HISTORY: u64 = 16 << 20;

/// Random cases of a search.
pub const MOST_CASES: u64 = 1_000_000_000_000;

/// Operations of a random case.
pub const MOST_OPERATIONS: u64 = 100_000;

/// Digits of a number in a history: sums of a few of them stay far within 64 bits.
pub const MOST_DIGITS: usize = 12;

/// Connections of a scan in a history. Each is a thread.
pub const MOST_CONNECTIONS: usize = 64;

/// How often a history is tried.
pub const MOST_TRIES: u32 = 10_000;

/// The time of a search: a year.
pub const MOST_TIME: Duration = Duration::from_secs(366 * 86_400);
