//! What was used in one quarter of an hour, by one model, at one tier, as the memo keeps it.

use super::parse::{Tier, Tokens};

/// What the files of a shard used together in one quarter of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) quarter: i64,
    /// A place among the models of the shard.
    pub(crate) model: Option<u32>,
    pub(crate) tier: Tier,
    pub(crate) tokens: Tokens,
    pub(crate) events: u64,
}

const NUMBERS: usize = 9;
const BYTES: usize = 8 * NUMBERS;

impl Total {
    fn to_bytes(self) -> [u8; BYTES] {
        let Tokens { input, cached_input, cache_write, output, reasoning, total } = self.tokens;
        let model = self.model.map_or(0, |model| u64::from(model) + 1);
        let tier = Tier::ALL.iter().zip(0..).find(|(tier, _)| **tier == self.tier);
        let served = model << 8 | tier.map_or(0, |(_, code)| code);
        let quarter = self.quarter.cast_unsigned();
        let numbers: [u64; NUMBERS] = [
            quarter,
            served,
            input,
            cached_input,
            cache_write,
            output,
            reasoning,
            total,
            self.events,
        ];
        let mut bytes = [0; BYTES];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; BYTES]) -> Option<Self> {
        let (numbers, _) = bytes.as_chunks::<8>();
        let number = |at: usize| u64::from_le_bytes(numbers[at]);
        let served = number(1);
        let model = (served >> 8).checked_sub(1).map(u32::try_from).transpose().ok()?;
        Some(Self {
            quarter: number(0).cast_signed(),
            model,
            tier: *Tier::ALL.get(usize::try_from(served & 0xff).ok()?)?,
            tokens: Tokens {
                input: number(2),
                cached_input: number(3),
                cache_write: number(4),
                output: number(5),
                reasoning: number(6),
                total: number(7),
            },
            events: number(8),
        })
    }
}

/// Totals one behind the other, each of the same length: there are as many as sessions, and every
/// refresh reads them all.
pub(crate) mod fixed {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{BYTES, Total};

    pub(crate) fn serialize<S: Serializer>(
        totals: &[Total],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = totals.iter().flat_map(|total| total.to_bytes()).collect();
        serializer.serialize_bytes(&bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Total>, D::Error> {
        let (chunks, rest) = <&[u8]>::deserialize(deserializer)?.as_chunks::<BYTES>();
        let mut totals = Vec::with_capacity(chunks.len());
        totals.extend(chunks.iter().map_while(Total::from_bytes));
        let is_whole = totals.len() == chunks.len() && rest.is_empty();
        is_whole.then_some(totals).ok_or_else(|| D::Error::custom("no totals"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_rubbish_is_not() {
        let tokens = Tokens {
            input: 1,
            cached_input: 2,
            cache_write: 3,
            output: 4,
            reasoning: 5,
            total: u64::MAX,
        };
        for (model, tier) in [None, Some(0), Some(u32::MAX)].into_iter().zip(Tier::ALL) {
            let total = Total { quarter: -7, model, tier, tokens, events: 6 };
            assert_eq!(Total::from_bytes(&total.to_bytes()), Some(total));
        }
        assert_eq!(Total::from_bytes(&[0xff; BYTES]), None);
        let mut bytes =
            Total { quarter: 0, model: None, tier: Tier::Unknown, tokens, events: 0 }.to_bytes();
        bytes[8] = 3;
        assert_eq!(Total::from_bytes(&bytes), None, "a tier that there is not");
    }
}
