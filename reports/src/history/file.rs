//! Entries and explained steps as files: a header with schema, version and checksum, then the
//! content.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::entry::{BLESSING_SCHEMA, BLESSING_VERSION, Blessing, Entry, SCHEMA, VERSION};
use crate::record::{checksum, opened, schema_of};
use crate::{ByteSize, Error, Result, read_whole};

/// The largest file of a history. A run takes about 20 kB.
pub const LARGEST_ENTRY: ByteSize = ByteSize(16 << 20);
/// Files of a history.
pub const MOST_ENTRIES: usize = 100_000;

/// What the name of every file of a history ends with.
pub const SUFFIX: &str = ".json";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    schema: &'a str,
    version: u64,
    checksum: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

fn text(schema: &str, version: u64, content: &impl Serialize) -> serde_json::Result<String> {
    let content = RawValue::from_string(serde_json::to_string_pretty(content)?)?;
    let checksum = checksum(content.get());
    let envelope = Envelope { schema, version, checksum, content: &content };
    Ok(serde_json::to_string_pretty(&envelope)? + "\n")
}

impl Entry {
    /// The text of its file.
    ///
    /// # Errors
    /// Never in practice: only if a figure cannot be put into JSON at all.
    pub fn to_json(&self) -> serde_json::Result<String> {
        text(SCHEMA, VERSION, self)
    }
}

impl Blessing {
    /// The text of its file.
    ///
    /// # Errors
    /// As [`Entry::to_json`].
    pub fn to_json(&self) -> serde_json::Result<String> {
        text(BLESSING_SCHEMA, BLESSING_VERSION, self)
    }
}

/// The files of a history, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Files {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The explained steps.
    pub blessings: Vec<Blessing>,
    /// Files that do not belong to a history: their name does not end with `.json`.
    pub skipped: Vec<PathBuf>,
}

impl Files {
    /// Reads all files of a folder; a folder that does not exist is an empty history.
    ///
    /// # Errors
    /// As [`Files::add`], and if the folder cannot be read.
    pub fn read(folder: &Path) -> Result<Files> {
        let failed = |source| Error::Read { path: folder.to_owned(), source };
        let mut files = Files::default();
        let mut paths = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
            found => found
                .and_then(|found| {
                    found.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()
                })
                .map_err(failed)?,
        };
        paths.sort();
        for path in paths {
            if files.skips(&path) {
                continue;
            }
            files.add(&path, &read_whole(&path, LARGEST_ENTRY)?)?;
        }
        Ok(files)
    }

    /// Whether the name shows that the file is of something else; it is then among the skipped.
    pub fn skips(&mut self, path: &Path) -> bool {
        let is_ours = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SUFFIX));
        if !is_ours {
            self.skipped.push(path.to_owned());
        }
        !is_ours
    }

    /// Adds the content of the file at `path`.
    ///
    /// # Errors
    /// Typed, with path and remedy: it is cut off, not JSON, of something else, of an unknown
    /// version, changed after it was written, or it contradicts itself, or there are too many.
    pub fn add(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        if self.entries.len() + self.blessings.len() >= MOST_ENTRIES {
            let what = format!("the history has more than {MOST_ENTRIES} files");
            return Err(Error::NotHistory { path: path.to_owned(), what });
        }
        if schema_of(path, bytes).map_err(of_history)?.as_deref() == Some(BLESSING_SCHEMA) {
            let read: Blessing = parse(path, bytes, BLESSING_SCHEMA, BLESSING_VERSION, "blessing")?;
            holds(path, read.contradiction())?;
            self.blessings.push(read);
        } else {
            let read: Entry = parse(path, bytes, SCHEMA, VERSION, "history")?;
            holds(path, read.contradiction())?;
            self.entries.push(read);
        }
        Ok(())
    }
}

fn parse<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    schema: &str,
    version: u64,
    kind: &'static str,
) -> Result<T> {
    opened(path, bytes, schema, version, kind).map_err(of_history)?;
    let malformed = |source| Error::Malformed { path: path.to_owned(), kind, source };
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(malformed)?;
    let actual = checksum(envelope.content.get());
    if actual != envelope.checksum {
        return Err(Error::Edited { path: path.to_owned(), expected: envelope.checksum, actual });
    }
    serde_json::from_str(envelope.content.get()).map_err(malformed)
}

/// Says of a history what is said of records: what is not one.
fn of_history(error: Error) -> Error {
    match error {
        Error::NotARecord { path, found } => {
            Error::NotHistory { path, what: format!("its \"schema\" is {found}") }
        }
        Error::NotJson { path, source } => {
            Error::NotHistory { path, what: format!("not JSON: {source}") }
        }
        error => error,
    }
}

fn holds(path: &Path, contradiction: Option<String>) -> Result<()> {
    contradiction.map_or(Ok(()), |what| Err(Error::Inconsistent { path: path.to_owned(), what }))
}
