//! The operations of a history: what happens to a thread store, its histories, its database and the
//! machine.

use tracerig_store::threads::{Durability, Mode, Order};

use super::arguments::{
    BATCHES, CALLS, Changes, DURABILITIES, Death, DiskCall, FOREIGN, Foreign, HOMES, Home, ITEMS,
    MODES, Meanwhile, ORDERS, Update,
};
use super::item::ItemSpec;
use crate::words::{After, Flag, Key, Name, Number, Rest, Signed, operations};

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

operations! {
    /// One operation. Threads are numbered; what asks for a handle that was never there is passed
    /// over.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Op: "operation" {
        /// A new thread; with many facts in its first line, or none.
        "create" Create(thread: u8 = Number, facts: bool = Flag("facts")),
        /// An append, which may have no items.
        "append" Append(thread: u8 = Number, items: Vec<ItemSpec> = ITEMS),
        /// An append whose thread can be read when it returns.
        "append-and-flush" AppendAndFlush(thread: u8 = Number, items: Vec<ItemSpec> = ITEMS),
        /// Appends from cloned handles at the same time.
        "together" Together(thread: u8 = Number, batches: Vec<Vec<ItemSpec>> = BATCHES),
        /// A barrier. Where projections are held, the appends come while it waits, else after it.
        "flush" Flush(thread: u8 = Number, meanwhile: Vec<Vec<ItemSpec>> = Meanwhile),
        /// A barrier that brings the deferred facts, too.
        "persist" Persist(thread: u8 = Number),
        /// An explicit change.
        "update" Update(thread: u8 = Number, update: Update = Changes),
        /// The writer is closed.
        "shutdown" Shutdown(thread: u8 = Number),
        /// The writer is given up.
        "discard" Discard(thread: u8 = Number),
        /// A thread whose history exists is opened for appending.
        "resume" Resume(thread: u8 = Number),
        /// The store is closed and opened in this way.
        "open" Open(
            mode: Mode = Key("mode", MODES),
            durability: Durability = Key("durability", Name(DURABILITIES)),
        ),
        /// The clock of the store moves by so many milliseconds. Its measure of intervals never
        /// goes back.
        "clock" Clock(by: i64 = Signed),
        /// Time passes in which nothing may happen.
        "idle" Idle,
        /// Another program writes to the end of a history that nobody has open.
        "foreign" Foreign(thread: u8 = Number, what: Foreign = Name(FOREIGN)),
        /// What Codex does to a history that nobody has open.
        "home" Home(thread: u8 = Number, what: Home = Name(HOMES)),
        /// A rollout of 2025 lies among the histories.
        "untyped" Untyped,
        /// So many calls of the file layer fail.
        "fails" DiskFails(call: DiskCall = Name(CALLS), times: u32 = Number),
        /// So many projections of this thread are refused by the database.
        "refuse" Refuse(thread: u8 = Number, times: u32 = Number),
        /// So many projections meet a database that is locked by another connection.
        "busy" Busy(times: u32 = Number),
        /// The row of this thread is deleted by somebody else.
        "row-lost" RowLost(thread: u8 = Number),
        /// Projections are held back from now on, where they come after the append.
        "hold" Hold,
        /// What is held is let through: one projection, or one of each thread where each has a
        /// worker.
        "step" Step,
        /// Nothing is held any more.
        "release" Release,
        /// The process dies now; `true` if the database is lost with it.
        "kill" Kill(rows: bool = Flag("rows")),
        /// The process dies when it next comes to this.
        "dies" Dies(death: Death = After("at", Rest::NEW)),
        /// The power fails at this sync, from 1, and whatever was not synced is lost.
        "power" Power(sync: u32 = After("at", Number)),
        /// All rows are made anew from the histories; or those that are behind.
        "" Rebuild {
            /// Only those that are behind.
            stale_only: bool = Name(&[("repair", true), ("rebuild", false)]),
        },
        /// All rows are listed, page by page.
        "list" List {
            /// By which time.
            order: Order = Name(ORDERS),
            /// Those that are archived, or those that are not.
            archived: bool = Flag("archived"),
            /// Rows of a page.
            limit: u8 = Key("limit", Number),
        },
    }
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
