//! Records kept under a name, to compare later runs with: `NAME.json` holds them, and says on which
//! machine they were made.
//!
//! It is one file, replaced in one step: whatever happens meanwhile, the name represents all of the
//! old records or all of the new.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracerig_reports::record::Status;
use tracerig_reports::{Error, LARGEST_DOCUMENT, Record, read_whole, write_whole};

use crate::machine;

const SCHEMA: &str = "tracerig.baseline";
const VERSION: u64 = 2;

/// The folder of baselines.
#[derive(Clone, Debug)]
pub struct Baselines {
    folder: PathBuf,
}

/// A record, and the name of its run.
pub type Named = (String, Record);

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    version: u64,
    name: String,
    /// When it was saved.
    saved: String,
    /// The machine that the records were made on.
    fingerprint: String,
    /// Names of runs, and their records as their own files hold them, checksum included.
    records: Vec<(String, Box<RawValue>)>,
}

/// Why a baseline cannot be saved or had. Every message names it and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The name cannot be one.
    #[error(
        "`{0}` cannot name a baseline: use letters, digits, - _ . and begin with none of the last \
         two"
    )]
    Name(String),
    /// There is none of this name.
    #[error(
        "there is no baseline `{name}` ({} is not there); save one with `tracerig compare \
         --save-baseline {name} RECORD`{known}",
        path.display()
    )]
    Missing {
        /// Its name.
        name: String,
        /// Where it would be.
        path: PathBuf,
        /// The names there are, in words.
        known: String,
    },
    /// Its file says nothing sensible.
    #[error(
        "{}: the baseline cannot be read: {said}. Save it again with `tracerig compare \
         --save-baseline`",
        path.display()
    )]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is the matter.
        said: String,
    },
    /// The records are of several machines.
    #[error(
        "the records of a baseline must be of one machine, and these have the fingerprints {0} and \
         {1}; save one baseline for each"
    )]
    Mixed(String, String),
    /// A record that nothing can be compared with.
    #[error(
        "the run `{run}` {why}, so it is no baseline, and what is kept as `{name}` stays; make the \
         run again, or keep it all the same with --force"
    )]
    NoBase {
        /// Of the baseline.
        name: String,
        /// Of the record.
        run: String,
        /// What is the matter with it.
        why: &'static str,
    },
    /// The same, with a good baseline in its place.
    #[error(
        "the run `{run}` {why}, and the good baseline kept as `{name}` stays; choose another name, \
         or remove {}",
        path.display()
    )]
    Good {
        /// Of the baseline.
        name: String,
        /// Of the record.
        run: String,
        /// What is the matter with it.
        why: &'static str,
        /// The file of the baseline.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error(
        "{}: cannot be read or written: {source}. Check its permissions, make room, or choose \
         another folder with --baselines",
        path.display()
    )]
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

/// The first record that is no good to compare with, and why.
fn flaw(records: &[Named]) -> Option<(&str, &'static str)> {
    let why = |record: &Record| match record.outcome.status {
        Status::Complete => None,
        Status::Inconclusive => Some("is inconclusive: an arm has no valid sample"),
        Status::Interrupted => Some("was cut short"),
        Status::Incomplete => Some("was killed"),
        Status::Failed => Some("has processes that failed"),
        Status::Mismatch => Some("has wrong answers"),
    };
    records.iter().find_map(|(run, record)| Some((run.as_str(), why(record)?)))
}

impl Baselines {
    /// Those in `folder`.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps `records` under `name`, in place of what was kept under it. Runs that did not end well
    /// are refused; with `force` they are kept where no good ones are.
    ///
    /// # Errors
    /// See [`BaselineError`]; what was kept before is then still there.
    pub fn save(
        &self,
        name: &str,
        records: &[Named],
        force: bool,
    ) -> Result<PathBuf, BaselineError> {
        let path = self.path(name)?;
        if let Some((run, why)) = flaw(records) {
            let (name, run) = (name.to_owned(), run.to_owned());
            if !force {
                return Err(BaselineError::NoBase { name, run, why });
            }
            let keeps_good = self.load(&name).is_ok_and(|kept| flaw(&kept).is_none());
            if keeps_good {
                return Err(BaselineError::Good { name, run, why, path });
            }
        }
        let mut prints = records.iter().map(|(_, record)| &record.machine.fingerprint);
        let fingerprint = prints.next().cloned().unwrap_or_default();
        if let Some(other) = prints.find(|print| **print != fingerprint) {
            return Err(BaselineError::Mixed(fingerprint, other.clone()));
        }
        let unwritable = |error| broken(&path, &error);
        let kept =
            |(run, record): &Named| Ok((run.clone(), RawValue::from_string(record.to_json()?)?));
        let file = File {
            schema: SCHEMA.to_owned(),
            version: VERSION,
            name: name.to_owned(),
            saved: machine::now(),
            fingerprint,
            records: records.iter().map(kept).collect::<Result<_, _>>().map_err(unwritable)?,
        };
        let mut text = serde_json::to_vec_pretty(&file).map_err(unwritable)?;
        text.push(b'\n');
        let folder = self.folder.clone();
        std::fs::create_dir_all(&folder)
            .map_err(|source| BaselineError::Io { path: folder, source })?;
        write_whole(&path, &text)?;
        Ok(path)
    }

    /// The records kept under `name`.
    ///
    /// # Errors
    /// See [`BaselineError`].
    pub fn load(&self, name: &str) -> Result<Vec<Named>, BaselineError> {
        let path = self.path(name)?;
        let file = self.file(name, &path)?;
        if file.records.is_empty() {
            return Err(BaselineError::Broken { path, said: "it has no records".to_owned() });
        }
        let read = |(run, text): (String, Box<RawValue>)| {
            Ok((run, Record::parse(&path, text.get().as_bytes())?))
        };
        file.records.into_iter().map(read).collect()
    }

    fn path(&self, name: &str) -> Result<PathBuf, BaselineError> {
        let is_plain =
            |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if name.is_empty() || name.starts_with(['.', '_']) || !name.chars().all(is_plain) {
            return Err(BaselineError::Name(name.to_owned()));
        }
        Ok(self.folder.join(format!("{name}.json")))
    }

    fn file(&self, name: &str, path: &Path) -> Result<File, BaselineError> {
        let text = match read_whole(path, LARGEST_DOCUMENT) {
            Err(Error::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                let (name, path, known) = (name.to_owned(), path.to_owned(), self.known());
                return Err(BaselineError::Missing { name, path, known });
            }
            read => read?,
        };
        let file: File = serde_json::from_slice(&text).map_err(|error| broken(path, &error))?;
        if (file.schema.as_str(), file.version) != (SCHEMA, VERSION) {
            let said = format!(
                "it is {} version {}, not {SCHEMA} version {VERSION}",
                file.schema, file.version
            );
            return Err(BaselineError::Broken { path: path.to_owned(), said });
        }
        Ok(file)
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
