//! Responses that were counted, so that each counts once.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of a digest: two responses of one digest are one in practice.
const DIGEST: usize = 16;

/// Digests of the ids of responses, in the order they came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    digests: Vec<u8>,
    /// The same for look-ups; made when the first one is looked up.
    #[serde(skip)]
    known: HashSet<u128>,
}

impl Seen {
    /// Whether this response is new; it is known from now on.
    pub(crate) fn insert(&mut self, response: &str) -> bool {
        if self.known.is_empty() {
            let (digests, _) = self.digests.as_chunks::<DIGEST>();
            self.known = digests.iter().map(|digest| u128::from_le_bytes(*digest)).collect();
        }
        let digest = xxh3_128(response.as_bytes());
        let is_new = self.known.insert(digest);
        if is_new {
            self.digests.extend_from_slice(&digest.to_le_bytes());
        }
        is_new
    }
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        self.digests == other.digests
    }
}

impl Eq for Seen {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_new_once_and_what_is_kept_knows_it() {
        let mut seen = Seen::default();
        assert!(seen.insert("a") && seen.insert("b") && !seen.insert("a"));
        let kept = postcard::to_stdvec(&seen).unwrap();
        assert_eq!(kept.len(), 1 + 2 * DIGEST);
        let mut again: Seen = postcard::from_bytes(&kept).unwrap();
        assert_eq!(again, seen);
        assert!(!again.insert("b") && again.insert("c"));
        assert_ne!(again, seen);
    }
}
