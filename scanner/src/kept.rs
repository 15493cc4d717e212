//! Turn rows: all that a scan saw, and the few that a memo keeps.
//!
//! A turn has several. They matter only where a submission could be evidence for it, or where nothing else names its
//! model; and then only the newest, and the newest that names a model.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::facts::NameId;
use crate::parse::TurnRow;
use crate::signature::Signature;

/// The turn rows of some ranges of ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    rows: u64,
    turns: HashMap<Box<str>, Newest>,
}

/// The newest rows of one turn among those seen.
#[derive(Clone, Debug)]
struct Newest {
    row: i64,
    named: Option<(i64, Box<str>)>,
}

impl Newest {
    fn merge(&mut self, row: i64, named: Option<(i64, &str)>) {
        self.row = self.row.max(row);
        match (&mut self.named, named) {
            (Some((newest, _)), Some((id, _))) if *newest > id => {}
            (Some((newest, known)), Some((id, model))) if **known == *model => *newest = id,
            (_, Some((id, model))) => self.named = Some((id, model.into())),
            (_, None) => {}
        }
    }
}

impl Seen {
    /// Adds the row `id`.
    pub(crate) fn add(&mut self, id: i64, row: &TurnRow<'_>) {
        self.rows += 1;
        self.merge_turn(row.turn, id, row.model.map(|model| (id, model)));
    }

    /// Adds what was seen of other rows.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        for (turn, Newest { row, named }) in &other.turns {
            self.merge_turn(turn, *row, named.as_ref().map(|(id, model)| (*id, &**model)));
        }
    }

    fn merge_turn(&mut self, turn: &str, row: i64, named: Option<(i64, &str)>) {
        match self.turns.get_mut(turn) {
            Some(newest) => newest.merge(row, named),
            None => {
                let named = named.map(|(id, model)| (id, model.into()));
                self.turns.insert(turn.into(), Newest { row, named });
            }
        }
    }

    /// How many rows were seen.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Of how many turns.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.len() as u64
    }

    /// The newest row of `turn`, and the newest that names a model with that model.
    pub(crate) fn of(&self, turn: &str) -> (Option<i64>, Option<(i64, &str)>) {
        let newest = self.turns.get(turn);
        let named = newest.and_then(|newest| newest.named.as_ref()).map(|(id, model)| (*id, &**model));
        (newest.map(|newest| newest.row), named)
    }
}

/// A row by its id and what identifies it beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) signature: Signature,
}

/// What is kept of the turn rows of one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The turn.
    pub(crate) turn: NameId,
    /// Its newest turn row.
    pub(crate) newest: Option<Row>,
    /// The newest that names a model, and the model.
    pub(crate) named: Option<(Row, NameId)>,
    /// Whether every turn row of the turn was seen. Else there may have been others before a fact made it matter.
    pub(crate) whole: bool,
}

impl Kept {
    /// Whether the turn ran after the row `id`.
    pub(crate) fn ran_after(&self, id: i64) -> bool {
        self.newest.is_some_and(|newest| newest.id > id)
    }
}
