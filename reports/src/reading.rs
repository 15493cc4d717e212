//! Reading a file whole, where it is a file and no larger than such files are.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::path::Path;

use crate::{ByteSize, Error, Result};

/// The largest record, comparison or baseline that is read. A launch takes about 2 kB, so this is
/// half a million of them.
pub const LARGEST_DOCUMENT: ByteSize = ByteSize(1 << 30);

/// The bytes of the file at `path`, at most `limit`.
///
/// # Errors
/// [`Error::Read`] when it cannot be read; [`Error::NotAFile`] for a folder, and for a device or a
/// pipe, which may have no end; [`Error::TooLarge`] for more than the limit, of which no more is
/// read.
pub fn read_whole(path: &Path, limit: ByteSize) -> Result<Vec<u8>> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let too_large = || Error::TooLarge { path: path.to_owned(), limit };
    // Looked at before it is opened: to open a pipe is to wait for its writer.
    let found = std::fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        return Err(Error::NotAFile { path: path.to_owned(), what: named(found.file_type()) });
    }
    if found.len() > limit.bytes() {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
    // It may grow meanwhile, and some files of the system do not tell their size.
    let file = File::open(path).map_err(failed)?;
    file.take(limit.bytes().saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit.bytes() { Err(too_large()) } else { Ok(bytes) }
}

/// The same of a file of text.
///
/// # Errors
/// As [`read_whole`], and [`Error::Read`] where it is not UTF-8.
pub fn read_text(path: &Path, limit: ByteSize) -> Result<String> {
    String::from_utf8(read_whole(path, limit)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let source = io::Error::new(io::ErrorKind::InvalidData, format!("byte {at} is no UTF-8"));
        Error::Read { path: path.to_owned(), source }
    })
}

fn named(kind: FileType) -> &'static str {
    if kind.is_dir() {
        return "a folder";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    "neither file nor folder"
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGEST_TEXT: ByteSize = ByteSize(16 << 20);

    #[test]
    fn a_file_of_the_largest_size_is_read_and_none_that_is_larger() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "1234").unwrap();
        assert_eq!(read_whole(&path, ByteSize(4)).unwrap(), b"1234");
        let error = read_whole(&path, ByteSize(3)).unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: ByteSize(3), .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains(path.to_str().unwrap()) && said.contains("3 B"), "{said}");
        // A hole takes no room on the disk, and would in memory.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(matches!(read_whole(&path, LARGEST_DOCUMENT), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn what_is_no_file_is_refused_by_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path, what: &str| {
            let error = read_whole(path, ByteSize(9)).unwrap_err();
            assert!(matches!(error, Error::NotAFile { .. }), "{error}");
            let said = error.to_string();
            assert!(said.contains(path.to_str().unwrap()) && said.contains(what), "{said}");
        };
        refused(folder.path(), "a folder");
        #[cfg(unix)]
        {
            refused(Path::new("/dev/zero"), "a device");
            let pipe = folder.path().join("pipe");
            // Nobody will ever write into it.
            let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
            assert!(made.success());
            refused(&pipe, "a pipe");
        }
        assert!(matches!(
            read_whole(&folder.path().join("none"), ByteSize(9)),
            Err(Error::Read { .. })
        ));
    }

    /// Files of the system have no size until they are read.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_does_not_tell_its_size_is_bounded_too() {
        let path = Path::new("/proc/self/status");
        assert_eq!(std::fs::metadata(path).unwrap().len(), 0);
        assert!(read_whole(path, LARGEST_TEXT).unwrap().len() > 10);
        assert!(matches!(read_whole(path, ByteSize(10)), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn text_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"ab\xff").unwrap();
        let error = read_text(&path, LARGEST_TEXT).unwrap_err();
        assert!(
            matches!(error, Error::Read { .. }) && error.to_string().contains("byte 2"),
            "{error}"
        );
    }
}
