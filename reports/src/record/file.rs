//! The record as a file: a header with schema, version and checksum, then the record itself.

use std::path::Path;

use base16ct::lower::encode_string;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::histogram::budget;
use super::{Record, SCHEMA, VERSION};
use crate::files::write_whole;
use crate::{Error, LARGEST_DOCUMENT, Result, read_whole};

/// What every version of the format has, so that an unknown one can be distinguished from a broken
/// one.
#[derive(Deserialize)]
struct Head {
    schema: Option<serde_json::Value>,
    version: Option<serde_json::Value>,
}

/// The file. The checksum is over the bytes of `record` as written, without the white space between
/// them: re-formatting a record is no edit, and no number has to survive a round trip through a
/// parser.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    schema: &'a str,
    version: u64,
    checksum: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// Checks that `bytes`, which are at `path`, are a JSON document of this schema and version; `kind`
/// is what the user calls it.
pub(crate) fn opened(
    path: &Path,
    bytes: &[u8],
    schema: &str,
    version: u64,
    kind: &'static str,
) -> Result<()> {
    let at = || path.to_owned();
    let head = head(path, bytes)?;
    match &head.schema {
        Some(found) if found == schema => {}
        other => {
            let found = other.as_ref().map_or_else(|| "absent".to_owned(), ToString::to_string);
            return Err(Error::NotARecord { path: at(), found });
        }
    }
    match head.version.as_ref().and_then(serde_json::Value::as_u64) {
        Some(found) if found == version => Ok(()),
        Some(found) => Err(Error::UnknownVersion { path: at(), kind, found, supported: version }),
        None => {
            let source = serde::de::Error::custom("\"version\" is not a whole number");
            Err(Error::Malformed { path: at(), kind, source })
        }
    }
}

/// What the document says it is; `None` where it does not say.
pub(crate) fn schema_of(path: &Path, bytes: &[u8]) -> Result<Option<String>> {
    Ok(head(path, bytes)?.schema.and_then(|schema| schema.as_str().map(str::to_owned)))
}

fn head(path: &Path, bytes: &[u8]) -> Result<Head> {
    let at = || path.to_owned();
    serde_json::from_slice(bytes).map_err(|source| match source.classify() {
        _ if ends_early(bytes, &source) => {
            Error::Truncated { path: at(), bytes: bytes.len() as u64 }
        }
        serde_json::error::Category::Data => {
            Error::NotARecord { path: at(), found: "absent".to_owned() }
        }
        _ => Error::NotJson { path: at(), source },
    })
}

/// Whether JSON stops where the file does: also behind the point of a number, which a parser calls
/// no number.
fn ends_early(bytes: &[u8], error: &serde_json::Error) -> bool {
    let last = bytes.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    let lines = 1 + bytes.iter().filter(|&&byte| byte == b'\n').count();
    let at_end = error.is_syntax() && error.line() == lines && error.column() >= last.len();
    error.is_eof() || (at_end && bytes.starts_with(b"{"))
}

const KIND: &str = "record";

impl Record {
    /// Reads a record from the file at `path`.
    ///
    /// # Errors
    /// Typed, naming path and remedy, when the file cannot be read, is cut off, not JSON, not a
    /// record, of an unknown version, changed after it was written, or contradicts itself.
    pub fn read(path: &Path) -> Result<Record> {
        let bytes = read_whole(path, LARGEST_DOCUMENT)?;
        Self::parse(path, &bytes)
    }

    /// The same of bytes in the file at `path`.
    ///
    /// # Errors
    /// As [`Record::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Record> {
        let at = || path.to_owned();
        opened(path, bytes, SCHEMA, VERSION, KIND)?;
        let malformed = |source| Error::Malformed { path: at(), kind: KIND, source };
        let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(malformed)?;
        let actual = checksum(envelope.record.get());
        if actual != envelope.checksum {
            return Err(Error::Edited { path: at(), expected: envelope.checksum, actual });
        }
        let record: Record =
            budget::within(|| serde_json::from_str(envelope.record.get())).map_err(malformed)?;
        match record.contradiction() {
            Some(what) => Err(Error::Inconsistent { path: at(), what }),
            None => Ok(record),
        }
    }

    /// Writes the record to `path`, whole or not at all: whatever was there before stays until the
    /// new file is complete.
    ///
    /// # Errors
    /// When the record contradicts itself, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(what) = self.contradiction() {
            return Err(Error::Inconsistent { path: path.to_owned(), what });
        }
        let text = self.to_json().map_err(|source| Error::Malformed {
            path: path.to_owned(),
            kind: KIND,
            source,
        })?;
        write_whole(path, text.as_bytes())
    }

    /// The text of its file.
    ///
    /// # Errors
    /// Never in practice: only when a figure cannot be put into JSON at all.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let record = RawValue::from_string(serde_json::to_string_pretty(self)?)?;
        let envelope = Envelope {
            schema: SCHEMA,
            version: VERSION,
            checksum: checksum(record.get()),
            record: &record,
        };
        let mut text = serde_json::to_string_pretty(&envelope)?;
        text.push('\n');
        Ok(text)
    }
}

/// SHA-256 of JSON text without the white space between its tokens.
pub(crate) fn checksum(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let mut kept = Vec::with_capacity(json.len());
    for byte in json.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        kept.push(byte);
    }
    digest(&kept)
}

/// SHA-256 of bytes, with its name.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", encode_string(&Sha256::digest(bytes)))
}
