//! The limits of numbers on the command line and in plans. `docs/limits.md` has them all in one
//! table.

use tracerig_datasets::MOST_SCALE;
use tracerig_datasets::limits::{Limit, Range};
pub use tracerig_differential::limits::{MOST_CASES, MOST_OPERATIONS, MOST_TIME};
pub use tracerig_reports::record::{MOST_APPENDERS, MOST_RATE, MOST_WARMUP};

/// Samples of an arm. A record with more could not be read back.
pub const MOST_SAMPLES: u64 = 10_000;

/// Comparisons of a self-check.
pub const MOST_COMPARISONS: u64 = 100_000;

/// Kills of a crash test.
pub const MOST_KILLS: u64 = 10_000_000;

/// Appends of one launch. Their histories are read back and compared.
pub const MOST_APPENDS: u64 = 10_000_000;

/// Threads that `--jobs` may ask for: more than any machine has cores, and few enough to be
/// started.
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
    Limit { key: "run.warmup", range: Range::Whole(1, MOST_WARMUP) },
    Limit { key: "run.limit_ms", range: Range::Whole(1, MOST_TIME.as_secs() * 1000) },
];

/// The largest amount of a counter, and the largest number of TOML.
const LARGEST: u64 = i64::MAX as u64;

/// The numbers of a file of budgets.
pub const BUDGETS: &[Limit] = &[
    Limit { key: "machine.cores", range: Range::Whole(1, 1_000_000) },
    Limit { key: "counter.at-most", range: Range::Whole(0, LARGEST) },
    Limit { key: "ratio.at-most", range: Range::UpTo(1e9) },
    Limit { key: "time.percentile", range: Range::UpTo(100.0) },
];
