//! Why a scenario could not be defined, run, or run again. What goes wrong in a launch is no error
//! but a row of the result.

use std::path::{Path, PathBuf};

use tracerig_datasets::{ConversationError, DatasetError};
use tracerig_oracle::OracleError;
use tracerig_oracle::threads::ThreadsError;
use tracerig_scanner::ScanError;
use tracerig_scanner::archive::ArchiveError;
use tracerig_store::threads;

/// Why there is not a record of a run. Every message names the path and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The dataset cannot be had.
    #[error(transparent)]
    Dataset(DatasetError),
    /// There is nothing to append.
    #[error(transparent)]
    Conversation(#[from] ConversationError),
    /// The appended rows cannot be written.
    #[error(transparent)]
    Log(#[from] tracerig_store::Error),
    /// A store of threads cannot be made.
    #[error(transparent)]
    Store(#[from] threads::Error),
    /// The memos of a trace database that launches start from cannot be made.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The memos of an archive that launches start from cannot be made.
    #[error(transparent)]
    Archive(ArchiveError),
    /// The right answer cannot be established.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// What was appended cannot be looked at.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// What should agree about the right answer does not, so there is nothing to measure.
    #[error(
        "{}: {who} ({difference}). This is a defect; please report it with the recipe and the seed",
        path.display()
    )]
    Disagreement {
        /// The database or the archive.
        path: PathBuf,
        /// Who disagrees, in words.
        who: String,
        /// The first difference.
        difference: String,
    },
    /// The appended rows change nothing in the answer, so that a launch could overlook them
    /// unnoticed.
    #[error(
        "{}: the {rows} rows appended bring no new turn, so that no answer could prove they were \
         read. Choose another --seed",
        path.display()
    )]
    NothingNew {
        /// The working copy.
        path: PathBuf,
        /// How many rows were appended.
        rows: u64,
    },
    /// The sessions that can go on are fewer than the plan asks for.
    #[error(
        "{}: only {there} sessions can go on, and {asked} are asked for. Choose a larger archive, \
         or name arms that read fewer",
        path.display()
    )]
    TooFew {
        /// The archive.
        path: PathBuf,
        /// How many can go on.
        there: usize,
        /// How many should.
        asked: usize,
    },
    /// The dataset is not the one that a run is to be repeated on.
    #[error(
        "the {what} of `{recipe}` are not those of the record: {found} instead of {expected}. \
         Repeat it with the tracerig that made the record (its version and revision are in \
         it){or}"
    )]
    OtherData {
        /// What differs.
        what: &'static str,
        /// The name of the recipe.
        recipe: String,
        /// The digest of the record.
        expected: String,
        /// The digest of what there is.
        found: String,
        /// What else may be done.
        or: &'static str,
    },
    /// The candidate of a record says that it is another version now.
    #[error(
        "the record is of {name}@{expected}, and this command says that it is version {found}; \
         install {expected}, or make a new record with --candidate"
    )]
    OtherCandidate {
        /// What the user calls it.
        name: String,
        /// The version of the record.
        expected: String,
        /// The version that it says it is.
        found: String,
    },
    /// The file system cannot drop pages from memory, and nothing but arms with a cold page cache
    /// was asked for.
    #[error(
        "{}: pages of files here cannot be dropped from the page cache, and only arms with a cold \
         one were asked for. Move the cache with {} to a disk",
        path.display(), tracerig_datasets::CACHE_VARIABLE
    )]
    NeverCold {
        /// Where the working copy was to be made.
        path: PathBuf,
    },
    /// The file system has too little room for a working copy.
    #[error(
        "{}: the run needs {needed} bytes for its working copy and {available} are free. Make \
         room, or move the cache with {}",
        path.display(), tracerig_datasets::CACHE_VARIABLE
    )]
    NoRoom {
        /// Where the copy was to be made.
        path: PathBuf,
        /// Bytes it takes.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
    /// A file of the run cannot be read or written.
    #[error(
        "{}: cannot {action}: {source}. Check the permissions of the folder and the room on its \
         disk",
        path.display()
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// SQLite refused while the working copy was examined.
    #[error(
        "{}: cannot be examined: {source}. Remove the dataset with `tracerig dataset remove` and \
         build it again",
        path.display()
    )]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// An end was asked for before the first sample.
    #[error("interrupted before the first sample; nothing is left half-done")]
    Interrupted,
}

