//! The one home of the `threads` schema: table, indexes, and the settings of its database.

use rusqlite::Connection;

/// The table of threads.
pub const TABLE: &str = "threads";

/// The file name of a database of threads.
pub const FILE_NAME: &str = "threads.sqlite";

/// `PRAGMA user_version` of a database with this schema.
pub const USER_VERSION: i64 = 2;

/// `PRAGMA application_id` of a database with this schema ("trth"): a table of the same name
/// elsewhere is not ours.
pub const APPLICATION_ID: u32 = 0x7472_7468;

/// Page size of a new file, in bytes.
pub const PAGE_SIZE: u32 = 4096;

/// Creates [`TABLE`]. What every history tells is never NULL; what one may leave out is.
pub const CREATE_TABLE: &str = "\
CREATE TABLE threads (
    id TEXT PRIMARY KEY NOT NULL,
    rollout_path TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    recency_at_ms INTEGER NOT NULL,
    source TEXT,
    thread_source TEXT,
    agent_nickname TEXT,
    agent_role TEXT,
    agent_path TEXT,
    model_provider TEXT,
    model TEXT,
    reasoning_effort TEXT,
    cwd TEXT,
    cli_version TEXT,
    title TEXT,
    preview TEXT,
    first_user_message TEXT,
    approval_mode TEXT,
    sandbox_policy TEXT,
    tokens_used INTEGER NOT NULL DEFAULT 0,
    archived_at_ms INTEGER,
    git_sha TEXT,
    git_branch TEXT,
    git_origin_url TEXT,
    memory_mode TEXT NOT NULL DEFAULT 'enabled',
    forked_from TEXT,
    history_bytes INTEGER NOT NULL DEFAULT 0
)";

/// Creates the indexes of lists. By each time, newest first, of threads archived and not: read from
/// the beginning or from a cursor, in order. And by each value that lists are filtered by, for
/// values that few threads have; none of those values changes while lines are appended, so that
/// these cost a projection nothing.
pub const CREATE_INDEXES: [&str; 9] = [
    "CREATE INDEX idx_threads_created ON threads(created_at_ms DESC, id DESC) WHERE archived_at_ms \
     IS NULL",
    "CREATE INDEX idx_threads_updated ON threads(updated_at_ms DESC, id DESC) WHERE archived_at_ms \
     IS NULL",
    "CREATE INDEX idx_threads_recency ON threads(recency_at_ms DESC, id DESC) WHERE archived_at_ms \
     IS NULL",
    "CREATE INDEX idx_threads_archived_created ON threads(created_at_ms DESC, id DESC) WHERE \
     archived_at_ms IS NOT NULL",
    "CREATE INDEX idx_threads_archived_updated ON threads(updated_at_ms DESC, id DESC) WHERE \
     archived_at_ms IS NOT NULL",
    "CREATE INDEX idx_threads_archived_recency ON threads(recency_at_ms DESC, id DESC) WHERE \
     archived_at_ms IS NOT NULL",
    "CREATE INDEX idx_threads_source ON threads(source)",
    "CREATE INDEX idx_threads_model_provider ON threads(model_provider)",
    "CREATE INDEX idx_threads_cwd ON threads(cwd)",
];

/// What a database file turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No table, no marks: a new file.
    Empty,
    /// A database with this schema.
    Ours,
    /// A database with the schema before this one: see [`upgrade`].
    Older,
    /// Something else, which is left alone.
    Foreign,
}

