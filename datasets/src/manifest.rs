//! The manifest beside a dataset: what it was made from, its digests, and what a scanner should
//! find in it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracerig_store::files::{create_regular, read_regular};

use crate::error::{DatasetError, Result};
use crate::levels::Levels;
use crate::truth::{Fact, Ran, Truth};

/// The name of the manifest in a dataset's folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The largest manifest that is read. Facts and turns take some hundred bytes each.
pub(crate) const MOST_BYTES: u64 = 1 << 30;

/// Everything known about a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the recipe.
    pub name: String,
    /// The recipe as TOML, in its canonical form.
    pub recipe: String,
    /// The seed.
    pub seed: u64,
    /// The factor on rows and file size.
    pub scale: f64,
    /// The [`crate::GENERATOR_VERSION`] that built it.
    pub generator_version: u32,
    /// SHA-256 over the logical rows, hexadecimal: all columns in id order, each value with its
    /// type and length.
    pub rows_digest: String,
    /// SHA-256 of the database file, hexadecimal.
    pub file_digest: String,
    /// Rows in the database.
    pub rows: u64,
    /// The largest id.
    pub max_id: i64,
    /// Rows inserted while building; those that are not there any more fell to retention or to
    /// their age.
    pub inserted_rows: u64,
    /// Bytes of the bodies inserted while building, of rows that are gone too. These bytes by the
    /// time from the first insertion to the finished file are the speed that building tells.
    pub inserted_bytes: u64,
    /// Bytes of the bodies in the database.
    pub body_bytes: u64,
    /// Bytes of the database file.
    pub file_bytes: u64,
    /// Pages of the database file.
    pub pages: Pages,
    /// Rows in the database by level.
    pub levels: Levels,
    /// Threads that have rows in it.
    pub threads: u64,
    /// Processes that have rows in it.
    pub processes: u64,
    /// Rows in the database by kind of row.
    pub kinds: BTreeMap<String, KindCount>,
    /// What a scanner should find, all windows open.
    pub truth: Truth,
    /// The facts that survived retention, by rising row id.
    pub facts: Vec<Fact>,
    /// Rows that survived of those that the turns of these facts logged while they ran, by rising
    /// row id.
    #[serde(default)]
    pub turn_rows: Vec<Ran>,
    /// Where [`crate::workload::append`] goes on.
    pub continuation: Continuation,
}

/// Pages of a database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pages {
    /// Bytes of a page.
    pub page_size: u32,
    /// All pages.
    pub total: u64,
    /// Pages on the free list.
    pub free: u64,
    /// Pages of the b-tree of `logs` with its overflow pages, without the indexes.
    pub logs: u64,
}

/// Rows of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KindCount {
    /// Rows.
    pub rows: u64,
    /// Bytes of their bodies.
    pub body_bytes: u64,
}

/// The writers that were active when the dataset ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Continuation {
    /// The latest time of a row, Unix seconds.
    pub last_ts: i64,
    /// Processes with the threads they worked on.
    pub processes: Vec<(String, Vec<String>)>,
}

impl Manifest {
    /// Whether the rows were generated, so that what they mean is known. Else they are of your own
    /// database.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        self.generator_version > 0
    }

    /// Reads the manifest in a dataset's folder.
    ///
    /// # Errors
    /// [`DatasetError::Damaged`] when it is missing or unreadable.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST_FILE);
        let damaged = |detail: String| DatasetError::Damaged { path: path.clone(), detail };
        let bytes = read_regular(&path, MOST_BYTES)
            .map_err(|error| damaged(format!("no manifest: {error}")))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| damaged(format!("unreadable manifest: {error}")))
    }

    /// Writes the manifest into a dataset's folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(MANIFEST_FILE);
        let mut text = serde_json::to_string_pretty(self).map_err(|error| {
            DatasetError::Broken { path: path.clone(), detail: error.to_string() }
        })?;
        text.push('\n');
        let written = create_regular(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(DatasetError::io(&path, "write the manifest"))
    }
}
