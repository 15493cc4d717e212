//! Memos and databases that this user may not read or write.

use std::os::unix::fs::MetadataExt as _;

use super::place::{Closed, Place, append, give_away, writer};

/// A place with a database of two turns, scanned once.
fn scanned() -> Place {
    let place = Place::new();
    append(
        &mut writer(&place.db()),
        "request turn=1 model=1 at=1 | noise turn=0 at=2 | request turn=2 model=1 at=3",
    );
    place.scan().is("full absent", ["turn-1", "turn-2"], 0);
    assert_eq!(place.names("memos"), ["memo", "memo.lock"]);
    place
}

/// Runs `check` while the file or folder `name` is closed.
fn while_closed(place: &Place, name: &str, bits: u32, check: impl FnOnce()) {
    let closed: Closed = place.close(&place.path(name), bits);
    check();
    drop(closed);
}

#[test]
fn a_memo_that_cannot_be_read_is_replaced() {
    let place = scanned();
    let closed = place.close(&place.memo(), 0o000);
    let ran = place.scan();
    ran.is("full artifact", ["turn-1", "turn-2"], 1);
    assert!(ran.err.contains("memos/memo: the memo cannot be read"), "{}", ran.err);
    drop(closed);
    place.scan().is("unchanged none", ["turn-1", "turn-2"], 0);
}

#[test]
fn a_closed_folder_costs_the_memo_and_no_answer() {
    let place = scanned();
    let memo = std::fs::read(place.memo()).unwrap();
    while_closed(&place, "memos", 0o000, || {
        // One warning that it cannot be read, one that it cannot be written.
        place.scan().is("full artifact", ["turn-1", "turn-2"], 2);
    });
    assert!(std::fs::read(place.memo()).unwrap() == memo);
    // To look into a folder is not needed.
    while_closed(&place, "memos", 0o300, || {
        place.scan().is("unchanged none", ["turn-1", "turn-2"], 0);
        append(&mut writer(&place.db()), "request turn=3 model=1 at=4");
        place.scan().is("incremental none", ["turn-1", "turn-2", "turn-3"], 0);
    });
    place.scan().is("unchanged none", ["turn-1", "turn-2", "turn-3"], 0);
}

#[test]
fn a_memo_in_a_read_only_folder_is_used_and_stays() {
    let place = scanned();
    let memo = std::fs::read(place.memo()).unwrap();
    while_closed(&place, "memos", 0o500, || {
        // There is nothing to write, so nothing to warn of.
        place.scan().is("unchanged none", ["turn-1", "turn-2"], 0);
        append(&mut writer(&place.db()), "request turn=3 model=1 at=4");
        for _ in 0..2 {
            place.scan().is("incremental none", ["turn-1", "turn-2", "turn-3"], 1);
        }
    });
    assert!(std::fs::read(place.memo()).unwrap() == memo);
    assert_eq!(place.names("memos"), ["memo", "memo.lock"]);

    std::fs::write(place.memo(), &memo[..memo.len() / 2]).unwrap();
    while_closed(&place, "memos", 0o500, || {
        place.scan().is("full artifact", ["turn-1", "turn-2", "turn-3"], 2);
    });
    for name in ["memo", "memo.lock"] {
        std::fs::remove_file(place.path("memos").join(name)).unwrap();
    }
    while_closed(&place, "memos", 0o500, || {
        place.scan().is("full absent", ["turn-1", "turn-2", "turn-3"], 1);
        let deeper = place.path("memos/a/b/memo");
        place.scan_at(&place.db(), &deeper).is("full absent", ["turn-1", "turn-2", "turn-3"], 1);
    });
    assert!(place.names("memos").is_empty());
    let deeper = place.path("memos/a/b/memo");
    place.scan_at(&place.db(), &deeper).is("full absent", ["turn-1", "turn-2", "turn-3"], 0);
    place.scan_at(&place.db(), &deeper).is("unchanged none", ["turn-1", "turn-2", "turn-3"], 0);
}

#[test]
fn a_lock_that_cannot_be_opened_costs_the_memo_and_no_answer() {
    let place = scanned();
    let memo = std::fs::read(place.memo()).unwrap();
    append(&mut writer(&place.db()), "request turn=3 model=1 at=4");
    while_closed(&place, "memos/memo.lock", 0o000, || {
        place.scan().is("incremental none", ["turn-1", "turn-2", "turn-3"], 1);
    });
    assert!(std::fs::read(place.memo()).unwrap() == memo);
    place.scan().is("incremental none", ["turn-1", "turn-2", "turn-3"], 0);
}

#[test]
fn a_database_that_may_not_be_read_is_refused_for_that_reason() {
    let place = scanned();
    let memo = std::fs::read(place.memo()).unwrap();
    let name = place.db().display().to_string();
    for closed in ["db/logs_2.sqlite", "db"] {
        while_closed(&place, closed, 0o000, || {
            place.scan().is_refused(&[&name, "ermission denied", "permissions"]);
        });
    }
    // Rows that may not be read are not rows that are not there.
    let mut log = writer(&place.db());
    append(&mut log, "request turn=3 model=1 at=4");
    while_closed(&place, "db/logs_2.sqlite-wal", 0o000, || {
        place.scan().is_refused(&[&format!("{name}-wal"), "ermission denied", "permissions"]);
    });
    assert!(std::fs::read(place.memo()).unwrap() == memo);
    place.scan().is("incremental none", ["turn-1", "turn-2", "turn-3"], 0);
}

#[test]
fn a_scan_leaves_nothing_beside_the_database_of_another_user() {
    let place = Place::new();
    append(&mut writer(&place.db()), "request turn=1 model=1 at=1");
    give_away(&place.db());
    place.scan().is("full absent", ["turn-1"], 0);
    place.scan().is("unchanged none", ["turn-1"], 0);
    // A log and an index that belong to anyone who scans could not be written by the database's
    // owner.
    let owner = |name: &String| std::fs::metadata(place.path("db").join(name)).unwrap().uid();
    let owners: Vec<u32> = place.names("db").iter().map(owner).collect();
    assert!(owners.iter().all(|&found| found == owners[0]), "{:?} {owners:?}", place.names("db"));
}
