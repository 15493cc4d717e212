//! Files that were passed over, counted by reason.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a file in a folder of histories was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It may be meant to be a history, but has not the name of one.
    Name,
    /// It is not a file: a pipe, a socket or a device.
    NotAFile,
    /// It is a symbolic link, to a file or to a folder.
    Link,
    /// It is compressed, and the plain file is there.
    Superseded,
    /// It is of 2025, when lines had no types.
    Untyped,
}

impl Reason {
    /// Its name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::NotAFile => "not_a_file",
            Self::Link => "link",
            Self::Superseded => "superseded",
            Self::Untyped => "untyped",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Name => "not named as a history",
            Self::NotAFile => "pipe, socket or device, not opened",
            Self::Link => "symbolic link, not followed",
            Self::Superseded => "compressed, and its plain file is there",
            Self::Untyped => "written in 2025, no types on its lines",
        })
    }
}

/// How many files were passed over for each reason, and one of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Skipped(BTreeMap<Reason, (u64, PathBuf)>);

impl Skipped {
    pub(super) fn add(&mut self, reason: Reason, path: &Path) {
        self.0.entry(reason).or_insert_with(|| (0, path.to_owned())).0 += 1;
    }

    /// Each reason, its number of files and one of them.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64, &Path)> {
        self.0.iter().map(|(reason, (number, example))| (*reason, *number, example.as_path()))
    }

    /// How many files were passed over, but for those whose plain files were read.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.iter()
            .filter(|(reason, ..)| *reason != Reason::Superseded)
            .map(|(_, number, _)| number)
            .sum()
    }
}
