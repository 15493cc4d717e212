//! Histories of a session archive: sequences of operations on its files, its memo and the clock,
//! everything compared at each refresh.
//!
//! A [`Case`] is a list of operations in a readable text form
//! ([`Case::from_str`](std::str::FromStr)), made at random ([`generate`]) or by hand. [`run`]
//! executes it on real files. What the system says of when files were changed is replaced by what
//! the history's own clock says, so that nothing depends on how long anything takes; in some
//! histories it is (`dates system`). At each refresh
//!
//! - the answer is that of a full rescan without a memo, and of two
//!   [oracles](tracerig_oracle::archive) that share no code with the scanner, one of them in
//!   Python; what is stale is left out of all;
//! - it did the work that a model predicts: files unchanged are not read, those that grew are read
//!   from where they were read before, and only shards that changed are written;
//! - whatever is wrong with the memo is said, and nobody else may read it.

mod answer;
mod arguments;
mod dates;
mod foreign;
mod generate;
mod line;
mod line_text;
mod memo;
mod model;
mod op;
mod run;
mod shrink;
mod subject;
mod text;
mod world;

pub use answer::{Answer, agree};
pub use arguments::{Fork, MemoOp, Mode, Place, Target};
pub use foreign::{CandidateArchive, run_foreign};
pub use generate::generate;
pub use line::{Count, Form, LineSpec, Meta, Plain, Response, Says, Tier};
pub use op::{Case, Dates, Op};
pub use run::{Setup, run};
pub use subject::Archives;

use crate::child::Fault;
use crate::failure::Why;

/// In which way a refresh went wrong, or who else did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// The answer.
    Usage,
    /// The answer of the full rescan.
    FullRescan,
    /// The answer of the oracle of this program.
    RustOracle,
    /// The answer of the oracle in Python.
    PythonOracle,
    /// Other work than there was to do.
    Work,
    /// The memo, or what was said of it.
    Memo,
    /// An error where there should be none, or the reverse.
    Outcome,
}

impl Wrong {
    /// Every way to go wrong.
    pub const ALL: [Self; 7] = [
        Self::Usage,
        Self::FullRescan,
        Self::RustOracle,
        Self::PythonOracle,
        Self::Work,
        Self::Memo,
        Self::Outcome,
    ];

    /// Its name in reports and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::FullRescan => "full-rescan",
            Self::RustOracle => "rust-oracle",
            Self::PythonOracle => "python-oracle",
            Self::Work => "work",
            Self::Memo => "memo",
            Self::Outcome => "outcome",
        }
    }
}

/// Why a history failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A refresh went wrong.
    #[error("{}: {detail}. Replay the history with its file", wrong.name())]
    Wrong {
        /// In which way.
        wrong: Wrong,
        /// What was found and what was expected.
        detail: String,
    },
    /// A refresh ended in a panic.
    #[error(
        "a panic: {0}. What it says stands on standard error; replay the history with its file"
    )]
    Panicked(String),
    /// The oracle in Python gave no answer.
    #[error("the Python oracle {0}. Replay the history with its file")]
    Python(Fault),
    /// It says why it has none.
    #[error("the Python oracle has no answer: {0}. Replay the history with its file")]
    PythonRefused(String),
    /// A file could not be handled.
    #[error("a file of the history: {0}. Check the room on the disk that holds temporary files")]
    Io(#[from] std::io::Error),
}

impl Why for Error {
    fn kind(&self) -> &'static str {
        match self {
            Self::Wrong { wrong, .. } => wrong.name(),
            Self::Panicked(_) => "panic",
            Self::Python(fault) => fault.name_of_oracle(),
            Self::PythonRefused(_) => "oracle-refused",
            Self::Io(_) => "file",
        }
    }

    fn is_mismatch(&self) -> bool {
        matches!(self, Self::Wrong { .. } | Self::Panicked(_))
    }

    fn is_of_the_place(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

/// Where a history failed, and why.
pub type Failure = crate::failure::Failure<Error>;
