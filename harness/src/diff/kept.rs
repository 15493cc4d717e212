//! Histories in files: those that are replayed, and those that a search keeps.

use std::path::{Path, PathBuf};

use tracerig_reports::{LARGEST_TEXT, read_text};

use super::{Error, Found, History};

/// The histories of `folder`: its files `*.txt`, in the order of their names.
///
/// # Errors
/// The folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: folder.to_owned(), source };
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed));
    let mut files: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    Ok(files)
}

/// Reads a history.
///
/// # Errors
/// The file cannot be read, is no history, or has no operation.
pub fn read<C: History>(path: &Path) -> Result<C, Error> {
    let named = || path.to_owned();
    let text = read_text(path, LARGEST_TEXT)?;
    let case: C = text.parse().map_err(|source| Error::Parse { path: named(), source })?;
    if case.operations() == 0 { Err(Error::Empty { path: named() }) } else { Ok(case) }
}

/// Keeps a failing history in a file, whose folder is created if need be: as a comment how it was found and what went wrong, then
/// its operations.
///
/// # Errors
/// The folder or the file cannot be written.
pub(super) fn keep(path: &Path, found: &Found) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder).map_err(|source| Error::Keep { path: folder.to_owned(), source })?;
    let why: String = found.detail.lines().map(|line| format!("# {line}\n")).collect();
    let text = format!("# Found as {}.\n{why}{}", found.origin, found.history);
    Ok(tracerig_reports::write_whole(path, text.as_bytes())?)
}
