//! What was skipped or is not certain, a line a kind.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value as Json, json};
use tracerig_scanner::archive::{Defect, What};

use super::Home;
use crate::cli::output::counted;

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
    TooMany,
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
                    Defect::TooMany => Self::TooMany,
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

    /// Its name in JSON, and the message for one of them and for many.
    const fn words(self) -> [&'static str; 3] {
        match self {
            Self::Unreadable => ["unreadable_files", "file cannot be read", "files cannot be read"],
            Self::Folders => {
                ["unreadable_folders", "folder cannot be read", "folders cannot be read"]
            }
            Self::NoType => [
                "lines_without_type",
                "line is skipped because its type cannot be read",
                "lines are skipped because their types cannot be read",
            ],
            Self::NotJson => [
                "lines_no_json",
                "line is skipped because it is not JSON",
                "lines are skipped because they are not JSON",
            ],
            Self::NoTime => [
                "lines_without_time",
                "line is skipped because it has no time",
                "lines are skipped because they have no time",
            ],
            Self::NoCount => [
                "odd_counts",
                "line has a token count that is negative, fractional or above 2^64 - 1, taken as \
                 missing",
                "lines have token counts that are negative, fractional or above 2^64 - 1, taken as \
                 missing",
            ],
            Self::LongText => [
                "long_names",
                "line has a name of more than 4 KiB, which is cut",
                "lines have names of more than 4 KiB, which are cut",
            ],
            Self::TooMany => [
                "lines_beyond_limits",
                "line comes after too many turns, models or quarter-hours of its file; its name or \
                 its use is left out",
                "lines come after too many turns, models or quarter-hours of their files; their \
                 names or their use are left out",
            ],
            Self::MoreLines => ["more_lines", "more line like that", "more lines like those"],
            Self::UnknownLines => [
                "unknown_lines",
                "line is skipped because its type is unknown",
                "lines are skipped because their types are unknown",
            ],
            Self::Untyped => [
                "untyped_files",
                "rollout is skipped because its lines have no types, as in the first half of 2025",
                "rollouts are skipped because their lines have no types, as in the first half of \
                 2025",
            ],
            Self::Diverged => [
                "diverged_copies",
                "rollout differs from another one of its session; both count",
                "rollouts differ from others of their sessions; all of them count",
            ],
            Self::Inferred => [
                "inferred_files",
                "result is inferred: a fork shows which lines it copied only by their time, as \
                 those made before 0.100 do",
                "results are inferred: forks show which lines they copied only by their time, as \
                 those made before 0.100 do",
            ],
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
            example.get_or_insert_with(|| {
                let path =
                    if homes.len() == 1 { problem.path.clone() } else { path.join(&problem.path) };
                let path = path.display();
                match &problem.what {
                    What::Line { line, .. } => format!("{path}:{line}"),
                    What::Unreadable { reason, .. } | What::UnreadableFolder { reason, .. } => {
                        format!("{path} ({reason})")
                    }
                    What::Diverged { from } => format!("{path} and {}", from.display()),
                    _ => path.to_string(),
                }
            });
        }
        if refresh.stats.unknown_lines > 0 {
            kinds.entry(Kind::UnknownLines).or_default().0 += refresh.stats.unknown_lines;
        }
    }
    kinds.into_iter().map(|(kind, (count, example))| Note { kind, count, example }).collect()
}

/// Whether files or folders could not be read.
pub(super) fn is_incomplete(homes: &[Home]) -> bool {
    let mut problems = homes.iter().flat_map(|home| &home.refresh.problems);
    problems.any(|problem| matches!(Kind::of(&problem.what).0, Kind::Unreadable | Kind::Folders))
}

impl Note {
    pub(super) fn document(&self) -> Json {
        let [name, ..] = self.kind.words();
        json!({ "kind": name, "count": self.count, "example": self.example })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, one, many] = self.kind.words();
        formatter.write_str(&counted(self.count, one, many))?;
        match &self.example {
            Some(example) => write!(formatter, "; for example {example}"),
            None => Ok(()),
        }
    }
}
