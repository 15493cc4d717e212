//! Proof that every row was read: pieces that join, a second count from an index, and SQLite's own
//! check where a row looks damaged.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _};

use crate::error::ScanError;
use crate::memo::Memo;
use crate::signature::Signature;
use crate::snapshot::Context;

/// The index that Codex keeps over the times of rows.
const INDEX: &str = "idx_logs_ts";

/// How long counting the entries of an index may take at least; longer if reading the rows took
/// long.
const COUNT_LIMIT: Duration = Duration::from_secs(5);

/// Where the rows of one range of ids begin and where the next ones do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The first row at or above the beginning of the range, in it or behind it.
    pub(crate) first: Option<i64>,
    /// The last row in the range.
    pub(crate) last: Option<i64>,
    /// The first row behind the range.
    pub(crate) behind: Option<i64>,
}

/// Fails unless `pieces`, in the order of their ranges, are all rows from `first` to `last`.
///
/// A piece ends with the row that the next one begins with: a wrong page pointer or key that leads
/// one walk elsewhere would have to lead the other to the same row.
pub(crate) fn joined(
    path: &Path,
    pieces: &[Piece],
    first: Option<i64>,
    last: i64,
) -> Result<(), ScanError> {
    let mut due = first.or_else(|| pieces.first().and_then(|piece| piece.first));
    for piece in pieces {
        if piece.first != due {
            return Err(corrupt(
                path,
                format!("row {} is not found from its id", shown(due.max(piece.first))),
            ));
        }
        due = piece.behind;
    }
    let end = pieces.iter().filter_map(|piece| piece.last).max();
    if due.is_some() || end != Some(last) {
        return Err(corrupt(
            path,
            format!("the last row is {} and not {last}", shown(due.or(end))),
        ));
    }
    Ok(())
}

fn shown(id: Option<i64>) -> String {
    id.map_or_else(|| "none".to_owned(), |id| id.to_string())
}

/// The error that the structure of the file is wrong.
pub(crate) fn corrupt(path: &Path, detail: String) -> ScanError {
    ScanError::Corrupt { path: path.to_owned(), detail }
}

/// Fails unless an index has as many `entries` as `rows` were read, if there is one.
///
/// A page that lost cells keeps its rows in order; only another count tells.
pub(crate) fn counted(path: &Path, rows: u64, entries: Option<u64>) -> Result<(), ScanError> {
    match entries {
        Some(entries) if entries != rows => {
            Err(corrupt(path, format!("{rows} rows are found, and {entries} in an index")))
        }
        _ => Ok(()),
    }
}

/// How many entries an index of all rows has; `None` if there is no such index. `took` is how long
/// reading the rows took.
pub(crate) fn entries(
    context: Context<'_>,
    connection: &Connection,
    took: Duration,
) -> Result<Option<u64>, ScanError> {
    let sqlite = |error| ScanError::from_sqlite(context.path, error);
    let is_indexed = connection
        .query_row("SELECT 1 FROM pragma_index_list('logs') WHERE NOT partial LIMIT 1", [], |_| {
            Ok(())
        })
        .optional()
        .map_err(sqlite)?;
    if is_indexed.is_none() {
        return Ok(None);
    }
    // SQLite counts in the smallest index there is, page by page.
    let count = interrupted_after(context, connection, COUNT_LIMIT.max(took * 10), || {
        connection.query_row("SELECT count(*) FROM logs", [], |row| row.get::<_, i64>(0))
    });
    match count {
        Ok(count) => Ok(Some(count.cast_unsigned())),
        // The pages of an index may lead to each other so that there is no end to them.
        Err(rusqlite::Error::SqliteFailure(failure, _))
            if failure.code == ErrorCode::OperationInterrupted
                && !context.control.is_cancelled() =>
        {
            sound(context.path, connection)?;
            Err(corrupt(context.path, "an index does not end".to_owned()))
        }
        Err(error) => Err(sqlite(error)),
    }
}

/// Does `work`, and interrupts the statements of `connection` once the scan is cancelled or the
/// time is over: SQLite asks nobody while it counts.
fn interrupted_after<T>(
    context: Context<'_>,
    connection: &Connection,
    limit: Duration,
    work: impl FnOnce() -> T,
) -> T {
    const LOOK: Duration = Duration::from_millis(20);
    let (control, handle) = (context.control, connection.get_interrupt_handle());
    std::thread::scope(|scope| {
        let (working, ended) = mpsc::channel::<()>();
        let watch = move || {
            let start = Instant::now();
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if control.is_cancelled() || start.elapsed() > limit {
                    handle.interrupt();
                }
            }
        };
        // Where the system starts no more threads, the count takes as long as it takes.
        let _ = std::thread::Builder::new().spawn_scoped(scope, watch);
        let done = work();
        drop(working);
        done
    })
}

