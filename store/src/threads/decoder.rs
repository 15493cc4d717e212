//! Decompression of zstd files as they are read: the only place that knows which decoder does it.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Frames that refer further back are refused. The `zstd` program writes at most 8 MiB unless it is told otherwise, and
/// a decoder holds so much memory.
const MAX_WINDOW: u64 = 128 << 20;

/// Reads a compressed file, whatever number of frames it has, one block at a time.
pub(super) struct Decoder {
    source: BufReader<Counted>,
    frame: FrameDecoder,
    is_in_frame: bool,
}

/// A file, and how much of it was read.
struct Counted {
    file: File,
    taken: u64,
}

impl Decoder {
    pub(super) fn new(file: File) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MAX_WINDOW);
        Self { source: BufReader::new(Counted { file, taken: 0 }), frame, is_in_frame: false }
    }

    /// Bytes of the compressed file that were read.
    pub(super) fn taken(&self) -> u64 {
        self.source.get_ref().taken
    }

    /// Goes into the next frame; `false` at the end of the file.
    fn begin_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.frame.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
                    if skipped != length {
                        return Err(damaged("it breaks off"));
                    }
                }
                Err(error) => return Err(damaged(error)),
            }
        }
    }

    /// What the decoder has seen must be what was compressed.
    fn end_frame(&mut self) -> io::Result<()> {
        self.is_in_frame = false;
        match (self.frame.get_checksum_from_data(), self.frame.get_calculated_checksum()) {
            (Some(written), Some(found)) if written != found => Err(damaged("its checksum differs")),
            _ => Ok(()),
        }
    }
}

impl Read for Decoder {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.is_in_frame {
                self.is_in_frame = self.begin_frame()?;
                if !self.is_in_frame {
                    return Ok(0);
                }
            }
            while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                self.frame
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(damaged)?;
            }
            match self.frame.read(out)? {
                0 => self.end_frame()?,
                read => return Ok(read),
            }
        }
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

fn damaged(reason: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the compressed data is damaged: {reason}"))
}