/// Tells what a database is.
///
/// # Errors
/// Whatever SQLite reports while it reads the schema, such as a file that is not a database.
pub fn found(connection: &Connection) -> rusqlite::Result<Found> {
    // One statement, so one moment: another process may be creating it.
    let (tables, ours, application, version): (i64, i64, u32, i64) = connection.query_row(
        "SELECT count(*), count(*) FILTER (WHERE type = 'table' AND name = ?1), (SELECT \
         application_id FROM pragma_application_id), (SELECT user_version FROM \
         pragma_user_version) FROM sqlite_schema",
        [TABLE],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    Ok(match (tables, ours, (application, version)) {
        (0, _, (0, 0)) => Found::Empty,
        (_, 1, (APPLICATION_ID, USER_VERSION)) => Found::Ours,
        (_, 1, (APPLICATION_ID, 1)) => Found::Older,
        _ => Found::Foreign,
    })
}

/// Gives an empty database its page size, its marks, the table and the indexes, in one transaction.
///
/// # Errors
/// Whatever SQLite reports; the table existing already is an error too.
pub fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have been first.
    if found(&transaction)? == Found::Empty {
        transaction.execute_batch(CREATE_TABLE)?;
        for index in CREATE_INDEXES {
            transaction.execute_batch(index)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", USER_VERSION)?;
    }
    transaction.commit()
}

/// Gives a database with the schema before this one what it lacks, in one transaction. Its rows
/// then count as stale, so that the next repair fills the new column.
///
/// # Errors
/// Whatever SQLite reports.
pub fn upgrade(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have been first.
    if found(&transaction)? == Found::Older {
        transaction.execute_batch("ALTER TABLE threads ADD COLUMN forked_from TEXT")?;
        transaction.execute_batch("UPDATE threads SET history_bytes = 0")?;
        transaction.pragma_update(None, "user_version", USER_VERSION)?;
    }
    transaction.commit()
}

/// The settings of each connection that writes: a write-ahead log, synced at checkpoints only.
///
/// # Errors
/// Whatever SQLite reports.
pub(crate) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::column::{Column, Value};

    #[test]
    fn a_new_file_has_the_columns_and_their_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = Connection::open(folder.path().join(FILE_NAME)).unwrap();
        assert_eq!(found(&connection).unwrap(), Found::Empty);
        create(&mut connection).unwrap();
        configure(&connection).unwrap();
        assert_eq!(found(&connection).unwrap(), Found::Ours);
        create(&mut connection).unwrap();

        let mut statement = connection
            .prepare("SELECT name, dflt_value FROM pragma_table_info('threads')")
            .unwrap();
        let columns = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let columns: Vec<(String, Option<String>)> = columns.map(Result::unwrap).collect();
        let expected = Column::ALL.map(|column| {
            let default = match column.default_value() {
                Value::Null => None,
                Value::Integer(number) => Some(number.to_string()),
                Value::Text(text) => Some(format!("'{text}'")),
            };
            (column.name().to_owned(), default)
        });
        assert_eq!(columns[0].0, "id");
        assert_eq!(columns[1..], expected);
    }

    #[test]
    fn the_schema_before_this_one_is_upgraded_and_its_rows_are_stale() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = Connection::open(folder.path().join(FILE_NAME)).unwrap();
        let before = CREATE_TABLE.replace("    forked_from TEXT,\n", "");
        connection.execute_batch(&before).unwrap();
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let row = "INSERT INTO threads (id, rollout_path, created_at_ms, updated_at_ms, \
                   recency_at_ms, history_bytes) VALUES ('a', 'b', 1, 2, 3, 4)";
        connection.execute_batch(row).unwrap();
        assert_eq!(found(&connection).unwrap(), Found::Older);
        for _ in 0..2 {
            upgrade(&mut connection).unwrap();
            assert_eq!(found(&connection).unwrap(), Found::Ours);
        }
        let kept = "SELECT updated_at_ms, history_bytes, forked_from FROM threads";
        let kept: (i64, i64, Option<String>) = connection
            .query_row(kept, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        assert_eq!(kept, (2, 0, None));
    }

    #[test]
    fn a_table_of_threads_that_is_not_ours_is_foreign() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("state.sqlite")).unwrap();
        connection.execute_batch("CREATE TABLE threads (id TEXT PRIMARY KEY)").unwrap();
        assert_eq!(found(&connection).unwrap(), Found::Foreign);
    }
}
