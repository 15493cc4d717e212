//! Random numbers: one independent ChaCha stream a purpose, and draws that give the same bits on
//! every platform.
//!
//! The draws are own arithmetic on the raw stream, because the distributions of a library may
//! change with its version, and `exp` or `ln` with the platform's mathematics.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// A source of random numbers for one purpose.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream for `purpose` and `index` under a seed. Streams with different names are
    /// independent, so that a change to one part of the generator leaves the rest unchanged.
    pub(crate) fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(seed.to_le_bytes());
        hasher.update(index.to_le_bytes());
        hasher.update(purpose.as_bytes());
        Self(ChaCha8Rng::from_seed(hasher.finalize().into()))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`, 0 for a limit of 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(limit);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `per_mille` of 1,000 cases.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(from.len() as u64)).unwrap_or(0);
        &from[at]
    }

    /// A size from its minimum, median, 90th and 99th percentile, and maximum, straight lines in
    /// between.
    pub(crate) fn size(&mut self, [least, median, p90, p99, most]: [u64; 5]) -> u64 {
        let at = self.below(100_000);
        let (from, to, low, high) = match at {
            0..50_000 => (0, 50_000, least, median),
            50_000..90_000 => (50_000, 90_000, median, p90),
            90_000..99_000 => (90_000, 99_000, p90, p99),
            _ => (99_000, 100_000, p99, most),
        };
        low + high.saturating_sub(low) * (at - from) / (to - from)
    }

    /// Lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            text.push_str(&format!("{:016x}", self.next()));
        }
        text.truncate(digits);
        text
    }

    /// A UUID of version 7 made at `milliseconds` of Unix time.
    pub(crate) fn uuid7(&mut self, milliseconds: u64) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
            (milliseconds >> 16) & 0xffff_ffff,
            milliseconds & 0xffff,
            a & 0xfff,
            0x8000 | ((a >> 16) & 0x3fff),
            b & 0xffff_ffff_ffff
        )
    }

    /// A random UUID (version 4).
    pub(crate) fn uuid4(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | ((b >> 48) & 0x3fff),
            b & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_stable_and_independent() {
        let first = |seed, purpose, index| Dice::new(seed, purpose, index).next();
        // Written down once: the numbers must never change under a generator version.
        const FIRST: u64 = 11_467_317_289_813_028_283;
        assert_eq!(first(1, "plan", 0), FIRST);
        let all =
            [first(1, "plan", 0), first(2, "plan", 0), first(1, "turn", 0), first(1, "plan", 1)];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn draws_stay_in_their_range() {
        let mut dice = Dice::new(7, "test", 0);
        assert!((0..2000).all(|_| (3..=5).contains(&dice.between(3, 5)) && dice.below(4) < 4));
        assert_eq!((dice.below(0), dice.hex(7).len(), dice.uuid4().len()), (0, 7, 36));
        let mut sizes: Vec<u64> =
            (0..10_001).map(|_| dice.size([10, 100, 1_000, 9_000, 9_001])).collect();
        sizes.sort_unstable();
        assert!(
            (90..110).contains(&sizes[5000])
                && (900..1_100).contains(&sizes[9000])
                && sizes[0] >= 10
        );
        assert!(dice.uuid7(1_795_207_044_000).starts_with("01a1faad-9ba0-7"));
    }
}
