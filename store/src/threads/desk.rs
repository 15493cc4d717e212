//! What the one writer of a thread holds: its history file, and what belongs to it.

use std::path::PathBuf;

use super::derive::Seen;
use super::error::Error;
use super::id::ThreadId;
use super::item::Item;
use super::lock::WriterLock;
use super::patch::Patch;
use super::time::{Millis, Rfc3339};
use super::writer::HistoryWriter;

/// Where lines are written, one append at a time.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) history: HistoryWriter,
    pub(super) before: Before,
    /// `None` once it was given up.
    pub(super) lock: Option<WriterLock>,
    pub(super) seen: Seen,
    pub(super) deferred: Deferred,
    pub(super) state: DeskState,
    pub(super) buffer: Vec<u8>,
    /// The time of the last append, and its text.
    pub(super) stamp: Option<(Millis, Rfc3339)>,
}

/// What is next to the file that goes on.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// All files of a history that was there when it was resumed.
    pub(super) files: Vec<PathBuf>,
    /// Bytes of those that do not go on.
    pub(super) bytes: u64,
    /// The name that the user gave to the thread.
    pub(super) title: Option<String>,
}

/// Facts that wait for the first append.
#[derive(Debug)]
pub(super) enum Deferred {
    Nothing,
    /// The line that a new thread begins with.
    Create(Box<Item>),
    /// What the history of a resumed thread says, for a row that may have fallen behind.
    Resume(Box<Patch>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeskState {
    Open,
    Closed,
    Discarded,
}

impl Desk {
    /// The text of a time: many appends of a burst share it.
    pub(super) fn stamp(&mut self, now: Millis) -> Rfc3339 {
        match self.stamp {
            Some((at, text)) if at == now => text,
            _ => self.stamp.insert((now, now.rfc3339())).1,
        }
    }

    /// Why nothing can be done here any more.
    pub(super) fn refusal(&self, thread: ThreadId) -> Error {
        match self.state {
            DeskState::Discarded => Error::Discarded { thread },
            DeskState::Open | DeskState::Closed => Error::Closed { thread },
        }
    }
}
