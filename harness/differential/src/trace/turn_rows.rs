//! Which rows that turns logged a memo keeps, and which of them a scan looks up.

use std::collections::{BTreeMap, BTreeSet};

use tracerig_oracle::{Known, Ran};
use tracerig_scanner::Check;

use super::view::{Signature, View};

/// The rows kept, by turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TurnRows(BTreeMap<String, Kept>);

/// What is kept of one turn.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    /// Its latest row.
    newest: Option<(i64, Signature)>,
    /// The latest that names a model, and the model.
    named: Option<(i64, Signature, String)>,
    /// Whether all rows of the turn were seen when these were picked.
    whole: bool,
}

/// The turns whose rows can change an answer, whatever is deleted: those of submissions that could
/// be at priority, and of other evidence that names no model.
pub(super) fn needed(known: &Known<'_>) -> BTreeSet<String> {
    let could = known.could_be_at_priority();
    let needs = known.facts.iter().filter(|(id, fact)| {
        (fact.submits_turn() && could.contains(id)) || fact.is_proof_without_model()
    });
    needs.map(|(_, fact)| fact.turn().to_owned()).collect()
}

impl TurnRows {
    /// Takes up the rows above `cursor` of the turns `needed`.
    pub(super) fn learn(&mut self, needed: &BTreeSet<String>, view: &View, cursor: i64) {
        // Only who has seen all rows of the table knows that there are no others.
        let whole = cursor == i64::MIN;
        for turn in needed {
            self.0.entry(turn.clone()).or_insert(Kept { newest: None, named: None, whole });
        }
        for (&id, row) in view.rows.range(cursor.saturating_add(1)..) {
            let Some(Ran { turn, model }) = &row.ran else { continue };
            let Some(kept) = self.0.get_mut(turn).filter(|_| needed.contains(turn)) else {
                continue;
            };
            kept.newest = Some((id, row.signature.clone()));
            if let Some(model) = model {
                kept.named = Some((id, row.signature.clone(), model.clone()));
            }
        }
    }

    /// Drops the rows of all turns but those `needed`.
    pub(super) fn retain(&mut self, needed: &BTreeSet<String>) {
        self.0.retain(|turn, _| needed.contains(turn));
    }

    /// What the rows say, in the order of their ids.
    pub(super) fn known(&self) -> Vec<(i64, Ran)> {
        let mut all = BTreeMap::new();
        for (turn, Kept { newest, named, .. }) in &self.0 {
            if let Some((id, _)) = newest {
                all.insert(*id, Ran { turn: turn.clone(), model: None });
            }
            if let Some((id, _, model)) = named {
                all.insert(*id, Ran { turn: turn.clone(), model: Some(model.clone()) });
            }
        }
        all.into_iter().collect()
    }

    /// The ids of the rows.
    pub(super) fn ids(&self) -> BTreeSet<i64> {
        self.known().into_iter().map(|(id, _)| id).collect()
    }

    /// Fails if a row that decides what is `known` is gone or another, or may be one that was never
    /// seen. Says whether some row up to `cursor` was looked up.
    pub(super) fn check(&self, known: &Known<'_>, view: &View, cursor: i64) -> Result<bool, Check> {
        let mut due = BTreeMap::new();
        for (id, fact) in known.starts_at_priority() {
            let newest = self.0.get(fact.turn()).and_then(|kept| kept.newest.as_ref());
            due.extend(newest.filter(|(row, _)| *row > id).cloned());
        }
        let mut is_unknown = false;
        let completed = known.completions();
        for (_, fact) in known.evidence() {
            if fact.model().is_some() || completed.contains_key(fact.turn()) {
                continue;
            }
            match self.0.get(fact.turn()) {
                Some(Kept { named: Some((row, signature, _)), .. }) => {
                    due.insert(*row, signature.clone());
                }
                kept => is_unknown |= !kept.is_some_and(|kept| kept.whole),
            }
        }
        let due: Vec<_> = due.range(..=cursor).collect();
        for (id, signature) in &due {
            match view.has(**id, signature) {
                Some(true) => {}
                Some(false) => return Err(Check::Facts),
                None => return Err(Check::TurnRows),
            }
        }
        if is_unknown { Err(Check::TurnRows) } else { Ok(!due.is_empty()) }
    }
}
