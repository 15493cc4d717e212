//! The trace log on real files: bodies as bytes, maintenance, padding, and typed errors.

use std::time::Duration;

use rusqlite::Connection;
use tracerig_store::{Body, Durability, Error, LogOptions, LogRow, Pruning, Retention, TraceLog};

fn text<'a>(ts: i64, body: &'a [u8]) -> LogRow<'a> {
    LogRow {
        ts,
        target: "log",
        body: Body::Text(body),
        process_uuid: Some("p"),
        ..LogRow::default()
    }
}

#[test]
fn bodies_keep_their_storage_class_and_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TraceLog::open(folder.path().join("logs")).unwrap();
    let odd = b"a\0b\xff\xfe";
    log.insert_batch(&[
        text(1, odd),
        LogRow { body: Body::Blob(odd), ..text(1, b"") },
        LogRow { body: Body::Null, ..text(1, b"") },
    ])
    .unwrap();
    let reader = Connection::open(log.path()).unwrap();
    let mut statement = reader
        .prepare(
            "SELECT typeof(feedback_log_body), CAST(feedback_log_body AS BLOB), \
                  estimated_bytes FROM logs ORDER BY id",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let rows: Vec<(String, Option<Vec<u8>>, i64)> = rows.map(Result::unwrap).collect();
    let expected =
        [("text", Some(odd.to_vec()), 12), ("blob", Some(odd.to_vec()), 12), ("null", None, 7)];
    assert_eq!(rows, expected.map(|(kind, body, bytes)| (kind.to_owned(), body, bytes)));
}

#[test]
fn a_batch_of_any_length_stands_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TraceLog::open(folder.path().join("logs")).unwrap();
    let mut due = Vec::new();
    for length in [1, 15, 16, 17, 40, 128] {
        let bodies: Vec<String> = (0..length).map(|at| format!("{at} of {length}")).collect();
        let rows: Vec<LogRow<'_>> = bodies.iter().map(|body| text(1, body.as_bytes())).collect();
        let outcome = log.insert_batch(&rows).unwrap();
        assert_eq!((outcome.first_id, outcome.inserted), (due.len() as i64 + 1, length));
        due.extend(bodies);
        assert_eq!(outcome.last_id, due.len() as i64);
    }
    let reader = Connection::open(log.path()).unwrap();
    let mut statement = reader.prepare("SELECT feedback_log_body FROM logs ORDER BY id").unwrap();
    let found = statement.query_map([], |row| row.get(0)).unwrap();
    assert_eq!(found.collect::<Result<Vec<String>, _>>().unwrap(), due);
}

#[test]
fn a_new_log_is_a_wal_database() {
    let folder = tempfile::tempdir().unwrap();
    let log = TraceLog::open(folder.path().join("logs")).unwrap();
    let reader = Connection::open(log.path()).unwrap();
    let mode: String = reader.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn start_up_deletes_what_is_older_than_ten_days_and_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TraceLog::open(folder.path().join("logs")).unwrap();
    let now = 1_780_000_000;
    log.insert_batch(&[
        text(now - 864_001, b"old"),
        text(now - 864_000, b"just not"),
        text(now, b"new"),
    ])
    .unwrap();
    let outcome = log.start_up(now).unwrap();
    assert_eq!(outcome.pruned, 1);
    assert!(
        outcome.checkpoint.frames > 0 && outcome.checkpoint.copied == outcome.checkpoint.frames,
        "{outcome:?}"
    );
    assert_eq!(log.newest().unwrap(), Some((3, now)));
}

#[test]
fn ids_are_never_reused_and_the_sequence_only_rises() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TraceLog::open(folder.path().join("logs")).unwrap();
    log.raise_sequence(10).unwrap();
    assert_eq!(log.insert_batch(&[text(1, b"")]).unwrap().first_id, 11);
    log.prune_older_than(2).unwrap();
    assert_eq!(log.insert_batch(&[text(5, b"")]).unwrap().first_id, 12);
    log.raise_sequence(1_000_000).unwrap();
    assert_eq!(log.insert_batch(&[text(5, b"")]).unwrap().first_id, 1_000_001);
    let error = log.raise_sequence(1_000_000).unwrap_err();
    assert!(
        matches!(error, Error::SequenceBackwards { current: 1_000_001, asked: 1_000_000, .. }),
        "{error}"
    );
}

