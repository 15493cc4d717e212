//! Histories: sequences of operations on a trace database, its persisted memo and its scanners,
//! each scan checked in every respect.
//!
//! A [`Case`] is a list of operations in a readable text form
//! ([`Case::from_str`](std::str::FromStr)), made at random ([`generate`]) or by hand. [`run`]
//! executes it on real files. After each scan the answer must be that of a full rescan and that of
//! the [`oracle`](tracerig_oracle); mode, reason, rows read and whether the memo was written must
//! be what a model predicts from what was done; and a memo that did not change must not have been
//! touched. A failing case is made smaller step by step ([`Shrink`](crate::shrinking::Shrink)).
//!
//! Under the contract, rows are appended with rising ids, any row may be deleted, and the file may
//! be rewritten, shrunk or replaced at any time, also while a scan runs. Every operation keeps to
//! it, but for a [`Breach`]: what a scan makes of one is counted, unless it is the work of a rule
//! that is switched off.

mod agree;
mod answered;
mod answers;
mod arguments;
mod breach;
mod data_op;
mod ending;
mod execute;
mod foreign;
mod generate;
mod launch;
mod meanwhile;
mod memo_file;
mod model;
mod op;
mod orders;
mod race;
mod race_op;
mod row;
mod scan_op;
mod shrink;
mod stage;
mod subject;
mod text;
mod turn_rows;
mod verify;
mod view;
mod waiting;
mod worker;
mod world;

use std::collections::BTreeMap;

pub use arguments::{ArtifactOp, By, Defect, Region, Victims, With};
pub use breach::{Breach, Part};
pub use data_op::DataOp;
pub use execute::{Setup, run};
pub use foreign::{CandidateTrace, run_foreign};
pub use generate::{generate, generate_processes};
pub use op::{Case, IdentityKind, Op, Profile};
pub use race_op::{Kill, Race, Racer, Writer};
pub use row::{EPOCH, RowKind, RowSpec};
pub use scan_op::{Act, Event, ScanOp};
pub use subject::Trace;
pub use worker::{Program, Worker, serve};

use tracerig_oracle::{Turn, Window};

use crate::child::Fault;
use crate::failure::Why;

/// In which way a scan went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// Other turns than the oracle's.
    Turns,
    /// A full rescan gives other turns than the oracle.
    FullRescan,
    /// Another mode or reason than predicted.
    Mode,
    /// Other rows read, or more looked up, than needed.
    Work,
    /// Another number of facts or another cursor than predicted.
    Memo,
    /// The persisted memo written where it should not be, or the reverse.
    Written,
    /// A warning too many or too few.
    Warning,
    /// An error where there should be none, another one, or none where there should be one.
    Outcome,
    /// Something left behind.
    Litter,
    /// A batch half there, or gone though its writer had said that it is done.
    Batch,
    /// Scans at once whose answers and memos no order of events explains.
    Race,
    /// The oracle in Rust contradicts all others.
    RustOracle,
    /// The oracle in Python does.
    PythonOracle,
}

impl Wrong {
    /// Every way in which a scan can go wrong.
    pub const ALL: [Self; 13] = [
        Self::Turns,
        Self::FullRescan,
        Self::Mode,
        Self::Work,
        Self::Memo,
        Self::Written,
        Self::Warning,
        Self::Outcome,
        Self::Litter,
        Self::Batch,
        Self::Race,
        Self::RustOracle,
        Self::PythonOracle,
    ];

    /// Its name in reports and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::FullRescan => "full-rescan",
            Self::Mode => "mode",
            Self::Work => "work",
            Self::Memo => "memo",
            Self::Written => "written",
            Self::Warning => "warning",
            Self::Outcome => "outcome",
            Self::Litter => "litter",
            Self::Batch => "batch",
            Self::Race => "race",
            Self::RustOracle => "rust-oracle",
            Self::PythonOracle => "python-oracle",
        }
    }
}

/// Why a history failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A scan went wrong.
    #[error("{wrong:?}: {detail}. Replay the history with its file")]
    Wrong {
        /// In which way.
        wrong: Wrong,
        /// What was found and what was expected.
        detail: String,
    },
    /// A scan ended in a panic.
    #[error(
        "a panic: {0}. What it says stands on standard error; replay the history with its file"
    )]
    Panicked(String),
    /// The other process, which scans as this one does, went wrong.
    #[error("the other process {0}. Replay the history with its file")]
    Child(Fault),
    /// The oracle in Python gave no answer.
    #[error(
        "the Python oracle {0}. What it says stands on standard error; replay the history with its \
         file"
    )]
    Python(Fault),
    /// The oracle in Python could not read the database.
    #[error("the Python oracle cannot read the database: {0}. Replay the history with its file")]
    PythonRefused(String),
    /// The history asks for something that cannot be done.
    #[error("cannot be done: {0}. Change the history")]
    Impossible(&'static str),
    /// A file could not be handled.
    #[error("a file of the history: {0}. Check the room on the disk that holds temporary files")]
    Io(#[from] std::io::Error),
    /// SQLite refused an operation.
    #[error("an operation on the database: {0}. This is a defect of the executor")]
    Sqlite(#[from] rusqlite::Error),
    /// The store refused an operation.
    #[error("an operation of the store: {0}. This is a defect of the executor or the store")]
    Store(#[from] tracerig_store::Error),
}

impl Why for Error {
    fn kind(&self) -> &'static str {
        match self {
            Self::Wrong { wrong, .. } => wrong.name(),
            Self::Panicked(_) => "panic",
            Self::Child(fault) => fault.name(),
            Self::Python(fault) => fault.name_of_oracle(),
            Self::PythonRefused(_) => "oracle-refused",
            Self::Impossible(_) => "impossible",
            Self::Io(_) => "file",
            Self::Sqlite(_) => "sqlite",
            Self::Store(_) => "store",
        }
    }

    fn is_mismatch(&self) -> bool {
        matches!(self, Self::Wrong { .. } | Self::Panicked(_) | Self::Child(_))
    }

    fn is_of_the_place(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

/// Where a history failed, and why.
pub type Failure = crate::failure::Failure<Error>;

/// The same window as the scanner spells it.
fn window(window: Window) -> tracerig_scanner::Window {
    tracerig_scanner::Window { since: window.since, until: window.until }
}

/// The same turns as the oracle spells them.
fn turns(turns: &tracerig_scanner::Turns) -> BTreeMap<String, Turn> {
    let convert = |turn: &tracerig_scanner::Turn| Turn {
        thread_id: turn.thread_id.clone(),
        model: turn.model.clone(),
        timestamp: turn.timestamp,
    };
    turns.iter().map(|(id, turn)| (id.clone(), convert(turn))).collect()
}
