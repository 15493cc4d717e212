//! A small trace database with rows of every kind.

use std::fs;
use std::path::Path;

use tracerig_store::{TraceLog, schema};

use super::place;
use tracerig_differential::trace::{EPOCH, RowKind, RowSpec};

/// Rows with a body of several pages stand among the others.
const LONG_EVERY: usize = 9;

/// The bytes of the database, without a write-ahead log.
pub(super) fn database() -> Vec<u8> {
    let folder = place::new();
    let path = folder.path().join(schema::FILE_NAME);
    write(&path);
    fs::read(&path).expect("the database is read")
}

fn write(path: &Path) {
    let mut log = TraceLog::open(path).expect("a database is made");
    let kinds = RowKind::all().chain(RowKind::all()).chain([RowKind::TurnTags; 8]);
    let rows: Vec<_> = (1i64..)
        .zip(kinds)
        .map(|(serial, kind)| {
            let number = serial as usize;
            let row = RowSpec {
                kind,
                turn: number as u8 % 8,
                thread: Some(number as u8 % 3),
                in_column: !number.is_multiple_of(5),
                process: Some(number as u8 % 2),
                model: Some(number as u8 % 4),
                at: serial,
                long: number.is_multiple_of(LONG_EVERY),
            };
            row.build(serial + EPOCH)
        })
        .collect();
    let rows: Vec<_> = rows.iter().map(tracerig_store::OwnedRow::as_row).collect();
    log.insert_batch(&rows).expect("rows are written");
    log.checkpoint_passive().expect("the log is folded in");
}