#[test]
fn vacuuming_by_steps_gives_back_as_many_pages_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TraceLog::open(folder.path().join("logs")).unwrap();
    let body = vec![b'x'; 40_000];
    log.insert_batch(&[text(1, &body), text(1, &body), text(9, b"stays")]).unwrap();
    log.prune_older_than(5).unwrap();
    let (pages, free) = log.pages().unwrap();
    assert!(free >= 18, "{free}");
    assert_eq!(log.incremental_vacuum(0).unwrap(), 0);
    assert_eq!(log.incremental_vacuum(5).unwrap(), 5);
    assert_eq!(log.pages().unwrap(), (pages - 5, free - 5));
    log.vacuum().unwrap();
    assert_eq!(log.pages().unwrap().1, 0);
    assert_eq!(log.newest().unwrap(), Some((3, 9)));
}

#[test]
fn bulk_loading_leaves_one_wal_file_of_exactly_the_size_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs");
    let options = LogOptions {
        durability: Durability::None,
        pruning: Pruning::Ledger,
        ..LogOptions::default()
    };
    for pages in [40, 41, 900, 2500] {
        let _ = std::fs::remove_file(&path);
        let mut log = TraceLog::open_with(&path, options).unwrap();
        log.insert_batch(&[text(1, b"kept")]).unwrap();
        assert_eq!(log.pad_with_free_pages(pages).unwrap(), pages);
        log.finish_bulk().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), pages * 4096);
        let names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["logs"], "nothing stays beside the database");
        assert_eq!(&std::fs::read(&path).unwrap()[18..20], [2, 2], "the header says WAL");
        let reader = Connection::open(&path).unwrap();
        let check: String =
            reader.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
    }
}

#[test]
fn batches_that_share_a_transaction_give_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str, batches_per_commit| {
        let path = folder.path().join(name);
        let retention = Retention { rows: 7, bytes: 1 << 20 };
        let options = LogOptions {
            durability: Durability::None,
            batches_per_commit,
            retention,
            ..LogOptions::default()
        };
        let mut log = TraceLog::open_with(&path, options).unwrap();
        let outcomes: Vec<_> = (0..10)
            .map(|ts| log.insert_batch(&[text(ts, b"a"), text(ts, b"b")]).unwrap())
            .collect();
        // Neither vacuuming nor padding may meet an open transaction.
        log.vacuum().unwrap();
        log.insert_batch(&[text(11, b"c")]).unwrap();
        log.pad_with_free_pages(60).unwrap();
        log.insert_batch(&[text(12, b"d")]).unwrap();
        log.finish_bulk().unwrap();
        let reader = Connection::open(&path).unwrap();
        let mut statement = reader.prepare("SELECT id, ts FROM logs").unwrap();
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
        (outcomes, rows.unwrap().map(Result::unwrap).collect::<Vec<_>>())
    };
    let alone = load("alone", 1);
    assert_eq!(alone.1.len(), 7);
    assert_eq!(load("shared", 4), alone);
    assert_eq!(load("all", u32::MAX), alone);
}

#[test]
fn errors_are_typed_and_name_path_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs");
    let existing =
        LogOptions { create: false, busy_timeout: Duration::ZERO, ..LogOptions::default() };
    let missing = TraceLog::open_with(&path, existing).unwrap_err();
    assert!(
        matches!(missing, Error::Missing { .. }) && missing.to_string().contains("logs: "),
        "{missing}"
    );
    let no_folder = TraceLog::open(folder.path().join("no/logs")).unwrap_err();
    assert!(matches!(no_folder, Error::Missing { .. }), "{no_folder}");

    std::fs::write(&path, vec![b'?'; 8192]).unwrap();
    let foreign = TraceLog::open(&path).unwrap_err();
    assert!(matches!(foreign, Error::NotADatabase { .. }), "{foreign}");
    std::fs::remove_file(&path).unwrap();

    let mut log = TraceLog::open_with(&path, LogOptions { create: true, ..existing }).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = log.insert_batch(&[text(1, b"x")]).unwrap_err();
    assert!(
        matches!(locked, Error::Locked { .. }) && locked.to_string().contains("timeout"),
        "{locked}"
    );
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(
        log.insert_batch(&[text(1, b"x")]).unwrap().first_id,
        1,
        "the failed batch left nothing"
    );

    // A limit on the pages is in for a full disk.
    other.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop((log, other));
    let mut bytes = std::fs::read(&path).unwrap();
    for at in (4096..bytes.len()).step_by(512) {
        bytes[at] = 0xee;
    }
    std::fs::write(&path, bytes).unwrap();
    let corrupt = TraceLog::open_with(&path, existing)
        .and_then(|mut log| log.insert_batch(&[text(1, b"x")]))
        .unwrap_err();
    assert!(matches!(corrupt, Error::Corrupt { .. }), "{corrupt}");
}
