//! Why a comparison could not be made. What goes wrong in a launch is no error but a part of the
//! result.

use std::path::{Path, PathBuf};

use crate::git::GitError;
use crate::protocol::ProtocolError;
use crate::scenario::{DefinitionError, ScenarioError};

/// Why there is not a comparison. Every message names the path and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The scenario cannot be made ready, or launched.
    #[error(transparent)]
    Scenario(ScenarioError),
    /// An executable that cannot be compared.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// One side is an executable of tracerig, the other is any command.
    #[error("an executable of tracerig cannot be compared with a command; give two of a kind")]
    Unlike,
    /// A run of the plan makes no sense, or its recipe cannot be read.
    #[error("run `{run}`: {source}")]
    Run {
        /// The run.
        run: String,
        /// What is the matter.
        source: DefinitionError,
    },
    /// A file cannot be read or written.
    #[error(
        "{}: cannot {action}: {source}. Check the path, the permissions of the folder and the room \
         on its disk",
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
    /// A program that builds a revision did not do it.
    #[error("{what}: {said}. {remedy}")]
    Build {
        /// What was tried.
        what: String,
        /// What came of it.
        said: String,
        /// What to do.
        remedy: &'static str,
    },
    /// An end was asked for before there was anything to compare.
    #[error("interrupted before the first pair; nothing is left half-done")]
    Interrupted,
}

impl From<ScenarioError> for CompareError {
    fn from(error: ScenarioError) -> Self {
        match error {
            ScenarioError::Interrupted => Self::Interrupted,
            error => Self::Scenario(error),
        }
    }
}

impl From<GitError> for CompareError {
    fn from(error: GitError) -> Self {
        match error {
            GitError::Failed { what, said, remedy } => Self::Build { what, said, remedy },
            GitError::Interrupted => Self::Interrupted,
        }
    }
}

impl CompareError {
    /// Turns an I/O error into one that says what was tried on what.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), action, source }
    }
}
