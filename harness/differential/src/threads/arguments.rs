//! What operations on a thread store are about, and how it is written.

use tracerig_store::threads::{Durability, Mode, Order, Point};

use super::item::ItemSpec;
use crate::words::{ByName, Key, List, Maybe, Name, Number, Rest, Unless, Words, operations};

pub(super) const DURABILITIES: &[(&str, Durability)] =
    &[("buffered", Durability::Buffered), ("fsync", Durability::Fsync)];
pub(super) const FOREIGN: &[(&str, Foreign)] = &[
    ("record", Foreign::Record),
    ("rubbish", Foreign::Rubbish),
    ("unended", Foreign::Unended),
    ("torn", Foreign::Torn),
];
pub(super) const HOMES: &[(&str, Home)] = &[
    ("archived", Home::Archived),
    ("compressed", Home::Compressed),
    ("restored", Home::Restored),
    ("beside", Home::Beside),
    ("named", Home::Named),
    ("segments", Home::Segments),
];
pub(super) const ORDERS: &[(&str, Order)] =
    &[("created", Order::Created), ("updated", Order::Updated), ("recency", Order::Recency)];
pub(super) const CALLS: &[(&str, DiskCall)] =
    &[("write", DiskCall::Write), ("sync", DiskCall::Sync)];

/// The modes of a store.
pub(super) const MODES: ByName<Mode> = ByName(&Mode::ALL, Mode::name);

/// Items of an append.
pub(super) const ITEMS: List<Rest<ItemSpec>> = List(" | ", Rest::NEW);

/// Appends of several items.
pub(super) const BATCHES: List<List<Rest<ItemSpec>>> = List(" / ", ITEMS);

/// Appends while something waits, if there are any.
pub(super) struct Meanwhile;

impl Words<Vec<Vec<ItemSpec>>> for Meanwhile {
    fn read(&self, rest: &mut &str) -> Result<Vec<Vec<ItemSpec>>, String> {
        match rest.strip_prefix(", meanwhile ") {
            Some(appends) => {
                *rest = appends;
                BATCHES.read(rest)
            }
            None => Ok(Vec::new()),
        }
    }

    fn write(&self, value: &Vec<Vec<ItemSpec>>, text: &mut String) {
        if !value.is_empty() {
            text.push_str(", meanwhile");
            BATCHES.write(value, text);
        }
    }
}

/// The fields that an explicit change has.
pub(super) struct Changes;

impl Changes {
    const TITLE: Maybe<Key<Unless<Number>>> = Maybe(Key("title", NULLABLE));
    const BRANCH: Maybe<Key<Unless<Number>>> = Maybe(Key("branch", NULLABLE));
    const MEMORY: Maybe<Key<Unless<Number>>> = Maybe(Key("memory", NULLABLE));
    const ARCHIVED: Maybe<Key<Name<bool>>> =
        Maybe(Key("archived", Name(&[("yes", true), ("no", false)])));
}

impl Words<Update> for Changes {
    fn read(&self, rest: &mut &str) -> Result<Update, String> {
        Ok(Update {
            title: Self::TITLE.read(rest)?,
            branch: Self::BRANCH.read(rest)?,
            memory: Self::MEMORY.read(rest)?,
            archived: Self::ARCHIVED.read(rest)?,
        })
    }

    fn write(&self, Update { title, branch, memory, archived }: &Update, text: &mut String) {
        Self::TITLE.write(title, text);
        Self::BRANCH.write(branch, text);
        Self::MEMORY.write(memory, text);
        Self::ARCHIVED.write(archived, text);
    }
}

operations! {
    /// Where a process dies.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Death: "point of an append" {
        /// After so many bytes of a write to a history.
        "torn" Torn(bytes: u32 = Number),
        /// At a point of an append or a projection.
        "" At(point: Point = ByName(&Point::ALL, Point::name)),
    }
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

/// A number, or a null.
const NULLABLE: Unless<Number> = Unless("null", Number);

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
