//! Files of a memo: opened only if they are regular ones, never through a symbolic link, and
//! replaced in one step.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

/// Opens a regular file, never through a symbolic link at its last place: anyone who can plant one
/// there could choose what is read.
///
/// One call opens it or refuses: to look first and open then would take a memo that another launch
/// puts in its place in between for one that is not to be trusted.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    // A pipe would be waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let is_link = |error: &io::Error| error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if is_link(&error) => return Err(io::Error::other("it is not a regular file")),
        file => file?,
    };
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

/// Whether a file that begins with `start` is one of those that begin with `magic`, be it damaged,
/// torn or cut short: at least half of its first bytes are those, or they were never written.
pub(crate) fn begins_like(start: &[u8], magic: [u8; 8]) -> bool {
    let same = start.iter().zip(magic).filter(|&(&found, magic)| found == magic).count();
    same * 2 >= start.len() || start.iter().all(|&byte| byte == 0)
}

/// Puts the file `new` in the place of whatever is at `path`, in one step.
///
/// A rename over a file makes some file systems begin to write the new one to the disk before they
/// return, so two files are exchanged, where that can be done, and the old one is removed.
pub(crate) fn replace(new: &Path, path: &Path) -> io::Result<()> {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    if is_file && exchange(new, path) {
        // What cannot be removed is replaced by the next write.
        let _ = std::fs::remove_file(new);
        return Ok(());
    }
    std::fs::rename(new, path)
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exchange(one: &Path, other: &Path) -> bool {
    rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok()
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exchange(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_folders_and_pipes_are_refused_and_an_exchange_is_not_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("memo"), "x").unwrap();
        symlink(at("memo"), at("link")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        assert!(open_regular(&at("memo")).is_ok());
        for refused in ["link", "pipe", "."] {
            assert_eq!(
                open_regular(&at(refused)).unwrap_err().to_string(),
                "it is not a regular file",
                "{refused}"
            );
        }
        assert_eq!(open_regular(&at("nothing")).unwrap_err().kind(), io::ErrorKind::NotFound);
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::fs::write(at("new"), "y").unwrap();
                    std::fs::rename(at("new"), at("memo")).unwrap();
                }
            });
            let opened: Vec<bool> =
                (0..20_000).map(|_| open_regular(&at("memo")).is_ok()).collect();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(opened.iter().all(|&opened| opened), "one of them stands there at any time");
        });
    }

    #[test]
    fn whatever_stands_there_is_replaced_but_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (new, memo) = (at("new"), at("memo"));
        let write = |text: &str| std::fs::write(&new, text).unwrap();
        for text in ["first", "second"] {
            write(text);
            replace(&new, &memo).unwrap();
            assert_eq!(
                (std::fs::read_to_string(&memo).unwrap(), new.exists()),
                (text.to_owned(), false)
            );
        }
        std::fs::write(at("target"), "untouched").unwrap();
        symlink(at("target"), at("link")).unwrap();
        write("third");
        replace(&new, &at("link")).unwrap();
        assert!(
            !at("link").is_symlink()
                && std::fs::read_to_string(at("target")).unwrap() == "untouched"
        );
        std::fs::create_dir(at("folder")).unwrap();
        write("fourth");
        assert!(replace(&new, &at("folder")).is_err() && at("folder").is_dir() && new.exists());
    }
}
