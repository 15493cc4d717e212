//! What retention leaves, reckoned while rows are generated. It only steers the generator: which
//! rows there are in the end is reported by the database.

use std::collections::VecDeque;

use tracerig_store::Retention;

use crate::batch::Weight;
use crate::levels::Counts;

/// Sums over partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Rows written.
    pub(crate) written: u64,
    /// Rows kept.
    pub(crate) rows: u64,
    /// Weights of the rows kept, in bytes.
    pub(crate) bytes: u64,
    /// Rows kept, by level.
    pub(crate) levels: Counts,
}

/// The rows kept of one partition, as long as they come in the order of time.
#[derive(Debug, Default)]
pub(crate) struct Held {
    weights: VecDeque<Weight>,
    bytes: u64,
}

impl Held {
    /// Adds a row of a weight, and lets those go that it displaces.
    pub(crate) fn push(&mut self, weight: Weight, totals: &mut Totals) {
        let limits = Retention::default();
        let most = u64::try_from(limits.bytes).unwrap_or(u64::MAX);
        self.weights.push_back(weight);
        self.bytes += weight.bytes;
        totals.written += 1;
        totals.rows += 1;
        totals.bytes += weight.bytes;
        totals.levels[weight.level] += 1;
        while self.weights.len() > limits.rows || self.bytes > most {
            let Some(gone) = self.weights.pop_front() else { break };
            self.bytes -= gone.bytes;
            totals.rows -= 1;
            totals.bytes -= gone.bytes;
            totals.levels[gone.level] -= 1;
        }
    }

    /// Rows kept.
    pub(crate) fn rows(&self) -> u64 {
        self.weights.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_displace_the_oldest() {
        let (mut held, mut totals) = (Held::default(), Totals::default());
        for at in 0..1500 {
            held.push(Weight { bytes: 10, level: at / 750 }, &mut totals);
        }
        let levels = [250, 750, 0, 0, 0];
        assert_eq!(totals, Totals { written: 1500, rows: 1000, bytes: 10_000, levels });
        held.push(Weight { bytes: (10 << 20) - 25, level: 4 }, &mut totals);
        assert_eq!(
            (held.rows(), totals.bytes, totals.levels),
            (3, (10 << 20) - 5, [0, 2, 0, 0, 1])
        );
    }
}
