//! The JSON a scan is reported in: what `tracerig scan --format json` prints and what a worker
//! answers.

use serde::{Deserialize, Serialize};
use tracerig_scanner::{Scan, Turns};

/// A scan's answer and its account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// Turn id to turn.
    pub turns: Turns,
    /// How they were found.
    pub scan: Account,
}

/// What a scan did; see [`tracerig_scanner::Stats`] for the meaning of each field.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented where the figures come from")]
pub struct Account {
    pub mode: String,
    pub reason: String,
    pub rows_examined: u64,
    pub rows_checked: u64,
    pub facts: u64,
    pub completions: u64,
    pub unrecognised: u64,
    pub cursor: i64,
    pub db_bytes: u64,
    pub artifact_bytes: u64,
    pub elapsed_us: Elapsed,
}

/// Where the time of a scan went, in microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented at tracerig_scanner::Phases")]
pub struct Elapsed {
    pub load: u64,
    pub open: u64,
    pub check: u64,
    pub scan: u64,
    pub persist: u64,
}

impl From<Scan> for Document {
    fn from(scan: Scan) -> Self {
        let stats = scan.stats;
        let micros =
            |elapsed: std::time::Duration| u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let elapsed = stats.elapsed;
        Self {
            turns: scan.turns,
            scan: Account {
                mode: stats.mode.to_string(),
                reason: stats.reason.to_string(),
                rows_examined: stats.rows_examined,
                rows_checked: stats.rows_checked,
                facts: stats.facts,
                completions: stats.completions,
                unrecognised: stats.unrecognised,
                cursor: stats.cursor,
                db_bytes: stats.db_bytes,
                artifact_bytes: stats.artifact_bytes,
                elapsed_us: Elapsed {
                    load: micros(elapsed.load),
                    open: micros(elapsed.open),
                    check: micros(elapsed.check),
                    scan: micros(elapsed.scan),
                    persist: micros(elapsed.persist),
                },
            },
        }
    }
}
