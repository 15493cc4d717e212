//! Whether a candidate keeps a contract: rule by rule, from `hello` to random histories.
//!
//! Every rule is a [`Case`] with a name. Levels follow each other and are reported apart. A level
//! ends after five failures of one kind: a candidate that is wrong everywhere need not be told a
//! hundred times.

mod cases;
mod raw;
mod report;
mod run;
pub mod threads;

pub use cases::{Case, Level, What, cases};
pub use raw::Raw;
pub use report::{Failure, LevelReport, Report, Verdict};
pub use run::{CheckError, Options, check};
