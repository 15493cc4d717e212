//! Token counts, and what two cumulative ones say about what lies between them.

use serde::{Deserialize, Serialize};

/// Tokens of one response or of many, by kind. What a rollout does not give counts as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Sent, those from a cache among them.
    pub input: u64,
    /// Sent and found in a cache.
    pub cached_input: u64,
    /// Sent and written to a cache; versions before 0.145 do not say.
    pub cache_write: u64,
    /// Received, reasoning among them.
    pub output: u64,
    /// Received as reasoning.
    pub reasoning: u64,
    /// As the rollout gives it; input and output together, as a rule.
    pub total: u64,
}

/// What happened between two cumulative counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Nothing rose: the same count was written again.
    Same,
    /// Some rose and none fell.
    Rose(Tokens),
    /// One fell: counting began anew.
    Fell,
}

impl Tokens {
    fn kinds(self) -> [u64; 6] {
        let Self { input, cached_input, cache_write, output, reasoning, total } = self;
        [input, cached_input, cache_write, output, reasoning, total]
    }

    fn of_kinds([input, cached_input, cache_write, output, reasoning, total]: [u64; 6]) -> Self {
        Self { input, cached_input, cache_write, output, reasoning, total }
    }

    fn with(self, other: Self, each: impl Fn(u64, u64) -> u64) -> Self {
        let (mine, theirs) = (self.kinds(), other.kinds());
        Self::of_kinds(std::array::from_fn(|kind| each(mine[kind], theirs[kind])))
    }

    /// Both together. Sums that no counter can hold stay at its end.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// What is left without `other`, which is a part of these.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.with(other, u64::saturating_sub)
    }

    /// Whether more may have been added than one of the counters can hold.
    pub(crate) fn is_at_its_end(self) -> bool {
        self.kinds().contains(&u64::MAX)
    }

    /// What happened since the cumulative count was `before`.
    pub(crate) fn since(self, before: Self) -> Since {
        let pairs = || self.kinds().into_iter().zip(before.kinds());
        if pairs().any(|(now, then)| now < then) {
            Since::Fell
        } else if self == before {
            Since::Same
        } else {
            Since::Rose(self.minus(before))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64, output: u64) -> Tokens {
        Tokens { input, output, total: input + output, ..Tokens::default() }
    }

    #[test]
    fn a_count_that_fell_in_any_kind_began_anew() {
        assert_eq!(tokens(10, 2).since(tokens(4, 2)), Since::Rose(tokens(6, 0)));
        assert_eq!(tokens(10, 2).since(tokens(10, 2)), Since::Same);
        assert_eq!(tokens(100, 1).since(tokens(10, 2)), Since::Fell);
        assert_eq!(Tokens::default().since(Tokens::default()), Since::Same);
    }

    #[test]
    fn sums_stay_at_the_end_of_what_can_be_counted() {
        assert_eq!(tokens(u64::MAX - 3, 3).plus(tokens(9, 0)).input, u64::MAX);
        assert_eq!(tokens(1, 0).minus(tokens(9, 0)).input, 0);
    }
}
