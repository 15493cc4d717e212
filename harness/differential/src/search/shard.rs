//! One of several machines that share a search.

use std::fmt;
use std::str::FromStr;

/// The share `at` of `of`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    at: u64,
    of: u64,
}

impl Shard {
    /// The whole.
    pub const WHOLE: Self = Self { at: 1, of: 1 };

    /// How many shares there are.
    #[must_use]
    pub const fn of(self) -> u64 {
        self.of
    }

    /// The `place`-th number of this share, both from 0; `None` beyond the last number there is.
    #[must_use]
    pub fn number(self, place: u64) -> Option<u64> {
        place.checked_mul(self.of)?.checked_add(self.at - 1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.at, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers =
            text.split_once('/').and_then(|(at, of)| Some((at.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((at, of)) if (1..=of).contains(&at) => Ok(Self { at, of }),
            _ => Err(format!("`{text}` is no share: write K/N, with K from 1 to N")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_every_number_once() {
        for of in 1..=5_u64 {
            let shards = (1..=of).map(|at| format!("{at}/{of}").parse::<Shard>().unwrap());
            let mut numbers: Vec<u64> = shards
                .flat_map(|shard| (0..20).map(move |place| shard.number(place).unwrap()))
                .collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..20 * of).collect::<Vec<_>>());
        }
        assert_eq!("2/2".parse::<Shard>().unwrap().number(u64::MAX), None);
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["0/3", "4/3", "1/0", "0/0", "1", "", "a/b", "1/2/3", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
