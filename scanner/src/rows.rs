//! Reading rows of a snapshot: ranges of ids, searched for facts, and single rows, looked up by id.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB, Statement, StatementStatus};

use crate::ablation::{self, Ablation};
use crate::anchors::Picked;
use crate::error::ScanError;
use crate::facts::FactSet;
use crate::kept::Seen;
use crate::parse::{self, MarkerKind, Parsed};
use crate::proof::{self, Piece, corrupt};
use crate::signature::{BodyType, PREFIX_BYTES, Signature};
use crate::snapshot::Context;
use crate::tail::Tail;
use crate::whole::{SPILLS, is_doubtful};

/// The table and the column that hold what is searched.
pub(crate) const TABLE: &str = "logs";
pub(crate) const BODY: &str = "feedback_log_body";

/// Rows after which progress is reported.
const CHUNK_ROWS: u64 = 256;

/// What reading a range took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) rows: u64,
    pub(crate) body_bytes: u64,
    pub(crate) unrecognised: u64,
    pub(crate) tier_rows: u64,
}

impl std::ops::AddAssign for Read {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.body_bytes += other.body_bytes;
        self.unrecognised += other.unrecognised;
        self.tier_rows += other.tier_rows;
    }
}

/// Searches rows for facts, one range of ids after the other, through one connection.
pub(crate) struct Reader<'c> {
    context: Context<'c>,
    bodies: Statement<'c>,
    others: Statement<'c>,
    read: Read,
    picked: Picked,
    turn_rows: Seen,
    doubtful: bool,
    tail: Tail<'c>,
}

impl<'c> Reader<'c> {
    pub(crate) fn new(connection: &'c Connection, context: Context<'c>) -> Result<Self, ScanError> {
        let prepare = |sql: &str| {
            connection.prepare(sql).map_err(|error| ScanError::from_sqlite(context.path, error))
        };
        Ok(Self {
            context,
            // Only what tells facts from other rows: the columns behind the body cost a walk over
            // its overflow pages. An upper bound would be compared with every id once more.
            bodies: prepare(
                "SELECT id, target, feedback_log_body FROM logs WHERE id >= ?1 ORDER BY id",
            )?,
            others: prepare(
                "SELECT ts, ts_nanos, thread_id, process_uuid FROM logs WHERE id = ?1",
            )?,
            read: Read::default(),
            picked: Picked::default(),
            turn_rows: Seen::default(),
            doubtful: false,
            tail: Tail::new(connection),
        })
    }

