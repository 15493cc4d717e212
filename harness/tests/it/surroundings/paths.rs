//! Names that are no plain words, and paths that lead elsewhere.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tracerig_store::schema::FILE_NAME;

use super::place::{Place, append, give, writer};

/// Names that shells, URIs, SQL and SQLite itself would read as something else.
const NAMES: [&[u8]; 9] = [
    b"a b  c",
    b"it's \"one\" name",
    b"100%?mode=memory#part&x=%41",
    b"file:logs.sqlite?mode=memory",
    b":memory:",
    b"back\\slash;DROP TABLE logs",
    b"two\nlines\ttab",
    "\u{fc}\u{f1}\u{ef} \u{1f980}".as_bytes(),
    b"\xff\xfe not UTF-8 \xc3",
];

#[test]
fn any_name_will_do() {
    let place = Place::new();
    for name in NAMES.map(OsStr::from_bytes) {
        let folder = place.path("db").join(name);
        std::fs::create_dir(&folder).unwrap();
        give(&folder);
        let (db, memo) = (folder.join(name), place.path("memos").join(name).join(name));
        let mut log = writer(&db);
        append(&mut log, "request turn=1 model=1 at=1 | noise turn=0 at=2");
        // Beside its writer, after it, and where nothing can be written.
        place.scan_at(&db, &memo).is("full absent", ["turn-1"], 0);
        append(&mut log, "request turn=2 model=1 at=3");
        drop(log);
        place.scan_at(&db, &memo).is("incremental none", ["turn-1", "turn-2"], 0);
        append(&mut writer(&db), "request turn=3 model=1 at=4");
        for suffix in ["-wal", "-shm"] {
            let mut left = db.clone().into_os_string();
            left.push(suffix);
            let _ = std::fs::remove_file(left);
        }
        let closed = place.close(&folder, 0o500);
        place.scan_at(&db, &memo).is("incremental none", ["turn-1", "turn-2", "turn-3"], 0);
        place.scan_at(&db, &memo).is("unchanged none", ["turn-1", "turn-2", "turn-3"], 0);
        drop(closed);
    }
}

/// A path that does not begin at the root must not be taken for a URI or for a database in memory.
#[test]
fn a_relative_path_is_a_path() {
    let place = Place::new();
    for name in [":memory:", "file:logs.sqlite?mode=memory", FILE_NAME] {
        append(&mut writer(&place.path("db").join(name)), "request turn=1 model=1 at=1");
        let memo = PathBuf::from(format!("../memos/{name}"));
        let scan = || {
            let mut command = place.command(place.path("tracerig"));
            command.current_dir(place.path("db")).args(["scan", "--format", "json", "--db", name]);
            super::place::run(command.arg("--memo").arg(&memo))
        };
        scan().is("full absent", ["turn-1"], 0);
        scan().is("unchanged none", ["turn-1"], 0);
        // The same database by its whole name.
        place.scan_at(&place.path("db").join(name), &place.path("memos").join(name)).is(
            "unchanged none",
            ["turn-1"],
            0,
        );
    }
}

#[test]
fn a_link_stands_for_what_it_leads_to() {
    let place = Place::new();
    for (number, name) in [(1, "one"), (2, "two")] {
        let folder = place.path("db").join(name);
        std::fs::create_dir(&folder).unwrap();
        give(&folder);
        append(
            &mut writer(&folder.join(FILE_NAME)),
            &format!("request turn={number} model=1 at=1"),
        );
    }
    // Through a link to a folder, and a link to a link.
    let (folder, link, first) =
        (place.path("db/folder"), place.path("db/link"), place.path("db/first"));
    symlink("one", &folder).unwrap();
    symlink(Path::new("folder").join(FILE_NAME), &link).unwrap();
    symlink("link", &first).unwrap();
    let memo = place.memo();
    place.scan_at(&first, &memo).is("full absent", ["turn-1"], 0);
    for path in [&link, &folder.join(FILE_NAME), &place.path("db/one").join(FILE_NAME)] {
        place.scan_at(path, &memo).is("unchanged none", ["turn-1"], 0);
    }
    // The log lies beside the database, not beside the link.
    let mut log = writer(&place.path("db/one").join(FILE_NAME));
    append(&mut log, "request turn=3 model=1 at=2");
    place.scan_at(&first, &memo).is("incremental none", ["turn-1", "turn-3"], 0);
    let closed = place.close(&place.path("db/one"), 0o500);
    place.scan_at(&first, &memo).is("unchanged none", ["turn-1", "turn-3"], 0);
    drop((log, closed));

    // Led elsewhere, the same path is another database.
    std::fs::remove_file(&folder).unwrap();
    symlink("two", &folder).unwrap();
    place.scan_at(&first, &memo).is("full artifact", ["turn-2"], 1);
    place.scan_at(&first, &memo).is("unchanged none", ["turn-2"], 0);

    let before = std::fs::read(&memo).unwrap();
    std::fs::remove_file(&folder).unwrap();
    place.scan_at(&first, &memo).is_refused(&["db/first", "no such database"]);
    symlink("folder", &folder).unwrap();
    place.scan_at(&first, &memo).is_refused(&["db/first", "symbolic links"]);
    assert!(std::fs::read(&memo).unwrap() == before);
}
