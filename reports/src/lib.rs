//! Records of runs, the statistics over them, and renderers.
//!
//! A run produces one [`Record`]: everything that was planned, the machine, and every raw sample.
//! Everything else in this crate is computed from a record and can be computed again. [`render`]
//! shows any record in the way of its scenario. [`hdr`] writes the latencies as an HdrHistogram
//! interval log.
//!
//! ```no_run
//! use std::path::Path;
//! use tracerig_reports::{Record, hdr, render, write_whole};
//!
//! # fn main() -> tracerig_reports::Result<()> {
//! let record = Record::read(Path::new("run/record.json"))?;
//! print!("{}", render::terminal(&record));
//! write_whole(Path::new("run/report.md"), render::markdown(&record).as_bytes())?;
//! hdr::write(&record, Path::new("run/latencies.hdr"))?;
//! # Ok(())
//! # }
//! ```
//!
//! [`verdict`] judges two programs by their samples, and [`comparison`] shows the result. [`html`]
//! makes one page of any records. [`budgets`] judges figures by what they may be at most.
//! [`export`] writes figures for other services.
//!
//! The crate knows nothing about databases and processes. Arms, phases and counters are names to
//! it, so a scenario it does not know still renders.

pub mod append;
mod bootstrap;
pub mod budgets;
mod command;
pub mod comparison;
mod document;
mod error;
pub mod export;
mod files;
#[cfg(test)]
mod fixture;
pub mod foreign;
pub mod hdr;
pub mod history;
pub mod html;
pub mod json;
pub mod ladder;
mod layout;
mod limits;
pub mod markdown;
#[cfg(test)]
mod nasty_test;
mod page;
pub mod profile;
mod reading;
pub mod record;
mod refresh;
pub mod release;
mod remarks;
pub mod render;
#[cfg(test)]
mod schema;
pub mod stats;
pub mod summary;
mod tables;
pub mod terminal;
pub mod units;
pub mod verdict;
mod words;

pub use comparison::Comparison;
pub use document::Document;
pub use error::{Error, Result};
pub use files::{check_writable, write_new, write_whole};
pub use ladder::Ladder;
pub use layout::wrapped;
pub use reading::{LARGEST_DOCUMENT, read_text, read_whole};
pub use record::Record;
pub use summary::Summary;
pub use units::ByteSize;
