//! The writer of one history file: created at the first line, whole lines only, a torn one cut before anything follows it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::options::Durability;

/// Appends lines to a history.
#[derive(Debug)]
pub(super) struct HistoryWriter {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    durability: Durability,
    file: Option<Box<dyn DiskFile>>,
    /// Bytes of whole lines, all of them observed: what the file is cut to when more is in it.
    length: u64,
    /// Whether the file is there, as far as this writer knows.
    exists: bool,
    /// Whether the last line is whole but lacks its newline, as other programs leave it.
    unfinished: bool,
}

impl HistoryWriter {
    /// A writer of a history that is yet to be created.
    pub(super) fn new(disk: Arc<dyn Disk>, path: PathBuf, durability: Durability) -> Self {
        Self { disk, path, durability, file: None, length: 0, exists: false, unfinished: false }
    }

    /// A writer of a history that has `length` bytes of whole records; `unfinished` if the last of them lacks its newline.
    pub(super) fn resume(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        durability: Durability,
        length: u64,
        unfinished: bool,
    ) -> Self {
        Self { disk, path, durability, file: None, length, exists: true, unfinished }
    }

    /// The history.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of whole lines.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends whole lines. After an error the file is opened anew, cut to what was observed, and they are written once more; if
    /// that fails too, none of them is in the history, and the next call begins with the cut.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.try_append(lines).is_ok() {
            return Ok(());
        }
        self.file = None;
        let second = self.try_append(lines);
        if second.is_err() {
            self.file = None;
            self.undo();
        }
        second
    }

    fn try_append(&mut self, lines: &[u8]) -> io::Result<()> {
        let unfinished = self.unfinished;
        let durability = self.durability;
        let file = self.opened()?;
        let mut written = 0;
        if unfinished {
            written += write_all(file, b"\n")?;
        }
        written += write_all(file, lines)?;
        if durability == Durability::Fsync {
            file.sync()?;
        }
        self.unfinished = false;
        self.length += written;
        Ok(())
    }

    /// The file, open and holding what was observed and nothing else.
    fn opened(&mut self) -> io::Result<&mut Box<dyn DiskFile>> {
        let file = match self.file.take() {
            Some(file) => file,
            None if self.exists => {
                let mut file = self.disk.open(&self.path)?;
                match file.length()?.cmp(&self.length) {
                    std::cmp::Ordering::Equal => {}
                    std::cmp::Ordering::Greater => file.cut(self.length)?,
                    std::cmp::Ordering::Less => {
                        return Err(io::Error::other(
                            "the history is shorter than what was written to it: something else cut it",
                        ));
                    }
                }
                file
            }
            None => {
                let folder = self.path.parent().unwrap_or(Path::new("."));
                self.disk.create_folder(folder)?;
                let file = self.disk.create(&self.path)?;
                self.exists = true;
                if self.durability == Durability::Fsync {
                    self.sync_folders(folder)?;
                }
                file
            }
        };
        Ok(self.file.insert(file))
    }

    /// A new file is durable when its name is: that of the file, and those of the folders made for it.
    fn sync_folders(&self, folder: &Path) -> io::Result<()> {
        // Year, month and day, and the folder that holds the years.
        for folder in folder.ancestors().take(4) {
            self.disk.sync_folder(folder)?;
        }
        Ok(())
    }

    /// After a failed append: nothing of it may stay. Where even that fails, the next append begins with it.
    fn undo(&mut self) {
        if self.length == 0 {
            if self.exists && self.disk.remove(&self.path).is_ok() {
                self.exists = false;
            }
        } else {
            let _ = self.opened();
        }
    }

    /// Closes the file as it is.
    pub(super) fn abandon(&mut self) {
        self.file = None;
    }

    /// Brings everything to the device and closes the file.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.file.take().map_or(Ok(()), |mut file| file.sync())
    }
}

fn write_all(file: &mut Box<dyn DiskFile>, bytes: &[u8]) -> io::Result<u64> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match file.append(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes.len() as u64)
}
