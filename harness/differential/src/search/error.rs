//! Why a search could not be made, which says nothing about what it searches in.

use std::io;
use std::path::PathBuf;

use crate::parse_error::ParseError;

/// Why histories could not be read, executed or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no place to execute histories in, or no other process.
    #[error(
        "{}: histories cannot be executed here: {source}. Set TMPDIR to a folder that can be \
         written to",
        folder.display()
    )]
    Bench {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder that has kept histories cannot be read.
    #[error("{}: cannot be read: {source}. Name a folder of histories (*.txt)", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not a history.
    #[error("{}: no history: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Which line, and why.
        source: ParseError,
    },
    /// A file has no operation, so that it can never fail.
    #[error(
        "{}: a history without operations. Check the file: nothing would be tested",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A failing history could not be kept.
    #[error(
        "{}: the failing history cannot be kept here: {source}. Name another folder with --corpus",
        path.display()
    )]
    Keep {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A history cannot be read.
    #[error(
        "cannot read {}: {source}; check that it exists and that you may read it",
        path.display()
    )]
    Read {
        /// Its file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
