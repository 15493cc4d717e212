//! Workers that live on and answer each line of JSON with one, until their standard input ends: here a scanner that keeps its
//! memo in memory, started as `tracerig __worker PARENT resident DATABASE`.

use std::ffi::OsString;
use std::io::BufRead;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracerig_scanner::{MemoPlace, Request, Scanner};

use super::{SUBCOMMAND, cores_argument, options, say, scan};

/// What makes a worker a scanner that lives on.
pub(super) const RESIDENT: &str = "resident";

/// What a resident scanner is asked for. It answers with a [`super::Reply`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Refresh {
    /// A scan, with whatever it remembers of the last.
    Refresh,
}

/// The arguments of a scanner that lives on, on so many cores, or on those there are.
pub(crate) fn resident_arguments(database: &Path, cores: Option<NonZeroUsize>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments(RESIDENT, database).into();
    if let Some(cores) = cores {
        // Behind the process that asks, as for workers that end.
        arguments.insert(2, cores_argument(cores));
    }
    arguments
}

/// The arguments of any worker that lives on.
pub(super) fn arguments(what: &str, database: &Path) -> [OsString; 4] {
    [SUBCOMMAND.into(), std::process::id().to_string().into(), what.into(), database.into()]
}

/// Scans each time it is asked.
pub(super) fn resident(
    arguments: &mut impl Iterator<Item = OsString>,
    cores: Option<NonZeroUsize>,
) -> Result<(), String> {
    let database = database(arguments)?;
    let scanner = Scanner::new(database, options(MemoPlace::Memory, cores));
    serve(|Refresh::Refresh| scan(&scanner, &Request::default(), Instant::now()))
}

/// The argument that names the database.
pub(super) fn database(arguments: &mut impl Iterator<Item = OsString>) -> Result<PathBuf, String> {
    arguments.next().map(PathBuf::from).ok_or_else(|| "a worker is told of a database".to_owned())
}

/// Answers every line of standard input, up to its end.
pub(super) fn serve<Q: DeserializeOwned, A: Serialize>(
    mut answer: impl FnMut(Q) -> Result<A, String>,
) -> Result<(), String> {
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        let asked = serde_json::from_str(&line).map_err(|error| format!("standard input: {error}"))?;
        say(&answer(asked)?)?;
    }
    Ok(())
}
