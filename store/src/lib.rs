//! The write side of a trace store: the trace log, and [`threads`] with their histories and rows.
//!
//! The crate writes databases like the Codex CLI's `logs_2.sqlite`: the same table and indexes,
//! batches inserted and pruned in one transaction, and a bounded queue that drops a row rather than
//! delay its caller. It knows nothing about programs that read such databases.
//!
//! ```
//! use tracerig_store::{Body, LogRow, TraceLog};
//!
//! # let folder = tempfile::tempdir()?;
//! let mut log = TraceLog::open(folder.path().join("logs_2.sqlite"))?;
//! let body = Body::Text(b"hello");
//! let row = LogRow { ts: 1_780_000_000, target: "log", body, ..LogRow::default() };
//! let outcome = log.insert_batch(&[row])?;
//! assert_eq!((outcome.first_id, outcome.inserted, outcome.pruned), (1, 1, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
pub mod files;
mod ledger;
mod log;
mod maintenance;
mod retention;
mod row;
pub mod schema;
mod sink;
pub mod stop;
pub mod threads;

pub use error::{Error, Result};
pub use log::{BatchOutcome, Durability, LogOptions, TraceLog};
pub use maintenance::{CheckpointOutcome, MAX_AGE_DAYS, StartupOutcome};
pub use retention::{Pruning, Retention};
pub use row::{Body, LogRow, OwnedBody, OwnedRow};
pub use sink::{Interval, LogSink, SinkOptions, SinkStatistics};
pub use stop::stop_when;
