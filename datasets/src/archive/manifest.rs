//! The manifest beside an archive: what it was made from, its digest, and what a refresh should
//! find in it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracerig_store::files::{create_regular, read_regular};

use super::expected::Expected;
use crate::error::{DatasetError, Result};
use crate::manifest::MOST_BYTES;

/// The name of the manifest in an archive's folder.
pub const ARCHIVE_MANIFEST_FILE: &str = "archive.json";

/// Everything known about an archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchiveManifest {
    /// Name of the recipe.
    pub name: String,
    /// The recipe as TOML, in its canonical form.
    pub recipe: String,
    /// The seed.
    pub seed: u64,
    /// The factor on the bytes of lines that do not matter.
    pub scale: f64,
    /// The [`crate::GENERATOR_VERSION`] that built it.
    pub generator_version: u32,
    /// Digest of the rows of the trace database whose turns are in it.
    pub trace_rows_digest: String,
    /// SHA-256 over all rollouts, hexadecimal: path below the home, length and digest of each, in
    /// the order of their paths.
    pub digest: String,
    /// Rollouts.
    pub files: u64,
    /// Of these, beginnings or copies of others.
    pub copies: u64,
    /// Bytes of all rollouts.
    pub bytes: u64,
    /// The largest rollout, below the home, and its bytes.
    pub largest: (PathBuf, u64),
    /// Lines in all rollouts.
    pub lines: u64,
    /// Of these, lines of kinds that no known version writes.
    pub unknown_lines: u64,
    /// What was used, the copies not counted.
    pub expected: Expected,
    /// Of it, what each turn used of which no session says the tier and the trace database does:
    /// priority.
    pub of_turns: BTreeMap<String, Expected>,
}

impl ArchiveManifest {
    /// Reads the manifest in an archive's folder.
    ///
    /// # Errors
    /// [`DatasetError::Damaged`] when it is missing or unreadable.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(ARCHIVE_MANIFEST_FILE);
        let damaged = |detail: String| DatasetError::Damaged { path: path.clone(), detail };
        let bytes = read_regular(&path, MOST_BYTES)
            .map_err(|error| damaged(format!("no manifest: {error}")))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| damaged(format!("unreadable manifest: {error}")))
    }

    /// Writes the manifest into an archive's folder.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(ARCHIVE_MANIFEST_FILE);
        let mut text = serde_json::to_string(self).map_err(|error| DatasetError::Broken {
            path: path.clone(),
            detail: error.to_string(),
        })?;
        text.push('\n');
        let written = create_regular(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(DatasetError::io(&path, "write the manifest"))
    }
}
