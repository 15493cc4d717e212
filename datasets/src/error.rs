//! What can go wrong with recipes, builds and the cache.

use std::path::{Path, PathBuf};

/// The result of an operation on datasets.
pub type Result<T> = std::result::Result<T, DatasetError>;

/// A failed operation on a recipe or a dataset. Every message names what it is about and what to
/// do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// No built-in recipe has this name.
    #[error(
        "there is no recipe `{name}`; built in are {known}; a recipe file can be given by its path"
    )]
    UnknownRecipe {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A recipe does not parse, or says something impossible.
    #[error("{place}: {detail}")]
    Recipe {
        /// File or built-in recipe, with the line where it is known.
        place: String,
        /// What is wrong and what would be right.
        detail: String,
    },
    /// The scale leaves less room than the facts of the recipe take.
    #[error(
        "recipe `{recipe}` cannot be scaled by {scale}: its facts alone need {needed} rows of \
         {rows}; use a scale of {smallest} or more"
    )]
    ScaleTooSmall {
        /// The recipe.
        recipe: String,
        /// The factor asked for.
        scale: String,
        /// Rows it leaves.
        rows: u64,
        /// Rows needed.
        needed: u64,
        /// A factor that works.
        smallest: String,
    },
    /// The file system has too little room.
    #[error(
        "{}: building needs {needed} bytes and {available} are free; make room, or move the cache \
         with {}",
        path.display(), crate::CACHE_VARIABLE
    )]
    NoRoom {
        /// The folder.
        path: PathBuf,
        /// Bytes the build needs.
        needed: u64,
        /// Bytes available.
        available: u64,
    },
    /// The user's cache folder is unknown.
    #[error(
        "the user's cache folder cannot be told ({detail}); set {} to a folder",
        crate::CACHE_VARIABLE
    )]
    NoCacheFolder {
        /// Why.
        detail: String,
    },
    /// No dataset of this name is in the cache.
    #[error(
        "{}: there is no dataset `{name}`; `tracerig dataset list` tells what there is, `tracerig \
         dataset build` makes one",
        path.display()
    )]
    NoDataset {
        /// The cache folder.
        path: PathBuf,
        /// The name asked for.
        name: String,
    },
    /// The name fits several datasets.
    #[error("`{name}` fits several datasets: {candidates}; give the full name")]
    AmbiguousDataset {
        /// The name asked for.
        name: String,
        /// What it fits.
        candidates: String,
    },
    /// The files of a dataset are not those that were built.
    #[error(
        "{}: the dataset is not what was built ({detail}); remove it and build it again",
        path.display()
    )]
    Damaged {
        /// The dataset's folder or file.
        path: PathBuf,
        /// What differs.
        detail: String,
    },
    /// A dataset that was to be removed is in use.
    #[error(
        "{}: the dataset is in use; remove it when the run or verification that uses it has ended",
        path.display()
    )]
    InUse {
        /// The dataset's folder.
        path: PathBuf,
    },
    /// A folder that was to be removed is not a dataset, or holds something else, too.
    #[error(
        "{}: left as it is, because {what}; move away what you need and remove the folder yourself",
        path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The target of a build exists.
    #[error("{}: the folder is not empty; give another one or empty it", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The caller asked to stop.
    #[error("the build was cancelled; nothing of it was left behind")]
    Cancelled,
    /// A file operation failed.
    #[error(
        "{}: cannot {action}: {source}; check the path, its permissions and its file system",
        path.display()
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Writing the trace log failed.
    #[error(transparent)]
    Store(#[from] tracerig_store::Error),
    /// Reading a built database failed.
    #[error("{}: cannot read the dataset: {source}; remove it and build it again", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite reported.
        source: rusqlite::Error,
    },
    /// A database of the user's is not one that the Codex CLI writes, or holds nothing.
    #[error(
        "{}: this is no trace database to work with: {detail}; give the trace database of a Codex \
         CLI, logs_2.sqlite",
        path.display()
    )]
    NoTraceLog {
        /// The database.
        path: PathBuf,
        /// What it lacks.
        detail: String,
    },
    /// A database of the user's cannot be read.
    #[error(
        "{}: cannot read the database: {source}; check that it is an SQLite database and that no \
         writer holds it",
        path.display()
    )]
    Source {
        /// The database.
        path: PathBuf,
        /// What SQLite reported.
        source: rusqlite::Error,
    },
    /// A step of the build ended without a result. This is a defect of the generator.
    #[error(
        "{}: the build broke off ({detail}); report this with recipe, seed and scale",
        path.display()
    )]
    Broken {
        /// The database being built.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
}

impl DatasetError {
    /// Turns an I/O error into one that names the path and what was tried.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, action, source }
    }

    /// The error of a private copy as one of the database at `path` that it was made of: what is
    /// wrong with the copy is wrong there, and nobody should be advised to remove their database.
    pub(crate) fn of_source(self, path: &Path) -> Self {
        match self {
            Self::Sqlite { source, .. } => Self::Source { path: path.to_path_buf(), source },
            other => other,
        }
    }

    /// Turns an SQLite error into one that names the database.
    pub(crate) fn sqlite(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Sqlite { path, source }
    }
}
