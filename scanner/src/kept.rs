//! Turn rows: all that a scan saw, and the few that a memo keeps.
//!
//! A turn has several. They matter only where a submission could be evidence for it, or where
//! nothing else names its model; and then only the newest, and the newest that names a model.

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
    /// Few, so that they are looked through.
    models: Vec<Box<str>>,
}

/// The newest rows of one turn among those seen.
#[derive(Clone, Copy, Debug)]
struct Newest {
    row: i64,
    /// The newest that names a model, and the model's place.
    named: Option<(i64, usize)>,
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
        for (turn, newest) in &other.turns {
            self.merge_turn(turn, newest.row, other.named(*newest));
        }
    }

    fn merge_turn(&mut self, turn: &str, row: i64, named: Option<(i64, &str)>) {
        let named = named.map(|(id, model)| (id, self.place_of(model)));
        match self.turns.get_mut(turn) {
            Some(newest) => {
                newest.row = newest.row.max(row);
                newest.named = newest.named.max(named);
            }
            None => {
                self.turns.insert(turn.into(), Newest { row, named });
            }
        }
    }

    fn place_of(&mut self, model: &str) -> usize {
        self.models.iter().position(|known| **known == *model).unwrap_or_else(|| {
            self.models.push(model.into());
            self.models.len() - 1
        })
    }

    fn named(&self, newest: Newest) -> Option<(i64, &str)> {
        newest.named.map(|(id, place)| (id, &*self.models[place]))
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
        let newest = self.turns.get(turn).copied();
        (newest.map(|newest| newest.row), newest.and_then(|newest| self.named(newest)))
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
    /// Whether every turn row of the turn was seen. Else there may have been others before a fact
    /// made it matter.
    pub(crate) whole: bool,
}

impl Kept {
    /// Whether the turn ran after the row `id`.
    pub(crate) fn ran_after(&self, id: i64) -> bool {
        self.newest.is_some_and(|newest| newest.id > id)
    }
}
