//! The processes of this scenario that are not measured: the one that takes the write lock beside a
//! load, and the one that is killed. Each reads in a file what to do.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::contender::{self, Contender};
use super::crash::writer::{CRASH_VARIABLE, TIME_LIMIT, Writer};
use crate::ScenarioError;
use crate::child::Child;
use crate::engine::SUBCOMMAND;
use crate::program::Program;

/// What makes a worker keep taking the write lock of a database until it is killed.
pub(crate) const CONTENDER: &str = "contender";

/// What makes a worker append until it is killed, and tell what has returned.
pub(crate) const KILLED: &str = "killed";

/// A contender that does not have the lock by then does not get it.
const LONGEST_START: Duration = Duration::from_secs(60);

/// Runs as one of them. `arguments` are those after its name and its parent.
pub(crate) fn beside(
    what: &str,
    arguments: &mut impl Iterator<Item = OsString>,
) -> Result<(), String> {
    let path = arguments.next().ok_or("a worker needs a file that says what to do")?;
    let path = Path::new(&path);
    match what {
        CONTENDER => read::<Contender>(path)?.run(),
        _ => read::<Writer>(path)?.run(),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let told = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&told).map_err(|error| format!("{}: {error}", path.display()))
}

/// Asks a process to keep taking the write lock, and waits until it has it. Dropping it ends it.
pub(super) fn ask_to_contend(
    program: &Program,
    folder: &Path,
    contender: &Contender,
) -> Result<Child, ScenarioError> {
    let arguments = told(CONTENDER, folder.with_file_name("contend.json"), contender)?;
    let child = program.child(&arguments, Some(LONGEST_START), None);
    let mut child = child.map_err(ScenarioError::io(program.path(), "launch it"))?;
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
    program: &Program,
    writer: &Writer,
    point: Option<String>,
) -> Result<Child, ScenarioError> {
    let arguments = told(KILLED, writer.folder.with_extension("json"), writer)?;
    let child = program.child(&arguments, Some(TIME_LIMIT), Some((CRASH_VARIABLE, point)));
    child.map_err(ScenarioError::io(program.path(), "launch it"))
}

/// Writes down what a process is to do. Returns its arguments.
fn told(what: &str, path: PathBuf, task: &impl Serialize) -> Result<Vec<OsString>, ScenarioError> {
    let text = serde_json::to_vec(task).map_err(io::Error::other);
    text.and_then(|text| std::fs::write(&path, text))
        .map_err(ScenarioError::io(&path, "write it"))?;
    let parent = std::process::id().to_string();
    Ok(vec![SUBCOMMAND.into(), what.into(), parent.into(), path.into()])
}
