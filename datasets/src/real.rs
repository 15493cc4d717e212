//! Databases written by the real Codex CLI, kept compressed in the repository, decoded into a folder on demand.
//!
//! `datasets/real/README.md` says where they come from. They are for tests: what a scanner must find in them is known
//! from the server's own record of the requests it received ([`Codex::requests`]), not from any scanner.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ruzstd::decoding::StreamingDecoder;

/// A version of the Codex CLI of which real files are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codex {
    /// 0.141.0: requests, completions and submissions are in the log.
    V0_141_0,
    /// 0.169.0: only tags rows are.
    V0_169_0,
}

/// Why real files could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum RealError {
    /// The compressed copy is damaged.
    #[error(
        "the copy of {name} in this build is damaged: {reason}; restore datasets/real from version control"
    )]
    Damaged {
        /// The file in `datasets/real`.
        name: String,
        /// What the decoder said.
        reason: String,
    },
    /// The decoded file could not be written.
    #[error("cannot write the decoded file to {path}: {source}; check the folder and the room on its disk")]
    Write {
        /// Where it was to stand.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Codex {
    /// Every version there is, oldest first.
    pub const ALL: [Codex; 2] = [Codex::V0_141_0, Codex::V0_169_0];

    /// The version as Codex prints it.
    pub fn version(self) -> &'static str {
        match self {
            Codex::V0_141_0 => "0.141.0",
            Codex::V0_169_0 => "0.169.0",
        }
    }

    /// Writes the trace database into `folder` as `logs_2.sqlite` and gives its path. It needs no `-wal`.
    ///
    /// # Errors
    /// The copy is damaged, or the file cannot be written.
    pub fn write_logs(self, folder: &Path) -> Result<PathBuf, RealError> {
        let compressed: &[u8] = match self {
            Codex::V0_141_0 => include_bytes!("../real/codex-0.141.0.logs_2.sqlite.zst"),
            Codex::V0_169_0 => include_bytes!("../real/codex-0.169.0.logs_2.sqlite.zst"),
        };
        let decoded = decode(compressed).map_err(|reason| self.damaged("logs_2.sqlite.zst", reason))?;
        let path = folder.join("logs_2.sqlite");
        fs::write(&path, decoded).map_err(|source| RealError::Write { path: path.clone(), source })?;
        Ok(path)
    }

    /// Writes the histories of all threads below `folder`, as `sessions/YYYY/MM/DD/rollout-*.jsonl`, and gives the path of
    /// `sessions`.
    ///
    /// # Errors
    /// The copy is damaged, or a file cannot be written.
    pub fn write_sessions(self, folder: &Path) -> Result<PathBuf, RealError> {
        let compressed: &[u8] = match self {
            Codex::V0_141_0 => include_bytes!("../real/codex-0.141.0.sessions.zst"),
            Codex::V0_169_0 => include_bytes!("../real/codex-0.169.0.sessions.zst"),
        };
        let decoded = decode(compressed).map_err(|reason| self.damaged("sessions.zst", reason))?;
        for (name, content) in unpack(&decoded).map_err(|reason| self.damaged("sessions.zst", reason))? {
            let path = folder.join(name);
            let written = match path.parent() {
                Some(parent) => fs::create_dir_all(parent).and_then(|()| fs::write(&path, content)),
                None => fs::write(&path, content),
            };
            written.map_err(|source| RealError::Write { path, source })?;
        }
        Ok(folder.join("sessions"))
    }

    /// The rows of table `threads` that Codex itself wrote into its `state_5.sqlite` for those histories: one JSON object a
    /// line, every column by its name, in the order of the ids.
    pub fn threads(self) -> &'static str {
        match self {
            Codex::V0_141_0 => include_str!("../real/codex-0.141.0.threads.jsonl"),
            Codex::V0_169_0 => include_str!("../real/codex-0.169.0.threads.jsonl"),
        }
    }

    /// The server's record of every request it received, one JSON object a line.
    ///
    /// # Errors
    /// The copy is damaged.
    pub fn requests(self) -> Result<String, RealError> {
        let compressed: &[u8] = match self {
            Codex::V0_141_0 => include_bytes!("../real/codex-0.141.0.requests.jsonl.zst"),
            Codex::V0_169_0 => include_bytes!("../real/codex-0.169.0.requests.jsonl.zst"),
        };
        let text =
            decode(compressed).and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()));
        text.map_err(|reason| self.damaged("requests.jsonl.zst", reason))
    }

    /// What the rules of the scanner find in the whole database, as JSON written by `harness/oracle/scan.py`.
    pub fn expected(self) -> &'static str {
        match self {
            Codex::V0_141_0 => include_str!("../real/expected-0.141.0-ours.json"),
            Codex::V0_169_0 => include_str!("../real/expected-0.169.0-ours.json"),
        }
    }

    /// What the published rules find in it, from the same program.
    pub fn expected_published(self) -> &'static str {
        match self {
            Codex::V0_141_0 => include_str!("../real/expected-0.141.0-published.json"),
            Codex::V0_169_0 => include_str!("../real/expected-0.169.0-published.json"),
        }
    }

    fn damaged(self, file: &str, reason: String) -> RealError {
        RealError::Damaged { name: format!("codex-{}.{file}", self.version()), reason }
    }
}

/// The files of a pack: before each a line with its name and its length in bytes.
fn unpack(mut pack: &[u8]) -> Result<Vec<(&str, &[u8])>, String> {
    let mut files = Vec::new();
    while !pack.is_empty() {
        let end = pack.iter().position(|byte| *byte == b'\n').ok_or("a file without a name")?;
        let head = str::from_utf8(&pack[..end]).map_err(|error| error.to_string())?;
        let (name, length) = head.rsplit_once(' ').ok_or("a file without a length")?;
        let length: usize = length.parse().map_err(|_| format!("`{length}` is no length"))?;
        let rest = pack.get(end + 1..).unwrap_or_default();
        let (content, rest) = rest.split_at_checked(length).ok_or_else(|| format!("{name} is cut short"))?;
        files.push((name, content));
        pack = rest;
    }
    Ok(files)
}

fn decode(compressed: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::new();
    let mut decoder = StreamingDecoder::new(compressed).map_err(|error| error.to_string())?;
    decoder.read_to_end(&mut decoded).map_err(|error| error.to_string())?;
    Ok(decoded)
}
