//! The writer of one history file: created at the first line, whole lines only, a torn one cut
//! before anything follows it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ablation::{Ablation, Ablations};
use super::disk::{Disk, DiskFile};
use super::options::Durability;

/// Appends lines to a history.
#[derive(Debug)]
pub(super) struct HistoryWriter {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    durability: Durability,
    ablated: Ablations,
    file: Option<Box<dyn DiskFile>>,
    /// Bytes of whole lines, all of them observed: what the file is cut to when more is in it.
    length: u64,
    /// Up to this length, the rest beyond `length` is torn and is cut. Beyond that somebody else
    /// has written.
    torn_up_to: u64,
    /// Whether the file is there, as far as this writer knows.
    exists: bool,
    /// Whether its name is known to be on the device.
    is_named: bool,
    /// Whether the last line is whole but lacks its newline, as other programs leave it.
    unfinished: bool,
    /// Whether the last append took a second try.
    recovered: bool,
}

impl HistoryWriter {
    /// A writer of a history that is yet to be created.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        durability: Durability,
        ablated: Ablations,
    ) -> Self {
        Self {
            disk,
            path,
            durability,
            ablated,
            file: None,
            length: 0,
            torn_up_to: 0,
            exists: false,
            is_named: false,
            unfinished: false,
            recovered: false,
        }
    }

    /// A writer of a history that has `length` bytes of whole records and `torn` of one that breaks
    /// off; `unfinished` if the last whole one lacks its newline.
    pub(super) fn resume(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        durability: Durability,
        ablated: Ablations,
        length: u64,
        torn: u64,
        unfinished: bool,
    ) -> Self {
        let length = if ablated.has(Ablation::TornTail) { length + torn } else { length };
        Self {
            length,
            torn_up_to: length.saturating_add(torn),
            exists: true,
            unfinished: unfinished && !ablated.has(Ablation::Unended),
            ..Self::new(disk, path, durability, ablated)
        }
    }

    /// The history.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the last append took a second try.
    pub(super) fn recovered(&self) -> bool {
        self.recovered
    }

    /// Bytes of whole lines.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends whole lines. After an error the file is opened anew, cut to what was observed, and
    /// they are written once more; if that fails too, none of them is in the history, and the next
    /// call begins with the cut.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.recovered = false;
        let first = self.try_append(lines);
        if first.is_ok() {
            return Ok(());
        }
        self.file = None;
        let second = if self.ablated.has(Ablation::Retry) { first } else { self.try_append(lines) };
        self.recovered = second.is_ok();
        if second.is_err() {
            self.file = None;
            self.undo();
        }
        second
    }

    fn try_append(&mut self, lines: &[u8]) -> io::Result<()> {
        let (unfinished, durability) = (self.unfinished, self.durability);
        self.open()?;
        let length = self.length;
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        // Whatever comes of it, up to here the file is this writer's.
        let all = length + u64::from(unfinished) + lines.len() as u64;
        self.torn_up_to = all;
        if unfinished {
            write_all(file, b"\n")?;
        }
        write_all(file, lines)?;
        if durability == Durability::Fsync && !self.ablated.has(Ablation::Fsync) {
            file.sync()?;
            if !self.is_named && !self.ablated.has(Ablation::FsyncNames) {
                self.sync_folders()?;
                self.is_named = true;
            }
        }
        self.unfinished = false;
        self.length = all;
        Ok(())
    }

    /// Opens the file, unless it is open, so that it holds what was observed and nothing else.
    fn open(&mut self) -> io::Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        if !self.exists {
            self.disk.create_folder(self.folder())?;
            self.file = Some(self.disk.create(&self.path)?);
            self.exists = true;
            return Ok(());
        }
        let mut file = self.disk.open(&self.path)?;
        let found = file.length()?;
        if found < self.length {
            return Err(io::Error::other(
                "the history is shorter than what was written to it: something else has cut it",
            ));
        }
        if found > self.torn_up_to {
            return Err(io::Error::other(
                "the history is longer than what was written to it: something else appends to it",
            ));
        }
        if found > self.length {
            if self.ablated.has(Ablation::CutFailed) {
                self.length = found;
            } else {
                file.cut(self.length)?;
            }
        }
        self.file = Some(file);
        Ok(())
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// A file is durable when its name is, and those of the folders made for it: day, month, year,
    /// and what holds the years.
    fn sync_folders(&self) -> io::Result<()> {
        self.folder().ancestors().take(4).try_for_each(|folder| self.disk.sync_folder(folder))
    }

    /// After a failed append: nothing of it may stay. Where even that fails, the next append begins
    /// with it.
    fn undo(&mut self) {
        if self.length == 0 {
            if self.exists && self.disk.remove(&self.path).is_ok() {
                self.exists = false;
            }
        } else {
            let _ = self.open();
        }
    }

    /// Closes the file as it is.
    pub(super) fn abandon(&mut self) {
        self.file = None;
    }

    /// Brings everything to the device, its name too, and closes the file.
    pub(super) fn close(&mut self) -> io::Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        file.sync()?;
        if !self.is_named && !self.ablated.has(Ablation::CloseNames) {
            self.sync_folders()?;
            self.is_named = true;
        }
        Ok(())
    }
}

pub(super) fn write_all(file: &mut Box<dyn DiskFile>, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match file.append(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
