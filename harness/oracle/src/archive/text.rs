//! The text of a rollout, compressed or not, and what its name says.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use ruzstd::decoding::StreamingDecoder;

/// What the name of a compressed rollout ends with.
pub const COMPRESSED: &str = ".zst";

/// Whether the file at `path` is compressed.
pub fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "zst")
}

/// The text of the rollout at `path`.
///
/// # Errors
/// It cannot be read, or decompressed.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = fs::read(path)?;
    if is_compressed(path) { decompressed(&bytes) } else { Ok(bytes) }
}

/// The text of frames, of which there must be one at least.
fn decompressed(mut frames: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    loop {
        let mut frame = StreamingDecoder::new(&mut frames).map_err(io::Error::other)?;
        frame.read_to_end(&mut text)?;
        if frames.is_empty() {
            return Ok(text);
        }
    }
}

/// The thread that the name of a rollout tells, and the segment, if it is one.
pub(super) fn thread_and_segment(path: &Path) -> (String, Option<String>) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem =
        name.trim_start_matches("rollout-").trim_end_matches(COMPRESSED).trim_end_matches(".jsonl");
    let (stem, segment) = match stem.split_once('_') {
        Some((stem, segment)) => (stem, Some(segment.to_owned())),
        None => (stem, None),
    };
    (stem.len().checked_sub(36).and_then(|at| stem.get(at..)).unwrap_or(stem).to_owned(), segment)
}
