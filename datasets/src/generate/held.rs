//! What retention leaves, reckoned while rows are generated. It only steers the generator: which rows there are in the end
//! is told by the database.

use std::collections::VecDeque;

use tracerig_store::Retention;

/// Sums over partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Rows written.
    pub(crate) written: u64,
    /// Rows kept.
    pub(crate) rows: u64,
    /// Weights of the rows kept, in bytes.
    pub(crate) bytes: u64,
}

/// The rows kept of one partition, as long as they come in the order of time.
#[derive(Debug, Default)]
pub(crate) struct Held {
    weights: VecDeque<u64>,
    bytes: u64,
}

impl Held {
    /// Adds a row of a weight, and lets those go that it displaces.
    pub(crate) fn push(&mut self, weight: u64, totals: &mut Totals) {
        let limits = Retention::default();
        let most = u64::try_from(limits.bytes).unwrap_or(u64::MAX);
        self.weights.push_back(weight);
        self.bytes += weight;
        totals.written += 1;
        totals.rows += 1;
        totals.bytes += weight;
        while self.weights.len() > limits.rows || self.bytes > most {
            let Some(gone) = self.weights.pop_front() else { break };
            self.bytes -= gone;
            totals.rows -= 1;
            totals.bytes -= gone;
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
        for _ in 0..1500 {
            held.push(10, &mut totals);
        }
        assert_eq!(totals, Totals { written: 1500, rows: 1000, bytes: 10_000 });
        held.push((10 << 20) - 25, &mut totals);
        assert_eq!((held.rows(), totals.bytes), (3, (10 << 20) - 5));
    }
}