    /// Adds the facts of the rows `from ..= to` to `facts`, and says where they begin and end.
    pub(crate) fn range(
        &mut self,
        from: i64,
        to: i64,
        facts: &Mutex<FactSet>,
    ) -> Result<Piece, ScanError> {
        let Context { path, control, ablated, .. } = self.context;
        let read = &mut self.read;
        let mut told = *read;
        let mut position = from;
        let mut piece = Piece::default();
        let mut least = from;
        let error = |error| ScanError::from_sqlite(path, error);
        let mut rows = self.bodies.query([from]).map_err(error)?;
        while let Some(row) = rows.next().map_err(error)? {
            control.check(path)?;
            let id: i64 = row.get(0).map_err(error)?;
            if id < least {
                return Err(corrupt(
                    path,
                    format!("row {id} is where a row from {least} on is expected"),
                ));
            }
            if id > to {
                piece.behind = Some(id);
                break;
            }
            least = id.saturating_add(1);
            if piece.first.is_none() {
                piece.first = Some(id);
            }
            piece.last = Some(id);
            read.rows += 1;
            self.picked.offer(id);
            if read.rows - told.rows >= CHUNK_ROWS {
                control.advance(
                    read.rows - told.rows,
                    read.body_bytes - told.body_bytes,
                    id - position,
                );
                (told, position) = (*read, id);
            }
            let body = match row.get_ref(2).map_err(error)? {
                ValueRef::Text(body) => body,
                ValueRef::Blob(body) if ablated.has(Ablation::RowBlob) => body,
                ValueRef::Null => continue,
                // Codex writes none, but a wrong record header may say so.
                _ => {
                    self.doubtful = true;
                    continue;
                }
            };
            read.body_bytes += body.len() as u64;
            let marked = parse::first_marker(body);
            let target = row.get_ref(1).map_err(error)?;
            if let Some(turn_row) = parse::turn_row(body, marked, bytes(target)) {
                self.turn_rows.add(id, &turn_row);
            }
            let Some(marked) = marked else {
                // Most rows are short and have no marker: nothing more is done for them.
                if body.len() >= SPILLS || bytes(target).is_none() {
                    self.doubtful |= is_doubtful(body, bytes(target), None, None);
                }
                continue;
            };
            read.tier_rows += u64::from(parse::tells_tier(body, marked, bytes(target)));
            let parsed = if ablated.is_empty() {
                parse::parse(body, marked, bytes(target))
            } else {
                ablation::parse(ablated, body, marked, bytes(target))
            };
            self.doubtful |= is_doubtful(body, bytes(target), Some(marked), Some(&parsed));
            if (marked.kind == MarkerKind::Tags || matches!(parsed, Parsed::Fact(_)))
                && !self.doubtful
            {
                let thread = parse::field(&body[..marked.start], b"thread_id");
                let target = bytes(target).unwrap_or_default();
                self.doubtful = self.tail.is_anothers(id, body, target, thread).map_err(error)?;
            }
            let fact = match parsed {
                Parsed::Nothing => continue,
                Parsed::Unrecognised => {
                    read.unrecognised += 1;
                    continue;
                }
                Parsed::Fact(fact) => fact,
            };
            let mut others = self.others.query([id]).map_err(error)?;
            let Some(columns) = others.next().map_err(error)? else {
                return Err(not_found(path, id));
            };
            let [ts, ts_nanos] = [0, 1].map(|column| columns.get_ref(column));
            let (ts, ts_nanos) = (ts.map_err(error)?, ts_nanos.map_err(error)?);
            // No program writes that, but a record header with one wrong bit says so of any whole
            // number.
            if matches!((ts, ts_nanos), (ValueRef::Blob(_), _) | (_, ValueRef::Blob(_))) {
                return Err(corrupt(path, format!("the time of row {id} is a BLOB")));
            }
            let signature = Signature::of(
                integer(ts),
                integer(ts_nanos),
                target,
                BodyType::Text,
                body.len() as u64,
                body,
            );
            let thread = fact.thread(text(columns.get_ref(2).map_err(error)?));
            let process = text(columns.get_ref(3).map_err(error)?);
            let mut facts = facts.lock().unwrap_or_else(PoisonError::into_inner);
            facts.push(id, signature, process, thread, &fact.says);
        }
        drop(rows);
        piece.first = piece.first.or(piece.behind);
        control.advance(
            read.rows - told.rows,
            read.body_bytes - told.body_bytes,
            to.saturating_add(1).saturating_sub(position),
        );
        Ok(piece)
    }

    /// Whether a row looked as if the file were damaged.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// The rows picked to recognise the database by.
    pub(crate) fn picked(&self) -> &Picked {
        &self.picked
    }

    /// The turn rows seen so far.
    pub(crate) fn turn_rows(&self) -> &Seen {
        &self.turn_rows
    }

    /// What was read so far.
    pub(crate) fn read(&self) -> Read {
        self.read
    }

    /// Virtual-machine steps so far.
    pub(crate) fn vm_steps(&self) -> u64 {
        steps(&self.bodies) + steps(&self.others)
    }
}

/// Looks up single rows by id, without reading a body's overflow pages.
pub(crate) struct Lookup<'c> {
    path: &'c Path,
    connection: &'c Connection,
    row: Statement<'c>,
    body: Option<rusqlite::blob::Blob<'c>>,
    rows: u64,
}

