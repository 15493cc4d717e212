//! Writing a file whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// What the name of a temporary file begins and ends with.
const PREFIX: &str = ".tracerig-";
const SUFFIX: &str = ".tmp";

/// What reports and records say somewhere in their beginning, where only a program says it.
const NAME: &[u8] = b"tracerig";
/// What is before the name then, without white space. After the last two, a version follows it.
const BEFORE: [&[u8]; 8] =
    [b"\"schema\":\"", b"<title>", b"<testsuitesname=\"", b"<!--", b"writtenby", b"|", b":", b"("];
/// Bytes other than white space with which a file begins like an earlier one of ours: of a
/// document in JSON, and of any other text.
const ALIKE: [usize; 2] = [24, 16];
const THEIRS: &str = "a file that tracerig did not write is there, which is not replaced";
const LOOKED_AT: u64 = 1 << 20;

/// Puts `bytes` at `path` by way of a temporary file in the same folder and a rename, so that a
/// full disk or a kill leaves whatever was there before. Synced first: a run may have taken an
/// hour, and a rename can reach the disk before the bytes it names. The temporary file of a write
/// that was killed is removed by the next write into the folder.
///
/// # Errors
/// When the file cannot be written. What is not ours is left as it is: a symbolic link, anything
/// else but a regular file, and a file whose content tracerig did not write.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, true)
}

/// The same of a file that is not there yet.
///
/// # Errors
/// As [`write_whole`], and when there is something at `path`.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, false)
}

fn write(path: &Path, bytes: &[u8], replaces: bool) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if look(path).map_err(failed)? && replaces && !is_ours(path, bytes).map_err(failed)? {
        return Err(failed(io::Error::other(THEIRS)));
    }
    let folder = folder_of(path);
    sweep(folder);
    let mut file = temporary(folder).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    let put = if replaces { file.persist(path) } else { file.persist_noclobber(path) };
    put.map_err(|error| failed(error.error))?;
    // So that a power cut leaves the new name. The content is safe either way, and not every file
    // system can do this.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Whether [`write_whole`] could write `bytes` to `path`, as far as can be seen without writing.
/// Without bytes it cannot be seen that an earlier file begins like them.
///
/// # Errors
/// As [`write_whole`].
pub fn check_writable(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if look(path).map_err(failed)? && !is_ours(path, bytes).map_err(failed)? {
        return Err(failed(io::Error::other(THEIRS)));
    }
    temporary(folder_of(path)).map(drop).map_err(failed)
}

/// Whether the file at `path` is an earlier one of ours, told by its content: it is named as
/// written by tracerig, or begins as the new one does, or is empty.
fn is_ours(path: &Path, new: &[u8]) -> io::Result<bool> {
    let mut old = Vec::new();
    File::open(path)?.take(LOOKED_AT).read_to_end(&mut old)?;
    old.retain(|byte| !byte.is_ascii_whitespace());
    let begins_with = |count| {
        let begin: Vec<u8> =
            new.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(count).collect();
        !begin.is_empty() && old.starts_with(&begin)
    };
    // Every page of HTML begins alike, and many a list in JSON.
    let alike = match new.first() {
        Some(b'<') => false,
        Some(b'{' | b'[') => begins_with(ALIKE[0]),
        _ => begins_with(ALIKE[1]),
    };
    Ok(old.is_empty() || alike || is_named(&old))
}

/// Whether `text`, without white space, says like a program that tracerig wrote it.
fn is_named(text: &[u8]) -> bool {
    let is_here = |at: usize| {
        let (before, after) = (&text[..at], &text[at + NAME.len()..]);
        let found = BEFORE.iter().position(|mark| before.ends_with(mark));
        let is_version = after.first().is_some_and(u8::is_ascii_digit);
        found.is_some_and(|mark| mark < BEFORE.len() - 2 || is_version)
    };
    (0..(text.len() + 1).saturating_sub(NAME.len()))
        .any(|at| text[at..].starts_with(NAME) && is_here(at))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether a regular file is at `path`. Fails if anything else is.
fn look(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(found) => {
            let what =
                if found.is_symlink() { "a symbolic link" } else { "something other than a file" };
            Err(io::Error::other(format!("{what} is there, which is not replaced")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
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
        let is_ours =
            name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if !is_ours {
            continue;
        }
        let path = entry.path();
        // A pipe of that name would be waited for, and a link leads to what is not ours.
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
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
        // A folder that is not empty cannot be replaced by a file, as any user.
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("previous"), "whole").unwrap();
        let error = write_whole(&path, b"new").unwrap_err();
        assert!(matches!(&error, Error::Write { path: named, .. } if *named == path), "{error}");
        assert_eq!(std::fs::read_to_string(path.join("previous")).unwrap(), "whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn a_file_of_somebody_else_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        let page = b"<!DOCTYPE html><title>tracerig: report</title>";
        for theirs in [
            "<!DOCTYPE html><title>accounts</title>",
            "# Notes on tracerig: how its runs went (tracerig is slow here)",
            "{\"a\": \"tracerig\"}",
        ] {
            std::fs::write(&path, theirs).unwrap();
            let error = write_whole(&path, page).unwrap_err();
            assert!(error.to_string().contains("did not write"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), theirs);
        }
        for ours in [
            "",
            "<html><title>tracerig: report of 4 runs",
            "{\n  \"schema\": \"tracerig.record\"}",
            "| tracerig | 0.1.0, profile release |",
            "- new HEAD: tracerig 0.1.0, revision 0123456789ab",
            "A relaunch\n\nwritten by tracerig 0.1.0",
        ] {
            std::fs::write(&path, ours).unwrap();
            write_whole(&path, page).unwrap();
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_neither_followed_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("theirs"), "untouched").unwrap();
        for target in ["theirs", "nothing"] {
            let link = at(&format!("to-{target}"));
            std::os::unix::fs::symlink(at(target), &link).unwrap();
            let error = write_whole(&link, b"new").unwrap_err();
            assert!(error.to_string().contains("a symbolic link is there"), "{error}");
            assert!(link.is_symlink());
        }
        assert_eq!(std::fs::read(at("theirs")).unwrap(), b"untouched");
        assert!(!at("nothing").exists());
        // What looks like a temporary file of ours, and is a link.
        std::os::unix::fs::symlink(at("theirs"), at(".tracerig-planted.tmp")).unwrap();
        write_whole(&at("file"), b"new").unwrap();
        assert!(at(".tracerig-planted.tmp").is_symlink());
        let error = write_new(&at("file"), b"newer").unwrap_err();
        assert!(error.to_string().contains("file") && std::fs::read(at("file")).unwrap() == b"new");
    }

    #[test]
    fn a_write_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_whole(&path, b"first, and longer, written by tracerig").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        // One that begins as the new one does.
        assert!(check_writable(&path, b"").is_err());
        check_writable(&path, b"second").unwrap();
        write_whole(&path, b"second").unwrap();
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
        write_whole(&folder.path().join("file"), b"new").unwrap();
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
                    let text = format!("<!-- tracerig {writer} ").repeat(100);
                    (0..10).for_each(|_| write_whole(path, text.as_bytes()).unwrap());
                });
            }
        });
        let left = std::fs::read(&path).unwrap();
        assert!(left.len() == 1600 && left.chunks(16).all(|part| part == &left[..16]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error_naming_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/folder.json");
        assert!(write_whole(&path, b"x").unwrap_err().to_string().contains("no/such/folder.json"));
    }
}
