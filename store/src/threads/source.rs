//! The bytes of a history file, plain or compressed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::decoder::Decoder;
use super::name::COMPRESSED;
use crate::files::open_regular;
use crate::stop;

/// A history file that is read from its beginning.
#[derive(Debug)]
pub(crate) enum Source {
    Plain(File),
    Compressed { path: PathBuf, decoder: Box<Decoder> },
}

/// Whether the file at `path` is compressed, by its name.
pub(super) fn is_compressed(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(COMPRESSED.as_bytes())
}

impl Source {
    /// Opens the file at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        Ok(if is_compressed(path) {
            Self::Compressed { path: path.to_owned(), decoder: Box::new(Decoder::new(file)?) }
        } else {
            Self::Plain(file)
        })
    }

    /// Reads once, and tells how many bytes of the file that took beside those that came of it.
    pub(super) fn read_counted(&mut self, out: &mut [u8]) -> io::Result<(usize, u64)> {
        match self {
            Self::Plain(file) => {
                stop::check()?;
                let read = file.read(out)?;
                Ok((read, read as u64))
            }
            Self::Compressed { decoder, .. } => {
                let before = decoder.taken();
                let read = decoder.read(out)?;
                Ok((read, decoder.taken() - before))
            }
        }
    }

    /// Fills `out` with `bytes` bytes from `offset` on, which were read before. What is read next
    /// stays what it was.
    pub(super) fn again(
        &mut self,
        offset: u64,
        bytes: u64,
        out: &mut Vec<u8>,
    ) -> io::Result<usize> {
        match self {
            Self::Plain(file) => {
                let next = file.stream_position()?;
                file.seek(SeekFrom::Start(offset))?;
                let read = file.take(bytes).read_to_end(out)?;
                file.seek(SeekFrom::Start(next))?;
                Ok(read)
            }
            Self::Compressed { path, .. } => {
                let mut decoder = Decoder::new(open_regular(path)?)?;
                io::copy(&mut (&mut decoder).take(offset), &mut io::sink())?;
                decoder.take(bytes).read_to_end(out)
            }
        }
    }
}

impl From<File> for Source {
    fn from(file: File) -> Self {
        Self::Plain(file)
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.read_counted(out).map(|(read, _)| read)
    }
}
