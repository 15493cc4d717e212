//! The content of a rollout as a stream of bytes, be the file plain or compressed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

use zstd::stream::read::Decoder;

use crate::stop;

/// What the names of compressed rollouts end in.
const SUFFIX: &str = ".zst";

/// Frames that need a larger window are refused: 32 MiB. Every thread holds one. Codex needs 2 MiB,
/// and no level of zstd up to 20 more than 32.
const WINDOW_LOG: u32 = 25;

/// Whether a file of this name is compressed.
pub(crate) fn is_compressed(name: &OsStr) -> bool {
    name.as_bytes().ends_with(SUFFIX.as_bytes())
}

/// The name of the same rollout in its other form: compressed, or plain.
pub(crate) fn other_form(name: &OsStr) -> OsString {
    let plain = name.as_bytes().strip_suffix(SUFFIX.as_bytes()).map(OsStr::from_bytes);
    plain.map_or_else(|| [name, OsStr::new(SUFFIX)].into_iter().collect(), OsStr::to_owned)
}

/// A rollout that is being read.
pub(crate) enum Source<'a> {
    Plain(Piece<'a>),
    Compressed(Box<Decoder<'static, BufReader<Piece<'a>>>>),
}

/// The first bytes of a file.
pub(crate) struct Piece<'a> {
    file: &'a File,
    /// The next byte, and where it ends.
    at: u64,
    end: u64,
    /// Bytes read.
    read: u64,
}

impl Read for Piece<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        if room == 0 {
            return Ok(0);
        }
        let count = loop {
            match self.file.read_at(&mut buffer[..room], self.at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                count => break count?,
            }
        };
        self.at += count as u64;
        self.read += count as u64;
        Ok(count)
    }
}

impl<'a> Source<'a> {
    /// The first `size` bytes of a file of this name.
    pub(crate) fn of(name: &OsStr, file: &'a File, size: u64) -> io::Result<Self> {
        let piece = Piece { file, at: 0, end: size, read: 0 };
        if !is_compressed(name) {
            return Ok(Self::Plain(piece));
        }
        if size == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty"));
        }
        let mut decoder = Decoder::new(piece)?;
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(Self::Compressed(Box::new(decoder)))
    }

    /// Goes on at this place of the content, if it can; else at its beginning. Gives where.
    pub(crate) fn start_at(&mut self, place: u64) -> u64 {
        match self {
            Self::Plain(piece) => {
                piece.at = place;
                place
            }
            Self::Compressed(_) => 0,
        }
    }

    /// Bytes of the file that were read.
    pub(crate) fn bytes_read(&self) -> u64 {
        match self {
            Self::Plain(piece) => piece.read,
            Self::Compressed(decoder) => decoder.get_ref().get_ref().read,
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        stop::check()?;
        match self {
            Self::Plain(piece) => piece.read(buffer),
            Self::Compressed(decoder) => decoder.read(buffer),
        }
    }
}
