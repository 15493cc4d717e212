//! Records of runs, the statistics over them, and the renderers that make them readable.
//!
//! A run hands over one [`Record`]: everything that was planned, the machine, and every raw sample. All else in this
//! crate is computed from a record and can be computed again: [`Summary`] holds the figures, [`terminal`],
//! [`markdown`] and [`json`] show them, [`hdr`] writes the latencies as an HdrHistogram interval log.
//!
//! ```no_run
//! use std::path::Path;
//! use tracerig_reports::{Record, Summary, hdr, markdown, terminal, write_whole};
//!
//! # fn main() -> tracerig_reports::Result<()> {
//! let record = Record::read(Path::new("run/record.json"))?;
//! let summary = Summary::of(&record);
//! print!("{}", terminal::table(&record, &summary));
//! write_whole(Path::new("run/report.md"), markdown::report(&record, &summary).as_bytes())?;
//! hdr::write(&record, Path::new("run/latencies.hlog"))?;
//! # Ok(())
//! # }
//! ```
//!
//! The crate knows nothing of databases and processes. Arms, phases and counters are names to it, so a scenario it
//! has never heard of renders as well as the ones it was written for.

pub mod append;
mod base64;
mod bootstrap;
mod error;
mod files;
#[cfg(test)]
mod fixture;
pub mod hdr;
pub mod json;
pub mod ladder;
mod layout;
mod limits;
pub mod markdown;
mod page;
pub mod record;
mod remarks;
pub mod render;
pub mod stats;
pub mod summary;
mod tables;
pub mod terminal;
pub mod units;
mod words;

pub use error::{Error, Result};
pub use files::write_whole;
pub use ladder::Ladder;
pub use record::Record;
pub use summary::Summary;
pub use units::ByteSize;
