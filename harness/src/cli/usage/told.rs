//! What was skipped or is not certain, a line a kind.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value as Json, json};
use tracerig_reports::units;
use tracerig_scanner::archive::{Defect, What};

use super::Home;

/// A kind of thing that was skipped or is not certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Unreadable,
    Folders,
    NoType,
    NotJson,
    NoTime,
    NoCount,
    LongText,
    MoreLines,
    UnknownLines,
    Untyped,
    Diverged,
    Inferred,
}

impl Kind {
    const fn of(what: &What) -> (Self, u64) {
        match what {
            What::Unreadable { .. } => (Self::Unreadable, 1),
            What::Line { defect, .. } => {
                let kind = match defect {
                    Defect::NoType => Self::NoType,
                    Defect::NotJson => Self::NotJson,
                    Defect::NoTime => Self::NoTime,
                    Defect::NoCount => Self::NoCount,
                    Defect::LongText => Self::LongText,
                };
                (kind, 1)
            }
            What::MoreLines(count) => (Self::MoreLines, *count),
            What::Untyped => (Self::Untyped, 1),
            What::Diverged { .. } => (Self::Diverged, 1),
            What::Inferred => (Self::Inferred, 1),
            _ => (Self::Folders, 1),
        }
    }

    /// Its name in JSON, and what there are so many of.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Unreadable => ("unreadable_files", "files that cannot be read"),
            Self::Folders => ("unreadable_folders", "folders that cannot be read"),
            Self::NoType => ("lines_without_type", "lines whose type cannot be read, skipped"),
            Self::NotJson => ("lines_no_json", "lines that are no JSON, skipped"),
            Self::NoTime => ("lines_without_time", "lines without a time, skipped"),
            Self::NoCount => ("odd_counts", "lines with a count that is none, which is taken as missing"),
            Self::LongText => ("long_names", "lines with a name of more than 4 KiB, cut"),
            Self::MoreLines => ("more_lines", "more lines like these"),
            Self::UnknownLines => ("unknown_lines", "lines of unknown types, skipped"),
            Self::Untyped => ("untyped_files", "rollouts of 2025 whose lines have no type, skipped"),
            Self::Diverged => ("diverged_copies", "copies that went on otherwise, so that both count"),
            Self::Inferred => (
                "inferred_files",
                "forks of before 0.100 whose result is inferred from the time of their lines",
            ),
        }
    }
}

/// How many of a kind there are, and the first of them.
#[derive(Debug)]
pub(super) struct Note {
    kind: Kind,
    count: u64,
    example: Option<String>,
}

/// What there is to tell of these homes.
pub(super) fn notes(homes: &[Home]) -> Vec<Note> {
    let mut kinds: BTreeMap<Kind, (u64, Option<String>)> = BTreeMap::new();
    for Home { path, refresh } in homes {
        for problem in &refresh.problems {
            let (kind, count) = Kind::of(&problem.what);
            let (sum, example) = kinds.entry(kind).or_default();
            *sum += count;
            let place = if homes.len() == 1 { String::new() } else { format!("{}/", path.display()) };
            let place = if problem.path.is_absolute() { String::new() } else { place };
            example.get_or_insert_with(|| format!("{place}{problem}"));
        }
        if refresh.stats.unknown_lines > 0 {
            kinds.entry(Kind::UnknownLines).or_default().0 += refresh.stats.unknown_lines;
        }
    }
    kinds.into_iter().map(|(kind, (count, example))| Note { kind, count, example }).collect()
}

impl Note {
    pub(super) fn document(&self) -> Json {
        let (name, _) = self.kind.words();
        json!({ "kind": name, "count": self.count, "example": self.example })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, words) = self.kind.words();
        write!(formatter, "{} {words}", units::count(self.count))?;
        match &self.example {
            Some(example) => write!(formatter, ": {example}"),
            None => Ok(()),
        }
    }
}
