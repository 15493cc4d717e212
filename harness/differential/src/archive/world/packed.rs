//! Rollouts that are compressed, decompressed and damaged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tracerig_oracle::archive::{COMPRESSED, is_compressed, read};

use super::{World, has_folder};

/// Compressed in one of the ways in which it may be: with or without a gain, in one frame or two.
fn compressed(text: &[u8]) -> Vec<u8> {
    let half = text.len() / 2;
    match text.len() % 3 {
        0 => compress_to_vec(text, CompressionLevel::Uncompressed),
        1 => compress_to_vec(text, CompressionLevel::Fastest),
        _ => {
            let frames = [&text[..half], &text[half..]];
            frames.map(|part| compress_to_vec(part, CompressionLevel::Fastest)).concat()
        }
    }
}

/// The path of the same rollout compressed.
fn packed(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(COMPRESSED);
    name.into()
}

impl World {
    pub(super) fn compress(&mut self, file: u8) -> io::Result<bool> {
        let Some(path) = self.path(file).filter(|path| !is_compressed(path)) else {
            return Ok(false);
        };
        self.exchange(file, &path, &packed(&path), compressed)
    }

    pub(super) fn decompress(&mut self, file: u8) -> io::Result<bool> {
        let Some(path) = self.path(file).filter(|path| is_compressed(path)) else {
            return Ok(false);
        };
        self.exchange(file, &path, &path.with_extension(""), <[u8]>::to_vec)
    }

    /// A file at another path takes the place of a file, and has its text in another form and the
    /// time of its last change.
    fn exchange(
        &mut self,
        file: u8,
        path: &Path,
        other: &Path,
        form: impl Fn(&[u8]) -> Vec<u8>,
    ) -> io::Result<bool> {
        let is_free = other.symlink_metadata().is_err() && has_folder(path);
        let is_rollout = path.symlink_metadata().is_ok_and(|found| found.is_file());
        let Some(text) = read(path).ok().filter(|_| is_free && is_rollout) else {
            return Ok(false);
        };
        let before = fs::metadata(path)?;
        let modified = self.dating.state(&before).modified;
        let rest = std::mem::take(&mut self.slot(file).rest);
        self.make(file, other.to_owned(), &form(&text), Some(modified))?;
        self.slot(file).rest = rest;
        fs::remove_file(path)?;
        self.lost_a_name(&before)?;
        Ok(true)
    }

    pub(super) fn pack(&mut self, from: u8, to: u8) -> io::Result<bool> {
        let Some(path) = self.path(from).filter(|path| !is_compressed(path)) else {
            return Ok(false);
        };
        let other = packed(&path);
        let is_free = other.symlink_metadata().is_err() && has_folder(&path) && self.is_free(to);
        let Some(text) = read(&path).ok().filter(|_| is_free) else { return Ok(false) };
        let modified = self.dating.state(&fs::metadata(&path)?).modified;
        self.make(to, other, &compressed(&text), Some(modified))
    }

    pub(super) fn damage(&mut self, file: u8) -> io::Result<bool> {
        if !self.path(file).is_some_and(|path| is_compressed(&path)) {
            return Ok(false);
        }
        self.change_bytes(file, |_, bytes| bytes.iter_mut().take(1).for_each(|byte| *byte ^= 1))
    }
}
