//! Rows remembered only to recognise the database by, chosen as rows are scanned.

use serde::{Deserialize, Serialize};

use crate::signature::Signature;

/// Anchors kept at most, the last scanned row among them: enough that retention rarely takes all of
/// them, few enough to look up at every launch.
pub(crate) const ANCHORS: usize = 8;

/// A row remembered only to recognise the database by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    /// Its id.
    pub(crate) id: i64,
    /// What it was.
    pub(crate) signature: Signature,
}

/// Chooses the anchors of a memo whose last row is `last`, among those it has and those `picked` of
/// the rows that were scanned since. `signature` looks a row up.
///
/// Anchors that survived so far stay: rows that nobody deleted for long are likely to stay longer.
/// Picked rows take the places that are free. If there are too many, an inner one goes whose
/// neighbours are closest to each other, so that what stays is of every age.
pub(crate) fn choose<E>(
    anchors: &mut Vec<Anchor>,
    picked: &Picked,
    last: i64,
    mut signature: impl FnMut(i64) -> Result<Option<Signature>, E>,
) -> Result<(), E> {
    let free = (ANCHORS - 1).saturating_sub(anchors.len());
    for id in picked.ids().filter(|&id| id != last).take(free).chain([last]) {
        anchors.extend(signature(id)?.map(|signature| Anchor { id, signature }));
    }
    anchors.sort_unstable_by_key(|anchor| anchor.id);
    if anchors.len() > ANCHORS {
        let crowded = (1..anchors.len() - 1)
            .min_by_key(|&at| anchors[at + 1].id.abs_diff(anchors[at - 1].id));
        if let Some(crowded) = crowded {
            anchors.remove(crowded);
        }
    }
    Ok(())
}

/// Picks a few rows out of all that are offered: those whose ids come first in a scrambled order.
///
/// So each row is as likely to be picked as any other, however the ids are spread; and what is
/// picked does not depend on the order in which rows are offered, so that several readers can pick
/// by themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picked {
    /// Place in the scrambled order and id, the first of that order first.
    rows: Vec<(u64, i64)>,
}

impl Picked {
    /// Offers the row `id`, which was not offered before.
    pub(crate) fn offer(&mut self, id: i64) {
        let place = scrambled(id);
        if self.rows.len() == ANCHORS && self.rows.last().is_some_and(|&(last, _)| last < place) {
            return;
        }
        let at = self.rows.partition_point(|&(other, _)| other < place);
        self.rows.insert(at, (place, id));
        self.rows.truncate(ANCHORS);
    }

    /// Offers what another one picked among other rows.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.ids().for_each(|id| self.offer(id));
    }

    /// The ids picked, the first of the scrambled order first.
    fn ids(&self) -> impl Iterator<Item = i64> {
        self.rows.iter().map(|&(_, id)| id)
    }
}

/// The place of an id in an order that has nothing to do with its own: the finishing steps of
/// splitmix64, which give different ids different places.
fn scrambled(id: i64) -> u64 {
    let mut mixed = id.cast_unsigned().wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(ids: impl IntoIterator<Item = i64>) -> Picked {
        let mut picked = Picked::default();
        ids.into_iter().for_each(|id| picked.offer(id));
        picked
    }

    /// A full scan of the rows `ids`, or a further one that finds them new.
    fn scan(anchors: &mut Vec<Anchor>, ids: &[i64]) {
        let there = |_| Ok::<_, ()>(Some(Signature::default()));
        choose(anchors, &picked(ids.iter().copied()), *ids.last().unwrap(), there).unwrap();
    }

    fn ids(anchors: &[Anchor]) -> Vec<i64> {
        anchors.iter().map(|anchor| anchor.id).collect()
    }

    #[test]
    fn as_many_are_chosen_as_there_are_places_and_the_last_row_is_among_them() {
        for count in 1..=20 {
            let mut anchors = Vec::new();
            scan(&mut anchors, &(1..=count).collect::<Vec<_>>());
            let ids = ids(&anchors);
            assert_eq!(ids.len() as i64, count.min(8), "{ids:?}");
            assert!(ids.is_sorted() && ids.last() == Some(&count));
        }
    }

    #[test]
    fn what_is_picked_depends_on_the_rows_alone() {
        let all = picked(1..=1000).rows;
        assert_eq!(picked((1..=1000).rev()).rows, all);
        let mut merged = picked((1..=1000).step_by(2));
        merged.merge(&picked((2..=1000).step_by(2)));
        assert_eq!(merged.rows, all);
    }

    #[test]
    fn rows_are_chosen_by_their_number_however_far_apart_their_ids_are() {
        let mut close = 0;
        for round in 0..100 {
            // Nine of ten rows are close together at the end of a long range.
            let begin = round * 1_000_000_007;
            let end = begin + 400_000_000;
            let rows: Vec<i64> =
                (0..1000).map(|n| begin + n * 400_000).chain(end..end + 9000).collect();
            let mut anchors = Vec::new();
            scan(&mut anchors, &rows);
            assert_eq!(anchors.len(), ANCHORS);
            close += ids(&anchors).iter().filter(|&&id| id >= end).count();
        }
        // The last row, and 630 of 700.
        assert!((660..=790).contains(&close), "{close}");
    }

    #[test]
    fn what_survives_stays_and_what_is_gone_is_replaced() {
        let mut anchors = Vec::new();
        scan(&mut anchors, &(1..=100).collect::<Vec<_>>());
        let stays = ids(&anchors)[2];
        for at in 0..1000 {
            // All but one are deleted every time.
            anchors.retain(|anchor| anchor.id == stays);
            let begin = 1000 + at * 50;
            scan(&mut anchors, &(begin..begin + 50).collect::<Vec<_>>());
            assert!(anchors.len() == ANCHORS && ids(&anchors)[0] == stays, "{anchors:?}");
        }
    }

    #[test]
    fn anchors_of_scans_that_go_on_are_few_and_of_every_age() {
        let mut anchors = Vec::new();
        for id in 1..=10_000 {
            scan(&mut anchors, &[id]);
            assert!(anchors.len() <= ANCHORS && ids(&anchors).last() == Some(&id));
        }
        let widest = anchors.windows(2).map(|pair| pair[1].id - pair[0].id).max().unwrap();
        assert!(widest < 6_000, "{anchors:?}");
    }
}
