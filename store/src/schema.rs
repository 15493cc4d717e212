//! The one home of the `logs` schema: table, indexes, and the settings a new file gets.

use rusqlite::Connection;

/// The file name that the Codex CLI gives its trace database.
pub const FILE_NAME: &str = "logs_2.sqlite";

/// The table of a trace log.
pub const TABLE: &str = "logs";

/// Page size of a new file, in bytes.
pub const PAGE_SIZE: u32 = 4096;

/// The columns of [`TABLE`] in their order.
pub const COLUMNS: [&str; 12] = [
    "id",
    "ts",
    "ts_nanos",
    "level",
    "target",
    "feedback_log_body",
    "module_path",
    "file",
    "line",
    "thread_id",
    "process_uuid",
    "estimated_bytes",
];

/// Creates [`TABLE`]. `AUTOINCREMENT` is part of its meaning: an id is never used twice, even after the newest row is gone.
pub const CREATE_TABLE: &str = "\
CREATE TABLE logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ts INTEGER NOT NULL,
    ts_nanos INTEGER NOT NULL,
    level TEXT NOT NULL,
    target TEXT NOT NULL,
    feedback_log_body TEXT,
    module_path TEXT,
    file TEXT,
    line INTEGER,
    thread_id TEXT,
    process_uuid TEXT,
    estimated_bytes INTEGER NOT NULL DEFAULT 0
)";

/// Creates the four indexes found in files of Codex 0.141.0 to 0.169.0. None of them covers the body.
pub const CREATE_INDEXES: [&str; 4] = [
    "CREATE INDEX idx_logs_ts ON logs(ts DESC, ts_nanos DESC, id DESC)",
    "CREATE INDEX idx_logs_thread_id ON logs(thread_id)",
    "CREATE INDEX idx_logs_thread_id_ts ON logs(thread_id, ts DESC, ts_nanos DESC, id DESC)",
    "CREATE INDEX idx_logs_process_uuid_threadless_ts ON logs(process_uuid, ts DESC, ts_nanos DESC, id DESC)\n\
     WHERE thread_id IS NULL",
];

/// Whether the database has a table named [`TABLE`].
///
/// # Errors
/// Whatever SQLite reports while it reads the schema, such as a file that is no database.
pub fn exists(connection: &Connection) -> rusqlite::Result<bool> {
    connection.table_exists(None, TABLE)
}

/// Gives an empty database its page size, its vacuum mode, the table and the indexes.
///
/// The journal mode is left to the caller; it can change during the life of a file, these settings cannot.
///
/// # Errors
/// Whatever SQLite reports; the table existing already is an error too.
pub fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(CREATE_TABLE)?;
    for index in CREATE_INDEXES {
        transaction.execute_batch(index)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_has_the_settings_and_indexes_of_real_ones() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = Connection::open(folder.path().join(FILE_NAME)).unwrap();
        assert!(!exists(&connection).unwrap());
        create(&mut connection).unwrap();
        assert!(exists(&connection).unwrap());
        let pragma = |name: &str| {
            connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!((pragma("page_size"), pragma("auto_vacuum")), (4096, 2));
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info('logs')").unwrap();
        let names: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(names, COLUMNS);
        let indexes = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'logs'";
        assert_eq!(connection.query_row(indexes, [], |row| row.get::<_, i64>(0)).unwrap(), 4);
    }
}
