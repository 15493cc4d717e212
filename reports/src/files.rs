//! Writing a file whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// What the name of a temporary file begins and ends with.
const PREFIX: &str = ".tracerig-";
const SUFFIX: &str = ".tmp";

/// Puts `bytes` at `path` by way of a temporary file in the same folder and a rename, so that a full disk or a kill
/// leaves whatever stood there before. Synced first: a run may have taken an hour, and a rename can reach the disk
/// before the bytes it names. The temporary file of a write that was killed is removed by the next write into the folder.
///
/// # Errors
/// When the file cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sweep(folder);
    let mut file = temporary(folder).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // So that a power cut leaves the new name. The content is safe either way, and not every file system can do this.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Sees that a file can be written to `path` later on. What stands there stays.
///
/// # Errors
/// When it cannot.
pub fn check_writable(path: &Path) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if path.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    temporary(folder).map(drop).map_err(failed)
}

/// A new temporary file, locked for as long as it is open: so others see that it is in use.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // Temporary files are private by default; a report is for everyone the umask lets in.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    loop {
        let file = builder.tempfile_in(folder)?;
        // Where files cannot be locked nobody else gets the lock either, and so nobody removes it.
        let _ = file.as_file().lock();
        // Another writer may have taken it for abandoned before it was locked.
        if file.path().try_exists()? {
            return Ok(file);
        }
    }
}

/// Removes the temporary files of writes that were killed: those that nobody holds locked.
fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if !is_ours {
            continue;
        }
        let path = entry.path();
        let Ok(file) = OpenOptions::new().write(true).open(&path) else { continue };
        if file.try_lock().is_ok() {
            // What cannot be removed is litter, and no harm.
            let _ = std::fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_fails_leaves_the_previous_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        // A folder that is not empty cannot be replaced by a file, whoever runs the test.
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("previous"), "whole").unwrap();
        let error = write_whole(&path, b"new").unwrap_err();
        assert!(matches!(&error, Error::Write { path: named, .. } if *named == path), "{error}");
        assert_eq!(std::fs::read_to_string(path.join("previous")).unwrap(), "whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_whole(&path, b"first, and longer").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_killed_writes_left_is_removed_and_what_others_write_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".tracerig-killed.tmp");
        std::fs::write(&left, "half of it").unwrap();
        let others = temporary(folder.path()).unwrap();
        write_whole(&folder.path().join("file"), b"new").unwrap();
        assert!(!left.exists());
        assert!(others.path().exists());
        std::fs::write(folder.path().join(".tracerig-notes"), "a user's").unwrap();
        write_whole(&folder.path().join("file"), b"newer").unwrap();
        drop(others);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn many_writers_of_one_file_leave_one_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::thread::scope(|scope| {
            for writer in 0..4_u8 {
                let path = &path;
                scope.spawn(move || {
                    (0..10).for_each(|_| write_whole(path, &[writer; 1000]).unwrap());
                });
            }
        });
        let left = std::fs::read(&path).unwrap();
        assert!(left.len() == 1000 && left.iter().all(|byte| *byte == left[0]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error_naming_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/folder.json");
        assert!(write_whole(&path, b"x").unwrap_err().to_string().contains("no/such/folder.json"));
    }
}
