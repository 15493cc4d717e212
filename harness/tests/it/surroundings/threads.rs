//! Histories and rows that this user may not read or write.

use std::path::PathBuf;

use tracerig_store::threads::{Item, Millis, SessionMeta, ThreadId};

use super::place::{Place, Ran, give, run};

fn id(number: u64) -> ThreadId {
    format!("01a1faad-9ba1-7b10-b548-{number:012x}").parse().unwrap()
}

/// A folder with three threads, each in a separate folder.
fn threads(place: &Place) -> [PathBuf; 3] {
    [1, 2, 3].map(|number| {
        let folder = place.path(format!("db/sessions/{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(id(number).file_name(Millis(0)));
        let mut line = Vec::new();
        Item::session_meta(&SessionMeta::new(id(number)))
            .unwrap()
            .write_line(Millis(5).rfc3339().as_str(), &mut line);
        std::fs::write(&path, line).unwrap();
        path
    })
}

fn threads_run(place: &Place, verb: &str, db: &str) -> Ran {
    let mut command = place.command(place.path("tracerig"));
    run(command.args(["threads", verb]).arg(place.path("db")).arg("--db").arg(place.path(db)))
}

#[test]
fn threads_that_may_not_be_read_cost_no_other() {
    let place = Place::new();
    let [first, second, _] = threads(&place);
    assert_eq!(threads_run(&place, "rebuild", "memos/rows").code, Some(0));
    let folder = second.parent().unwrap().to_owned();
    for closed in [&first, &folder] {
        let closed_path = closed.display().to_string();
        let closed = place.close(closed, 0o000);
        for verb in ["rebuild", "verify"] {
            let ran = threads_run(&place, verb, "memos/rows");
            // Its row stays: a history that cannot be seen is not gone.
            assert_eq!(ran.code, Some(1), "{ran:?}");
            assert!(ran.err.contains(&closed_path) && ran.err.contains("ermission"), "{}", ran.err);
        }
        drop(closed);
        assert_eq!(threads_run(&place, "verify", "memos/rows").code, Some(0));
    }
}

#[test]
fn rows_that_may_not_be_written_are_an_error_with_their_path() {
    let place = Place::new();
    threads(&place);
    let closed = place.close(&place.path("memos"), 0o500);
    let ran = threads_run(&place, "rebuild", "memos/rows");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains(&place.path("memos/rows").display().to_string()), "{}", ran.err);
    drop(closed);
    assert_eq!(threads_run(&place, "rebuild", "memos/rows").code, Some(0));
    for name in place.names("memos") {
        give(&place.path("memos").join(name));
    }
    let closed = place.close(&place.path("memos/rows"), 0o400);
    let ran = threads_run(&place, "rebuild", "memos/rows");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("permissions"), "{}", ran.err);
    drop(closed);
    assert_eq!(threads_run(&place, "verify", "memos/rows").code, Some(0));
}
