//! What is known of a database up to a cursor, and the proof of which database that is.

use serde::{Deserialize, Serialize};

use crate::facts::FactSet;
use crate::identity::Identity;
use crate::signature::Signature;

/// Anchors kept at most: enough that retention rarely takes all of them, few enough to look up at every launch.
pub(crate) const ANCHORS: usize = 8;

/// A row remembered only to recognise the database by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    /// Its id.
    pub(crate) id: i64,
    /// What it was.
    pub(crate) signature: Signature,
}

/// The facts of every row up to a cursor.
#[derive(Clone, Debug)]
pub(crate) struct Memo {
    /// The file they came from.
    pub(crate) identity: Identity,
    /// The highest id that was examined.
    pub(crate) cursor: i64,
    /// Rows spread over the examined range, the last examined one among them; by rising id.
    pub(crate) anchors: Vec<Anchor>,
    /// The facts.
    pub(crate) facts: FactSet,
}

/// Adds the last examined row to `anchors`, and drops one if they are too many: an inner one whose neighbours are
/// closest to each other, so that what stays is spread over the range.
pub(crate) fn add_anchor(anchors: &mut Vec<Anchor>, last: Anchor) {
    if anchors.last().is_some_and(|anchor| anchor.id >= last.id) {
        return;
    }
    anchors.push(last);
    if anchors.len() > ANCHORS {
        let crowded =
            (1..anchors.len() - 1).min_by_key(|&at| anchors[at + 1].id.abs_diff(anchors[at - 1].id));
        if let Some(crowded) = crowded {
            anchors.remove(crowded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_stay_few_spread_and_include_the_last_row() {
        let mut anchors = Vec::new();
        for id in 1..=10_000 {
            add_anchor(&mut anchors, Anchor { id, signature: Signature::default() });
            assert!(anchors.len() <= ANCHORS);
            assert_eq!(anchors.last().unwrap().id, id);
        }
        let widest = anchors.windows(2).map(|pair| pair[1].id - pair[0].id).max().unwrap();
        assert!(widest < 6_000, "{anchors:?}");
        add_anchor(&mut anchors, Anchor { id: 10_000, signature: Signature::default() });
        assert_eq!(anchors.iter().filter(|anchor| anchor.id == 10_000).count(), 1);
    }
}
