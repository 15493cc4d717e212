//! A failure as it is reported: the history, what went wrong, and how to see it again.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::failure::{Failure, Why};
use crate::subject::{History, Subject};

/// Where a failing history came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A file.
    Kept(PathBuf),
    /// A random one.
    Random {
        /// The seed of the search.
        seed: u64,
        /// Its number.
        case: u64,
        /// Operations of each case of the search.
        ops: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(path) => path.display().fmt(formatter),
            Self::Random { seed, case, ops } => {
                write!(formatter, "case {case} of seed {seed}, {ops} operations")
            }
        }
    }
}

/// A history that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// In which way, in one word.
    pub kind: &'static str,
    /// Whether what is tested went wrong, and not what tests it.
    pub mismatch: bool,
    /// Where it came from.
    pub origin: Origin,
    /// At which operation, from 1, and what was found and expected.
    pub detail: String,
    /// The history, as small as it was made.
    pub history: String,
    /// Operations it has.
    pub operations: usize,
    /// What ended the search for a smaller history before there was none.
    pub stopped: Option<String>,
    /// Cases that failed in this way, this one among them; only the first is shrunk and kept.
    pub cases: u64,
    /// The file it is in, or was to be in.
    pub file: PathBuf,
    /// Why it could not be kept there. It is a result anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unkept: Option<String>,
    /// The command that executes it again.
    pub replay: String,
}

impl Found {
    pub(super) fn new(origin: Origin, case: &impl History, failure: &Failure<impl Why>) -> Self {
        Self {
            kind: failure.kind(),
            mismatch: failure.is_mismatch(),
            origin,
            detail: failure.to_string(),
            history: case.to_string(),
            operations: case.operations(),
            stopped: None,
            cases: 1,
            file: PathBuf::new(),
            unkept: None,
            replay: String::new(),
        }
    }

    /// Notes the file that the history is in.
    pub(super) fn stands_in<S: Subject>(&mut self, file: PathBuf, subject: &S) {
        self.replay = replay(&file, subject);
        self.file = file;
    }
}

/// The command that executes the history in `file` again.
fn replay<S: Subject>(file: &Path, subject: &S) -> String {
    format!(
        "tracerig diff {}{} --replay {}",
        S::VERB,
        subject.flags(),
        quoted(&file.display().to_string())
    )
}

/// `word` as a shell takes it for one.
fn quoted(word: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "/._-+:@%".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::trace::{Program, Trace};

    #[test]
    fn a_replay_command_is_one_that_a_shell_understands() {
        let of = |engine| Trace { engine, ..Trace::new(Program::default()) };
        let command = |file: &str| replay(Path::new(file), &of(Engine::Scanner));
        assert_eq!(command("a/b-1.txt"), "tracerig diff trace --replay a/b-1.txt");
        assert_eq!(command("it's here"), r"tracerig diff trace --replay 'it'\''s here'");
        assert!(replay(Path::new("x"), &of(Engine::Lying)).contains(" --engine lying "));
    }
}
