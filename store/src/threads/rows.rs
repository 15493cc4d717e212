//! Reading rows: the row of a thread with its types, one by id.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use rusqlite::types::{FromSql, Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row};

use super::column::{Column, Value};
use super::database::{self, DatabaseError};
use super::id::ThreadId;
use super::time::Millis;

/// What is known of a thread without reading its history. The columns are explained at [`Column`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns")]
pub struct ThreadRow {
    /// The thread.
    pub id: ThreadId,
    /// The history, below the folder of the store.
    pub rollout_path: PathBuf,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub recency_at: Millis,
    pub source: Option<String>,
    pub thread_source: Option<String>,
    pub agent_nickname: Option<String>,
    pub agent_role: Option<String>,
    pub agent_path: Option<String>,
    pub model_provider: Option<String>,
    pub model: Option<String>,
    pub reasoning_effort: Option<String>,
    pub cwd: Option<String>,
    pub cli_version: Option<String>,
    pub title: Option<String>,
    pub preview: Option<String>,
    pub first_user_message: Option<String>,
    pub approval_mode: Option<String>,
    pub sandbox_policy: Option<String>,
    pub tokens_used: i64,
    pub archived_at: Option<Millis>,
    pub git_sha: Option<String>,
    pub git_branch: Option<String>,
    pub git_origin_url: Option<String>,
    pub memory_mode: String,
    pub forked_from: Option<String>,
    pub history_bytes: u64,
}

/// The columns of a query whose results [`row`] and [`value`] read: all of them, and the id behind
/// them.
pub(super) static COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let names = Column::ALL.map(Column::name);
    format!("{}, id", names.join(", "))
});

/// Position of the id among [`COLUMNS`].
pub(super) const ID: usize = Column::ALL.len();

/// A connection that reads rows, of a store or of any other database of threads.
#[derive(Debug)]
pub struct Rows {
    connection: Connection,
    path: PathBuf,
}

impl Rows {
    /// Opens the database at `path`, creating it if it is missing, though not its folder.
    /// `busy_timeout` is how long it waits for another connection's lock.
    ///
    /// # Errors
    /// [`DatabaseError::Foreign`] for a database of something else, which is left as it is;
    /// [`DatabaseError::Missing`] and the others as the names say.
    pub fn open(path: &Path, busy_timeout: Duration) -> Result<Self, DatabaseError> {
        Ok(Self { connection: database::open(path, busy_timeout)?, path: path.to_owned() })
    }

    /// The row of a thread, `None` if there is none.
    ///
    /// # Errors
    /// Whatever keeps the database from being read.
    pub fn read(&self, id: ThreadId) -> Result<Option<ThreadRow>, DatabaseError> {
        self.query(|connection| read(connection, id))
    }

    /// Does something with the connection.
    pub(super) fn query<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DatabaseError> {
        query(&self.connection).map_err(|source| DatabaseError::from_sqlite(&self.path, &source))
    }
}

/// The row of a thread, `None` if there is none.
pub(super) fn read(connection: &Connection, id: ThreadId) -> rusqlite::Result<Option<ThreadRow>> {
    static READ: LazyLock<String> =
        LazyLock::new(|| format!("SELECT {} FROM threads WHERE id = ?", *COLUMNS));
    connection.prepare_cached(&READ)?.query_row([id], row).optional()
}

/// A row of the table from a row of a result.
pub(super) fn row(row: &Row<'_>) -> rusqlite::Result<ThreadRow> {
    Ok(ThreadRow {
        id: id(row, ID)?,
        rollout_path: get::<String>(row, Column::RolloutPath)?.into(),
        created_at: Millis(get(row, Column::CreatedAtMs)?),
        updated_at: Millis(get(row, Column::UpdatedAtMs)?),
        recency_at: Millis(get(row, Column::RecencyAtMs)?),
        source: get(row, Column::Source)?,
        thread_source: get(row, Column::ThreadSource)?,
        agent_nickname: get(row, Column::AgentNickname)?,
        agent_role: get(row, Column::AgentRole)?,
        agent_path: get(row, Column::AgentPath)?,
        model_provider: get(row, Column::ModelProvider)?,
        model: get(row, Column::Model)?,
        reasoning_effort: get(row, Column::ReasoningEffort)?,
        cwd: get(row, Column::Cwd)?,
        cli_version: get(row, Column::CliVersion)?,
        title: get(row, Column::Title)?,
        preview: get(row, Column::Preview)?,
        first_user_message: get(row, Column::FirstUserMessage)?,
        approval_mode: get(row, Column::ApprovalMode)?,
        sandbox_policy: get(row, Column::SandboxPolicy)?,
        tokens_used: get(row, Column::TokensUsed)?,
        archived_at: get::<Option<i64>>(row, Column::ArchivedAtMs)?.map(Millis),
        git_sha: get(row, Column::GitSha)?,
        git_branch: get(row, Column::GitBranch)?,
        git_origin_url: get(row, Column::GitOriginUrl)?,
        memory_mode: get(row, Column::MemoryMode)?,
        forked_from: get(row, Column::ForkedFrom)?,
        history_bytes: u64::try_from(get::<i64>(row, Column::HistoryBytes)?).unwrap_or(0),
    })
}

fn get<T: FromSql>(row: &Row<'_>, column: Column) -> rusqlite::Result<T> {
    row.get(column as usize)
}

/// The id in this column of a row of a result.
pub(super) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<ThreadId> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// What is in a column of a row of a result. What no row of ours holds, such as a BLOB, is given as
/// a text that says so.
pub(super) fn value(row: &Row<'_>, column: Column) -> rusqlite::Result<Value> {
    Ok(match row.get_ref(column as usize)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Real(number) => Value::Text(format!("(a real number, {number})")),
        ValueRef::Blob(blob) => Value::Text(format!("(a BLOB of {} bytes)", blob.len())),
    })
}
