//! Lists of rows, newest first, a page at a time.

mod text;

use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, ToSql};

use super::column::Column;
use super::database::DatabaseError;
use super::id::ThreadId;
use super::rows::{self, Rows, ThreadRow};
use super::time::Millis;

/// The time that a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// When threads were created.
    Created,
    /// When their last line was written.
    #[default]
    Updated,
    /// When their last turn began.
    Recency,
}

impl Order {
    fn column(self) -> Column {
        match self {
            Self::Created => Column::CreatedAtMs,
            Self::Updated => Column::UpdatedAtMs,
            Self::Recency => Column::RecencyAtMs,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Recency => "recency",
        }
    }

    fn of(self, row: &ThreadRow) -> Millis {
        match self {
            Self::Created => row.created_at,
            Self::Updated => row.updated_at,
            Self::Recency => row.recency_at,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// The newest by this time first; of several at the same time, the one with the largest id.
    pub order: Order,
    /// Only threads that are archived, or only those that are not.
    pub archived: bool,
    /// Only threads with this source.
    pub source: Option<String>,
    /// Only threads with this provider of models.
    pub provider: Option<String>,
    /// Only threads with this working folder.
    pub cwd: Option<String>,
    /// Only threads with this text in title or preview. Letters of ASCII match in either case.
    pub text: Option<String>,
    /// How many rows at most.
    pub limit: usize,
    /// Only what comes after this place, which an earlier page gave.
    pub after: Option<Cursor>,
}

impl Default for ListQuery {
    /// The 50 last updated of all threads that are not archived.
    fn default() -> Self {
        Self {
            order: Order::default(),
            archived: false,
            source: None,
            provider: None,
            cwd: None,
            text: None,
            limit: 50,
            after: None,
        }
    }
}

/// Some rows of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The rows, newest first.
    pub rows: Vec<ThreadRow>,
    /// Where the next page begins; `None` when there are no more rows.
    pub next: Option<Cursor>,
}

/// A place in a list, between two rows. As text it is made for being given back, not for being
/// read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    order: Order,
    at: Millis,
    id: ThreadId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.order, self.at.0, self.id)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let parse = || {
            let mut parts = text.splitn(3, '.');
            let name = parts.next()?;
            let order = [Order::Created, Order::Updated, Order::Recency]
                .into_iter()
                .find(|o| o.name() == name)?;
            let at = Millis(parts.next()?.parse().ok()?);
            Some(Self { order, at, id: parts.next()?.parse().ok()? })
        };
        // One text for each place, so that no other is taken.
        parse()
            .filter(|cursor| cursor.to_string() == text)
            .ok_or_else(|| CursorError::Unknown { text: text.chars().take(80).collect() })
    }
}

/// A cursor that is useless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// No list gave this.
    #[error("`{text}` is no cursor; take the one that the page before gave, as it is")]
    Unknown {
        /// The beginning of the text.
        text: String,
    },
    /// It is a place in a list by another time.
    #[error(
        "the cursor is one of a list by {cursor} time, this list is by {list} time; ask for the \
         same order, or begin anew"
    )]
    OtherOrder {
        /// The order that it is of.
        cursor: Order,
        /// The order asked for.
        list: Order,
    },
}

/// Why there is no list.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The cursor cannot be used.
    #[error(transparent)]
    Cursor(#[from] CursorError),
}

/// Up to how many rows of a filter's own index are collected and sorted. Where there are more, the
/// index of the time is read in its order instead: among fifty thousand rows it then meets a page
/// of fifty within as many steps.
const FEW: u32 = 1500;

impl Rows {
    /// A page of rows.
    ///
    /// # Errors
    /// [`ListError::Cursor`] for a cursor of another order, [`ListError::Database`] for whatever
    /// keeps the database from being read.
    pub fn list(&self, query: &ListQuery) -> Result<Page, ListError> {
        if let Some(cursor) = query.after
            && cursor.order != query.order
        {
            return Err(CursorError::OtherOrder { cursor: cursor.order, list: query.order }.into());
        }
        Ok(self.query(|connection| page(connection, query))?)
    }
}

