//! Turns known to have been served at the priority tier, and the turns of a shard that nobody knows the tier of.
//!
//! A shard remembers short digests of its open turns, so that its details are read only where a priority turn may be one of
//! them. Two turns of one digest cost a look at the details and nothing else.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a digest.
const DIGEST: usize = 4;

type Digest = [u8; DIGEST];

/// The digest of a turn's id.
fn digest(turn: &str) -> Digest {
    let [first, second, third, fourth, ..] = xxh3_64(turn.as_bytes()).to_be_bytes();
    [first, second, third, fourth]
}

/// Ids of the turns that were served at the priority tier, as a trace database tells them.
#[derive(Clone, Debug, Default)]
pub struct PriorityTurns {
    turns: HashSet<String>,
    digests: Vec<Digest>,
}

impl<T: Into<String>> FromIterator<T> for PriorityTurns {
    fn from_iter<I: IntoIterator<Item = T>>(turns: I) -> Self {
        let turns: HashSet<String> = turns.into_iter().map(Into::into).collect();
        let digests = turns.iter().map(|turn| digest(turn)).collect();
        Self { turns, digests }
    }
}

impl PriorityTurns {
    /// Whether this turn is one of them.
    #[must_use]
    pub fn contains(&self, turn: &str) -> bool {
        self.turns.contains(turn)
    }
}

/// Digests of turns whose tier the rollouts do not say, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenTurns(Vec<u8>);

impl OpenTurns {
    /// Of the turns of these ids.
    pub(crate) fn of<'a>(turns: impl Iterator<Item = &'a str>) -> Self {
        let mut digests: Vec<Digest> = turns.map(digest).collect();
        digests.sort_unstable();
        digests.dedup();
        Self(digests.into_flattened())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_owned())
    }

    /// Whether one of `priority` may be among them.
    pub(crate) fn may_hold(&self, priority: &PriorityTurns) -> bool {
        let (digests, _) = self.0.as_chunks::<DIGEST>();
        !digests.is_empty() && priority.digests.iter().any(|turn| digests.binary_search(turn).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_turn_is_found_among_open_ones_and_no_other() {
        let names: Vec<String> = (0..500).map(|number| format!("turn {number}")).collect();
        let open = OpenTurns::of(names.iter().map(String::as_str).chain(["turn 3"]));
        assert_eq!(open.as_bytes().len(), 4 * 500, "each once");
        assert_eq!(OpenTurns::from_bytes(open.as_bytes()), open);
        for name in &names {
            let turns: PriorityTurns = ["another", name].into_iter().collect();
            assert!(open.may_hold(&turns) && turns.contains(name) && !turns.contains("turn"), "{name}");
        }
        for turns in [Vec::new(), vec!["another"]] {
            assert!(!open.may_hold(&turns.into_iter().collect()));
        }
        assert!(!OpenTurns::default().may_hold(&["turn 3"].into_iter().collect()));
    }
}
