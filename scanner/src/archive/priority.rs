//! Turns known to have been served at the priority tier, and the turns of a shard that nobody knows
//! the tier of.
//!
//! A shard remembers short digests of its open turns, so that its details are read only where a
//! priority turn may be one of them. Two turns of one digest cost a look at the details and nothing
//! else.

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

/// Bytes of an entry of [`OpenTurns`]: a digest, and the place of a file.
const ENTRY: usize = DIGEST + 4;

/// Digests of turns whose tier the rollouts do not say, in their order, each with the place in the
/// shard of the rollout that it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenTurns(Vec<u8>);

impl OpenTurns {
    /// Of turns of these ids in the rollouts at these places.
    pub(crate) fn of<'a>(turns: impl Iterator<Item = (&'a str, usize)>) -> Self {
        let place = |file| u32::try_from(file).unwrap_or(u32::MAX);
        let mut turns: Vec<(Digest, u32)> =
            turns.map(|(turn, file)| (digest(turn), place(file))).collect();
        turns.sort_unstable();
        turns.dedup();
        let entries = turns.into_iter().flat_map(|(digest, file)| [digest, file.to_le_bytes()]);
        Self(entries.collect::<Vec<_>>().into_flattened())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_owned())
    }

    /// The places of the rollouts that may hold one of `priority`, in their order.
    pub(crate) fn files(&self, priority: &PriorityTurns) -> Vec<usize> {
        let (entries, _) = self.0.as_chunks::<ENTRY>();
        let mut files = Vec::new();
        if entries.is_empty() {
            return files;
        }
        for turn in &priority.digests {
            let begin = entries.partition_point(|entry| entry[..DIGEST] < turn[..]);
            let same = entries[begin..].iter().take_while(|entry| entry[..DIGEST] == turn[..]);
            files.extend(same.filter_map(|&[.., a, b, c, d]| {
                usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()
            }));
        }
        files.sort_unstable();
        files.dedup();
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_turn_is_found_among_open_ones_and_no_other() {
        let names: Vec<String> = (0..500).map(|number| format!("turn {number}")).collect();
        let open = || names.iter().map(String::as_str).zip(0..);
        let turns = OpenTurns::of(open().chain([("turn 3", 3), ("turn 3", 700)]));
        assert_eq!(turns.as_bytes().len(), ENTRY * 501, "each once");
        assert_eq!(OpenTurns::from_bytes(turns.as_bytes()), turns);
        for (name, file) in open() {
            let priority: PriorityTurns = ["another", name].into_iter().collect();
            let expected = if file == 3 { vec![3, 700] } else { vec![file] };
            assert_eq!(turns.files(&priority), expected, "{name}");
            assert!(priority.contains(name) && !priority.contains("turn"), "{name}");
        }
        for priority in [Vec::new(), vec!["another"]] {
            assert!(turns.files(&priority.into_iter().collect()).is_empty());
        }
        assert!(OpenTurns::default().files(&["turn 3"].into_iter().collect()).is_empty());
    }
}
