//! Maintenance: age pruning, checkpoints, vacuuming, and gaps in the ids.

use rusqlite::params;

use crate::error::{Error, Result};
use crate::log::TraceLog;

/// Rows older than this many days go when a log is opened for a session.
pub const MAX_AGE_DAYS: i64 = 10;

/// What a checkpoint did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointOutcome {
    /// Frames in the write-ahead log.
    pub frames: u64,
    /// Of them, those copied into the database.
    pub copied: u64,
    /// Whether a reader or writer kept it from completing.
    pub busy: bool,
}

/// What start-up maintenance did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartupOutcome {
    /// Rows deleted for their age.
    pub pruned: usize,
    /// The checkpoint after it.
    pub checkpoint: CheckpointOutcome,
}

impl TraceLog {
    /// Deletes the rows with a `ts` below `cutoff_ts` (Unix seconds) and returns how many there
    /// were.
    ///
    /// # Errors
    /// Typed as for [`TraceLog::insert_batch`].
    pub fn prune_older_than(&mut self, cutoff_ts: i64) -> Result<usize> {
        let pruned = self.execute("DELETE FROM logs WHERE ts < ?1", cutoff_ts);
        match pruned {
            Ok(_) => self.ledger_without_older(cutoff_ts),
            Err(_) => self.forget_ledger(),
        }
        pruned
    }

    /// What the Codex CLI does when it starts at `now` (Unix seconds): deletes rows older than
    /// [`MAX_AGE_DAYS`], then runs a passive checkpoint.
    ///
    /// # Errors
    /// Typed as for [`TraceLog::insert_batch`].
    pub fn start_up(&mut self, now: i64) -> Result<StartupOutcome> {
        let pruned = self.prune_older_than(now - MAX_AGE_DAYS * 86_400)?;
        Ok(StartupOutcome { pruned, checkpoint: self.checkpoint_passive()? })
    }

    /// Copies what it can from the write-ahead log into the database without waiting for anyone.
    ///
    /// # Errors
    /// Typed as for [`TraceLog::insert_batch`].
    pub fn checkpoint_passive(&mut self) -> Result<CheckpointOutcome> {
        self.query("PRAGMA wal_checkpoint(PASSIVE)", |row| {
            // Minus one represents "not in WAL mode".
            let count =
                |at| Ok::<_, rusqlite::Error>(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(0));
            Ok(CheckpointOutcome {
                busy: row.get::<_, i64>(0)? != 0,
                frames: count(1)?,
                copied: count(2)?,
            })
        })
    }

    /// Gives at most `pages` free pages back to the file system and returns how many it gave.
    ///
    /// # Errors
    /// Typed as for [`TraceLog::insert_batch`].
    pub fn incremental_vacuum(&mut self, pages: u32) -> Result<u64> {
        if pages == 0 {
            // To SQLite zero means all of them.
            return Ok(0);
        }
        let before = self.pages()?.1;
        let step = || -> rusqlite::Result<()> {
            // The pragma frees one page a step, so it has to be stepped to its end.
            let mut statement =
                self.connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        };
        step().map_err(|source| Error::from_sqlite(&self.path, source))?;
        Ok(before - self.pages()?.1)
    }

    /// Rewrites the whole file without free pages. Ids stay.
    ///
    /// # Errors
    /// Typed as for [`TraceLog::insert_batch`].
    pub fn vacuum(&mut self) -> Result<()> {
        self.commit().map_err(|source| Error::from_sqlite(&self.path, source))?;
        self.connection
            .execute_batch("VACUUM")
            .map_err(|source| Error::from_sqlite(&self.path, source))
    }

    /// Makes `id` the largest id handed out, so that the next row gets `id + 1`: a gap as many
    /// pruned rows leave it.
    ///
    /// # Errors
    /// [`Error::SequenceBackwards`] when ids up to a larger one were handed out; else typed as for
    /// [`TraceLog::insert_batch`].
    pub fn raise_sequence(&mut self, id: i64) -> Result<()> {
        let current = self.query(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'logs'",
            |row| row.get(0),
        )?;
        if id < current {
            return Err(Error::SequenceBackwards { path: self.path.clone(), current, asked: id });
        }
        // A table that never had a row has no line in sqlite_sequence yet.
        if self.execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'logs'", id)? == 0 {
            self.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('logs', ?1)", id)?;
        }
        Ok(())
    }

    fn execute(&self, sql: &str, parameter: i64) -> Result<usize> {
        self.connection
            .execute(sql, params![parameter])
            .map_err(|source| Error::from_sqlite(&self.path, source))
    }
}
