//! Lists of rows with a text in them: the newest in their order, and if that does not find enough,
//! all of them in any.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use aho_corasick::AhoCorasick;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::{ListQuery, Statement, index, read};
use crate::threads::column::Column;
use crate::threads::id::ThreadId;
use crate::threads::rows::{self, COLUMNS, ThreadRow};

/// After so many rows in the order of a list it is quicker to look through the table as it lies on
/// the disk. A text that is not rare has filled a page by then.
const IN_ORDER: usize = 4000;

/// A text that is looked for. Letters of ASCII match in either case.
pub(super) struct Text(AhoCorasick);

impl Text {
    pub(super) fn new(text: &str) -> rusqlite::Result<Self> {
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build([text])
            .map(Self)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }

    /// Whether it is in a title, or in a preview, which is the same mostly.
    fn is_in(&self, title: &[u8], preview: &[u8]) -> bool {
        self.0.is_match(title) || preview != title && self.0.is_match(preview)
    }
}

/// The rows of a page, and one more if there is one.
pub(super) fn search(
    connection: &Connection,
    query: &ListQuery,
    text: &Text,
) -> rusqlite::Result<Vec<ThreadRow>> {
    let in_order = Statement::in_order(query, &COLUMNS, &index(connection, query)?);
    let found = in_order.rows(connection, |found| {
        let (mut rows, mut looked_at) = (Vec::new(), 0);
        while let Some(row) = found.next()? {
            if looked_at == IN_ORDER {
                return Ok(None);
            }
            looked_at += 1;
            if text
                .is_in(bytes(row, Column::Title as usize)?, bytes(row, Column::Preview as usize)?)
            {
                rows.push(rows::row(row)?);
                if rows.len() > query.limit {
                    break;
                }
            }
        }
        Ok(Some(rows))
    })?;
    match found {
        Some(rows) => Ok(rows),
        None => read(connection, newest(connection, query, text)?),
    }
}

/// The ids of those rows, from the whole table as it lies on the disk.
fn newest(
    connection: &Connection,
    query: &ListQuery,
    text: &Text,
) -> rusqlite::Result<Vec<ThreadId>> {
    let columns = format!("{}, id, title, preview", query.order.column().name());
    let anywhere = Statement::of(query, &columns, "NOT INDEXED");
    let newest = anywhere.rows(connection, |found| {
        // The oldest of those kept is on top.
        let mut newest: BinaryHeap<Reverse<(i64, ThreadId)>> = BinaryHeap::new();
        while let Some(row) = found.next()? {
            if text.is_in(bytes(row, 2)?, bytes(row, 3)?) {
                newest.push(Reverse((row.get(0)?, rows::id(row, 1)?)));
                if newest.len() > query.limit.saturating_add(1) {
                    newest.pop();
                }
            }
        }
        Ok(newest)
    })?;
    // Sorted upwards, reversed as they are, the newest comes first.
    Ok(newest.into_sorted_vec().into_iter().map(|Reverse((_, id))| id).collect())
}

/// A text as its bytes; no text has no bytes.
fn bytes<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r [u8]> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(text) => text,
        _ => &[],
    })
}
