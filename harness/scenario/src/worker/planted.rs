//! Rows that a handicapped scanner examines beyond its own: work that a comparison of counters must
//! find.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, StatementStatus};
use tracerig_protocol::Handicap;

use tracerig_scanner::BUSY_TIMEOUT;

use crate::engine::Engine;

/// What was examined for nothing.
#[derive(Debug, Default)]
pub(crate) struct Planted {
    pub(crate) rows: u64,
    body_bytes: u64,
    vm_steps: u64,
}

impl Planted {
    /// Reads as many of the newest rows as `handicap` asks for; only the scanner examines rows one
    /// by one.
    pub(crate) fn read(
        engine: Engine,
        database: &Path,
        handicap: Handicap,
    ) -> rusqlite::Result<Self> {
        let mut planted = Self::default();
        if engine != Engine::Scanner || handicap.rows == 0 {
            return Ok(planted);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(database, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let mut statement =
            connection.prepare("SELECT feedback_log_body FROM logs ORDER BY id DESC LIMIT ?1")?;
        let mut rows = statement.query([i64::try_from(handicap.rows).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            planted.rows += 1;
            planted.body_bytes += row.get_ref(0)?.as_bytes_or_null()?.map_or(0, <[u8]>::len) as u64;
        }
        drop(rows);
        planted.vm_steps =
            u64::try_from(statement.get_status(StatementStatus::VmStep)).unwrap_or(0);
        Ok(planted)
    }

    /// Adds it to what the engine says it did.
    pub(crate) fn count(self, counters: &mut BTreeMap<String, u64>) {
        let more = [
            ("rows_examined", self.rows),
            ("body_bytes", self.body_bytes),
            ("vm_steps", self.vm_steps),
        ];
        for (name, more) in more {
            if let Some(value) = counters.get_mut(name) {
                *value += more;
            }
        }
    }
}
