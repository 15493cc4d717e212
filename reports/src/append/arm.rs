//! What the figures of one arm of an append run are.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Comparison;
use crate::record::Histogram;
use crate::summary::{CandidateSummary, CounterSummary, SampleCounts};
use crate::units::{figures, nanos};

/// The figures of one arm. Only valid samples enter them; the others are counted in `samples`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmSummary {
    /// Its name.
    pub name: String,
    /// What appends.
    pub engine: String,
    /// Why this arm is in the plan.
    pub why: String,
    /// How many samples there are of each state.
    pub samples: SampleCounts,
    /// An append, from its call to its return; in an open loop from the moment it was due. `None`
    /// without a valid sample, as is everything below that needs one.
    pub append: Option<Latencies>,
    /// The same from the moment it really began; in an open loop only.
    pub service: Option<Latencies>,
    /// How far single samples lie apart.
    pub between_samples: Option<Samples>,
    /// A flush from its call to its return; `None` where the arm makes none.
    pub barrier: Option<Latencies>,
    /// How long a row lagged behind its history, one value a projection, from the earliest append
    /// in it; `None` where it is not told, or there are no rows. Where a row is written before the
    /// append returns, this is a part of the append.
    pub staleness: Option<Latencies>,
    /// An append as a multiple of `bare`'s.
    pub of_bare: Option<Comparison>,
    /// Work of an append on average, over all valid samples.
    pub per_append: PerAppend,
    /// Appends a second, from the first measured append to the last.
    #[serde(serialize_with = "figures::option")]
    pub appends_per_second: Option<f64>,
    /// Median time on the processor of a whole process; `None` when a launch does not report it.
    #[serde(rename = "processor_ns", with = "nanos::option")]
    pub processor: Option<Duration>,
    /// Peak memory of a launch, in bytes.
    pub peak_memory_bytes: CounterSummary,
    /// Every counter of a launch, by name.
    pub counters: BTreeMap<String, CounterSummary>,
    /// What only an arm of a candidate has; `None` for one of our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Foreign>,
}

/// The figures of an arm of a candidate of somebody else, beside the latencies that it claims.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Foreign {
    /// Faults, and the time beyond an idle process.
    #[serde(flatten)]
    pub own: CandidateSummary,
    /// Median wall time of a process, measured from outside; `None` where none counts.
    #[serde(rename = "wall_ns", with = "nanos::option")]
    pub wall: Option<Duration>,
    /// Appends of a launch that are timed from outside: those of an arm without latencies.
    pub appends: Option<u64>,
    /// What an append of these takes on average, beyond an idle process.
    pub each_append_ns: Option<i64>,
}

/// A distribution of times, over all valid samples together. Each is exact to three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latencies {
    /// How many times it comes from.
    pub count: u64,
    /// Half of the times are no longer.
    #[serde(rename = "p50_ns", with = "nanos")]
    pub p50: Duration,
    /// 90 % are no longer.
    #[serde(rename = "p90_ns", with = "nanos")]
    pub p90: Duration,
    /// 99 % are no longer.
    #[serde(rename = "p99_ns", with = "nanos")]
    pub p99: Duration,
    /// 99.9 % are no longer.
    #[serde(rename = "p99_9_ns", with = "nanos")]
    pub p99_9: Duration,
    /// The longest.
    #[serde(rename = "max_ns", with = "nanos")]
    pub max: Duration,
    /// The arithmetic mean.
    #[serde(rename = "mean_ns", with = "nanos")]
    pub mean: Duration,
}

impl Latencies {
    /// Those of `histogram`; `None` when it has no times.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Option<Latencies> {
        (!histogram.is_empty()).then(|| Latencies {
            count: histogram.count(),
            p50: histogram.quantile(0.5),
            p90: histogram.quantile(0.9),
            p99: histogram.quantile(0.99),
            p99_9: histogram.quantile(0.999),
            max: histogram.max(),
            mean: histogram.mean(),
        })
    }
}

/// How far the figures of single samples of an arm lie apart, where those of all samples together
/// would hide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Samples {
    /// The p50 of an append in single samples.
    pub p50: Spread,
    /// The p99, likewise.
    pub p99: Spread,
}

/// The range of a figure over samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The lowest.
    #[serde(rename = "min_ns", with = "nanos")]
    pub min: Duration,
    /// The middle one.
    #[serde(rename = "median_ns", with = "nanos")]
    pub median: Duration,
    /// The highest.
    #[serde(rename = "max_ns", with = "nanos")]
    pub max: Duration,
}

/// What an append is made of, on average. `None` where a launch does not report the amount.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct PerAppend {
    /// Rows written while the measured appends were made, by their number.
    #[serde(serialize_with = "figures::option")]
    pub projections: Option<f64>,
    /// Transactions on the database, likewise.
    #[serde(serialize_with = "figures::option")]
    pub transactions: Option<f64>,
    /// Times a history was synced to the device: of the whole process, by all lines of its
    /// histories. So are those below, and what warming up and flushes took is in them.
    #[serde(serialize_with = "figures::option")]
    pub history_syncs: Option<f64>,
    /// Write calls.
    #[serde(serialize_with = "figures::option")]
    pub write_calls: Option<f64>,
    /// Bytes of history.
    #[serde(serialize_with = "figures::option")]
    pub history_bytes: Option<f64>,
    /// Bytes passed to write calls, those of the history among them.
    #[serde(serialize_with = "figures::option")]
    pub written_bytes: Option<f64>,
    /// Bytes sent to the device.
    #[serde(serialize_with = "figures::option")]
    pub device_bytes: Option<f64>,
}
