//! The comparisons of the runs of a plan as one file with a checksum, and reading it back.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Comparison, SCHEMA, VERSION, json};
use crate::record::{checksum, opened};
use crate::{Error, LARGEST_DOCUMENT, Result, read_whole, write_whole};

/// Name of the format of a file of comparisons.
pub const FILE_SCHEMA: &str = "tracerig.comparisons";
/// Version of that format.
pub const FILE_VERSION: u64 = 1;

/// The comparisons of the runs of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparisons {
    /// What comparing ended with: the gravest of the comparisons, or of what else went wrong.
    pub exit_code: u8,
    /// Whether it was cut short.
    pub interrupted: bool,
    /// One a run, in the order of the plan.
    pub runs: Vec<Run>,
}

/// The comparison of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The name of the run.
    pub name: String,
    /// The comparison.
    pub comparison: Comparison,
}

/// The file. The checksum is over all of it but itself, without the white space between tokens.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    schema: &'a str,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
    exit_code: u8,
    interrupted: bool,
    #[serde(borrow)]
    runs: &'a RawValue,
}

#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    comparison: Box<RawValue>,
}

impl Written<'_> {
    fn of(run: &Run) -> serde_json::Result<Written<'_>> {
        Ok(Written { name: &run.name, comparison: RawValue::from_string(json(&run.comparison)?)? })
    }
}

#[derive(Deserialize)]
struct ReadRun {
    name: String,
    comparison: ReadComparison,
}

/// A comparison as [`json`] writes it; gate and exit code follow from the rest.
#[derive(Deserialize)]
struct ReadComparison {
    schema: String,
    version: u64,
    #[serde(flatten)]
    comparison: Comparison,
}

impl Comparisons {
    /// Says in a sentence that the comparison ended early or failed; `None` if the comparisons are
    /// complete.
    #[must_use]
    pub fn cut_short(&self) -> Option<String> {
        let explained =
            self.runs.iter().any(|run| run.comparison.gate().exit_code() == self.exit_code);
        match self.exit_code {
            _ if self.interrupted => {
                Some("Interrupted (exit code 130): the other runs were not compared.".to_owned())
            }
            0 => None,
            _ if explained => None,
            code => Some(format!(
                "An error ended the comparison (exit code {code}): the other runs were not \
                 compared."
            )),
        }
    }

    /// The text of the file: one JSON object with a final line feed.
    ///
    /// # Errors
    /// Never in practice: only when a figure cannot be put into JSON at all.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let runs = self.runs.iter().map(Written::of).collect::<serde_json::Result<Vec<_>>>()?;
        let runs = RawValue::from_string(serde_json::to_string_pretty(&runs)?)?;
        let Self { exit_code, interrupted, .. } = *self;
        let (schema, version) = (FILE_SCHEMA, FILE_VERSION);
        let mut envelope =
            Envelope { schema, version, checksum: None, exit_code, interrupted, runs: &runs };
        envelope.checksum = Some(envelope.computed()?);
        Ok(serde_json::to_string_pretty(&envelope)? + "\n")
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = self.to_json().map_err(|source| malformed(path, source))?;
        write_whole(path, text.as_bytes())
    }

    /// Reads what [`Comparisons::write`] wrote.
    ///
    /// # Errors
    /// Typed, naming path and remedy, when the file cannot be read, is cut off, not JSON, no file
    /// of comparisons, of an unknown version, or changed after it was written.
    pub fn read(path: &Path) -> Result<Comparisons> {
        let bytes = read_whole(path, LARGEST_DOCUMENT)?;
        Self::parse(path, &bytes)
    }

    /// The same of the bytes of the file at `path`.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Comparisons> {
        opened(path, bytes, FILE_SCHEMA, FILE_VERSION, KIND)?;
        let broken = |source| malformed(path, source);
        let mut envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(broken)?;
        let expected = envelope.checksum.take().unwrap_or_else(|| "absent".to_owned());
        let actual = envelope.computed().map_err(broken)?;
        if actual != expected {
            return Err(Error::Edited { path: path.to_owned(), expected, actual });
        }
        let Envelope { exit_code, interrupted, runs, .. } = envelope;
        let read: Vec<ReadRun> = serde_json::from_str(runs.get()).map_err(broken)?;
        let run = |ReadRun { name, comparison: read }: ReadRun| match (
            read.schema.as_str(),
            read.version,
        ) {
            (SCHEMA, VERSION) => Ok(Run { name, comparison: read.comparison }),
            (SCHEMA, found) => Err(Error::UnknownVersion {
                path: path.to_owned(),
                kind: KIND,
                found,
                supported: VERSION,
            }),
            (found, _) => {
                Err(malformed(path, serde::de::Error::custom(format!("a run holds a `{found}`"))))
            }
        };
        let runs = read.into_iter().map(run).collect::<Result<_>>()?;
        Ok(Comparisons { exit_code, interrupted, runs })
    }
}

impl Envelope<'_> {
    /// The checksum of a file that says all this; to be asked of one that has none yet.
    fn computed(&self) -> serde_json::Result<String> {
        Ok(checksum(&serde_json::to_string(self)?))
    }
}

const KIND: &str = "comparison";

fn malformed(path: &Path, source: serde_json::Error) -> Error {
    Error::Malformed { path: path.to_owned(), kind: KIND, source }
}
