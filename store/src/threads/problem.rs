//! What may be wrong with a history: one line of it, its end, or the whole file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::threads::id::ThreadId;
use crate::threads::source::is_compressed;

/// A line that is not a record. It is skipped, and reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The history.
    pub path: PathBuf,
    /// The number of the line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: Defect,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: {}; the line is left out",
            self.path.display(),
            self.line,
            self.what
        )
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// Its bytes are no text.
    #[error("not UTF-8")]
    NotUtf8,
    /// It is not JSON.
    #[error("not JSON ({reason})")]
    NotJson {
        /// What the parser said.
        reason: String,
    },
    /// It is no object with `timestamp` and `type`.
    #[error("not a record ({reason})")]
    NotARecord {
        /// What the parser said.
        reason: String,
    },
    /// Its time cannot be read.
    #[error("its timestamp `{text}` is no time")]
    NoTime {
        /// The beginning of the text.
        text: String,
    },
    /// It must be held in memory to be understood, and is too long for that.
    #[error("{bytes} bytes, more than any line that is read into memory")]
    TooLong {
        /// The length of the line.
        bytes: u64,
    },
}

impl Defect {
    /// Whether a record that was not written to its end can look like this. The beginning of an
    /// object is not JSON.
    pub(crate) fn may_be_a_beginning(&self) -> bool {
        match self {
            Self::NotUtf8 | Self::NotJson { .. } | Self::TooLong { .. } => true,
            Self::NotARecord { .. } | Self::NoTime { .. } => false,
        }
    }
}

/// A last line that breaks off: neither a complete record nor ended by a line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Where the line begins.
    pub offset: u64,
    /// How much of it there is.
    pub bytes: u64,
}

/// Why a history cannot be read. Every message names the file and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The file cannot be opened or read.
    #[error(
        "{}: the history cannot be read: {source}; check that the file is there, and its \
         permissions",
        path.display()
    )]
    Io {
        /// The history.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The compressed file cannot be decompressed.
    #[error("{}: {source}; restore the file from a backup, or remove it", path.display())]
    Damaged {
        /// The history.
        path: PathBuf,
        /// What the decoder said.
        source: io::Error,
    },
    /// There is nothing in the file.
    #[error(
        "{}: the history is empty; remove the file, nothing was ever written to it",
        path.display()
    )]
    Empty {
        /// The history.
        path: PathBuf,
    },
    /// The first line breaks off, so that nothing of the thread is known.
    #[error(
        "{}: the history breaks off in its first line, after {bytes} bytes; remove the file, it \
         holds no record",
        path.display()
    )]
    TornAtStart {
        /// The history.
        path: PathBuf,
        /// How much there is of the line.
        bytes: u64,
    },
    /// The first line is not the `session_meta` that begins each history.
    #[error(
        "{}:1: the history does not begin with a session_meta ({reason}); move the file out of the \
         sessions folder",
        path.display()
    )]
    NoSessionMeta {
        /// The history.
        path: PathBuf,
        /// What the first line is.
        reason: String,
    },
    /// The file was begun in 2025, by a version whose lines have no types. It is passed over.
    #[error("{}: the history is of 2025, when lines had no types; it is not read", path.display())]
    Untyped {
        /// The history.
        path: PathBuf,
    },
    /// The first line is about another thread than the file's name.
    #[error(
        "{}:1: the file is named after thread {named}, and its session_meta is that of {found}; \
         give it the name that belongs to it",
        path.display()
    )]
    OtherThread {
        /// The history.
        path: PathBuf,
        /// The thread asked for.
        named: ThreadId,
        /// The thread of the first line.
        found: ThreadId,
    },
}

impl HistoryError {
    /// For what the system said about the file at `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| match source.kind() {
            io::ErrorKind::InvalidData if is_compressed(&path) => Self::Damaged { path, source },
            _ => Self::Io { path, source },
        }
    }

    /// The history that cannot be read.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::Empty { path }
            | Self::TornAtStart { path, .. }
            | Self::NoSessionMeta { path, .. }
            | Self::Untyped { path }
            | Self::Damaged { path, .. }
            | Self::OtherThread { path, .. } => path,
        }
    }
}
