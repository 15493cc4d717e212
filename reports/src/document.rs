//! A file of any kind that a report can be made of.

use std::path::Path;

use crate::comparison::{self, Comparisons};
use crate::record::{self, Record};
use crate::{LARGEST_DOCUMENT, Result, read_whole};

/// What a report is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// A run.
    Record(Box<Record>),
    /// Comparisons of programs or runs.
    Comparisons(Comparisons),
}

impl Document {
    /// Reads the file at `path` as what it says it is, or as a run that was killed where it is
    /// called [`record::PARTIAL`].
    ///
    /// # Errors
    /// As [`Record::read`] and [`Comparisons::read`].
    pub fn read(path: &Path) -> Result<Document> {
        if path.file_name().is_some_and(|name| name == record::PARTIAL) {
            return Ok(Document::Record(Box::new(record::Partial::read(path)?)));
        }
        Self::parse(path, &read_whole(path, LARGEST_DOCUMENT)?)
    }

    /// The same of the bytes of the file at `path`.
    ///
    /// # Errors
    /// As [`Document::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Document> {
        if record::schema_of(path, bytes)?.as_deref() == Some(comparison::FILE_SCHEMA) {
            return Ok(Document::Comparisons(Comparisons::parse(path, bytes)?));
        }
        Ok(Document::Record(Box::new(Record::parse(path, bytes)?)))
    }
}
