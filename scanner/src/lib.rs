//! Finds the turns of a Codex trace database that ran at the priority service tier, and remembers enough to answer
//! the next time without reading the database again.
//!
//! **Bytes, fact, set of facts, turns.** `parse` reads one row; [`Scanner`] streams the rows of one snapshot through it;
//! the facts form a memo with a cursor; named checks decide whether a memo may be trusted; a pure fold over the facts
//! gives the turns. Full and incremental scans share everything but where the set of facts comes from, so that they
//! give the same answer. [`published`] is the query as it was published, the baseline.
//!
//! ```no_run
//! use tracerig_scanner::{MemoPlace, Options, Request, Scanner};
//!
//! let memo = MemoPlace::File("cache/trace.memo".into());
//! let scanner = Scanner::new("logs_2.sqlite", Options { memo, ..Options::default() });
//! for (id, turn) in scanner.scan(&Request::default())?.turns {
//!     println!("{id} {:?} {}", turn.model, turn.timestamp);
//! }
//! # Ok::<(), tracerig_scanner::ScanError>(())
//! ```
//!
//! A scan opens the database read-only. In WAL mode SQLite may leave a `-shm` (and an empty `-wal`) beside it, as any
//! reader does.

mod advance;
mod answer;
mod artifact;
mod checks;
mod control;
mod error;
mod facts;
mod full;
mod identity;
mod memo;
mod parse;
mod path;
mod persist;
mod producer;
pub mod published;
mod rows;
mod scan;
mod scanner;
mod schema;
mod signature;
mod snapshot;
mod turns;
mod work;

pub use answer::{Mode, Phases, Reason, Scan, Stats, Turn, Turns, Window};
pub use checks::Check;
pub use control::{Point, Probe, Progress};
pub use error::ScanError;
pub use identity::{FileSystemIdentity, Identity, IdentitySource};
pub use scanner::{BUSY_TIMEOUT, MemoPlace, Options, Request, Running, Scanner};
