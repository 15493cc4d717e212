//! Opening files that anybody may have put there: regular ones only, without waiting for a writer
//! that never comes.

use std::ffi::{OsStr, OsString};
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What SQLite may open beside a database, as endings of its name.
const BESIDE: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Fails unless a regular file is at `path`, or a symbolic link to one.
///
/// # Errors
/// What the system says, such as `NotFound`; `InvalidInput` for anything but a regular file, which
/// the message names.
pub(crate) fn require_regular(path: &Path) -> io::Result<()> {
    regular(&std::fs::metadata(path)?)
}

/// Opens a regular file for reading, through symbolic links.
///
/// # Errors
/// As `require_regular`.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Looked at first: to open a device may have effects.
    require_regular(path)?;
    let file = without_waiting(OpenOptions::new().read(true), false).open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// How SQLite opens a database that nobody writes, without leaving anything beside it: a URI of the
/// bytes of its path, whatever they are.
#[must_use]
pub fn immutable_uri(path: &Path) -> PathBuf {
    let mut uri = b"file:".to_vec();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.') {
            uri.push(byte);
        } else {
            uri.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    uri.extend_from_slice(b"?immutable=1");
    PathBuf::from(OsStr::from_bytes(&uri))
}

/// The bytes of a regular file, at most `limit`.
///
/// # Errors
/// As `require_regular`; `FileTooLarge` beyond the limit.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let why = format!("it has more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// Opens a regular file for writing, empty; creates it if it is missing. No symbolic link is
/// followed.
///
/// # Errors
/// As `require_regular`; `InvalidInput` for a symbolic link, too.
pub fn create_regular(path: &Path) -> io::Result<File> {
    let file = open_own(path)?;
    file.set_len(0)?;
    Ok(file)
}

/// Opens a lock file, which is created if it is missing and always empty. No symbolic link is
/// followed.
///
/// # Errors
/// As [`create_regular`]; `InvalidInput` for a file with content, which is no lock and left as it
/// is.
pub fn open_lock(path: &Path) -> io::Result<File> {
    let file = open_own(path)?;
    if file.metadata()?.len() > 0 {
        return Err(refused("it has content, so it is not a lock file"));
    }
    Ok(file)
}

/// Fails unless SQLite can open the database at `path` without opening anything but regular files:
/// the database, or what a symbolic link leads to, and the journals beside it. Files that are
/// missing are fine.
///
/// # Errors
/// As `require_regular`, and the path of the file that is refused; `InvalidInput` for a journal
/// that is a symbolic link, and for a database that is one to nothing.
pub fn require_database(path: &Path) -> Result<(), (PathBuf, io::Error)> {
    match require_regular(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err((path.to_owned(), error));
        }
        Err(_) if path.is_symlink() => {
            return Err((path.to_owned(), refused("it is a symbolic link to nothing")));
        }
        _ => {}
    }
    // SQLite looks for them beside what a link leads to.
    let resolved = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for ending in BESIDE {
        let mut name = OsString::from(&resolved);
        name.push(ending);
        let beside = PathBuf::from(name);
        match std::fs::symlink_metadata(&beside).and_then(|found| regular(&found)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err((beside, error)),
            _ => {}
        }
    }
    Ok(())
}

