//! Databases that lie about their rows, whose schema runs code, or that have something else than
//! files beside them.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tracerig_published::trace as published;
use tracerig_scanner::{Options, Request, ScanError, Scanner, Window};

use super::foreign::pipe;
use crate::common::trace::{Trace, assert_scan, way};

/// The columns that a scan reads, as a foreign hand may declare them.
const COLUMNS: &str = "id, ts, ts_nanos, target, feedback_log_body, thread_id, process_uuid";

/// A database of `count` turns, one a leaf page, without a write-ahead log. Its ids rise by two.
fn turns(count: i64) -> Trace {
    let mut trace = Trace::new();
    for turn in 1..=count {
        trace.append(&format!(
            "request turn={turn} model=1 at={turn} long | noise turn=0 at={turn} long"
        ));
    }
    trace.close();
    trace
}

fn scan(path: &Path, connections: usize) -> Result<tracerig_scanner::Scan, ScanError> {
    let connections = connections.try_into().unwrap();
    Scanner::new(path, Options { connections, large_from_bytes: 0, ..Options::default() })
        .scan(&Request::default())
}

/// Offsets of every cell of the table `logs` on its leaf pages: of the page and of the cell.
fn leaf_cells(bytes: &[u8]) -> Vec<(usize, usize)> {
    let two = |at: usize| usize::from(bytes[at]) << 8 | usize::from(bytes[at + 1]);
    let leaves = (4096..bytes.len()).step_by(4096).filter(|&page| bytes[page] == 13);
    leaves
        .flat_map(|page| {
            (0..two(page + 3)).map(move |cell| (page, page + two(page + 8 + 2 * cell)))
        })
        // Rows of `logs` are the only ones of this size.
        .filter(|&(_, cell)| bytes[cell] >= 0x80)
        .collect()
}

