//! What came of operations outside the contract: counted, since nothing is promised for them.

use std::collections::BTreeMap;

use serde::Serialize;

/// How often the scan after one sort of operation was right, noticed it, or was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outside {
    /// The sort.
    pub operation: String,
    /// The answer was right, and nothing was noticed: what had changed did not matter, or not yet.
    pub right: u64,
    /// A check noticed, and a full scan gave the right answer.
    pub detected: u64,
    /// The answer was wrong.
    pub wrong: u64,
}

impl Outside {
    /// How often it was executed.
    #[must_use]
    pub const fn cases(&self) -> u64 {
        self.right + self.detected + self.wrong
    }

    /// Takes what was counted of each of `sorts` out of what was `exercised`.
    pub(super) fn taken(sorts: Vec<String>, exercised: &mut BTreeMap<String, u64>) -> Vec<Self> {
        let mut counted = |operation: String| {
            let mut take =
                |what| exercised.remove(&format!("{operation}: {what}")).unwrap_or_default();
            let (right, detected, wrong) = (take("right"), take("detected"), take("wrong"));
            Self { operation, right, detected, wrong }
        };
        sorts.into_iter().map(&mut counted).filter(|sort| sort.cases() > 0).collect()
    }
}
