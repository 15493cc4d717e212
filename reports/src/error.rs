//! The errors of this crate; each message names the path and what to do.

use std::path::PathBuf;

use crate::ByteSize;

/// Result of anything in this crate that touches a file.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a record, a histogram log or a report could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}; check that it exists and that you may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// What is there is not a file.
    #[error("cannot read {path}: it is {what}, not a file; give the path of the file itself")]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The file is larger than such files are.
    #[error(
        "cannot read {path}: it has more than {limit}, the most that is read of such a file; check \
         that it is the one you mean"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: ByteSize,
    },
    /// The file cannot be written; what was there before is untouched.
    #[error(
        "cannot write {path}: {source}; any earlier file there is untouched: make room or choose \
         another folder"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The JSON ends too early.
    #[error(
        "{path} is cut off after {bytes} bytes; copy it again from where it was written, or repeat \
         the run"
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The file is not JSON at all.
    #[error("{path} is not JSON ({source}); give the record.json that a run wrote")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// Where parsing stopped.
        source: serde_json::Error,
    },
    /// The file is JSON, but no record, or not what was asked for.
    #[error(
        "{path} is JSON but not a run record (its \"schema\" is {found}); give the record.json \
         that a run wrote{}",
        if found.contains(crate::comparison::FILE_SCHEMA) { ": comparisons are shown by `tracerig \
                                                             report`" } else { "" }
    )]
    NotARecord {
        /// The file.
        path: PathBuf,
        /// The `schema` found, quoted, or `absent`.
        found: String,
    },
    /// The file is not one of a history.
    #[error(
        "{path} is not a file of a history: {what}; move it out of the history, or restore the \
         original"
    )]
    NotHistory {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// The record was written in a version of the format this program does not know.
    #[error(
        "{path} has {kind} version {found}, this program reads version {supported}; use the \
         tracerig that wrote it"
    )]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// `record`, `comparison`, `history` or `blessing`.
        kind: &'static str,
        /// Its version.
        found: u64,
        /// The version this program reads.
        supported: u64,
    },
    /// The content is not what was written.
    #[error(
        "{path} was changed after it was written (checksum {expected}, content {actual}); restore \
         the original or repeat the run"
    )]
    Edited {
        /// The file.
        path: PathBuf,
        /// The checksum in the file.
        expected: String,
        /// The checksum of its content.
        actual: String,
    },
    /// The checksum holds, but fields are missing, unknown or of another type.
    #[error(
        "{path} is not a well-formed {kind}: {source}; compare it with \
         schema/{kind}-v1.schema.json and repeat the run"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// `record`, `comparison`, `history` or `blessing`.
        kind: &'static str,
        /// The first field that does not fit.
        source: serde_json::Error,
    },
    /// Parts of a record contradict each other.
    #[error(
        "the record of {path} contradicts itself: {what}; this is a fault of the program that \
         produced it, please report it"
    )]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// The contradiction.
        what: String,
    },
    /// Two records are of runs that did not do the same.
    #[error(
        "{base} and {new} cannot be compared: the {what} differs ({base_value} and {new_value}); \
         compare runs of the same plan on the same dataset"
    )]
    NotComparable {
        /// The record compared with.
        base: String,
        /// The record in question.
        new: String,
        /// What differs.
        what: &'static str,
        /// What it is in the base.
        base_value: String,
        /// What it is in the other.
        new_value: String,
    },
    /// Latencies could not be put into a histogram log.
    #[error(
        "cannot write the histogram log {path}: {what}; the record beside it holds the same \
         latencies"
    )]
    Histogram {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        what: String,
    },
}
