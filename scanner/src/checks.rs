//! Whether a memo may be trusted: one function a check, each with what it costs and the mistake it
//! prevents.
//!
//! What they cannot see is written in the crate's documentation: a row changed in place beyond its
//! signature, a row inserted below the cursor, a file overwritten in place by a copy that shares
//! the rows looked up.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ablation::{Ablation, Ablations};
use crate::anchors::Anchor;
use crate::answer::Reason;
use crate::error::ScanError;
use crate::facts::{Fact, NameId};
use crate::identity::Identity;
use crate::memo::Memo;
use crate::rows::Lookup;
use crate::schema::Trust;
use crate::signature::Signature;
use crate::turns::{Asked, asked_of_turn_rows, relevant};

/// The checks that can force a full scan, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Check {
    /// The persisted memo is whole, of this format version, of this database path.
    Artifact,
    /// It was written by a parser that finds the same facts.
    Producer,
    /// The columns have their expected meaning and ids never come back.
    Schema,
    /// The file is the remembered one.
    Identity,
    /// The maximum id is not below the cursor.
    Shrink,
    /// Rows remembered only to recognise the database are what they were.
    Anchors,
    /// Rows that gave facts are what they were.
    Facts,
    /// Rows that prove that a turn ran, or name its model, are still there.
    #[serde(rename = "turn-rows")]
    TurnRows,
}

impl Check {
    /// Every check, in the order in which they are made.
    pub const ALL: [Self; 8] = [
        Self::Artifact,
        Self::Producer,
        Self::Schema,
        Self::Identity,
        Self::Shrink,
        Self::Anchors,
        Self::Facts,
        Self::TurnRows,
    ];

    /// The name of the check.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Producer => "producer",
            Self::Schema => "schema",
            Self::Identity => "identity",
            Self::Shrink => "shrink",
            Self::Anchors => "anchors",
            Self::Facts => "facts",
            Self::TurnRows => "turn-rows",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why there is not a memo to continue from.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is none, or a check says no: a full scan is due.
    Reason(Reason),
    /// The database could not be asked.
    Error(ScanError),
}

impl From<Check> for Refusal {
    fn from(check: Check) -> Self {
        Self::Reason(Reason::Check(check))
    }
}

impl From<ScanError> for Refusal {
    fn from(error: ScanError) -> Self {
        Self::Error(error)
    }
}

/// Answers what row is at an id. The database, or a table in a test.
pub(crate) trait Rows {
    /// The signature of row `id`, if it is there.
    fn signature(&mut self, id: i64) -> Result<Option<Signature>, ScanError>;

    /// Fails if the row `id` of this signature, which was not found, was not deleted either: then
    /// the file is damaged.
    fn gone(&mut self, id: i64, signature: &Signature) -> Result<(), ScanError>;
}

impl Rows for Lookup<'_> {
    fn signature(&mut self, id: i64) -> Result<Option<Signature>, ScanError> {
        Lookup::signature(self, id)
    }

    fn gone(&mut self, id: i64, signature: &Signature) -> Result<(), ScanError> {
        Lookup::gone(self, id, signature)
    }
}

/// `schema`: no look-up. Without it, ids that a plain INTEGER PRIMARY KEY gives out again after a
/// deletion would be taken for rows already seen.
pub(crate) fn schema(trust: Trust) -> Result<(), Refusal> {
    if trust == Trust::Rising { Ok(()) } else { Err(Refusal::from(Check::Schema)) }
}

/// `identity`: one metadata call, made anyway. Without it, a replaced file whose surviving rows
/// agree with the memo, such as an older copy, would be continued.
pub(crate) fn identity(memo: &Memo, found: &Identity, ablated: Ablations) -> Result<(), Refusal> {
    let is_same = memo.identity == *found || ablated.has(Ablation::Identity);
    if is_same { Ok(()) } else { Err(Refusal::from(Check::Identity)) }
}

/// `shrink`: no look-up. Without it, a database that lost its newest rows, or began anew, would
/// keep turns that are no longer in it until its ids had passed the cursor.
pub(crate) fn shrink(memo: &Memo, max_id: i64, ablated: Ablations) -> Result<(), Refusal> {
    let is_there = max_id >= memo.cursor || ablated.has(Ablation::Shrink);
    if is_there { Ok(()) } else { Err(Refusal::from(Check::Shrink)) }
}

/// `anchors`: a look-up an anchor. Drops the missing ones and returns how many are left. Without
/// it, a database that took over file and ids, but has no fact in common, would be continued.
pub(crate) fn anchors(
    memo: &mut Memo,
    rows: &mut impl Rows,
    ablated: Ablations,
) -> Result<usize, Refusal> {
    let only_last = ablated.has(Ablation::AnchorsSingle);
    let due = match memo.anchors.last() {
        _ if ablated.has(Ablation::Anchors) => return Ok(memo.anchors.len()),
        Some(last) if only_last => std::slice::from_ref(last),
        _ => &memo.anchors,
    };
    let mut kept = Vec::with_capacity(due.len());
    for &anchor in due {
        let Anchor { id, signature } = anchor;
        match rows.signature(id)? {
            Some(found) if found.is_like(&signature, ablated) => kept.push(anchor),
            None if !only_last => rows.gone(id, &signature)?,
            _ => return Err(Refusal::from(Check::Anchors)),
        }
    }
    memo.anchors = kept;
    Ok(memo.anchors.len())
}

