//! Histories in files: those that are replayed, and those that a search keeps.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tracerig_store::files::read_regular;

use super::error::Error;
use super::found::Found;
use crate::limits::{LARGEST_HISTORY, MOST_DIGITS, MOST_OPERATIONS};
use crate::parse_error::ParseError;
use crate::subject::History;

/// What a kept history begins with.
const FOUND: &str = "# Found as ";

/// The histories of `folder`: its files `*.txt`, in the order of their names.
///
/// # Errors
/// The folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Folder { path: folder.to_owned(), source };
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
/// The file cannot be read, is not a history, or has no operation.
pub fn read<C: History>(path: &Path) -> Result<C, Error> {
    let named = || path.to_owned();
    let case: C = text(path)?.parse().map_err(|source| Error::Parse { path: named(), source })?;
    if case.operations() == 0 { Err(Error::Empty { path: named() }) } else { Ok(case) }
}

/// The text of a history that was kept.
///
/// # Errors
/// The file cannot be read, or is longer than a history may be.
pub fn text(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let text = read_regular(path, LARGEST_HISTORY).map_err(failed)?;
    let text = String::from_utf8(text).map_err(|error| failed(io::Error::other(error)))?;
    within_limits(&text).map_err(|source| Error::Parse { path: path.to_owned(), source })?;
    Ok(text)
}

/// Whether a history has few enough operations to be executed, and numbers that can be added up.
fn within_limits(text: &str) -> Result<(), ParseError> {
    let mut operations = 0;
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.split('#').next().unwrap_or_default();
        operations += u64::from(!text.trim().is_empty());
        if operations > MOST_OPERATIONS {
            let problem = format!("it has more than {MOST_OPERATIONS} operations, the limit");
            return Err(ParseError { line, problem });
        }
        let mut numbers = text.split(|character: char| !character.is_ascii_digit());
        if numbers.any(|digits| digits.len() > MOST_DIGITS) {
            let problem = format!("a number has more than {MOST_DIGITS} digits, the limit");
            return Err(ParseError { line, problem });
        }
    }
    Ok(())
}

/// Keeps a failing history in a file, whose folder is created if need be: as a comment how it was
/// found and what went wrong, then its operations.
///
/// # Errors
/// The folder or the file cannot be written.
pub(super) fn keep(path: &Path, found: &Found) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let why: String = found.detail.lines().map(|line| format!("# {line}\n")).collect();
    let text = format!("{FOUND}{}.\n{why}{}", found.origin, found.history);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Keep { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    if std::fs::symlink_metadata(path).is_ok() && !is_ours(path).map_err(failed(path))? {
        return Err(failed(path)(io::Error::other(
            "a file that tracerig did not write is there, which is left as it is",
        )));
    }
    let write = || {
        // Whole or not at all: a search may be killed.
        let mut file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path).map(drop).map_err(|error| error.error)
    };
    write().map_err(failed(path))
}

/// Whether an earlier search kept the history at `path`.
fn is_ours(path: &Path) -> io::Result<bool> {
    let is_file = std::fs::symlink_metadata(path)?.is_file();
    Ok(is_file && read_regular(path, LARGEST_HISTORY)?.starts_with(FOUND.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_have_a_limit_of_operations_and_of_digits() {
        let most = usize::try_from(MOST_OPERATIONS).unwrap();
        let text = "relaunch\n# no operation\n".repeat(most);
        assert_eq!(within_limits(&text), Ok(()));
        let error = within_limits(&(text + "relaunch\n")).unwrap_err();
        assert!(
            error.line == 2 * most + 1 && error.problem.contains("100000 operations"),
            "{error}"
        );
        assert_eq!(within_limits(&format!("window since={}", "9".repeat(MOST_DIGITS))), Ok(()));
        for number in ["9223372036854775807", "-9223372036854775808", "18446744073709551616"] {
            let error =
                within_limits(&format!("relaunch # {number}\nwindow since={number}")).unwrap_err();
            assert!(error.line == 2 && error.problem.contains("12 digits"), "{error}");
        }
    }
}