/// `rowid.sqlite`: three turns of thirty are behind a row whose id has one wrong bit, and were not
/// found.
#[test]
fn rowid_one_flipped_bit_of_a_row_id_loses_no_turn() {
    let trace = turns(30);
    let sound = std::fs::read(trace.path()).unwrap();
    assert_eq!(trace.relaunch().turns.len(), 30);
    let memo = std::fs::read(trace.memo()).unwrap();
    let cells = leaf_cells(&sound);
    assert_eq!(cells.len(), 60);
    for (_, cell) in cells {
        for bit in 0..7 {
            let mut bytes = sound.clone();
            // The record's size takes two bytes.
            bytes[cell + 2] ^= 1 << bit;
            std::fs::write(trace.path(), bytes).unwrap();
            for connections in [1, 2] {
                match scan(&trace.path(), connections) {
                    Ok(scan) => assert_eq!(scan.turns.len(), 30, "cell {cell}, bit {bit}"),
                    Err(ScanError::Corrupt { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            std::fs::write(trace.memo(), &memo).unwrap();
            match trace.try_relaunch(&Request::default()) {
                Ok(scan) => {
                    assert_eq!(scan.turns.len(), 30, "cell {cell}, bit {bit}: {}", way(&scan));
                }
                Err(error) => assert!(matches!(error, ScanError::Corrupt { .. }), "{error}"),
            }
        }
    }
}

/// A page that lost its last cells keeps the others in order. Only the index has them all.
#[test]
fn a_page_with_fewer_cells_than_rows_loses_no_turn() {
    let mut trace = Trace::new();
    for turn in 1..=60 {
        trace.append(&format!("request turn={turn} model=1 at={turn} | noise turn=0 at={turn}"));
    }
    trace.close();
    let sound = std::fs::read(trace.path()).unwrap();
    assert_eq!(trace.relaunch().turns.len(), 60);
    let mut pages: Vec<usize> = leaf_cells(&sound).into_iter().map(|(page, _)| page).collect();
    pages.dedup();
    // SQLite itself notices a page that has none left.
    pages.retain(|page| sound[page + 4] > 1);
    assert!(pages.len() > 3, "{pages:?}");
    for page in pages {
        let mut bytes = sound.clone();
        bytes[page + 4] -= 1;
        std::fs::write(trace.path(), bytes).unwrap();
        let refused = scan(&trace.path(), 2);
        assert!(matches!(refused, Err(ScanError::Corrupt { .. })), "page {page}: {refused:?}");
        // The memo knows what the page lost, or does not need it.
        match trace.try_relaunch(&Request::default()) {
            Ok(scan) => assert_eq!(scan.turns.len(), 60, "page {page}"),
            Err(error) => assert!(matches!(error, ScanError::Corrupt { .. }), "{error}"),
        }
    }
}

/// The page that loses a cell is the one with the rows since the last scan.
#[test]
fn a_new_row_that_its_page_lost_is_missed_by_no_relaunch() {
    let mut trace = turns(30);
    trace.relaunch();
    trace.append("request turn=31 model=1 at=31 | request turn=32 model=1 at=32");
    trace.close();
    let mut bytes = std::fs::read(trace.path()).unwrap();
    let (page, _) = leaf_cells(&bytes).into_iter().max_by_key(|&(page, _)| page).unwrap();
    for fewer in 1..=2 {
        bytes[page + 4] -= 1;
        std::fs::write(trace.path(), &bytes).unwrap();
        let refused = trace.try_relaunch(&Request::default());
        assert!(matches!(refused, Err(ScanError::Corrupt { .. })), "{fewer}: {refused:?}");
    }
}

/// Fails unless both ways to scan refuse `path` by name before they read a row.
#[track_caller]
fn refused_as(path: &Path, what: &str) {
    let published = published::scan(path, Window::default(), Duration::from_secs(1));
    for refused in [scan(path, 2), published] {
        match refused {
            Err(ScanError::ForeignTable { what: found, .. }) => {
                assert!(found.contains(what), "{found}");
            }
            other => panic!("{other:?}"),
        }
    }
}

fn foreign(schema: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("logs_2.sqlite");
    Connection::open(&path).unwrap().execute_batch(schema).unwrap();
    (folder, path)
}

/// `viewinf.sqlite`: the first look at the highest id never ended.
#[test]
fn viewinf_a_view_is_refused_before_it_is_asked() {
    let (_folder, path) = foreign(&format!(
        "CREATE VIEW logs ({COLUMNS}) AS WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 \
         FROM r) SELECT i, 1, 1, 'a', zeroblob(1000000), 't', 'p' FROM r"
    ));
    refused_as(&path, "a view");
}

/// A view under a row of the schema that calls it a table.
#[test]
fn a_view_that_claims_to_be_a_table_is_refused() {
    for claim in ["type = 'table'", "type = 'table', rootpage = 2", "name = 'x', tbl_name = 'x'"] {
        let (_folder, path) = foreign(&format!(
            "CREATE TABLE other (x); CREATE VIEW logs ({COLUMNS}) AS WITH RECURSIVE r (i) AS \
             (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT i, 1, 1, 'a', 'b', 't', 'p' FROM r; \
             PRAGMA writable_schema = ON; UPDATE sqlite_schema SET {claim} WHERE name = 'logs'"
        ));
        let refused = scan(&path, 1);
        assert!(refused.is_err(), "{claim}: {refused:?}");
    }
}

/// `vt.sqlite`: a module of SQLite's would read its own tables, whatever they hold.
#[test]
fn vt_a_virtual_table_is_refused() {
    let (_folder, path) = foreign("CREATE VIRTUAL TABLE logs USING fts5 (x)");
    refused_as(&path, "a virtual table");
}

/// `gen.sqlite`: every row made 400 MB.
#[test]
fn gen_a_generated_column_is_refused_by_name() {
    for (column, kind) in [("feedback_log_body", "VIRTUAL"), ("estimated", "STORED")] {
        let plain = if column == "estimated" { "feedback_log_body TEXT, " } else { "" };
        let (_folder, path) = foreign(&format!(
            "CREATE TABLE logs (id INTEGER PRIMARY KEY AUTOINCREMENT, ts INTEGER, ts_nanos \
             INTEGER, target TEXT, {plain}{column} TEXT GENERATED ALWAYS AS (hex(zeroblob(20000))) \
             {kind}, thread_id TEXT, process_uuid TEXT); INSERT INTO logs (ts) VALUES (1)"
        ));
        refused_as(&path, column);
    }
}

#[test]
fn a_row_beyond_the_limit_is_refused_and_one_within_is_read() {
    let mut trace = turns(1);
    for (bytes, is_read) in [(33 << 20, false), (31 << 20, true)] {
        trace.sql(&format!(
            "UPDATE logs SET feedback_log_body = printf('%.*c', {bytes}, 'x') WHERE id = 2"
        ));
        match scan(&trace.path(), 2) {
            Ok(scan) => assert!(is_read && scan.turns.len() == 1),
            Err(ScanError::RowTooLarge { limit_bytes, .. }) => {
                assert!(!is_read && limit_bytes == 32 << 20);
            }
            Err(error) => panic!("{error}"),
        }
    }
    trace.append("noise turn=0 at=1");
}

/// Scans by the program, which must end by itself within a generous time.
fn ends(program: &crate::common::program::Program, arguments: &[&str]) -> (Option<i32>, String) {
    let mut child =
        program.command(arguments).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
            return (status.code(), said);
        }
        if start.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("it waits: {arguments:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_no_file_beside_a_database_is_refused_before_it_is_opened() {
    for suffix in ["-wal", "-shm", "-journal"] {
        for kind in ["pipe", "folder", "link"] {
            let program = crate::common::program::Program::new();
            let path = program.path("logs_2.sqlite");
            let trace = turns(1);
            std::fs::copy(trace.path(), &path).unwrap();
            let beside = program.path(&format!("logs_2.sqlite{suffix}"));
            let victim = program.path("victim");
            std::fs::write(&victim, "untouched").unwrap();
            match kind {
                "pipe" => pipe(&beside),
                "folder" => std::fs::create_dir(&beside).unwrap(),
                _ => symlink(&victim, &beside).unwrap(),
            }
            for engine in ["scanner", "published"] {
                let arguments = ["scan", "--db", path.to_str().unwrap(), "--engine", engine];
                let (code, said) = ends(&program, &arguments);
                assert!(
                    code == Some(1) && said.contains(suffix),
                    "{kind} {engine}: {code:?} {said}"
                );
            }
            assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
        }
    }
}

#[test]
fn a_memo_with_its_lock_and_its_new_file_is_never_a_pipe_or_a_link() {
    for name in ["memo", "memo.lock", ".memo.new"] {
        for kind in ["pipe", "link"] {
            let program = crate::common::program::Program::new();
            let path = program.path("logs_2.sqlite");
            std::fs::copy(turns(1).path(), &path).unwrap();
            let (planted, victim) = (program.path(name), program.path("victim"));
            std::fs::write(&victim, "untouched").unwrap();
            match kind {
                "pipe" => pipe(&planted),
                _ => symlink(&victim, &planted).unwrap(),
            }
            let memo = program.path("memo");
            let arguments =
                ["scan", "--db", path.to_str().unwrap(), "--memo", memo.to_str().unwrap()];
            for _ in 0..2 {
                let (code, said) = ends(&program, &arguments);
                assert_eq!(code, Some(0), "{name} {kind}: {said}");
            }
            assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
            let stands = std::fs::symlink_metadata(&memo).map(|found| found.is_file());
            // What is planted costs the memo, but a link in the place of the memo or of its new
            // file is replaced.
            let is_written = kind == "link" && name != "memo.lock";
            assert_eq!(stands.unwrap_or(false), is_written, "{name} {kind}");
            let planted = std::fs::symlink_metadata(&planted).is_ok();
            assert_eq!(planted, name != ".memo.new" || !is_written, "{name} {kind}");
        }
    }
}

#[test]
fn a_relaunch_takes_pruned_rows_for_pruned() {
    let mut trace = turns(3);
    assert_eq!(trace.relaunch().turns.len(), 3);
    trace.sql("DELETE FROM logs WHERE id = 1");
    let scan = trace.relaunch();
    assert_scan(&scan, "unchanged none", ["turn-2 - model-1 2", "turn-3 - model-1 3"]);
    // Without the index, a row that is gone was deleted for all that anyone can tell.
    trace.sql("DROP INDEX idx_logs_ts; DELETE FROM logs WHERE id = 3");
    assert_scan(&trace.relaunch(), "unchanged none", ["turn-3 - model-1 3"]);
    trace.append("noise turn=0 at=4");
}