impl From<DatasetError> for ScenarioError {
    fn from(error: DatasetError) -> Self {
        match error {
            DatasetError::Cancelled => Self::Interrupted,
            error => Self::Dataset(error),
        }
    }
}

impl From<ArchiveError> for ScenarioError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Cancelled { .. } => Self::Interrupted,
            error => Self::Archive(error),
        }
    }
}

impl ScenarioError {
    /// Turns an I/O error into one that says what was tried on what.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), action, source }
    }

    /// The same for SQLite.
    pub(super) fn sqlite(path: &Path) -> impl Fn(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { path: path.to_owned(), source }
    }

    /// A full rescan and the oracle answer differently.
    pub(super) fn disagreement(path: &Path, difference: String) -> Self {
        let who = "a full rescan and the oracle answer differently".to_owned();
        Self::Disagreement { path: path.to_owned(), who, difference }
    }
}

/// Why there is no definition of what is asked for.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// What is asked for is not there, in words.
    #[error("{0}")]
    Words(String),
    /// The recipe is missing or invalid.
    #[error(transparent)]
    Recipe(#[from] DatasetError),
}

/// A choice of arms that the definition does not offer.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// No arm has this name.
    #[error("there is no arm `{asked}`; choose among {offered}")]
    Unknown {
        /// The name.
        asked: String,
        /// Those that there are.
        offered: String,
    },
    /// A candidate would vanish from the result without a word.
    #[error(
        "no arm of {candidate} is chosen; add one to --arms, or leave it out; it has {offered}"
    )]
    NoneOf {
        /// The candidate.
        candidate: String,
        /// Its arms.
        offered: String,
    },
}

impl From<String> for DefinitionError {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<ArmError> for DefinitionError {
    fn from(error: ArmError) -> Self {
        Self::Words(error.to_string())
    }
}

/// TOML that comes with the program, or keys of a plan.
impl From<toml::de::Error> for DefinitionError {
    fn from(error: toml::de::Error) -> Self {
        Self::Words(error.message().to_owned())
    }
}

impl From<ConversationError> for DefinitionError {
    fn from(error: ConversationError) -> Self {
        Self::Words(error.to_string())
    }
}

/// Why a run cannot be made again. Every message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReproError {
    /// The scenario is not known.
    #[error(
        "the record is of the scenario `{0}`, which this tracerig does not know; use the one that \
         made it (its version is in the record)"
    )]
    Scenario(String),
    /// The plan of the record cannot be had from this program.
    #[error(
        "the plan of the record cannot be made again: {0}; use the tracerig that made it (its \
         version is in the record)"
    )]
    Plan(String),
    /// The run was made on the user's own database.
    #[error(
        "the record is of a run on your own database, which is not in it; name the same \
         database with --db"
    )]
    OwnDatabase,
    /// A database is named for a run on generated data.
    #[error("the record is of a run on the recipe `{0}`, which the record holds; leave --db out")]
    NoDatabase(String),
    /// The record holds commands, and nobody allowed to run them.
    #[error(
        "the record would run the command {0}; read it, and pass --allow-command to run it in this \
         folder"
    )]
    NotAllowed(String),
    /// The recipe of the record.
    #[error(transparent)]
    Recipe(#[from] DatasetError),
    /// The run.
    #[error(transparent)]
    Run(#[from] ScenarioError),
}

impl From<DefinitionError> for ReproError {
    fn from(error: DefinitionError) -> Self {
        match error {
            DefinitionError::Words(words) => Self::Plan(words),
            DefinitionError::Recipe(error) => Self::Recipe(error),
        }
    }
}
