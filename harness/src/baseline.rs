//! Records kept under a name, to compare later runs with: `NAME.json` says which, and on which machine they were made.
//!
//! The records lie in a folder of their own beside it. A baseline is replaced by writing the new folder first and then, in one step, the
//! file that names it: whatever happens meanwhile, the name stands for all of the old or all of the new.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracerig_reports::{Record, write_whole};

use crate::machine;

const SCHEMA: &str = "tracerig.baseline";
const VERSION: u64 = 1;

/// The folder of baselines.
#[derive(Clone, Debug)]
pub struct Baselines {
    folder: PathBuf,
}

/// A record, and the name of its run.
pub type Named = (String, Record);

/// Which records a name stands for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    schema: String,
    version: u64,
    name: String,
    /// When it was saved.
    saved: String,
    /// The machine that the records were made on.
    fingerprint: String,
    /// Names of runs, and the files of their records, from the folder of the index.
    records: Vec<(String, PathBuf)>,
}

/// Why a baseline cannot be saved or had. Every message names it and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The name cannot be one.
    #[error("`{0}` cannot name a baseline: use letters, digits, - _ . and begin with none of the last two")]
    Name(String),
    /// There is none of this name.
    #[error("there is no baseline `{name}` ({} is not there); save one with `tracerig compare --save-baseline {name} RECORD`{known}", path.display())]
    Missing {
        /// Its name.
        name: String,
        /// Where it would be.
        path: PathBuf,
        /// The names there are, in words.
        known: String,
    },
    /// Its file says nothing sensible.
    #[error("{}: the baseline cannot be read: {said}. Save it again with `tracerig compare --save-baseline`", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is the matter.
        said: String,
    },
    /// The records are of several machines.
    #[error(
        "the records of a baseline must be of one machine, and these have the fingerprints {0} and {1}; save one baseline for each"
    )]
    Mixed(String, String),
    /// A file cannot be written or removed.
    #[error("{}: cannot be written: {source}. Make room, or choose another folder with --baselines", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A record cannot be read or written.
    #[error(transparent)]
    Record(#[from] tracerig_reports::Error),
}

impl Baselines {
    /// Those in `folder`.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps `records` under `name`, in place of what was kept under it.
    ///
    /// # Errors
    /// See [`BaselineError`]; what was kept before is then still there.
    pub fn save(&self, name: &str, records: &[Named]) -> Result<PathBuf, BaselineError> {
        let path = self.path(name)?;
        let mut prints = records.iter().map(|(_, record)| &record.machine.fingerprint);
        let fingerprint = prints.next().cloned().unwrap_or_default();
        if let Some(other) = prints.find(|print| **print != fingerprint) {
            return Err(BaselineError::Mixed(fingerprint, other.clone()));
        }
        let before = self.index(name, &path).ok();
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| BaselineError::Io { path, source }
        };
        std::fs::create_dir_all(&self.folder).map_err(failed(&self.folder))?;
        let own = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(&self.folder);
        let own = own.map_err(failed(&self.folder))?;
        let mut index = Index {
            schema: SCHEMA.to_owned(),
            version: VERSION,
            name: name.to_owned(),
            saved: machine::now(),
            fingerprint,
            records: Vec::new(),
        };
        for (at, (run, record)) in records.iter().enumerate() {
            let file = own.path().join(format!("{at}.json"));
            record.write(&file)?;
            let relative = file.strip_prefix(&self.folder).unwrap_or(&file).to_owned();
            index.records.push((run.clone(), relative));
        }
        let mut text = serde_json::to_vec_pretty(&index).map_err(|error| broken(&path, &error))?;
        text.push(b'\n');
        write_whole(&path, &text)?;
        // From here on the name stands for the new records.
        let own = own.keep();
        let old = before.iter().flat_map(|index| &index.records).filter_map(|(_, file)| file.parent());
        for folder in old.map(|parent| self.folder.join(parent)).filter(|old| *old != own) {
            // What cannot be removed is litter, and no harm.
            let _ = std::fs::remove_dir_all(folder);
        }
        Ok(path)
    }

    /// The records kept under `name`.
    ///
    /// # Errors
    /// See [`BaselineError`].
    pub fn load(&self, name: &str) -> Result<Vec<Named>, BaselineError> {
        let path = self.path(name)?;
        let index = self.index(name, &path)?;
        if index.records.is_empty() {
            return Err(BaselineError::Broken { path, said: "it has no records".to_owned() });
        }
        let read = |(run, file): (String, PathBuf)| Ok((run, Record::read(&self.folder.join(file))?));
        index.records.into_iter().map(read).collect()
    }

    fn path(&self, name: &str) -> Result<PathBuf, BaselineError> {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if name.is_empty() || name.starts_with(['.', '_']) || !name.chars().all(is_plain) {
            return Err(BaselineError::Name(name.to_owned()));
        }
        Ok(self.folder.join(format!("{name}.json")))
    }

    fn index(&self, name: &str, path: &Path) -> Result<Index, BaselineError> {
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let (name, path, known) = (name.to_owned(), path.to_owned(), self.known());
                return Err(BaselineError::Missing { name, path, known });
            }
            read => read.map_err(|source| BaselineError::Io { path: path.to_owned(), source })?,
        };
        let index: Index = serde_json::from_slice(&text).map_err(|error| broken(path, &error))?;
        if (index.schema.as_str(), index.version) != (SCHEMA, VERSION) {
            let said =
                format!("it is {} version {}, not {SCHEMA} version {VERSION}", index.schema, index.version);
            return Err(BaselineError::Broken { path: path.to_owned(), said });
        }
        Ok(index)
    }

    /// The names there are, for a message.
    fn known(&self) -> String {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".json")?.to_owned()))
            .collect();
        names.sort();
        if names.is_empty() { String::new() } else { format!(". There are: {}", names.join(", ")) }
    }
}

fn broken(path: &Path, error: &serde_json::Error) -> BaselineError {
    BaselineError::Broken { path: path.to_owned(), said: error.to_string() }
}
