//! Histories on disk: files of a folder, or of a branch that nobody checks out.
//!
//! A file is written once and never replaced. `branch` writes through git's plumbing and never
//! touches the work tree; `commit` reads what a commit says of itself.

mod branch;
mod commit;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tracerig_reports::history::{Blessing, Entry, Files};
use tracerig_reports::write_new;

use crate::git::GitError;

pub use commit::read as read_commit;

/// The folder of a history, unless another place is named.
pub const FOLDER: &str = ".tracerig/history";

/// Where a history is kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a folder.
    Folder(PathBuf),
    /// On a branch of the repository around this folder.
    Branch {
        /// A folder in the repository.
        repository: PathBuf,
        /// The branch.
        name: String,
    },
}

/// Why a history cannot be read or added to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// A file of it cannot be read or written.
    #[error(transparent)]
    File(#[from] tracerig_reports::Error),
    /// Git gave no answer.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no such folder or branch.
    #[error(
        "there is no history at {0}; add a run with `tracerig history add RECORD`, or name the \
         place of the history"
    )]
    Missing(String),
    /// What would be added is there.
    #[error("{place} has {what} already, which is never replaced; {remedy}")]
    Exists {
        /// The place.
        place: String,
        /// What is there.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The branch is of something else.
    #[error("the branch {name} {what}; choose another --branch for the history")]
    NotHistory {
        /// The branch.
        name: String,
        /// What is the matter.
        what: String,
    },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Folder(path) => write!(f, "{}", path.display()),
            Place::Branch { name, .. } => write!(f, "branch {name}"),
        }
    }
}

impl Place {
    /// Reads the history.
    ///
    /// # Errors
    /// There is none, or a file of it cannot be read.
    pub fn read(&self) -> Result<Files, HistoryError> {
        match self {
            Place::Folder(path) if !path.is_dir() => {
                Err(HistoryError::Missing(path.display().to_string()))
            }
            Place::Folder(path) => Ok(Files::read(path)?),
            Place::Branch { repository, name } => branch::read(repository, name),
        }
    }

    /// Adds an entry. Returns the name of its file. Without `again` a commit has one entry for each
    /// machine.
    ///
    /// # Errors
    /// The commit has an entry, or the file cannot be written.
    pub fn add(&self, entry: &Entry, again: bool) -> Result<String, HistoryError> {
        let known = self.names()?;
        let mut nth = 1;
        while known.contains(&entry.file_name(nth)) {
            nth += 1;
        }
        if nth > 1 && !again {
            let revision = &entry.commit.revision;
            let what =
                format!("an entry of {} on this machine", &revision[..revision.len().min(12)]);
            let remedy = "add another one next to it with --again";
            return Err(HistoryError::Exists { place: self.to_string(), what, remedy });
        }
        let name = entry.file_name(nth);
        let text = entry.to_json().map_err(unwritable(&name))?;
        self.write(&name, &text, &format!("Add {}", entry.commit.revision))?;
        Ok(name)
    }

    /// Adds the explanation of a step. Returns the name of its file.
    ///
    /// # Errors
    /// The step is explained already, or the file cannot be written.
    pub fn bless(&self, blessing: &Blessing) -> Result<String, HistoryError> {
        let name = blessing.file_name();
        if self.names()?.contains(&name) {
            let what = format!("a blessing of {} at {}", blessing.series, blessing.revision);
            let remedy = "what it says stays";
            return Err(HistoryError::Exists { place: self.to_string(), what, remedy });
        }
        let text = blessing.to_json().map_err(unwritable(&name))?;
        self.write(&name, &text, &format!("Explain a step of {}", blessing.series))?;
        Ok(name)
    }

    /// The names of its files.
    fn names(&self) -> Result<BTreeSet<String>, HistoryError> {
        match self {
            Place::Folder(path) => {
                let names = std::fs::read_dir(path).into_iter().flatten().flatten();
                Ok(names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
            }
            Place::Branch { repository, name } => branch::names(repository, name),
        }
    }

    fn write(&self, name: &str, text: &str, message: &str) -> Result<(), HistoryError> {
        match self {
            Place::Folder(path) => {
                let failed = |source| tracerig_reports::Error::Write { path: path.clone(), source };
                std::fs::create_dir_all(path).map_err(failed)?;
                // Fails if somebody else wrote the file meanwhile.
                Ok(write_new(&path.join(name), text.as_bytes())?)
            }
            Place::Branch { repository, name: branch } => {
                branch::write(repository, branch, (name, text.as_bytes()), message)
            }
        }
    }
}

fn unwritable(name: &str) -> impl FnOnce(serde_json::Error) -> HistoryError {
    let path = Path::new(name).to_owned();
    move |source| tracerig_reports::Error::Malformed { path, kind: "history", source }.into()
}
