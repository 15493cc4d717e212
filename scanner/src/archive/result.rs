//! What a refresh gives, and what it costs.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::parse::Defect;
use super::usage::{Usage, Used};

/// The result of a refresh.
#[derive(Debug)]
pub struct Refresh {
    /// What was used in all sessions.
    pub usage: Usage,
    /// Each rollout, in the order of their paths, if they were asked for.
    pub sessions: Vec<Session>,
    /// What could not be read or understood; the usage is that of everything else.
    pub problems: Vec<Problem>,
    /// Why the memo was not used, or could not be written. The result is as good as ever.
    pub warnings: Vec<String>,
    /// What the refresh did.
    pub stats: Stats,
}

/// One rollout: a session, or a segment of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The id that the rollout says, else the one in its name. All segments of a session have it.
    pub id: String,
    /// Which segment it is, where its name says one.
    pub segment: Option<String>,
    /// Its path below the home.
    pub path: PathBuf,
    /// The folder it worked in.
    pub cwd: Option<String>,
    /// The version of Codex that wrote it.
    pub version: Option<String>,
    /// The provider of its model.
    pub provider: Option<String>,
    /// The times of the first and the last line that matters, in milliseconds of Unix time.
    pub span: Option<(i64, i64)>,
    /// What was used in it.
    pub usage: Usage,
    /// Whether the file could not be read now, so that this is what it held earlier.
    pub is_stale: bool,
    /// Whether something in it counts nothing only because of the time of its lines: they follow
    /// each other as fast as a history that is copied into a fork does.
    pub is_inferred: bool,
    /// Whether its usage is part of the sum. That of a copy of another one is not.
    pub counts: bool,
}

impl Refresh {
    /// What each session used, all its segments together, by its id: if sessions were asked for.
    #[must_use]
    pub fn by_session(&self) -> BTreeMap<&str, Used> {
        let mut sums: BTreeMap<&str, Used> = BTreeMap::new();
        for session in &self.sessions {
            let sum = sums.entry(&session.id).or_default();
            if session.counts {
                *sum = sum.plus(session.usage.total());
            }
        }
        sums
    }
}

/// Something that could not be read or understood.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file or folder, below the home.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: What,
}

/// What is wrong with a file or folder.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A line is not understood, and skipped.
    Line {
        /// Its number, from 1.
        line: u64,
        /// Why.
        defect: Defect,
    },
    /// So many more lines are not understood.
    MoreLines(u64),
    /// The file could not be looked at or read. What it held earlier still counts.
    Unreadable {
        /// Whether anything is known of it.
        is_known: bool,
        /// What the system says.
        reason: String,
    },
    /// The folder could not be read. What the files in it held earlier still counts.
    UnreadableFolder {
        /// How many files of it are known.
        known: u64,
        /// What the system says.
        reason: String,
    },
    /// Both this rollout and another one of its session and segment count: neither is the beginning
    /// of the other.
    Diverged {
        /// The other, below the home.
        from: PathBuf,
    },
    /// The lines of the file have no type, as Codex wrote them until the summer of 2025. Nothing in
    /// it counts.
    Untyped,
    /// What counts of the file rests on the time of its lines; see [`Session::is_inferred`].
    Inferred,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.what {
            What::Line { line, defect } => {
                write!(formatter, "{path}:{line}: {}", defect.describe())
            }
            What::MoreLines(count) => {
                write!(formatter, "{path}: {count} more lines like that are skipped")
            }
            What::Unreadable { is_known, reason } => {
                let then =
                    if *is_known { "what it held earlier counts" } else { "it does not count" };
                write!(formatter, "{path}: cannot be read ({reason}); {then}")
            }
            What::UnreadableFolder { known, reason } => write!(
                formatter,
                "{path}: cannot be read ({reason}); what {known} files in it held earlier counts"
            ),
            What::Diverged { from } => write!(
                formatter,
                "{path}: has the session id of {}, and goes on otherwise; both count",
                from.display()
            ),
            What::Untyped => write!(
                formatter,
                "{path}: its lines have no types, as Codex wrote them until the summer of 2025; \
                 the file is skipped"
            ),
            What::Inferred => write!(
                formatter,
                "{path}: inferred: a fork that shows what it copied only by the time of its \
                 lines, as those made before 0.100 do"
            ),
        }
    }
}

/// What the system or the decoder says, and what to do.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!("{error}: check its permissions"),
        _ => error.to_string(),
    }
}

impl What {
    pub(super) fn unreadable(error: &io::Error, is_known: bool) -> Self {
        Self::Unreadable { is_known, reason: reason(error) }
    }
}

/// What a refresh did. Counts are exact; times are of this run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Rollouts found.
    pub files: u64,
    /// Folders read.
    pub folders: u64,
    /// Calls that ask for the state of a file: one for each rollout and folder, one for each other
    /// name that may be a link to one, and one for each rollout that is opened to be read. Without
    /// a memo a rollout is looked at only then.
    pub metadata_calls: u64,
    /// Rollouts that are unchanged: not read.
    pub unchanged: u64,
    /// Rollouts read from where an earlier refresh had stopped.
    pub continued: u64,
    /// Rollouts read from the beginning.
    pub parsed: u64,
    /// Rollouts that were compressed or decompressed and are unchanged otherwise: decompressed, not
    /// parsed.
    pub moved: u64,
    /// Rollouts that are gone.
    pub gone: u64,
    /// Rollouts that could not be read, and count unchanged.
    pub stale: u64,
    /// Bytes read from rollouts.
    pub bytes_read: u64,
    /// Lines of kinds that no known version writes, in all rollouts.
    pub unknown_lines: u64,
    /// Lines not understood, in all rollouts.
    pub broken_lines: u64,
    /// Rollouts of 2025, which are skipped.
    pub untyped: u64,
    /// Rollouts whose result is inferred.
    pub inferred: u64,
    /// Shards of the memo that were read and can be trusted.
    pub shards_read: u64,
    /// Shards of the memo that were written or removed.
    pub shards_written: u64,
    /// Bytes of the memo written.
    pub memo_bytes_written: u64,
    /// Where the time went.
    pub phases: Phases,
}

/// Where the time of a refresh went; together they are the time that passed. What several threads
/// did at once has that part of it that it had of the time of these threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Phases {
    /// Listing folders.
    pub walk: Duration,
    /// Looking at files.
    pub metadata: Duration,
    /// Loading the memo and comparing.
    pub load: Duration,
    /// Reading and parsing rollouts.
    pub parse: Duration,
    /// Adding up.
    pub aggregate: Duration,
    /// Writing the memo.
    pub persist: Duration,
}

impl Phases {
    /// Makes the time of threads the time that passed while they worked.
    pub(super) fn divide<const N: usize>(passed: Duration, parts: [&mut Duration; N]) {
        let together: Duration = parts.iter().map(|part| **part).sum();
        if !together.is_zero() {
            for part in parts {
                *part = passed.mul_f64(part.as_secs_f64() / together.as_secs_f64());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_of_threads_become_parts_of_the_time_that_passed() {
        let [mut one, mut other, mut none] = [30, 10, 0].map(Duration::from_millis);
        Phases::divide(Duration::from_millis(20), [&mut one, &mut other, &mut none]);
        assert_eq!([one, other, none], [15, 5, 0].map(Duration::from_millis));
        Phases::divide(Duration::from_millis(20), [&mut none]);
        assert_eq!(none, Duration::ZERO, "nobody worked");
    }
}
