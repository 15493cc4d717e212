//! The oracle's facts of a database that is written to: kept up with it, where reading it all again
//! would take too long.
//!
//! Right as long as rows are only appended and deleted, which is all that the harness's own writer
//! does; anyone who uses notes holds them against a whole [`super::scan`] in the end.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{Fact, Known, Ran, Seen, Turn, Verdict, Window, each_row};

/// What every row up to the highest id says.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    facts: BTreeMap<i64, Fact>,
    ran: BTreeMap<i64, Ran>,
    max_id: i64,
}

impl Notes {
    /// Brings the notes up to date with what `connection` sees: reads the rows above the highest id
    /// noted, and strikes out what is noted of rows that are gone. Notes begin with reading every
    /// row.
    ///
    /// # Errors
    /// Whatever SQLite reports.
    pub fn update(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let snapshot = connection.unchecked_transaction()?;
        let mut facts = std::mem::take(&mut self.facts);
        let mut ran = std::mem::take(&mut self.ran);
        keep_standing(&snapshot, &mut facts)?;
        keep_standing(&snapshot, &mut ran)?;
        let from = if self.max_id == 0 { i64::MIN } else { self.max_id.saturating_add(1) };
        each_row(&snapshot, from, |id, Seen { verdict, ran: turn, .. }| {
            if let Verdict::Fact(fact) = verdict {
                facts.insert(id, fact);
            }
            if let Some(turn) = turn {
                ran.insert(id, turn);
            }
        })?;
        (self.facts, self.ran) = (facts, ran);
        self.max_id =
            snapshot.query_row("SELECT coalesce(max(id), 0) FROM logs", [], |row| row.get(0))?;
        Ok(())
    }

    /// The highest id.
    pub fn max_id(&self) -> i64 {
        self.max_id
    }

    /// The oracle's answer to an open window.
    pub fn turns(&self) -> BTreeMap<String, Turn> {
        self.known().turns(Window::default())
    }

    /// The ids of the facts, oldest first: those that can change an answer, and the others.
    pub fn ids(&self) -> (Vec<i64>, Vec<i64>) {
        let matters = self.known().relevant();
        let (these, others): (Vec<_>, Vec<_>) =
            self.facts.keys().zip(matters).partition(|(_, matters)| *matters);
        let ids = |of: Vec<(&i64, bool)>| of.into_iter().map(|(&id, _)| id).collect();
        (ids(these), ids(others))
    }

    /// Whether the row `id` is one that a turn logged while it ran.
    pub fn is_of_turn(&self, id: i64) -> bool {
        self.ran.contains_key(&id)
    }

    fn known(&self) -> Known<'_> {
        Known {
            facts: self.facts.iter().map(|(&id, fact)| (id, fact)).collect(),
            ran: self.ran.iter().map(|(&id, ran)| (id, ran)).collect(),
        }
    }
}

/// Strikes out what is noted of rows that are gone.
fn keep_standing<T>(snapshot: &Connection, noted: &mut BTreeMap<i64, T>) -> rusqlite::Result<()> {
    let mut stands = snapshot.prepare_cached("SELECT 1 FROM logs WHERE id = ?1")?;
    let mut gone = Vec::new();
    for &id in noted.keys() {
        if !stands.exists([id])? {
            gone.push(id);
        }
    }
    noted.retain(|id, _| gone.binary_search(id).is_err());
    Ok(())
}
