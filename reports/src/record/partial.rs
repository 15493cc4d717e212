//! The samples of a run that is not over: a line each, written as they come, so that a kill or a
//! power cut takes none of them away.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::histogram::budget;
use super::{Outcome, Record, Sample, Status};
use crate::{Error, LARGEST_DOCUMENT, Result, read_whole};

/// Name of the file.
pub const PARTIAL: &str = "record.partial";

const SCHEMA: &str = "tracerig.partial";
const VERSION: u64 = 1;
const KIND: &str = "partial record";

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    schema: String,
    version: u64,
    /// The record without samples.
    record: Record,
}

/// A file that samples are added to.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    file: File,
    /// Of the last sample.
    round: Option<u64>,
}

impl Partial {
    /// A new file in `folder` for the samples of a run, whose record is this one, without any.
    ///
    /// # Errors
    /// It is there already, or cannot be written.
    pub fn begin(folder: &Path, record: &Record) -> Result<Partial> {
        let path = folder.join(PARTIAL);
        let begun = || -> std::io::Result<File> {
            let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
            let (schema, version) = (SCHEMA.to_owned(), VERSION);
            put(&file, &Head { schema, version, record: record.clone() })?;
            file.sync_data()?;
            // So that a power cut leaves the name; not every file system can do this.
            if let Ok(folder) = File::open(folder) {
                let _ = folder.sync_all();
            }
            Ok(file)
        };
        match begun() {
            Ok(file) => Ok(Partial { path, file, round: None }),
            Err(source) => Err(Error::Write { path, source }),
        }
    }

    /// Adds a sample. What a kill cannot take away then is safe from a power cut, too, as soon as
    /// its round is over: to wait for the disk after each sample would disturb the next.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, sample: &Sample) -> Result<()> {
        let is_new_round =
            self.round.replace(sample.round).is_some_and(|round| round != sample.round);
        let synced = if is_new_round { self.file.sync_data() } else { Ok(()) };
        synced
            .and_then(|()| put(&self.file, sample))
            .map_err(|source| Error::Write { path: self.path.clone(), source })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The record of a run that was killed, with the samples that were written as a whole.
    ///
    /// # Errors
    /// Typed, naming path and remedy, when the file cannot be read, is not of this kind, or
    /// contradicts itself.
    pub fn read(path: &Path) -> Result<Record> {
        let bytes = read_whole(path, LARGEST_DOCUMENT)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let mut lines = bytes[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let at = || path.to_owned();
        let malformed = |source| Error::Malformed { path: at(), kind: KIND, source };
        let Some(head) = lines.next() else {
            return Err(Error::Truncated { path: at(), bytes: bytes.len() as u64 });
        };
        super::file::opened(path, head, SCHEMA, VERSION, KIND)?;
        let Head { mut record, .. } = serde_json::from_slice(head).map_err(malformed)?;
        let samples = || lines.map(serde_json::from_slice::<Sample>).collect();
        let samples: serde_json::Result<Vec<Sample>> = budget::within(samples);
        record.samples = samples.map_err(malformed)?;
        record.outcome =
            Outcome { status: Status::Incomplete, ..Outcome::of(&record.samples, true) };
        match record.contradiction() {
            Some(what) => Err(Error::Inconsistent { path: at(), what }),
            None => Ok(record),
        }
    }
}

/// Writes a value as a line, in one piece.
fn put(mut file: &File, value: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn whatever_was_cut_off_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let whole = fixture::record();
        let empty =
            Record { samples: Vec::new(), outcome: Outcome::of(&[], true), ..whole.clone() };
        let mut partial = Partial::begin(folder.path(), &empty).unwrap();
        for sample in &whole.samples {
            partial.add(sample).unwrap();
        }
        let path = folder.path().join(PARTIAL);
        let read = Partial::read(&path).unwrap();
        assert_eq!((&read.samples, read.outcome.status), (&whole.samples, Status::Incomplete));
        assert!(Partial::begin(folder.path(), &empty).is_err(), "never written over");

        let bytes = std::fs::read(&path).unwrap();
        let head = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for end in (0..bytes.len()).step_by(997) {
            std::fs::write(&path, &bytes[..end]).unwrap();
            let lines = bytes[..end].iter().filter(|&&byte| byte == b'\n').count();
            match Partial::read(&path) {
                Ok(read) => assert_eq!(read.samples, whole.samples[..lines - 1]),
                Err(error) => {
                    assert!(
                        matches!(error, Error::Truncated { .. }) && end < head,
                        "{end}: {error}"
                    );
                }
            }
        }
        std::fs::write(&path, [&bytes[..head], &b"{}\n"[..]].concat()).unwrap();
        assert!(matches!(Partial::read(&path), Err(Error::Malformed { .. })));
    }
}
