//! What processes are asked in this scenario. Another protocol would change this file and
//! `candidate`, and nothing else.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::contender::{self, Contender};
use super::crash::TIME_LIMIT;
use super::crash::writer::{CRASH_VARIABLE, Writer};
use super::worker::{self, Load, Task};
use crate::child::Child;
use crate::scenario::ScenarioError;
use crate::scenario::candidate::Candidate;
use crate::scenario::finished::Finished;

/// A contender that does not have the lock by then does not get it.
const LONGEST_START: Duration = Duration::from_secs(60);

/// Asks a fresh process for appends. `Err` in the inner result says in words that it could not be
/// started.
pub(super) fn ask(
    candidate: &mut Candidate,
    load: &Load,
) -> Result<Result<Finished, String>, ScenarioError> {
    let task = told(&load.folder.with_file_name("load.json"), &Task::Load(load.clone()))?;
    Ok(candidate.run(&task))
}

/// Asks a process to keep taking the write lock, and waits until it has it. Dropping it ends it.
pub(super) fn ask_to_contend(
    candidate: &Candidate,
    folder: &Path,
    contender: Contender,
) -> Result<Child, ScenarioError> {
    let task = told(&folder.with_file_name("contend.json"), &Task::Contend(contender))?;
    let child = candidate.child(&task, Some(LONGEST_START), None);
    let mut child = child.map_err(ScenarioError::io(candidate.program(), "launch it"))?;
    let mut wait_until_held = || -> io::Result<()> {
        if child.line()? == contender::HELD {
            child.limit(None);
            return Ok(());
        }
        let fault = child.wait()?.fault();
        Err(io::Error::other(fault.unwrap_or_else(|| "the contender ended without it".to_owned())))
    };
    wait_until_held().map_err(ScenarioError::io(folder, "take the write lock in it"))?;
    Ok(child)
}

/// Asks a process to append until it is killed: by itself at a point, if one is named, and at which
/// time it comes to it.
pub(super) fn ask_to_crash(
    candidate: &Candidate,
    writer: Writer,
    point: Option<String>,
) -> Result<Child, ScenarioError> {
    let task = told(&writer.folder.with_extension("json"), &Task::Crash(writer))?;
    let child = candidate.child(&task, Some(TIME_LIMIT), Some((CRASH_VARIABLE, point)));
    child.map_err(ScenarioError::io(candidate.program(), "launch it"))
}

/// Writes down what a process is to do. Returns its arguments.
fn told(path: &Path, task: &Task) -> Result<Vec<OsString>, ScenarioError> {
    let text = serde_json::to_vec(task).map_err(io::Error::other);
    text.and_then(|text| std::fs::write(path, text))
        .map_err(ScenarioError::io(path, "write it"))?;
    Ok(worker::arguments(path))
}
