//! What a check found.

use serde::Serialize;
use tracerig_protocol::Contract;

use super::cases::Level;

/// The result of a check of one contract.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `name@version`; the name alone if it did not say its version.
    pub candidate: String,
    /// The command.
    pub command: String,
    /// The SHA-256 of the executable that was started.
    pub sha256: Option<String>,
    /// What was checked.
    pub contract: Contract,
    /// Whether the kernel refused each launch of a separate process to write outside its folders.
    pub confined: bool,
    /// What came of it.
    pub verdict: Verdict,
    /// Each level, in order.
    pub levels: Vec<LevelReport>,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every case passed that was not known to fail.
    Passed,
    /// Some did not.
    Failed,
    /// It failed every request; the words say how the first one failed.
    NotRunning(String),
    /// What it means is not installed.
    Unavailable(String),
    /// It does not offer this contract, or this version of tracerig cannot check it.
    Unsupported(String),
}

/// The result of one level.
#[derive(Clone, Debug, Serialize)]
pub struct LevelReport {
    /// Which one.
    pub level: Level,
    /// Cases that passed.
    pub passed: u64,
    /// Cases that failed as the definition says they do.
    pub known: u64,
    /// Cases that it does not offer.
    pub unsupported: u64,
    /// Cases that were not executed, after five failures of one kind.
    pub not_run: u64,
    /// Launches that were killed or cancelled before they had answered.
    pub ended_early: u64,
    /// Launches that had answered by then: they say nothing of this level.
    pub ended_late: u64,
    /// Cases that failed.
    pub failures: Vec<Failure>,
    /// Why it does not apply to this contract; empty where it does.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub note: &'static str,
}

/// A case that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The name of the case.
    pub case: String,
    /// In which way, in one word.
    pub kind: String,
    /// The rule that it breaks.
    pub rule: String,
    /// Where that is written.
    pub at: String,
    /// What was found and what was expected.
    pub detail: String,
    /// The smallest history that shows it, if a history does.
    pub history: String,
    /// The command that executes it again.
    pub repeat: String,
    /// The command that gives the request to the candidate by hand.
    pub by_hand: String,
}

impl Failure {
    /// What a list of known failures compares: the kind, then the details.
    #[must_use]
    pub fn message(&self) -> String {
        format!("{}: {}", self.kind, self.detail)
    }
}

impl LevelReport {
    pub(super) const fn new(level: Level) -> Self {
        Self {
            level,
            passed: 0,
            known: 0,
            unsupported: 0,
            not_run: 0,
            ended_early: 0,
            ended_late: 0,
            failures: Vec::new(),
            note: "",
        }
    }
}

impl Report {
    /// Every failure.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.levels.iter().flat_map(|level| &level.failures)
    }

    /// Cases that passed, over all levels.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.levels.iter().map(|level| level.passed).sum()
    }
}
