//! Counts of tokens as lines give them, and what two of them say of what lies between.

use serde_json::Value;

use super::Tokens;

const KINDS: [&str; 6] = [
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "total_tokens",
];

/// The kinds that a line gives; `None` is a kind that it does not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Given([Option<u64>; 6]);

impl Given {
    /// What `value` gives, unless that is nothing. A number that can be no count is `odd`.
    pub(super) fn of(value: &Value, odd: &mut bool) -> Option<Self> {
        let given = KINDS.map(|kind| value.get(kind).filter(|count| count.is_number()));
        *odd |= given.iter().flatten().any(|count| !count.is_u64());
        let given = given.map(|count| count.and_then(Value::as_u64));
        given.iter().any(Option::is_some).then_some(Self(given))
    }

    /// Every kind: a missing total is input and output, any other missing kind is 0.
    pub(super) fn filled(&self) -> Tokens {
        let mut tokens = self.0.map(|count| count.unwrap_or(0));
        if self.0[5].is_none() {
            tokens[5] = tokens[0].saturating_add(tokens[3]);
        }
        tokens
    }

    /// The kinds that both give: this one's and the other one's.
    fn shared(&self, other: &Self) -> Vec<(u64, u64)> {
        self.0.iter().zip(&other.0).filter_map(|(one, other)| one.zip(*other)).collect()
    }

    /// Whether `before` is the same count, in every kind that both give.
    pub(super) fn repeats(&self, before: &Self) -> bool {
        let shared = self.shared(before);
        !shared.is_empty() && shared.iter().all(|(now, then)| now == then)
    }

    /// Whether a kind is less than it was.
    fn fell_since(&self, before: &Self) -> bool {
        self.shared(before).iter().any(|(now, then)| now < then)
    }

    /// What was used since `before`: the increase, or all if counting began anew.
    pub(super) fn increase_since(&self, before: &Self) -> Tokens {
        if self.fell_since(before) {
            return self.filled();
        }
        let (now, then) = (self.filled(), before.filled());
        std::array::from_fn(|kind| now[kind].saturating_sub(then[kind]))
    }
}
