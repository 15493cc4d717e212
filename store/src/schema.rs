//! The one home of the `logs` schema: table, indexes, and the settings a new file gets.

use rusqlite::{Connection, OptionalExtension};

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

/// Creates [`TABLE`]. `AUTOINCREMENT` is part of its meaning: an id is never used twice, even after
/// the newest row is gone.
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

/// Creates the four indexes found in files of Codex 0.141.0 to 0.169.0. None of them covers the
/// body.
pub const CREATE_INDEXES: [&str; 4] = [
    "CREATE INDEX idx_logs_ts ON logs(ts DESC, ts_nanos DESC, id DESC)",
    "CREATE INDEX idx_logs_thread_id ON logs(thread_id)",
    "CREATE INDEX idx_logs_thread_id_ts ON logs(thread_id, ts DESC, ts_nanos DESC, id DESC)",
    "CREATE INDEX idx_logs_process_uuid_threadless_ts ON logs(process_uuid, ts DESC, ts_nanos \
     DESC, id DESC)\n\
     WHERE thread_id IS NULL",
];

/// Whether the database has a table named [`TABLE`].
///
/// # Errors
/// Whatever SQLite reports while it reads the schema, such as a file that is not a database.
pub fn exists(connection: &Connection) -> rusqlite::Result<bool> {
    connection.table_exists(None, TABLE)
}

/// What keeps the rows of [`TABLE`] from being read as those of a trace log, in words; `None` if
/// nothing does. It must be an ordinary table with all of [`COLUMNS`], none of its columns
/// generated: a view, a virtual table or a generated column would run what somebody else wrote.
///
/// To be asked before anything else of a database that is not our own.
/// (`sqlite3_table_column_metadata`, which `column_exists` calls, is no way to ask: for a virtual
/// table whose module is not loaded yet it reads through a null pointer.)
///
/// # Errors
/// Whatever SQLite reports while it reads the schema, such as a file that is not a database.
pub fn oddity(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let entry: Option<(String, Option<String>)> = connection
        .query_row(
            "SELECT type, sql FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type <> \
             'index' AND type <> 'trigger'",
            [TABLE],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((kind, sql)) = entry else { return Ok(Some(format!("it has no table `{TABLE}`"))) };
    let sql = sql.unwrap_or_default().to_ascii_lowercase();
    if kind == "view" {
        return Ok(Some(format!("`{TABLE}` is a view, not a table")));
    }
    if sql.starts_with("create virtual table") {
        return Ok(Some(format!("`{TABLE}` is a virtual table")));
    }
    // SQLite goes by the statement and not by the name beside it. Both say the same unless somebody
    // wrote the schema by hand.
    let is_mark = |character: char| " \"`['](".contains(character);
    let named = sql
        .strip_prefix("create table")
        .and_then(|rest| rest.split(is_mark).find(|word| !word.is_empty()));
    if named != Some(TABLE) {
        return Ok(Some(format!("its schema does not create `{TABLE}` as a table")));
    }
    let mut statement = connection.prepare("SELECT name, hidden FROM pragma_table_xinfo(?1)")?;
    let columns = statement
        .query_map([TABLE], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(String, i64)>>>()?;
    if let Some((column, _)) = columns.iter().find(|(_, hidden)| *hidden != 0) {
        return Ok(Some(format!("the column `{column}` of its table `{TABLE}` is generated")));
    }
    let has = |wanted: &&str| columns.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let missing = COLUMNS.iter().find(|column| !has(column));
    Ok(missing.map(|column| format!("its table `{TABLE}` has no column `{column}`")))
}

/// Gives an empty database its page size, its vacuum mode, the table and the indexes.
///
/// The journal mode is left to the caller; it can change during the life of a file, these settings
/// cannot.
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
    fn what_is_not_an_ordinary_table_of_logs_is_told_without_reading_it() {
        let said = |sql: &str| {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(sql).unwrap();
            oddity(&connection).unwrap().unwrap_or_default()
        };
        assert_eq!(said(CREATE_TABLE), "");
        assert_eq!(said(&CREATE_TABLE.replace("logs (", "\"LOGS\"(")), "");
        assert_eq!(said("CREATE TABLE logs_2 (id)"), "it has no table `logs`");
        assert_eq!(said("CREATE VIEW logs AS SELECT 1 AS id"), "`logs` is a view, not a table");
        assert_eq!(said("CREATE VIRTUAL TABLE logs USING fts5(x)"), "`logs` is a virtual table");
        let generated = CREATE_TABLE.replace("line INTEGER", "line INTEGER AS (ts)");
        assert_eq!(said(&generated), "the column `line` of its table `logs` is generated");
        let lacking = CREATE_TABLE.replace("    line INTEGER,\n", "");
        assert_eq!(said(&lacking), "its table `logs` has no column `line`");
        // A schema written by hand, which says one thing and does another.
        let forged = "CREATE TABLE t (x); PRAGMA writable_schema = ON; UPDATE sqlite_schema SET \
                      name = 'logs'";
        assert_eq!(said(forged), "its schema does not create `logs` as a table");
    }

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
        let mut statement =
            connection.prepare("SELECT name FROM pragma_table_info('logs')").unwrap();
        let names: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(names, COLUMNS);
        let indexes =
            "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'logs'";
        assert_eq!(connection.query_row(indexes, [], |row| row.get::<_, i64>(0)).unwrap(), 4);
    }
}
