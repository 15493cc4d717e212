//! The operations of a history: what happens to a trace database, to the persisted memo, and when a
//! scan is asked for.

use std::num::{NonZeroU32, NonZeroUsize};

use tracerig_oracle::Window;

use super::arguments::{ARTIFACT, ArtifactOp, DEFECTS, Defect, WindowWords};
use super::data_op::DataOp;
use super::race_op::Race;
use super::scan_op::{Act, ScanOp, ScanWords};
use crate::words::{Name, Rest, operations};

/// What a history may hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Only changes that the scanner supports.
    #[default]
    Contract,
    /// Also changes that it does not support.
    Hostile,
}

impl Profile {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Contract, Self::Hostile];

    /// Its name in histories and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Hostile => "hostile",
        }
    }
}

/// One history: operations in their order, and how files are reported apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it may hold.
    pub profile: Profile,
    /// What the identity of a replaced file shows.
    pub identity: IdentityKind,
    /// Connections that full scans of its own scanner read through, however small the database is.
    pub connections: NonZeroUsize,
    /// Whether every relaunch is a separate process.
    pub fresh: bool,
    /// Whether the oracle in Python is asked, too.
    pub python: bool,
    /// How often it is executed until it may pass: what processes do at once is another thing each
    /// time.
    pub tries: NonZeroU32,
    /// Whether scans name the database by a symbolic link.
    pub link: bool,
    /// What happens, in this order.
    pub ops: Vec<Op>,
}

impl Case {
    /// Whether what it does depends on when processes get to run.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        self.ops.iter().any(|op| matches!(op, Op::Race(_)))
    }
}

impl Default for Case {
    /// Without operations.
    fn default() -> Self {
        Self {
            profile: Profile::Contract,
            identity: IdentityKind::Birth,
            connections: NonZeroUsize::MIN,
            fresh: false,
            python: false,
            tries: NonZeroU32::MIN,
            link: false,
            ops: Vec::new(),
        }
    }
}

/// What tells a replaced file from the one before it. Injected, because when an inode is reused
/// depends on the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityKind {
    /// Every file has the same inode; only birth times differ.
    Birth,
    /// Every file has an inode of its own, and no birth time is reported.
    Inode,
    /// Every file has the same inode, and no birth time is reported: only the rows tell. The
    /// contract then covers no file that shares rows with the one before it, and no replacement
    /// while a scan runs.
    Blind,
}

operations! {
    /// One operation.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Op: "operation" {
        /// Something happens to the persisted memo.
        "artifact" Artifact(what: ArtifactOp = Name(ARTIFACT)),
        /// The scans from here on have this window.
        "window" Window(window: Window = WindowWords),
        /// The scans from here on, and what happens to the memo, are of the other one of two memos.
        "other-memo" OtherMemo,
        /// Processes that run at once.
        "race" Race(race: Race = Rest::NEW),
        /// A scan of a database that cannot be scanned, which is unchanged before afterwards.
        "refused" Refused(defect: Defect = Name(DEFECTS)),
        /// A scan, checked in every respect.
        "" Scan(scan: ScanOp = ScanWords),
        /// Something happens to the database.
        "" Data(op: DataOp = Rest::NEW),
    }
}

impl Op {
    /// Whether it, or something that happens within it, is outside the contract.
    pub(super) fn is_outside(&self) -> bool {
        let is_breach = |op: &DataOp| matches!(op, DataOp::Outside(_));
        match self {
            Self::Data(op) => is_breach(op),
            Self::Scan(scan) => {
                scan.event.iter().flat_map(|event| &event.acts).any(|act| match act {
                    Act::Data(op) => is_breach(op),
                    _ => false,
                })
            }
            Self::Artifact(_)
            | Self::Window(_)
            | Self::OtherMemo
            | Self::Race(_)
            | Self::Refused(_) => false,
        }
    }
}
