//! Token counts as lines give them, where a kind may be missing, and as they are added up, where
//! none is.

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
    /// As the rollout gives it, else input and output together.
    pub total: u64,
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
}

/// The token counts of one object: input, cached input, cache write, output, reasoning, total, as
/// far as it has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts(pub(crate) [Option<u64>; 6]);

impl Counts {
    /// With 0 for what is missing; a missing total is input and output.
    pub(crate) fn tokens(self) -> Tokens {
        let mut tokens = Tokens::of_kinds(self.0.map(Option::unwrap_or_default));
        if self.0[5].is_none() {
            tokens.total = tokens.input.saturating_add(tokens.output);
        }
        tokens
    }

    /// Whether it has no kind at all.
    pub(crate) fn is_empty(self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// What happened since the cumulative count was `before`. Kinds that one of them lacks are not
    /// compared; without this rule they are compared as 0.
    pub(crate) fn since(self, before: Self, lacks: bool) -> Since {
        let filled =
            |counts: Self| if lacks { counts.0 } else { counts.tokens().kinds().map(Some) };
        let pairs =
            || filled(self).into_iter().zip(filled(before)).filter_map(|(now, then)| now.zip(then));
        if pairs().any(|(now, then)| now < then) {
            Since::Fell
        } else if pairs().next().is_some() && pairs().all(|(now, then)| now == then) {
            Since::Same
        } else {
            Since::Rose(self.tokens().minus(before.tokens()))
        }
    }
}

/// What happened between two cumulative counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// The same count was written again.
    Same,
    /// Some rose and none fell.
    Rose(Tokens),
    /// One fell: counting began anew.
    Fell,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_are_missing_are_not_compared() {
        let counts = |input, output| Counts([input, None, None, output, None, None]);
        let before = counts(Some(10), Some(2));
        for (now, since) in [
            (counts(Some(10), Some(2)), Since::Same),
            (counts(Some(10), None), Since::Same),
            (counts(None, Some(1)), Since::Fell),
            (counts(Some(100), Some(1)), Since::Fell),
            (Counts([Some(10), Some(7), None, Some(2), None, Some(12)]), Since::Same),
            (
                Counts([Some(11), None, Some(3), Some(2), None, None]),
                Since::Rose(Tokens { input: 1, cache_write: 3, total: 1, ..Tokens::default() }),
            ),
            (
                Counts([None, Some(7), None, None, None, None]),
                Since::Rose(Tokens { cached_input: 7, ..Tokens::default() }),
            ),
        ] {
            assert_eq!(now.since(before, true), since, "{now:?}");
        }
        assert_eq!(counts(Some(10), None).since(before, false), Since::Fell);
    }

    #[test]
    fn sums_stay_at_the_end_of_what_can_be_counted() {
        let tokens = |input| Tokens { input, ..Tokens::default() };
        assert_eq!(tokens(u64::MAX - 3).plus(tokens(9)).input, u64::MAX);
        assert_eq!(tokens(1).minus(tokens(9)).input, 0);
    }

    #[test]
    fn a_missing_total_is_input_and_output_and_another_missing_kind_is_nothing() {
        let counts = Counts([Some(100), None, None, Some(50), None, None]);
        assert_eq!(
            counts.tokens(),
            Tokens { input: 100, output: 50, total: 150, ..Tokens::default() }
        );
        assert_eq!(Counts([Some(100), None, None, Some(50), None, Some(7)]).tokens().total, 7);
        assert_eq!(
            Counts([Some(u64::MAX), None, None, Some(1), None, None]).tokens().total,
            u64::MAX
        );
        assert!(Counts::default().is_empty() && !counts.is_empty());
    }
}