/// Fails unless SQLite's quick check finds nothing wrong with the file: every page in one place,
/// every chain whole.
pub(crate) fn sound(path: &Path, connection: &Connection) -> Result<(), ScanError> {
    let check = || {
        // Constraints are code of the schema.
        connection.pragma_update(None, "ignore_check_constraints", true)?;
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
    };
    let found = check().map_err(|error| ScanError::from_sqlite(path, error))?;
    if found == "ok" { Ok(()) } else { Err(corrupt(path, found.replace('\n', " "))) }
}

/// Fails if the row `id`, which is not found any more, still has its entry in the index: then it
/// was not deleted.
pub(crate) fn gone(
    path: &Path,
    connection: &Connection,
    id: i64,
    signature: &Signature,
) -> Result<(), ScanError> {
    let sql = format!(
        "SELECT 1 FROM logs INDEXED BY {INDEX} WHERE ts = ?1 AND ts_nanos = ?2 AND id = ?3 LIMIT 1"
    );
    match ask(path, connection, &sql, [signature.ts, signature.ts_nanos, id])? {
        Some(_) => Err(corrupt(path, format!("row {id} is in an index and not in its table"))),
        None => Ok(()),
    }
}

/// Fails if the index has more rows above the cursor of `memo` than the `rows` that were read, as
/// far as their times do not lie before that of the row at the cursor: a look at few entries, which
/// finds rows that a page lost.
pub(crate) fn none_missed(
    path: &Path,
    connection: &Connection,
    memo: &Memo,
    rows: u64,
) -> Result<(), ScanError> {
    // The row was just found in the table.
    let Some(last) = memo.anchors.last().filter(|anchor| anchor.id == memo.cursor) else {
        return Ok(());
    };
    let sql = format!("SELECT count(*) FROM logs INDEXED BY {INDEX} WHERE ts >= ?1 AND id >= ?2");
    match ask(path, connection, &sql, [last.signature.ts, last.id])?.map(i64::cast_unsigned) {
        Some(count) if count > rows + 1 => {
            Err(corrupt(path, format!("{rows} new rows are found, and {} in an index", count - 1)))
        }
        // The index does not even find the row at the cursor, so it proves nothing.
        Some(0) => sound(path, connection),
        _ => Ok(()),
    }
}

/// A number that the index tells; `None` if there is no such index.
fn ask<const N: usize>(
    path: &Path,
    connection: &Connection,
    sql: &str,
    values: [i64; N],
) -> Result<Option<i64>, ScanError> {
    let mut statement = match connection.prepare_cached(sql) {
        Ok(statement) => statement,
        Err(rusqlite::Error::SqliteFailure(failure, _)) if failure.code == ErrorCode::Unknown => {
            return Ok(None);
        }
        Err(error) => return Err(ScanError::from_sqlite(path, error)),
    };
    statement
        .query_row(rusqlite::params_from_iter(values), |row| row.get(0))
        .optional()
        .map_err(|error| ScanError::from_sqlite(path, error))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ablation::Ablations;
    use crate::control::Control;
    use crate::identity::FileSystemIdentity;

    const NOWHERE: &str = "x";

    #[test]
    fn counting_ends_when_its_time_is_over_or_the_scan_is_cancelled() {
        const ENDLESS: &str = "WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) \
                               SELECT count(*) FROM r";
        let connection = Connection::open_in_memory().unwrap();
        for (is_cancelled, limit) in
            [(false, Duration::from_millis(30)), (true, Duration::from_secs(3600))]
        {
            let control = Arc::new(Control::default());
            if is_cancelled {
                control.cancel();
            }
            let context = Context {
                path: Path::new(NOWHERE),
                busy_timeout: Duration::ZERO,
                identity: &FileSystemIdentity,
                probe: None,
                control: &control,
                ablated: Ablations::NONE,
            };
            let ask = || connection.query_row(ENDLESS, [], |_| Ok(()));
            let ended = interrupted_after(context, &connection, limit, ask);
            let is_interrupted = ended.is_err_and(|error| {
                error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
            });
            assert!(is_interrupted);
        }
    }

    #[test]
    fn pieces_join_only_where_one_ends_with_the_row_that_the_next_begins_with() {
        let piece = |first, last, behind| Piece { first: Some(first), last, behind };
        let (first, gap, last) =
            (piece(1, Some(9), Some(25)), piece(25, None, Some(25)), piece(25, Some(30), None));
        let check = |pieces: &[Piece], end| joined(Path::new(NOWHERE), pieces, Some(1), end);
        assert!(check(&[first, gap, last], 30).is_ok());
        for (wrong, end) in [
            (&[first, gap, last][..], 31),
            (&[first, gap, piece(26, Some(30), None)], 30),
            (&[piece(1, Some(9), Some(24)), gap, last], 30),
            (&[piece(2, Some(9), Some(25)), gap, last], 30),
            (&[first, gap, piece(25, Some(30), Some(31))], 30),
            (&[first, gap], 9),
            (&[], 1),
        ] {
            assert!(matches!(check(wrong, end), Err(ScanError::Corrupt { .. })), "{wrong:?}");
        }
    }
}