/// Opens a file of ours for writing as it is, creating it if it is missing.
fn open_own(path: &Path) -> io::Result<File> {
    match std::fs::symlink_metadata(path) {
        Ok(found) => regular(&found)?,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    let mut options = OpenOptions::new();
    let file = without_waiting(options.read(true).write(true).create(true).truncate(false), true)
        .open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Has opening return at once whatever was put there since, and follow no link if it is `own`.
#[cfg(unix)]
fn without_waiting(options: &mut OpenOptions, own: bool) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;
    let flags = if own { OFlags::NONBLOCK | OFlags::NOFOLLOW } else { OFlags::NONBLOCK };
    options.custom_flags(flags.bits().cast_signed())
}

#[cfg(not(unix))]
fn without_waiting(options: &mut OpenOptions, _: bool) -> &mut OpenOptions {
    options
}

fn regular(found: &Metadata) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    Err(refused(&format!("it is {}, not a regular file", named(found.file_type()))))
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// What something is that is no regular file.
fn named(kind: FileType) -> &'static str {
    if kind.is_dir() {
        return "a folder";
    }
    if kind.is_symlink() {
        return "a symbolic link";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
    }
    "a device"
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A folder with one of each: a file, a link to it, a link to nothing, a folder, a pipe, a
    /// socket.
    fn zoo() -> (tempfile::TempDir, UnixListener) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "content").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink(at("nothing"), at("dangling")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let socket = UnixListener::bind(at("socket")).unwrap();
        (folder, socket)
    }

    #[test]
    fn reading_follows_links_and_opens_nothing_but_files() {
        let (folder, _socket) = zoo();
        let read = |name: &str| read_regular(&folder.path().join(name), 7);
        assert_eq!(read("file").unwrap(), b"content");
        assert_eq!(read("link").unwrap(), b"content");
        assert_eq!(
            read_regular(&folder.path().join("file"), 6).unwrap_err().to_string(),
            "it has more than 6 bytes"
        );
        assert_eq!(read("dangling").unwrap_err().kind(), io::ErrorKind::NotFound);
        for (name, what) in [
            ("folder", "a folder"),
            ("pipe", "a pipe"),
            ("socket", "a socket"),
            ("/dev/zero", "a device"),
        ] {
            assert_eq!(
                read(name).unwrap_err().to_string(),
                format!("it is {what}, not a regular file")
            );
        }
    }

    #[test]
    fn writing_follows_no_link_and_a_lock_has_no_content() {
        let (folder, _socket) = zoo();
        let at = |name: &str| folder.path().join(name);
        for name in ["link", "dangling", "folder", "pipe", "socket"] {
            assert_eq!(
                create_regular(&at(name)).unwrap_err().kind(),
                io::ErrorKind::InvalidInput,
                "{name}"
            );
            assert_eq!(
                open_lock(&at(name)).unwrap_err().kind(),
                io::ErrorKind::InvalidInput,
                "{name}"
            );
        }
        assert!(open_lock(&at("file")).is_err());
        assert_eq!(std::fs::read(at("file")).unwrap(), b"content");
        assert!(!at("nothing").exists());
        drop(create_regular(&at("file")).unwrap());
        assert!(open_lock(&at("file")).is_ok() && open_lock(&at("new")).is_ok());
    }

    #[test]
    fn whatever_sqlite_would_open_is_looked_at() {
        let (folder, _socket) = zoo();
        let at = |name: &str| folder.path().join(name);
        assert!(require_database(&at("file")).is_ok() && require_database(&at("new")).is_ok());
        for name in ["dangling", "folder", "pipe", "socket"] {
            assert_eq!(require_database(&at(name)).unwrap_err().0, at(name));
        }
        for ending in BESIDE {
            let beside = at(&format!("file{ending}"));
            std::fs::rename(at("pipe"), &beside).unwrap();
            // The link is to the file, and the journals are beside that.
            assert!(
                require_database(&at("file")).is_err() && require_database(&at("link")).is_err()
            );
            std::fs::rename(&beside, at("pipe")).unwrap();
        }
        symlink(at("file"), at("file-wal")).unwrap();
        assert!(
            require_database(&at("file")).unwrap_err().1.to_string().contains("a symbolic link")
        );
    }

    #[test]
    fn a_uri_escapes_what_sqlite_would_read_as_syntax() {
        let path = Path::new(OsStr::from_bytes(b"/a b/%?#\xff.sqlite"));
        assert_eq!(immutable_uri(path).as_os_str(), "file:/a%20b/%25%3F%23%FF.sqlite?immutable=1");
    }
}
