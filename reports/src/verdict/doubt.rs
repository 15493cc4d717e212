//! Why a verdict is inconclusive.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::figures;
use crate::words;

/// Why a verdict is inconclusive. Parts are of the time of the base: 0.05 is 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "doubt", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Doubt {
    /// Too few pairs for any interval.
    TooFewPairs {
        /// Pairs there are.
        have: u64,
        /// Pairs needed.
        need: u64,
    },
    /// The base was not compared with itself, so that the noise is unknown.
    NoSelfComparison,
    /// The base differs from itself by more than the margin: something other than the program makes
    /// the difference.
    Biased {
        /// Time of the base as a multiple of the base's.
        #[serde(serialize_with = "figures::serialize")]
        ratio: f64,
    },
    /// The base against itself scatters beyond the noise budget.
    Noisy {
        /// How far the interval of the base against itself reaches.
        #[serde(serialize_with = "figures::serialize")]
        reach: f64,
    },
    /// The interval reaches beyond the noise budget, so a change that large is not ruled out.
    Wide {
        /// How far it reaches.
        #[serde(serialize_with = "figures::serialize")]
        reach: f64,
    },
    /// A change was seen, but its interval does not lie beyond the margin as a whole.
    Margin {
        /// The ratio seen.
        #[serde(serialize_with = "figures::serialize")]
        ratio: f64,
    },
    /// A change beyond the margin was seen in one run; no second one was made.
    Unconfirmed {
        /// The ratio seen.
        #[serde(serialize_with = "figures::serialize")]
        ratio: f64,
    },
    /// A change beyond the margin was seen in one run and not in the other.
    Contradicted {
        /// The ratio in the first run.
        #[serde(serialize_with = "figures::serialize")]
        first: f64,
        /// The ratio in the second run.
        #[serde(serialize_with = "figures::serialize")]
        second: f64,
    },
    /// Two runs at different times differ by less than such runs may differ anyway.
    BetweenRuns {
        /// The ratio seen.
        #[serde(serialize_with = "figures::serialize")]
        ratio: f64,
    },
}

impl Doubt {
    /// What is the matter and what would help, the same words for every arm that has this doubt.
    #[must_use]
    pub fn matter(&self) -> &'static str {
        match self {
            Doubt::TooFewPairs { .. } => "too few pairs for an interval; use more pairs",
            Doubt::NoSelfComparison => {
                "the base was not compared with itself, so the noise is unknown"
            }
            Doubt::Biased { .. } => {
                "the base differs from itself, so something other than the program affects times"
            }
            Doubt::Noisy { .. } => {
                "the noise exceeds the noise budget; use a quiet machine or more pairs"
            }
            Doubt::Wide { .. } => {
                "a change beyond the noise budget is not ruled out; use more pairs"
            }
            Doubt::Margin { .. } => {
                "a change was seen that may be within the margin; use more pairs"
            }
            Doubt::Unconfirmed { .. } => {
                "a change was seen, but no second run was made; measure again"
            }
            Doubt::Contradicted { .. } => {
                "one run shows a change and the other does not; machine or program change over time"
            }
            Doubt::BetweenRuns { .. } => {
                "runs at different times may differ that much anyway; compare the programs in pairs"
            }
        }
    }
}

impl fmt::Display for Doubt {
    /// The figures of this arm.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Doubt::TooFewPairs { have, need } => write!(f, "{have} of {need}"),
            Doubt::NoSelfComparison => Ok(()),
            Doubt::Noisy { reach } | Doubt::Wide { reach } => {
                write!(f, "up to {}", words::percent(reach))
            }
            Doubt::Biased { ratio }
            | Doubt::Margin { ratio }
            | Doubt::Unconfirmed { ratio }
            | Doubt::BetweenRuns { ratio } => f.write_str(&words::change(ratio)),
            Doubt::Contradicted { first, second } => {
                write!(f, "{} and {}", words::change(first), words::change(second))
            }
        }
    }
}
