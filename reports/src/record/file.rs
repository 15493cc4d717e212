//! The record as a file: a header with schema, version and checksum, then the record itself.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::context::hex;
use super::{Record, SCHEMA, VERSION};
use crate::files::write_whole;
use crate::{Error, Result};

/// What every version of the format has, so that an unknown one can be told from a broken one.
#[derive(Deserialize)]
struct Head {
    schema: Option<serde_json::Value>,
    version: Option<serde_json::Value>,
}

/// The file. The checksum is over the bytes of `record` as they stand, without the white space between them:
/// re-formatting a record is no edit, and no number has to survive a round trip through a parser.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    schema: &'a str,
    version: u64,
    checksum: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

impl Record {
    /// Reads a record from the file at `path`.
    ///
    /// # Errors
    /// Typed, naming path and remedy, when the file cannot be read, is cut off, not JSON, not a record, of an unknown
    /// version, changed after it was written, or contradicts itself.
    pub fn read(path: &Path) -> Result<Record> {
        let at = || path.to_owned();
        let bytes = std::fs::read(path).map_err(|source| Error::Read { path: at(), source })?;
        let head: Head = serde_json::from_slice(&bytes).map_err(|source| match source.classify() {
            serde_json::error::Category::Eof => Error::Truncated { path: at(), bytes: bytes.len() as u64 },
            serde_json::error::Category::Data => Error::NotARecord { path: at(), found: "absent".to_owned() },
            _ => Error::NotJson { path: at(), source },
        })?;
        match &head.schema {
            Some(schema) if schema == SCHEMA => {}
            other => {
                let found = other.as_ref().map_or_else(|| "absent".to_owned(), ToString::to_string);
                return Err(Error::NotARecord { path: at(), found });
            }
        }
        match head.version.as_ref().and_then(serde_json::Value::as_u64) {
            Some(VERSION) => {}
            Some(found) => return Err(Error::UnknownVersion { path: at(), found, supported: VERSION }),
            None => {
                let source = serde::de::Error::custom("\"version\" is not a whole number");
                return Err(Error::Malformed { path: at(), source });
            }
        }
        let malformed = |source| Error::Malformed { path: at(), source };
        let envelope: Envelope<'_> = serde_json::from_slice(&bytes).map_err(malformed)?;
        let actual = checksum(envelope.record.get());
        if actual != envelope.checksum {
            return Err(Error::Edited { path: at(), expected: envelope.checksum, actual });
        }
        let record: Record = serde_json::from_str(envelope.record.get()).map_err(malformed)?;
        match record.contradiction() {
            Some(what) => Err(Error::Inconsistent { path: at(), what }),
            None => Ok(record),
        }
    }

    /// Writes the record to `path`, whole or not at all: whatever stood there before stays until the new file is
    /// complete.
    ///
    /// # Errors
    /// When the record contradicts itself, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(what) = self.contradiction() {
            return Err(Error::Inconsistent { path: path.to_owned(), what });
        }
        let text = self.to_json().map_err(|source| Error::Malformed { path: path.to_owned(), source })?;
        write_whole(path, text.as_bytes())
    }

    /// The text of the file.
    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        let record = RawValue::from_string(serde_json::to_string_pretty(self)?)?;
        let envelope =
            Envelope { schema: SCHEMA, version: VERSION, checksum: checksum(record.get()), record: &record };
        let mut text = serde_json::to_string_pretty(&envelope)?;
        text.push('\n');
        Ok(text)
    }
}

/// SHA-256 of JSON text without the white space between its tokens.
fn checksum(json: &str) -> String {
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
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}
