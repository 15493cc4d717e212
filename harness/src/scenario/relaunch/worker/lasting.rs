//! Workers that answer each line of their standard input with one, until it ends.

use std::ffi::OsString;
use std::io::BufRead;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Answers, SUBCOMMAND, reply, say};

/// What makes a worker a scanner that keeps running, and keeps its memo in memory.
pub(super) const RESIDENT: &str = "resident";

/// The arguments of a scanner that keeps running.
pub(crate) fn resident_arguments() -> [OsString; 3] {
    arguments(RESIDENT)
}

/// The arguments of any worker that is no engine.
pub(super) fn arguments(what: &str) -> [OsString; 3] {
    [SUBCOMMAND.into(), what.into(), std::process::id().to_string().into()]
}

/// Answers every request.
pub(super) fn serve_lines(answers: &mut dyn Answers) -> Result<(), String> {
    let (mut input, mut line) = (std::io::stdin().lock(), Vec::new());
    let failed = |error| format!("standard input: {error}");
    while input.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        say(&reply(answers, &line))?;
        line.clear();
    }
    Ok(())
}

/// The argument that names the database.
pub(super) fn database(arguments: &mut impl Iterator<Item = OsString>) -> Result<PathBuf, String> {
    arguments.next().map(PathBuf::from).ok_or_else(|| "a worker is told of a database".to_owned())
}

/// Answers every line in a dialect of its own, as who is not measured may.
pub(super) fn serve<Q: DeserializeOwned, A: Serialize>(
    mut answer: impl FnMut(Q) -> Result<A, String>,
) -> Result<(), String> {
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        let asked =
            serde_json::from_str(&line).map_err(|error| format!("standard input: {error}"))?;
        say(&answer(asked)?)?;
    }
    Ok(())
}
