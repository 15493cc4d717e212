//! The limits of numbers on the command line and in plans. `docs/limits.md` has them all in one table.

use std::time::Duration;

use tracerig_datasets::MOST_SCALE;
use tracerig_datasets::limits::{Limit, Range};
pub use tracerig_reports::record::{MOST_APPENDERS, MOST_RATE};

/// Samples of an arm. A record with more could not be read back.
pub const MOST_SAMPLES: u64 = 10_000;

/// Comparisons of a self-check.
pub const MOST_COMPARISONS: u64 = 100_000;

/// Kills of a crash test.
pub const MOST_KILLS: u64 = 10_000_000;

/// Appends of one launch. Their histories are read back and compared.
pub const MOST_APPENDS: u64 = 10_000_000;

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

/// Threads that `--jobs` may ask for: more than any machine has cores, and few enough to be started.
pub const MOST_JOBS: usize = 1024;

/// Threads of a page of `threads list`.
pub const MOST_LISTED: u32 = 100_000;

/// Seconds that `scan` waits for a writer's lock: a day.
pub const MOST_BUSY_SECONDS: u64 = 86_400;

/// Rows or fsyncs that a self-check plants in each launch or append.
pub const MOST_PLANTED: u64 = 1000;

/// The numbers of a plan.
pub const PLAN: &[Limit] = &[
    Limit { key: "compare.pairs", range: Range::Whole(1, MOST_SAMPLES) },
    Limit { key: "compare.margin_percent", range: Range::UpTo(99.0) },
    Limit { key: "compare.budget_percent", range: Range::UpTo(99.0) },
    Limit { key: "run.scale", range: Range::UpTo(MOST_SCALE) },
    Limit { key: "run.samples", range: Range::Whole(1, MOST_SAMPLES) },
    Limit { key: "run.threads", range: Range::Whole(1, MOST_APPENDERS) },
    Limit { key: "run.rate", range: Range::Whole(1, MOST_RATE) },
    Limit { key: "run.appends", range: Range::Whole(1, MOST_APPENDS) },
];
