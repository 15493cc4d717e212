//! Why nobody can tell.

use std::fmt;

use serde::Serialize;

use crate::units::figures;
use crate::words;

/// Why a verdict is inconclusive. Parts are of the time of the base: 0.05 is 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "doubt", rename_all = "snake_case")]
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
    /// The base differs from itself by more than the margin: something else than the program makes the difference.
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
    /// The interval reaches beyond the noise budget: a change that large may hide in it.
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
    /// Two runs at different times differ by more than the margin, and by less than such runs may differ by themselves.
    BetweenRuns {
        /// The ratio seen.
        #[serde(serialize_with = "figures::serialize")]
        ratio: f64,
    },
}

impl fmt::Display for Doubt {
    /// A sentence without its full stop: what is the matter, and what would help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Doubt::TooFewPairs { have, need } => {
                write!(f, "{} left, {need} are needed; measure more", words::plural(have, "pair"))
            }
            Doubt::NoSelfComparison => {
                f.write_str("the base was not compared with itself, so the noise is unknown; measure it too")
            }
            Doubt::Biased { ratio } => write!(
                f,
                "the base against itself is {}; something else than the program makes a difference",
                words::change(ratio)
            ),
            Doubt::Noisy { reach } => write!(
                f,
                "the base against itself scatters up to {}; quiet the machine or measure more",
                words::percent(reach)
            ),
            Doubt::Wide { reach } => {
                write!(f, "a change up to {} is not ruled out; measure more", words::percent(reach))
            }
            Doubt::Margin { ratio } => {
                write!(f, "{} seen, which may be within the margin; measure more", words::change(ratio))
            }
            Doubt::Unconfirmed { ratio } => {
                write!(f, "{} seen and not confirmed by a second run", words::change(ratio))
            }
            Doubt::Contradicted { first, second } => write!(
                f,
                "{} in one run, {} in the other; the machine or the program changes with time",
                words::change(first),
                words::change(second)
            ),
            Doubt::BetweenRuns { ratio } => write!(
                f,
                "{} seen, as two runs at different times may differ; compare the programs in pairs",
                words::change(ratio)
            ),
        }
    }
}
