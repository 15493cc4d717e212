//! Which file is scanned: replaced files, links, write-ahead logs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracerig_differential::trace::RowSpec;
use tracerig_scanner::{Options, Request, Scanner};

use crate::common::trace::{Decided, Trace, assert_scan, turns, way};

// 1. The cursor was kept while the file was replaced by one with a reused inode and enough rows:
//    stale turns.

#[test]
fn bug_01_a_file_replaced_under_a_reused_inode_keeps_no_stale_turns() {
    let identity = Decided::new(1, 1);
    let mut trace = Trace::new();
    trace.options.identity = Arc::clone(&identity) as _;
    trace.append("noise turn=0 at=1 | request turn=1 thread=1 model=1 at=2");
    assert_scan(&trace.relaunch(), "full absent", ["turn-1 thread-1 model-1 2"]);
    trace.move_away("old");
    trace.append("noise turn=0 at=1 | noise turn=0 at=2 | request turn=2 thread=2 model=2 at=3");
    identity.birth.store(2, Ordering::SeqCst);
    assert_scan(&trace.relaunch(), "full identity", ["turn-2 thread-2 model-2 3"]);
}

#[test]
fn bug_01_an_older_copy_that_shares_surviving_rows_is_another_file() {
    let identity = Decided::new(1, 1);
    let mut trace = Trace::new();
    trace.options.identity = Arc::clone(&identity) as _;
    let noise = |count| vec!["noise turn=0 at=3".parse::<RowSpec>().unwrap(); count];
    trace.append("noise turn=0 at=1 | request turn=1 thread=1 model=1 at=2");
    trace.copy_to("older");
    trace.append_all(&noise(20));
    trace.relaunch();
    // The copy grows past the cursor and loses what could be compared: all that was remembered and
    // is still there, rows 1 and 2, is unchanged.
    trace.move_away("newer");
    std::fs::rename(trace.file("older"), trace.path()).unwrap();
    trace.append("noise turn=0 at=3 | request turn=3 thread=1 model=1 at=3");
    trace.append_all(&noise(25));
    trace.sql("DELETE FROM logs WHERE id = 3 OR id BETWEEN 5 AND 28");
    identity.birth.store(2, Ordering::SeqCst);
    let expected = ["turn-1 thread-1 model-1 2", "turn-3 thread-1 model-1 3"];
    assert_scan(&trace.relaunch(), "full identity", expected);
}

#[test]
fn bug_01_where_no_birth_is_reported_other_rows_tell_another_file() {
    let identity = Decided::new(1, 0);
    let mut trace = Trace::new();
    trace.options.identity = identity;
    trace.append("noise turn=0 at=1 | request turn=1 thread=1 model=1 at=2");
    trace.relaunch();
    trace.move_away("old");
    trace.append("noise turn=0 at=1 | noise turn=0 at=2 | request turn=2 thread=2 model=2 at=3");
    assert_scan(&trace.relaunch(), "full anchors", ["turn-2 thread-2 model-2 3"]);
}

#[test]
fn bug_01_an_unlinked_and_created_file_is_another_one_to_the_file_system() {
    let mut trace = Trace::new();
    trace.append("request turn=1 thread=1 model=1 at=1");
    trace.relaunch();
    trace.close();
    // File systems stamp births by a clock that does not move for some milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(50));
    std::fs::remove_file(trace.path()).unwrap();
    trace.append("noise turn=0 at=1 | request turn=2 thread=2 model=1 at=2");
    let scan = trace.relaunch();
    assert_eq!(turns(&scan), ["turn-2 thread-2 model-1 2"]);
    // Where no birth is reported and the inode came back, the rows have to tell.
    assert!(["full identity", "full anchors"].contains(&way(&scan).as_str()), "{}", way(&scan));
}

// 12. The path was a symbolic link: the metadata of the link was taken for that of its target.

#[test]
fn bug_12_a_symbolic_link_stands_for_its_target() {
    let mut trace = Trace::new();
    let link = trace.file("link");
    std::os::unix::fs::symlink(trace.path(), &link).unwrap();
    let scan = |link: &Path, options: &Options| {
        Scanner::new(link, options.clone()).scan(&Request::default()).unwrap()
    };
    trace.append("request turn=1 model=1 at=1");
    assert_scan(&scan(&link, &trace.options), "full absent", ["turn-1 - model-1 1"]);
    assert_scan(&trace.relaunch(), "unchanged none", ["turn-1 - model-1 1"]);
    // The target is replaced; the old one still exists, so that its inode cannot come back.
    trace.move_away("old");
    trace.append("noise turn=0 at=1 | request turn=2 model=1 at=2");
    assert_scan(&scan(&link, &trace.options), "full identity", ["turn-2 - model-1 2"]);
    // The link leads elsewhere.
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(trace.file("old"), &link).unwrap();
    assert_scan(&scan(&link, &trace.options), "full artifact", ["turn-1 - model-1 1"]);
    assert_scan(&scan(&link, &trace.options), "unchanged none", ["turn-1 - model-1 1"]);
}

// 13. Rows in the write-ahead log were missed; -wal and -shm stay behind when a writer dies.

#[test]
fn bug_13_rows_in_the_write_ahead_log_are_seen() {
    let mut trace = Trace::new();
    trace.append("request turn=1 model=1 at=1");
    trace.relaunch();
    trace.append("request turn=2 model=1 at=2");
    assert!(
        std::fs::metadata(trace.file("logs_2.sqlite-wal")).unwrap().len() > 0,
        "the story needs a full log"
    );
    let both = ["turn-1 - model-1 1", "turn-2 - model-1 2"];
    assert_scan(&trace.relaunch(), "incremental none", both);

    // What a writer that was killed leaves, with and without the index of its log.
    for suffixes in [&["", "-wal", "-shm"][..], &["", "-wal"]] {
        let folder = tempfile::tempdir().unwrap();
        for suffix in suffixes {
            let name = format!("logs_2.sqlite{suffix}");
            std::fs::copy(trace.file(&name), folder.path().join(name)).unwrap();
        }
        let scanner = Scanner::new(folder.path().join("logs_2.sqlite"), Options::default());
        assert_scan(&scanner.scan(&Request::default()).unwrap(), "full disabled", both);
    }
}
