//! What git is asked for: in one way, with limits, and with errors that say what to do.

use std::ffi::OsStr;
use std::io::{Seek, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::child::{Child, Streams};
use crate::interrupt;
use crate::watch::Limits;

/// What git is asked for takes seconds, a work tree on a slow disk perhaps minutes.
const LONGEST: Duration = Duration::from_secs(600);

/// Why git gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// It said no.
    #[error("{what}: {said}. {remedy}")]
    Failed {
        /// What was tried.
        what: String,
        /// What came of it.
        said: String,
        /// What to do.
        remedy: &'static str,
    },
    /// An end was asked for meanwhile.
    #[error("interrupted; nothing is left half-done")]
    Interrupted,
}

/// What git says, in one line.
pub(crate) fn git(
    folder: &Path,
    arguments: &[impl AsRef<OsStr>],
    remedy: &'static str,
) -> Result<String, GitError> {
    let said = run(folder, arguments, None, remedy, limits())?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// What git says to this input, to the byte.
pub(crate) fn answer(
    folder: &Path,
    arguments: &[impl AsRef<OsStr>],
    input: &[u8],
    remedy: &'static str,
) -> Result<Vec<u8>, GitError> {
    run(folder, arguments, Some(input), remedy, limits())
}

/// The time that git usually gets.
pub(crate) fn limits() -> Limits {
    Limits { time: Some(LONGEST), ..Limits::default() }
}

/// Runs git in `folder`, with `input` on its standard input if there is any.
pub(crate) fn run(
    folder: &Path,
    arguments: &[impl AsRef<OsStr>],
    input: Option<&[u8]>,
    remedy: &'static str,
    limits: Limits,
) -> Result<Vec<u8>, GitError> {
    let told: Vec<String> =
        arguments.iter().map(|text| text.as_ref().to_string_lossy().into_owned()).collect();
    let failed =
        |said: String| GitError::Failed { what: format!("git {}", told.join(" ")), said, remedy };
    let is_tidying = limits.tidies;
    let run = || {
        let stderr = tempfile::tempfile()?;
        let mut command = Command::new("git");
        command.args(arguments).current_dir(folder);
        let streams = Streams::Read(&stderr);
        let Some(input) = input else {
            return Child::start(&mut command, &streams, limits)?.finish();
        };
        // A file and not a pipe: git may answer before it has read everything.
        let mut file = tempfile::tempfile()?;
        file.write_all(input)?;
        file.rewind()?;
        Child::start_reading(&mut command, file, &streams, limits)?.finish()
    };
    let ran = run();
    if interrupt::requested() && !is_tidying {
        return Err(GitError::Interrupted);
    }
    let (stdout, end) = ran.map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            let said = "is not installed, or not in PATH".to_owned();
            return GitError::Failed { what: "git".to_owned(), said, remedy: "Install it" };
        }
        failed(error.to_string())
    })?;
    match end.fault() {
        Some(_) if end.cut.is_none() && !end.said.is_empty() => Err(failed(end.said)),
        Some(fault) => Err(failed(fault)),
        None => Ok(stdout),
    }
}
