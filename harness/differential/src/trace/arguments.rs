//! What operations on a trace database and its memo are about, and how it is written.

use tracerig_oracle::Window;

use super::row::EPOCH;
use crate::words::{After, Key, Maybe, Number, Words, operations};

pub(super) const DEFECTS: &[(&str, Defect)] =
    &[("no-file", Defect::NoFile), ("no-table", Defect::NoTable), ("no-column", Defect::NoColumn)];
pub(super) const ARTIFACT: &[(&str, ArtifactOp)] = &[
    ("remove", ArtifactOp::Remove),
    ("save", ArtifactOp::Save),
    ("restore", ArtifactOp::Restore),
    ("truncate", ArtifactOp::Truncate),
    ("clear", ArtifactOp::Clear),
    ("flip magic", ArtifactOp::Flip(Region::Magic)),
    ("flip version", ArtifactOp::Flip(Region::Version)),
    ("flip producer", ArtifactOp::Flip(Region::Producer)),
    ("flip stamp", ArtifactOp::Flip(Region::Stamp)),
    ("flip checksum", ArtifactOp::Flip(Region::Checksum)),
    ("flip payload", ArtifactOp::Flip(Region::Payload)),
    ("link", ArtifactOp::Link),
    ("other-parser", ArtifactOp::OtherParser),
    ("other-version", ArtifactOp::OtherVersion),
    ("other-database", ArtifactOp::OtherDatabase),
];
pub(super) const BYS: &[(&str, By)] = &[("rename", By::Rename), ("unlink", By::Unlink)];
pub(super) const WITHS: &[(&str, With)] =
    &[("copy", With::Copy), ("empty", With::Empty), ("saved", With::Saved)];

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

operations! {
    /// Which rows are deleted.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Victims: "choice of rows" {
        /// Those with the highest ids.
        "newest" Newest(count: usize = Number),
        /// Those with the lowest ids.
        "oldest" Oldest(count: usize = Number),
        /// One in so many, beginning with the one at this position.
        "every" Every {
            /// One in how many.
            step: usize = Number,
            /// The first.
            from: usize = After("from", Number),
        },
        /// Those that name this turn.
        "turn" Turn(turn: u8 = Number),
        /// Those with a marker.
        "marked" Marked,
        /// Those without a marker.
        "unmarked" Unmarked,
        /// All.
        "all" All,
    }
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

/// The sides of a window, if it has them.
pub(super) struct WindowWords;

impl WindowWords {
    const SINCE: Maybe<Key<Second>> = Maybe(Key("since", Second));
    const UNTIL: Maybe<Key<Second>> = Maybe(Key("until", Second));
}

impl Words<Window> for WindowWords {
    fn read(&self, rest: &mut &str) -> Result<Window, String> {
        Ok(Window { since: Self::SINCE.read(rest)?, until: Self::UNTIL.read(rest)? })
    }

    fn write(&self, window: &Window, text: &mut String) {
        Self::SINCE.write(&window.since, text);
        Self::UNTIL.write(&window.until, text);
    }
}

/// A second of Unix time, counted from [`EPOCH`].
struct Second;

impl Words<i64> for Second {
    fn read(&self, rest: &mut &str) -> Result<i64, String> {
        let second: i64 = Number.read(rest)?;
        EPOCH.checked_add(second).ok_or_else(|| format!("second {second} is out of range"))
    }

    fn write(&self, second: &i64, text: &mut String) {
        Number.write(&(second - EPOCH), text);
    }
}
