//! Decompression of zstd files as they are read: the only place that knows which decoder does it.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};

use zstd::stream::read::Decoder as Zstd;

use crate::stop;

/// Frames that refer further back are refused: 32 MiB. Every thread holds so much memory. Codex
/// needs 2 MiB, and no level of zstd up to 20 more than 32.
const WINDOW_LOG: u32 = 25;

/// Reads a compressed file, whatever number of frames it has. What the file says of its content is
/// checked.
pub(super) struct Decoder(Zstd<'static, BufReader<Counted>>);

/// A file, and how much of it was read.
struct Counted {
    file: File,
    taken: u64,
}

impl Decoder {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let mut decoder = Zstd::new(Counted { file, taken: 0 })?;
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(Self(decoder))
    }

    /// Bytes of the compressed file that were read.
    pub(super) fn taken(&self) -> u64 {
        self.0.get_ref().get_ref().taken
    }
}

impl Read for Decoder {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        stop::check()?;
        self.0.read(out).map_err(|error| match error.raw_os_error() {
            Some(_) => error,
            None => {
                let reason = format!("the compressed data is damaged: {error}");
                io::Error::new(io::ErrorKind::InvalidData, reason)
            }
        })
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Decoder").field("taken", &self.taken()).finish_non_exhaustive()
    }
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.taken += read as u64;
        Ok(read)
    }
}
