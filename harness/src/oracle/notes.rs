//! The oracle's facts of a database that is written to: kept up with it, where reading it all again would take too long.
//!
//! Right as long as rows are only appended and deleted, which is all that the harness's own writer does; whoever uses notes
//! holds them against a whole [`super::scan`] in the end.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _};

use super::{Fact, Turn, Verdict, Window, answer, each_marked, relevant};

/// The facts of every row up to the highest id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    facts: BTreeMap<i64, Fact>,
    max_id: i64,
}

impl Notes {
    /// Brings the notes up to date with what `connection` sees: reads the rows above the highest id noted, and strikes out
    /// the facts whose rows are gone. Notes begin with reading every row.
    ///
    /// # Errors
    /// Whatever SQLite reports.
    pub(crate) fn update(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let snapshot = connection.unchecked_transaction()?;
        let mut stands = snapshot.prepare("SELECT 1 FROM logs WHERE id = ?1")?;
        let mut facts = BTreeMap::new();
        for (id, fact) in std::mem::take(&mut self.facts) {
            if stands.query_row([id], |_| Ok(())).optional()?.is_some() {
                facts.insert(id, fact);
            }
        }
        let from = if self.max_id == 0 { i64::MIN } else { self.max_id.saturating_add(1) };
        each_marked(&snapshot, from, |id, verdict| {
            if let Verdict::Fact(fact) = verdict {
                facts.insert(id, fact);
            }
        })?;
        self.facts = facts;
        self.max_id = snapshot.query_row("SELECT coalesce(max(id), 0) FROM logs", [], |row| row.get(0))?;
        Ok(())
    }

    /// The highest id.
    pub(crate) fn max_id(&self) -> i64 {
        self.max_id
    }

    /// The oracle's answer to an open window.
    pub(crate) fn turns(&self) -> BTreeMap<String, Turn> {
        answer(&self.in_order(), 0, Window::default()).turns
    }

    /// The ids of the facts, oldest first: those that can change an answer, and the others.
    pub(crate) fn ids(&self) -> (Vec<i64>, Vec<i64>) {
        let matters = relevant(&self.in_order());
        let (these, others): (Vec<_>, Vec<_>) =
            self.facts.keys().zip(matters).partition(|(_, matters)| *matters);
        let ids = |of: Vec<(&i64, bool)>| of.into_iter().map(|(&id, _)| id).collect();
        (ids(these), ids(others))
    }

    fn in_order(&self) -> Vec<Fact> {
        self.facts.values().cloned().collect()
    }
}
