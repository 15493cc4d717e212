//! The levels of rows: how many of each a recipe asks for, and how many there are.

use serde::{Deserialize, Serialize};

/// The levels, in the order of [`Counts`].
pub(crate) const LEVELS: [&str; 5] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];

/// Rows of each level.
pub(crate) type Counts = [u64; LEVELS.len()];

/// The position of a level. A level of another name, which no shape has, counts as the first.
pub(crate) fn position(level: &str) -> usize {
    LEVELS.iter().position(|known| *known == level).unwrap_or(0)
}

/// Rows of each level, as a recipe asks for them and as a dataset has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Rows at TRACE.
    #[serde(default)]
    pub trace: u64,
    /// Rows at DEBUG.
    #[serde(default)]
    pub debug: u64,
    /// Rows at INFO.
    #[serde(default)]
    pub info: u64,
    /// Rows at WARN.
    #[serde(default)]
    pub warn: u64,
    /// Rows at ERROR.
    #[serde(default)]
    pub error: u64,
}

impl Levels {
    pub(crate) fn counts(self) -> Counts {
        [self.trace, self.debug, self.info, self.warn, self.error]
    }

    /// Rows in all.
    #[must_use]
    pub fn total(self) -> u64 {
        self.counts().iter().sum()
    }

    /// The same shares of `rows` rows: whole numbers whose sum is `rows`, and themselves where they
    /// are as many already.
    pub(crate) fn shared_out(self, rows: u64) -> Counts {
        let (counts, total) = (self.counts(), u128::from(self.total().max(1)));
        let exact = counts.map(|count| u128::from(count) * u128::from(rows));
        let mut shares = exact.map(|share| u64::try_from(share / total).unwrap_or(u64::MAX));
        // What rounding down left goes to those who lost most by it.
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(exact[*at] % total));
        let missing = rows.saturating_sub(shares.iter().sum());
        for at in order.into_iter().take(usize::try_from(missing).unwrap_or(0)) {
            shares[at] += 1;
        }
        shares
    }
}

impl From<Counts> for Levels {
    fn from([trace, debug, info, warn, error]: Counts) -> Self {
        Self { trace, debug, info, warn, error }
    }
}

/// `wanted - found`, 0 where there are more already.
pub(crate) fn missing(wanted: Counts, found: Counts) -> Counts {
    std::array::from_fn(|at| wanted[at].saturating_sub(found[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_rows_and_are_the_numbers_themselves_at_their_own_size() {
        let levels =
            Levels { trace: 244_323, debug: 66_759, info: 62_880, warn: 11_563, error: 50 };
        assert_eq!(levels.shared_out(levels.total()), levels.counts());
        for rows in [0, 1, 7, 999, 38_558, 3_084_600] {
            let shares = levels.shared_out(rows);
            assert_eq!(shares.iter().sum::<u64>(), rows);
            assert!(shares[0] >= shares[1] && shares[3] >= shares[4], "{shares:?}");
        }
        assert_eq!(Levels::default().shared_out(0), [0; 5]);
    }
}
