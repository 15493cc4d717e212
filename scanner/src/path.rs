//! Names of the files beside a file.

use std::path::{Path, PathBuf};

/// `path` with `suffix` behind its last name, as SQLite names the files that belong to a database.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
