//! The operations of a history: what happens to a thread store, its histories, its database and the
//! machine. Their readable form is in `text`.

use tracerig_store::threads::{Durability, Mode, Order, Point};

use super::item::ItemSpec;

/// One history: operations in their order, and the store that they begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Who brings changes to the rows.
    pub mode: Mode,
    /// When an append is acknowledged.
    pub durability: Durability,
    /// Whether a projection waits for another connection's write lock, which then goes soon. Else
    /// it fails at once.
    pub patient: bool,
    /// What happens, in this order.
    pub ops: Vec<Op>,
}

impl Default for Case {
    /// Without operations.
    fn default() -> Self {
        Self {
            mode: Mode::Async,
            durability: Durability::Buffered,
            patient: false,
            ops: Vec::new(),
        }
    }
}

/// One operation. Threads are numbered; what asks for a handle that was never there is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A new thread; with many facts in its first line, or none.
    Create(u8, bool),
    /// An append, which may have no items.
    Append(u8, Vec<ItemSpec>),
    /// An append whose thread can be read when it returns.
    AppendAndFlush(u8, Vec<ItemSpec>),
    /// Appends from cloned handles at the same time.
    Together(u8, Vec<Vec<ItemSpec>>),
    /// A barrier. Where projections are held, the appends come while it waits, else after it.
    Flush(u8, Vec<Vec<ItemSpec>>),
    /// A barrier that brings the deferred facts, too.
    Persist(u8),
    /// An explicit change.
    Update(u8, Update),
    /// The writer is closed.
    Shutdown(u8),
    /// The writer is given up.
    Discard(u8),
    /// A thread whose history exists is opened for appending.
    Resume(u8),
    /// The store is closed and opened in this way.
    Open(Mode, Durability),
    /// The clock of the store moves by so many milliseconds. Its measure of intervals never goes
    /// back.
    Clock(i64),
    /// Time passes in which nothing may happen.
    Idle,
    /// Another program writes to the end of a history that nobody has open.
    Foreign(u8, Foreign),
    /// What Codex does to a history that nobody has open.
    Home(u8, Home),
    /// A rollout of 2025 lies among the histories.
    Untyped,
    /// So many calls of the file layer fail.
    DiskFails(DiskCall, u32),
    /// So many projections of this thread are refused by the database.
    Refuse(u8, u32),
    /// So many projections meet a database that is locked by another connection.
    Busy(u32),
    /// The row of this thread is deleted by somebody else.
    RowLost(u8),
    /// Projections are held back from now on, where they come after the append.
    Hold,
    /// What is held is let through: one projection, or one of each thread where each has a worker.
    Step,
    /// Nothing is held any more.
    Release,
    /// The process dies now; `true` if the database is lost with it.
    Kill(bool),
    /// The process dies when it next comes to this.
    Dies(Death),
    /// The power fails at this sync, from 1, and whatever was not synced is lost.
    Power(u32),
    /// All rows are made anew from the histories; or those that are behind.
    Rebuild {
        /// Only those that are behind.
        stale_only: bool,
    },
    /// All rows are listed, page by page.
    List {
        /// By which time.
        order: Order,
        /// Those that are archived, or those that are not.
        archived: bool,
        /// Rows of a page.
        limit: u8,
    },
}

/// Where a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// At a point of an append or a projection.
    At(Point),
    /// After so many bytes of a write to a history.
    Torn(u32),
}

/// A call of the file layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskCall {
    /// A write, after it took half of the bytes.
    Write,
    /// A sync of a file.
    Sync,
}

/// What Codex does to a history that nobody has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// It moves to the archived ones.
    Archived,
    /// It is compressed.
    Compressed,
    /// It is compressed and opened for appending, which restores it.
    Restored,
    /// A compressed file with another content comes to lie beside it.
    Beside,
    /// The thread gets a name.
    Named,
    /// It goes on in two segments, the second of which goes back behind the end of the first.
    Segments,
}

impl Op {
    /// The thread that it is about, if it is one.
    pub(super) fn thread(&self) -> Option<u8> {
        match self {
            Self::Create(thread, _)
            | Self::Append(thread, _)
            | Self::AppendAndFlush(thread, _)
            | Self::Together(thread, _)
            | Self::Flush(thread, _)
            | Self::Persist(thread)
            | Self::Update(thread, _)
            | Self::Shutdown(thread)
            | Self::Discard(thread)
            | Self::Resume(thread)
            | Self::Foreign(thread, _)
            | Self::Home(thread, _)
            | Self::Refuse(thread, _)
            | Self::RowLost(thread) => Some(*thread),
            _ => None,
        }
    }
}

/// What another program leaves at the end of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// A record.
    Record,
    /// A line that is not JSON.
    Rubbish,
    /// A record without its line break.
    Unended,
    /// The beginning of a record.
    Torn,
}

/// An explicit change: an absent field keeps, `None` clears.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// The title.
    pub title: Option<Option<u8>>,
    /// The branch.
    pub branch: Option<Option<u8>>,
    /// Whether memories may be made.
    pub memory: Option<Option<u8>>,
    /// Archived or not.
    pub archived: Option<bool>,
}