/// Which facts were compared with their rows in this snapshot, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// Ids of facts known to be as remembered, or scanned in this very snapshot; rising.
    ids: Vec<i64>,
    /// Facts whose rows were gone.
    pub(crate) dropped: usize,
}

impl Verified {
    fn add(&mut self, id: i64) {
        if let Err(at) = self.ids.binary_search(&id) {
            self.ids.insert(at, id);
        }
    }
}

/// `facts`: a look-up for each fact that can change the answer, in the order of ids. Drops those
/// whose row is gone. Without it, a turn whose evidence was pruned would stay, and a changed row
/// would be believed.
///
/// Facts above `scanned_from` were read in this snapshot and need no look-up. Dropping a fact can
/// make others matter (a submission then inherits another tier), so it goes on until nothing
/// unverified matters.
pub(crate) fn facts(
    memo: &mut Memo,
    scanned_from: i64,
    verified: &mut Verified,
    rows: &mut impl Rows,
    ablated: Ablations,
) -> Result<(), Refusal> {
    if ablated.has(Ablation::Facts) {
        return Ok(());
    }
    loop {
        let due: Vec<Fact> = relevant(&memo.facts, ablated)
            .into_iter()
            .filter(|fact| fact.id <= scanned_from && verified.ids.binary_search(&fact.id).is_err())
            .copied()
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let gone = look_up(&due, verified, rows, ablated)?;
        memo.facts.remove(&gone);
        verified.dropped += gone.len();
        if ablated.has(Ablation::FactsRepeated) {
            return Ok(());
        }
    }
}

/// `turn-rows`: a look-up for each kept turn row that the answer rests on, after [`facts`] has left
/// only valid facts. A gone one says nothing of older rows of its turn, which were not kept: they
/// may prove the same. And where a fact made a turn matter only after some of its rows had been
/// read, these may name the model. Without the check, a turn would stay although all its turn rows
/// were pruned, or lack its model.
pub(crate) fn turn_rows(
    memo: &Memo,
    scanned_from: i64,
    verified: &mut Verified,
    rows: &mut impl Rows,
    ablated: Ablations,
) -> Result<(), Refusal> {
    let asked = asked_of_turn_rows(&memo.facts, ablated);
    for (place, Asked { ran, model }) in
        asked.into_iter().enumerate().filter(|(_, asked)| asked.ran || asked.model)
    {
        let Some(kept) = memo.facts.kept_of(NameId::at(place)) else { continue };
        if model && kept.named.is_none() && !kept.whole && !ablated.has(Ablation::TurnRowsOlder) {
            return Err(Refusal::from(Check::TurnRows));
        }
        let due = [kept.newest.filter(|_| ran), kept.named.filter(|_| model).map(|(row, _)| row)];
        for row in due.into_iter().flatten() {
            let is_known = row.id > scanned_from || verified.ids.binary_search(&row.id).is_ok();
            if is_known || ablated.has(Ablation::TurnRows) {
                continue;
            }
            match rows.signature(row.id)? {
                Some(found) if found.is_like(&row.signature, ablated) => verified.add(row.id),
                Some(_) => return Err(Refusal::from(Check::Facts)),
                None => return Err(Refusal::from(Check::TurnRows)),
            }
        }
    }
    Ok(())
}

/// The last resort of `anchors`: every anchor and every fact that matters is gone. One fact that
/// does not matter, and is where it was, still proves the database.
pub(crate) fn any_survivor(
    memo: &mut Memo,
    verified: &mut Verified,
    rows: &mut impl Rows,
    ablated: Ablations,
) -> Result<(), Refusal> {
    let mut gone = Vec::new();
    let mut survives = !verified.ids.is_empty();
    for fact in memo.facts.iter() {
        if survives {
            break;
        }
        let missing = look_up(std::slice::from_ref(fact), verified, rows, ablated)?;
        survives = missing.is_empty();
        gone.extend(missing);
    }
    memo.facts.remove(&gone);
    verified.dropped += gone.len();
    // A memo of an empty table claims nothing that could be wrong.
    let is_proven = survives || memo.cursor == 0 || ablated.has(Ablation::AnchorsSurvivor);
    if is_proven { Ok(()) } else { Err(Refusal::from(Check::Anchors)) }
}

/// Looks up `facts` and returns the ids of those whose row is gone.
fn look_up(
    facts: &[Fact],
    verified: &mut Verified,
    rows: &mut impl Rows,
    ablated: Ablations,
) -> Result<Vec<i64>, Refusal> {
    let is_same = |found: &Signature, fact: &Fact| {
        found.is_like(&fact.signature, ablated) || ablated.has(Ablation::FactsExistence)
    };
    let mut gone = Vec::new();
    for fact in facts {
        match rows.signature(fact.id)? {
            Some(found) if is_same(&found, fact) => verified.ids.push(fact.id),
            Some(_) => return Err(Refusal::from(Check::Facts)),
            None => {
                rows.gone(fact.id, &fact.signature)?;
                gone.push(fact.id);
            }
        }
    }
    verified.ids.sort_unstable();
    Ok(gone)
}

#[cfg(test)]
mod tests;
