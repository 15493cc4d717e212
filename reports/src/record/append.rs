//! What an append run is to do, and what its samples must hold to be believed.

use serde::{Deserialize, Serialize};

use super::{Cache, Plan, Sample};

/// The condition under which every launch of an append run appends. One run has one condition; its
/// arms differ in nothing but when the row is projected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppendPlan {
    /// Threads that append, each to a separate history.
    pub threads: u64,
    /// When an append is acknowledged: `buffered`, when the operating system has the bytes, or
    /// `fsync`, when the device has them.
    pub durability: String,
    /// Whether another process keeps taking the write lock of the database.
    pub contended: bool,
    /// Appends a second over all threads, each begun when it is due whatever became of those before
    /// (open loop). `None`: each thread appends again as soon as the append before has returned
    /// (closed loop).
    pub rate: Option<u64>,
    /// Appends of one launch over all threads, the unmeasured ones included.
    pub appends: u64,
    /// The first appends of each thread, which are made but not measured. So a launch measures
    /// `appends - threads * warmup` appends.
    pub warmup: u64,
}

impl AppendPlan {
    /// When an append counts as done: [`durability`](AppendPlan::durability) of one that the
    /// operating system has.
    pub const BUFFERED: &'static str = "buffered";
    /// The same of one that the device has.
    pub const FSYNC: &'static str = "fsync";

    /// Appends that one launch measures.
    #[must_use]
    pub fn measured(&self) -> u64 {
        self.appends.saturating_sub(self.threads.saturating_mul(self.warmup))
    }

    /// What contradicts itself in the condition, or in the arms of its plan.
    pub(super) fn contradiction(&self, plan: &Plan) -> Option<String> {
        if self.threads == 0 {
            return Some("no thread appends".to_owned());
        }
        if ![AppendPlan::BUFFERED, AppendPlan::FSYNC].contains(&self.durability.as_str()) {
            return Some(format!(
                "the durability {:?} is neither buffered nor fsync",
                self.durability
            ));
        }
        if self.rate == Some(0) {
            return Some("the rate is 0 appends a second".to_owned());
        }
        if self.measured() == 0 {
            return Some(format!(
                "of {} appends on {} threads with {} each to warm up none is measured",
                self.appends, self.threads, self.warmup
            ));
        }
        // Its arms are known by their names alone.
        let other = plan.arms.iter().find(|arm| arm.cache != Cache::Any)?;
        Some(format!("the arm {} of an append run asks for a state of the page cache", other.key()))
    }

    /// What a valid sample of `plan` lacks of the appends that this condition measures. A candidate
    /// of somebody else may time none: it is idle then, or is timed from outside.
    pub(super) fn missing_in(&self, plan: &Plan, sample: &Sample) -> Option<String> {
        let is_foreign =
            plan.arm(&sample.key()).is_some_and(|arm| plan.candidate(&arm.engine).is_some());
        if is_foreign && sample.launches.iter().all(|launch| launch.histograms.is_empty()) {
            return None;
        }
        // In an open loop the time from the real start shows how much of the other was waiting for
        // it.
        let names = [Some(names::APPEND), self.rate.and(Some(names::SERVICE))];
        for (launch, name) in sample
            .launches
            .iter()
            .flat_map(|launch| names.iter().flatten().map(move |name| (launch, *name)))
        {
            let found = launch.histograms.get(name).map_or(0, super::Histogram::count);
            if found != self.measured() {
                return Some(format!(
                    "its histogram `{name}` holds {found} of {} appends",
                    self.measured()
                ));
            }
        }
        None
    }
}

/// Names of the histograms and counters of an append run: the harness writes them, the summary
/// reads them.
pub mod names {
    /// Histogram: an append from its call to its return; in an open loop from the moment it was
    /// due, so that a stall counts for every append that waited for it.
    pub const APPEND: &str = "append";
    /// Histogram: an append of an open loop from the moment it really began.
    pub const SERVICE: &str = "service";
    /// Histogram: a flush from its call to its return.
    pub const BARRIER: &str = "barrier";
    /// Histogram: how long a row lagged behind its history, one value a projection, from the
    /// earliest append in it. Projections of nothing but a touched time, which may wait on purpose,
    /// are not in it.
    pub const STALENESS: &str = "staleness";
    /// Every histogram.
    pub const HISTOGRAMS: [&str; 4] = [APPEND, SERVICE, BARRIER, STALENESS];

    /// Phase: from the first measured append to the last.
    pub const LOAD: &str = "load";

    /// Counter: measured appends, those of the phase [`LOAD`].
    pub const APPENDS: &str = "appends";
    /// Counter: rows written in the phase [`LOAD`], each time it was.
    pub const LOAD_PROJECTIONS: &str = "load_projections";
    /// Counter: transactions on the database in the phase [`LOAD`].
    pub const LOAD_TRANSACTIONS: &str = "load_transactions";
    /// Counter: lines in the histories, one an append; those appended to warm up and for a flush
    /// are among them.
    pub const LINES: &str = "lines";
    /// Counter: bytes of the histories.
    pub const HISTORY_BYTES: &str = "history_bytes";
    /// Counter: times that a history was synced to the device.
    pub const HISTORY_SYNCS: &str = "history_syncs";
    /// Counter: rows written in the whole process, each time it was.
    pub const PROJECTIONS: &str = "projections";
    /// Counter: transactions on the database in the whole process.
    pub const TRANSACTIONS: &str = "transactions";
    /// Counter: projections that failed; their changes came with a later one.
    pub const FAILED_PROJECTIONS: &str = "failed_projections";
    /// Counter: rows at the end, each compared with the replay of its history.
    pub const ROWS: &str = "rows";
    /// Counter: write calls of the process, from the operating system.
    pub const SYSCW: &str = "syscw";
    /// Counter: bytes that the process passed to write calls, likewise.
    pub const WCHAR: &str = "wchar";
    /// Counter: bytes that the process sent to the device, likewise.
    pub const DEVICE_WRITE_BYTES: &str = "device_write_bytes";
}
