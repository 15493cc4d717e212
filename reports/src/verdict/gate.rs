//! What verdicts amount to for a script: one word and an exit code.

use serde::{Deserialize, Serialize};

use super::{ArmVerdict, Verdict, Work};

/// What a comparison amounts to, from harmless to grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// No more work, not slower, and measured well enough to say so.
    Fine,
    /// Inconclusive.
    Inconclusive,
    /// More work or more time.
    Regression,
    /// A process failed, so the comparison is incomplete.
    Failed,
    /// An answer was wrong: a fast wrong answer is worth nothing.
    Mismatch,
}

impl Gate {
    /// The exit code: 0 fine, 5 inconclusive, 4 regression, 1 failed, 3 mismatch.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Gate::Fine => 0,
            Gate::Inconclusive => 5,
            Gate::Regression => 4,
            Gate::Failed => 1,
            Gate::Mismatch => 3,
        }
    }
}

impl ArmVerdict {
    /// What this arm amounts to. More work is a regression whatever the clock says. Less work or
    /// less time is not.
    #[must_use]
    pub fn gate(&self) -> Gate {
        if self.left_out.mismatched > 0 {
            return Gate::Mismatch;
        }
        if self.left_out.failed > 0 {
            return Gate::Failed;
        }
        let work = match self.work {
            Work::Same | Work::Less | Work::Advisory => Gate::Fine,
            Work::More => Gate::Regression,
            Work::Incomparable => Gate::Inconclusive,
        };
        let time = match self.time {
            None | Some(Verdict::Same | Verdict::Faster) => Gate::Fine,
            Some(Verdict::Slower) => Gate::Regression,
            Some(Verdict::Inconclusive { .. }) => Gate::Inconclusive,
        };
        work.max(time)
    }

    /// Whether anything of the arm was compared that may decide.
    #[must_use]
    pub(crate) fn is_compared(&self) -> bool {
        self.time.is_some() || self.work != Work::Advisory
    }
}
