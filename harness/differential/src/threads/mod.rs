//! Histories of thread stores: sequences of operations on a store, its threads, its database and
//! the machine below it, everything checked after each.
//!
//! A [`Case`] is a list of operations in a readable text form
//! ([`Case::from_str`](std::str::FromStr)), made at random ([`generate`]) or by hand. [`run`]
//! executes it on real files, with a clock, a disk and a gate before the projector that only the
//! operations move. So the order of events is that of the operations in every mode, and a model
//! (`flow`) predicts each projection and each error. After each operation
//!
//! - each history holds what was accepted, in its order, and nothing else;
//! - each row is the replay of a prefix of its history by the [`oracle`](tracerig_oracle::threads),
//!   and of the prefix that is due: all of it after a barrier;
//! - projections brought as many appends each as they had to, and barriers heard what they had to
//!   hear;
//! - after a crash, everything acknowledged is there, and no row is behind the last barrier that
//!   was acknowledged.

mod appends;
mod arguments;
mod barriers;
mod checks;
mod flow;
mod gate;
mod generate;
mod homes;
mod item;
mod machine;
mod op;
mod others;
mod outcome;
mod run;
mod shrink;
mod slot;
mod steps;
mod subject;
mod text;

pub use arguments::{Death, DiskCall, Foreign, Home, Update};
pub use generate::generate;
pub use item::{ItemSpec, Words};
pub use op::{Case, Op};
pub use run::run;
pub use subject::Threads;

use crate::failure::Why;

/// In which way a store went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// A history holds something else than what was accepted.
    History,
    /// A row is not the replay of a prefix of its history.
    Row,
    /// A row is the replay of another prefix than is due.
    Stale,
    /// An error where there should be none, another one, or none where there should be one.
    Outcome,
    /// Other projections than there should have been.
    Projections,
    /// A barrier returned before it should, or not when it should.
    Barrier,
    /// A list that is not sorted, or not complete.
    List,
    /// Something left behind.
    Litter,
}

impl Wrong {
    /// Every way in which a store can go wrong.
    pub const ALL: [Self; 8] = [
        Self::History,
        Self::Row,
        Self::Stale,
        Self::Outcome,
        Self::Projections,
        Self::Barrier,
        Self::List,
        Self::Litter,
    ];

    /// Its name in reports and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Row => "row",
            Self::Stale => "stale",
            Self::Outcome => "outcome",
            Self::Projections => "projections",
            Self::Barrier => "barrier",
            Self::List => "list",
            Self::Litter => "litter",
        }
    }
}

/// Why a history failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store went wrong.
    #[error("{}: {detail}. Replay the history with its file", wrong.name())]
    Wrong {
        /// In which way.
        wrong: Wrong,
        /// What was found and what was expected.
        detail: String,
    },
    /// The store ended in a panic.
    #[error(
        "a panic: {0}. What it says stands on standard error; replay the history with its file"
    )]
    Panicked(String),
    /// A file could not be handled.
    #[error("a file of the history: {0}. Check the room on the disk that holds temporary files")]
    Io(#[from] std::io::Error),
    /// SQLite refused an operation of the executor's.
    #[error("an operation on the database: {0}. This is a defect of the executor")]
    Sqlite(#[from] rusqlite::Error),
    /// The executor's own preparations failed.
    #[error("the executor failed: {0}. This is a defect of the executor")]
    Executor(String),
}

impl Why for Error {
    fn kind(&self) -> &'static str {
        match self {
            Self::Wrong { wrong, .. } => wrong.name(),
            Self::Panicked(_) => "panic",
            Self::Io(_) => "file",
            Self::Sqlite(_) => "sqlite",
            Self::Executor(_) => "executor",
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

fn wrong(wrong: Wrong, detail: impl Into<String>) -> Error {
    Error::Wrong { wrong, detail: detail.into() }
}