impl<'c> Lookup<'c> {
    pub(crate) fn new(connection: &'c Connection, path: &'c Path) -> Result<Self, ScanError> {
        // octet_length() and typeof() are answered from the row's header; length() of TEXT, CAST
        // and substr() would read the whole body.
        let row = connection
            .prepare(
                "SELECT ts, ts_nanos, target, typeof(feedback_log_body), \
                 octet_length(feedback_log_body) FROM logs WHERE id = ?1",
            )
            .map_err(|error| ScanError::from_sqlite(path, error))?;
        Ok(Self { path, connection, row, body: None, rows: 0 })
    }

    /// The signature of row `id`, if it is there.
    pub(crate) fn signature(&mut self, id: i64) -> Result<Option<Signature>, ScanError> {
        self.rows += 1;
        self.find(id).map_err(|error| ScanError::from_sqlite(self.path, error))
    }

    /// Fails if the row of this signature, which was not found, was not deleted either.
    pub(crate) fn gone(&self, id: i64, signature: &Signature) -> Result<(), ScanError> {
        proof::gone(self.path, self.connection, id, signature)
    }

    /// The signature of a row that was read in this snapshot.
    pub(crate) fn signature_of_read(&mut self, id: i64) -> Result<Signature, ScanError> {
        self.signature(id)?.ok_or_else(|| not_found(self.path, id))
    }

    fn find(&mut self, id: i64) -> rusqlite::Result<Option<Signature>> {
        let mut rows = self.row.query([id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let body_type = match text(row.get_ref(3)?) {
            Some("text") => BodyType::Text,
            Some("blob") => BodyType::Blob,
            Some("null") => BodyType::Null,
            _ => BodyType::Number,
        };
        let body_bytes = integer(row.get_ref(4)?).cast_unsigned();
        let mut buffer = [0; PREFIX_BYTES];
        let wanted =
            usize::try_from(body_bytes).map_or(PREFIX_BYTES, |length| length.min(PREFIX_BYTES));
        if matches!(body_type, BodyType::Text | BodyType::Blob) && wanted > 0 {
            let body = match &mut self.body {
                Some(body) => {
                    body.reopen(id)?;
                    body
                }
                empty => empty.insert(self.connection.blob_open(MAIN_DB, TABLE, BODY, id, true)?),
            };
            body.read_at_exact(&mut buffer[..wanted], 0)?;
        }
        Ok(Some(Signature::of(
            integer(row.get_ref(0)?),
            integer(row.get_ref(1)?),
            row.get_ref(2)?,
            body_type,
            body_bytes,
            &buffer[..wanted],
        )))
    }

    /// The id of the first row at or above `id`.
    pub(crate) fn at_or_above(&self, id: i64) -> Result<Option<i64>, ScanError> {
        use rusqlite::OptionalExtension as _;
        self.connection
            .query_row("SELECT id FROM logs WHERE id >= ?1 ORDER BY id LIMIT 1", [id], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|error| ScanError::from_sqlite(self.path, error))
    }

    /// Rows looked up so far, whether they were there or not.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Virtual-machine steps so far.
    pub(crate) fn vm_steps(&self) -> u64 {
        steps(&self.row)
    }
}

/// Within one snapshot only a damaged tree leads to a row in order and not by its id.
fn not_found(path: &Path, id: i64) -> ScanError {
    corrupt(path, format!("row {id} is not where its id says"))
}

fn steps(statement: &Statement<'_>) -> u64 {
    u64::try_from(statement.get_status(StatementStatus::VmStep)).unwrap_or(0)
}

/// The bytes of a text value.
fn bytes(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(text) => Some(text),
        _ => None,
    }
}

/// A text value that is valid UTF-8.
pub(crate) fn text(value: ValueRef<'_>) -> Option<&str> {
    bytes(value).and_then(|text| str::from_utf8(text).ok())
}

/// An integer; a column declared INTEGER holds something else only if a foreign hand put it there,
/// and that is 0.
fn integer(value: ValueRef<'_>) -> i64 {
    match value {
        ValueRef::Integer(value) => value,
        _ => 0,
    }
}
