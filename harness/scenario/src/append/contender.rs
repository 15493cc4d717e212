//! The process that keeps taking the write lock of a database of threads.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use serde::{Deserialize, Serialize};

/// Between two tries to take the lock, when the store has it.
const RETRY: Duration = Duration::from_micros(200);

/// What is said when the lock is held for the first time.
pub(super) const HELD: &[u8] = b"held\n";

/// Which lock, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Contender {
    pub(super) database: PathBuf,
    pub(super) hold_ms: u64,
    pub(super) pause_ms: u64,
}

impl Contender {
    /// Takes and leaves the lock until it is killed.
    pub(super) fn run(&self) -> Result<(), String> {
        let said = |error: rusqlite::Error| format!("{}: {error}", self.database.display());
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.database, flags).map_err(said)?;
        let mut told = false;
        loop {
            match connection.execute_batch("BEGIN IMMEDIATE") {
                Ok(()) => {}
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                    std::thread::sleep(RETRY);
                    continue;
                }
                Err(error) => return Err(said(error)),
            }
            if !told {
                // Anyone who waits for this has its contention from now on.
                let mut out = std::io::stdout();
                out.write_all(HELD)
                    .and_then(|()| out.flush())
                    .map_err(|error| error.to_string())?;
                told = true;
            }
            let until = Instant::now() + Duration::from_millis(self.hold_ms);
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            connection.execute_batch("ROLLBACK").map_err(said)?;
            std::thread::sleep(Duration::from_millis(self.pause_ms));
        }
    }
}
