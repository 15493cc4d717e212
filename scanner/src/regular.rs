//! Opening files of a memo: regular ones, and never through a symbolic link.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a regular file, never through a symbolic link at its last place: whoever can plant one there could choose what
/// is read.
///
/// One call opens it or refuses: to look first and open then would take a memo that another launch puts in its place in
/// between for one that is not to be trusted.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    // A pipe would be waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let is_link = |error: &io::Error| error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if is_link(&error) => return Err(io::Error::other("it is not a regular file")),
        file => file?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
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
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
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
            let opened: Vec<bool> = (0..20_000).map(|_| open_regular(&at("memo")).is_ok()).collect();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(opened.iter().all(|&opened| opened), "one of them stands there at any time");
        });
    }
}
