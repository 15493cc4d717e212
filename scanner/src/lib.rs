//! Finds the priority turns of a Codex trace database, in full or from a memo that cannot lie.
//!
#![doc = include_str!("../README.md")]

mod ablation;
mod advance;
mod anchors;
mod answer;
pub mod archive;
mod artifact;
mod checks;
mod control;
mod coverage;
mod error;
mod facts;
mod full;
mod guard;
mod identity;
mod kept;
mod memo;
mod memory;
mod parse;
#[doc(hidden)]
pub mod parts;
mod path;
mod persist;
mod producer;
mod proof;
mod reads;
mod regular;
mod rows;
mod scan;
mod scanner;
mod schema;
mod signature;
mod snapshot;
mod stop;
mod tail;
mod turns;
mod whole;
mod work;

#[cfg(feature = "ablations")]
#[doc(hidden)]
pub use ablation::{Ablation, Ablations};
pub use answer::{Mode, Phases, Reason, Scan, Stats, Turn, Turns, Window};
pub use checks::Check;
pub use control::{Point, Probe, Progress};
pub use error::ScanError;
pub use identity::{FileSystemIdentity, Identity, IdentitySource};
pub use memory::{count_no_memory, counts_memory};
pub use reads::read_by_system_call;
pub use scanner::{BUSY_TIMEOUT, MemoPlace, Options, Request, Running, Scanner};
pub use stop::stop_when;
