//! What keeps a foreign database from harming this process: no code of its schema runs, no value is
//! too large, every statement can be stopped, and nothing but regular files is opened.

use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

use crate::control::Control;
use crate::error::ScanError;
use crate::path::with_suffix;

/// The largest value that is read, in bytes. Codex deletes a row that alone exceeds 10 MiB.
pub(crate) const MAX_VALUE_BYTES: i32 = 32 << 20;

/// Steps of SQLite's virtual machine after which a statement looks whether it was cancelled: well
/// under a millisecond.
const STEPS: c_int = 5_000;

/// Limits what reading through `connection` can do, and ends its statements once the scan is
/// cancelled.
pub(crate) fn guard(connection: &mut Connection, control: &Arc<Control>) -> rusqlite::Result<()> {
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    for off in [
        DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA,
        DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW,
        DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER,
    ] {
        connection.set_db_config(off, false)?;
    }
    let control = Arc::clone(control);
    connection.progress_handler(STEPS, Some(move || control.is_cancelled()))
}

/// Fails unless the database at `path` is a regular file and any sidecar files are regular
/// files. SQLite would wait for a pipe, and would write its index through a link.
///
/// # Errors
/// [`ScanError::NotAFile`], [`ScanError::SidecarNotAFile`], or the file cannot be looked at.
pub fn require_files(path: &Path) -> Result<(), ScanError> {
    let metadata = std::fs::metadata(path).map_err(|error| ScanError::from_io(path, error))?;
    if !metadata.is_file() {
        return Err(ScanError::NotAFile { path: path.to_owned() });
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let beside = with_suffix(path, suffix);
        match std::fs::symlink_metadata(&beside) {
            Ok(found) if !found.is_file() => {
                return Err(ScanError::SidecarNotAFile { path: beside });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ENDLESS: &str =
        "WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r";

    #[test]
    fn a_statement_without_rows_ends_when_the_scan_is_cancelled() {
        let mut connection = Connection::open_in_memory().unwrap();
        let control = Arc::new(Control::default());
        guard(&mut connection, &control).unwrap();
        let caller = Arc::clone(&control);
        let cancels = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            caller.cancel();
        });
        let error = connection.query_row(ENDLESS, [], |_| Ok(())).unwrap_err();
        let error = ScanError::from_sqlite(Path::new("x"), error);
        assert!(matches!(error, ScanError::Cancelled { .. }), "{error}");
        cancels.join().unwrap();
    }

    #[test]
    fn no_view_is_read_and_no_value_beyond_the_limit() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE VIEW v AS SELECT 1; CREATE TABLE t (x)").unwrap();
        guard(&mut connection, &Arc::default()).unwrap();
        assert!(connection.query_row("SELECT * FROM v", [], |_| Ok(())).is_err());
        let error = connection
            .query_row("SELECT zeroblob(?1)", [i64::from(MAX_VALUE_BYTES) + 1], |_| Ok(()))
            .unwrap_err();
        let error = ScanError::from_sqlite(Path::new("x"), error);
        assert!(matches!(error, ScanError::RowTooLarge { .. }), "{error}");
    }
}
