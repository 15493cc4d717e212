//! Writing a file whole or not at all.

use std::io::Write;
use std::path::Path;

use crate::{Error, Result};

/// Puts `bytes` at `path` by way of a temporary file in the same folder and a rename, so that a full disk or a kill
/// leaves whatever stood there before. Synced first: a run may have taken an hour, and a rename can reach the disk
/// before the bytes it names.
///
/// # Errors
/// When the file cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tracerig-").suffix(".tmp");
    // Temporary files are private by default; a report is for everyone the umask lets in.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // So that a power cut leaves the new name. The content is safe either way, and not every file system can do this.
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
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
    fn a_missing_folder_is_an_error_naming_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/folder.json");
        assert!(write_whole(&path, b"x").unwrap_err().to_string().contains("no/such/folder.json"));
    }
}
