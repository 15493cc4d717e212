//! The operations of a history: what happens to a trace database, to the persisted memo, and when a
//! scan is asked for. Their readable form is in `text`.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use tracerig_oracle::Window;
use tracerig_scanner::Point;

use super::breach::Breach;
use super::row::RowSpec;

/// What a history may hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// What the scanner promises to be right after.
    #[default]
    Contract,
    /// That, and what it promises nothing for.
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

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Something happens to the database.
    Data(DataOp),
    /// Something happens to the persisted memo.
    Artifact(ArtifactOp),
    /// The scans from here on have this window.
    Window(Window),
    /// The scans from here on, and what happens to the memo, are of the other one of two memos.
    OtherMemo,
    /// A scan, checked in every respect.
    Scan(ScanOp),
    /// Processes that run at once.
    Race(Race),
    /// A scan of a database that cannot be scanned, which is unchanged before afterwards.
    Refused(Defect),
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

/// What can happen to a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataOp {
    /// A batch of rows is inserted and its partitions are pruned, in one transaction.
    Append(Vec<RowSpec>),
    /// The batches from here on prune by these limits.
    Retention {
        /// Rows kept of a partition.
        rows: usize,
        /// Estimated bytes kept of a partition.
        bytes: i64,
    },
    /// Rows before this second (see [`super::row::EPOCH`]) are deleted.
    PruneBefore(i64),
    /// Rows are deleted.
    Delete(Victims),
    /// The file is rewritten.
    Vacuum,
    /// At most this many free pages are given back.
    IncrementalVacuum(u32),
    /// The write-ahead log is copied into the database as far as nobody is in the way.
    Checkpoint,
    /// The writer ends; the write-ahead log goes, if nobody else has the database open.
    Close,
    /// A copy of the database is set aside.
    Save,
    /// Another file takes the place of the database.
    Replace {
        /// How.
        by: By,
        /// Which file.
        with: With,
    },
    /// The table is made anew with ids that may come back.
    PlainIds,
    /// The table gets a column more.
    ExtraColumn,
    /// Something outside the contract.
    Outside(Breach),
}

/// How a file takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// It is renamed over it.
    Rename,
    /// The old one is unlinked, and one of the same name created.
    Unlink,
}

/// Which file takes the place of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// One with the same rows.
    Copy,
    /// One without rows, whose ids begin at 1.
    Empty,
    /// The copy set aside last, or one without rows if there is none.
    Saved,
}

/// Which rows are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victims {
    /// Those with the highest ids.
    Newest(usize),
    /// Those with the lowest ids.
    Oldest(usize),
    /// One in so many, beginning with the one at this position.
    Every {
        /// One in how many.
        step: usize,
        /// The first.
        from: usize,
    },
    /// Those that name this turn.
    Turn(u8),
    /// Those with a marker.
    Marked,
    /// Those without a marker.
    Unmarked,
    /// All.
    All,
}

/// What can happen to the persisted memo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArtifactOp {
    /// It is removed.
    Remove,
    /// A copy is set aside.
    Save,
    /// The copy set aside last takes its place; without one it is removed.
    Restore,
    /// It loses its second half.
    Truncate,
    /// It loses everything.
    Clear,
    /// A bit of it changes.
    Flip(Region),
    /// A symbolic link to it takes its place.
    Link,
    /// Its whole but by another parser.
    OtherParser,
    /// It is whole but of another format version.
    OtherVersion,
    /// It is whole but of another database.
    OtherDatabase,
}

/// A part of a persisted memo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// What tells it from other files.
    Magic,
    /// The version of its format.
    Version,
    /// Which parser wrote it.
    Producer,
    /// The random value of the write.
    Stamp,
    /// The digest.
    Checksum,
    /// All that follows.
    Payload,
}

/// A scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanOp {
    /// Whether the scanner of the scan before is asked again. Else it is a new one, as in a new
    /// process.
    pub again: bool,
    /// Whether every row is to be examined.
    pub rescan: bool,
    /// What happens when the scan has reached a point, if it does.
    pub event: Option<Event>,
}

/// Processes that run at once, each a new one, on the same database and memo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race {
    /// Those that scan, at most two.
    pub scans: Vec<Racer>,
    /// One that writes.
    pub writer: Option<Writer>,
}

/// A process that scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Racer {
    /// Whether every row is to be examined.
    pub rescan: bool,
    /// When it is killed, if its scan is not over by then.
    pub kill: Option<Kill>,
}

/// A process that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// What it does, one after the other, each in a transaction.
    pub ops: Vec<DataOp>,
    /// When it is killed, if it is not done by then.
    pub kill: Option<Kill>,
}

/// When a process is killed, from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// So long after it has begun, or has reached the point.
    pub after: Duration,
    /// Which point.
    pub from: Option<Point>,
}

/// What happens while a scan runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Point,
    /// What.
    pub acts: Vec<Act>,
}

/// What can happen while a scan runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Something happens to the database.
    Data(DataOp),
    /// Something happens to the persisted memo.
    Artifact(ArtifactOp),
    /// Another process scans the database with the same memo from beginning to end.
    Other {
        /// Whether it examines every row.
        rescan: bool,
    },
    /// Another process dies at this point of such a scan, if its scan gets there.
    OtherDies(Point),
    /// Another process comes to write its memo, and waits until this scan has written its own.
    OtherWaits,
    /// The step fails.
    Fail,
    /// The caller cancels.
    Cancel,
}

/// Why a database cannot be scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// The file is gone.
    NoFile,
    /// The table has another name.
    NoTable,
    /// A column has another name.
    NoColumn,
}