fn page(connection: &Connection, query: &ListQuery) -> rusqlite::Result<Page> {
    // All of a page is of one moment.
    let transaction = connection.unchecked_transaction()?;
    let rows = match query.text.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => text::search(&transaction, query, &text::Text::new(text)?)?,
        None => {
            // Where rows must be sorted, only what they are sorted by is.
            let columns = format!("{}, id", query.order.column().name());
            let statement = Statement::in_order(query, &columns, &index(&transaction, query)?);
            let ids = statement.rows(&transaction, |found| {
                let mut ids = Vec::new();
                while let Some(row) = found.next()? {
                    ids.push(rows::id(row, 1)?);
                }
                Ok(ids)
            })?;
            read(&transaction, ids)?
        }
    };
    Ok(Page::of(rows, query))
}

/// The rows of these threads.
fn read(connection: &Connection, ids: Vec<ThreadId>) -> rusqlite::Result<Vec<ThreadRow>> {
    ids.into_iter().filter_map(|id| rows::read(connection, id).transpose()).collect()
}

impl Page {
    /// The page of these rows, of which there may be one more than asked for, to tell that there is
    /// more.
    fn of(mut rows: Vec<ThreadRow>, query: &ListQuery) -> Self {
        let is_more = rows.len() > query.limit;
        rows.truncate(query.limit);
        let last = rows.last().filter(|_| is_more);
        let next =
            last.map(|last| Cursor { order: query.order, at: query.order.of(last), id: last.id });
        Self { rows, next }
    }
}

/// The filters by a value, each with its index.
fn filters(query: &ListQuery) -> impl Iterator<Item = (Column, &String)> {
    [
        (Column::Cwd, &query.cwd),
        (Column::Source, &query.source),
        (Column::ModelProvider, &query.provider),
    ]
    .into_iter()
    .filter_map(|(column, value)| value.as_ref().map(|value| (column, value)))
}

/// The index to read. SQLite, which knows nothing of how many rows have a value, would take that of
/// a filter even if they all have it, and sort them.
fn index(connection: &Connection, query: &ListQuery) -> rusqlite::Result<String> {
    for (column, value) in filters(query) {
        let index = format!("idx_threads_{}", column.name());
        let count = format!(
            "SELECT count(*) FROM (SELECT 1 FROM threads INDEXED BY {index} WHERE {} = ? LIMIT \
             {FEW})",
            column.name()
        );
        let count: u32 = connection.prepare_cached(&count)?.query_row([value], |row| row.get(0))?;
        if count < FEW {
            return Ok(index);
        }
    }
    let archived = if query.archived { "archived_" } else { "" };
    Ok(format!("idx_threads_{archived}{}", query.order))
}

struct Statement<'q> {
    sql: String,
    values: Vec<&'q dyn ToSql>,
}

impl<'q> Statement<'q> {
    /// Rows in the order of the list, from an index.
    fn in_order(query: &'q ListQuery, columns: &str, index: &str) -> Self {
        let mut statement = Self::of(query, columns, &format!("INDEXED BY {index}"));
        statement.sql.push_str(&format!(" ORDER BY {} DESC, id DESC", query.order.column().name()));
        // A text is looked for row by row, until there are enough.
        if query.text.as_ref().is_none_or(String::is_empty) {
            statement.sql.push_str(&format!(" LIMIT {}", query.limit.saturating_add(1)));
        }
        statement
    }

    /// What the query asks of the columns that SQLite compares, in any order.
    fn of(query: &'q ListQuery, columns: &str, from: &str) -> Self {
        let not = if query.archived { "NOT " } else { "" };
        let mut sql =
            format!("SELECT {columns} FROM threads {from} WHERE archived_at_ms IS {not}NULL");
        let mut values: Vec<&dyn ToSql> = Vec::new();
        for (column, value) in filters(query) {
            sql.push_str(&format!(" AND {} = ?", column.name()));
            values.push(value);
        }
        if let Some(cursor) = &query.after {
            sql.push_str(&format!(" AND ({}, id) < (?, ?)", query.order.column().name()));
            values.extend([&cursor.at as &dyn ToSql, &cursor.id]);
        }
        Self { sql, values }
    }

    fn rows<T>(
        &self,
        connection: &Connection,
        read: impl FnOnce(&mut rusqlite::Rows<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        read(&mut connection.prepare_cached(&self.sql)?.query(self.values.as_slice())?)
    }
}

#[cfg(test)]
mod tests;
