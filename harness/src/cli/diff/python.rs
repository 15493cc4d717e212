//! Which cases of a search ask the oracle in Python, and whether there is one.

use std::io;
use std::path::Path;

use anyhow::{Context, bail};

use crate::interrupt::TempFolder;
use tracerig_differential::python::{AskPython, Python};
use tracerig_differential::share::Share;

/// Histories that ask the Python oracle, by default.
const ASK_PYTHON: Share = Share::one_in(50);

/// The share in an argument.
pub(super) fn oracle(text: &str) -> Result<Share, String> {
    let unknown = || format!("unknown oracle `{text}`: write python, python=1/N or none");
    match text {
        "none" => Ok(Share::NONE),
        "python" => Ok(Share::ALL),
        _ => text.strip_prefix("python=").ok_or_else(unknown)?.parse(),
    }
}

/// Looks for Python; its absence is an error only if the oracle was requested.
pub(super) fn ask(
    wanted: Option<Share>,
    python: impl FnOnce(&Path) -> io::Result<Python>,
) -> anyhow::Result<AskPython> {
    if wanted.is_some_and(Share::is_none) {
        return Ok(AskPython::No("not wanted".to_owned()));
    }
    let place = "the Python oracle has no place. Set TMPDIR to a folder that can be written to";
    let folder =
        TempFolder::with_prefix("tracerig-python-", &std::env::temp_dir()).context(place)?;
    match (python(folder.path()).context(place)?.hello(), wanted) {
        (Ok(hello), _) => Ok(AskPython::Of(wanted.unwrap_or(ASK_PYTHON), hello)),
        (Err(why), None) => Ok(AskPython::No(why.to_string())),
        (Err(why), Some(_)) => {
            bail!(
                "the Python oracle cannot be asked: {why}. Install Python 3, or name it in \
                 TRACERIG_PYTHON"
            )
        }
    }
}
