//! Databases as they are found: on media that cannot be written, beside a writer that lives, and
//! after one that died.

use std::path::{Path, PathBuf};

use tracerig_store::schema::FILE_NAME;

use super::place::{Place, append, give_database, writer};

const OLD: [&str; 2] = ["turn-1", "turn-2"];
const ALL: [&str; 3] = ["turn-1", "turn-2", "turn-3"];

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A place with a database of two turns, whose writer has gone.
fn left_in_order() -> Place {
    let place = Place::new();
    append(
        &mut writer(&place.db()),
        "request turn=1 model=1 at=1 | noise turn=0 at=2 | request turn=2 model=1 at=3",
    );
    assert_eq!(place.names("db"), [FILE_NAME]);
    place
}

/// A place with the same database after its writer died: a third turn is in the write-ahead log
/// only.
fn left_by_the_dead() -> Place {
    let (place, other) = (left_in_order(), left_in_order());
    let mut log = writer(&other.db());
    append(&mut log, "request turn=3 model=1 at=4");
    for suffix in ["", "-wal", "-shm"] {
        std::fs::copy(beside(&other.db(), suffix), beside(&place.db(), suffix)).unwrap();
    }
    give_database(&place.db());
    place
}

#[test]
fn read_only_media_are_read_and_nothing_is_left_there() {
    let place = left_in_order();
    for empty_log in [false, true] {
        let mut names = vec![FILE_NAME.to_owned()];
        if empty_log {
            std::fs::write(beside(&place.db(), "-wal"), b"").unwrap();
            names.push(format!("{FILE_NAME}-wal"));
            std::fs::remove_file(place.memo()).unwrap();
        }
        give_database(&place.db());
        let _file = place.close(&place.db(), 0o400);
        let _folder = place.close(&place.path("db"), 0o500);
        place.scan().is("full absent", OLD, 0);
        place.scan().is("unchanged none", OLD, 0);
        assert_eq!(place.names("db"), names);
    }
    // Back on a medium that can be written, it is the same database.
    append(&mut writer(&place.db()), "request turn=3 model=1 at=4");
    place.scan().is("incremental none", ALL, 0);
}

#[test]
fn a_log_without_its_index_is_refused_where_no_index_can_be_made() {
    let place = left_by_the_dead();
    std::fs::remove_file(beside(&place.db(), "-shm")).unwrap();
    let folder = place.close(&place.path("db"), 0o500);
    let ran = place.scan();
    ran.is_refused(&[
        &place.db().display().to_string(),
        "write-ahead log",
        "Copy the database and its -wal",
    ]);
    assert!(!place.memo().exists());
    assert_eq!(place.names("db"), [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")]);
    drop(folder);
    // Where one can be made, it is.
    place.scan().is("full absent", ALL, 0);
}

/// What a writer that died may leave beside the database, in a folder that can be written and in
/// one that cannot.
#[test]
fn what_a_dead_writer_left_is_read() {
    type Spoil = fn(&Path);
    let index_kinds: [(&str, Spoil); 4] = [
        ("as it was", |_| ()),
        ("of another log", |index| std::fs::write(index, vec![0xa5; 32768]).unwrap()),
        ("cut short", |index| std::fs::write(index, vec![0; 1000]).unwrap()),
        ("empty", |index| std::fs::write(index, b"").unwrap()),
    ];
    for (what, spoil) in index_kinds {
        for bits in [0o700, 0o500] {
            let place = left_by_the_dead();
            spoil(&beside(&place.db(), "-shm"));
            give_database(&place.db());
            let log = std::fs::read(beside(&place.db(), "-wal")).unwrap();
            let folder = (bits == 0o500).then(|| place.close(&place.path("db"), bits));
            eprintln!("an index {what}, in a folder of {bits:o}");
            place.scan().is("full absent", ALL, 0);
            place.scan().is("unchanged none", ALL, 0);
            assert!(
                std::fs::read(beside(&place.db(), "-wal")).unwrap() == log,
                "a reader changes no log"
            );
            drop(folder);
        }
    }
}

/// A transaction counts from its last frame on: what a writer did not finish never was.
#[test]
fn a_log_torn_in_its_last_transaction_is_read_up_to_there() {
    let place = left_by_the_dead();
    let log = std::fs::read(beside(&place.db(), "-wal")).unwrap();
    for length in [0, 31, 32, 100, log.len() - 4096, log.len() - 1] {
        for with_index in [true, false] {
            let torn = left_by_the_dead();
            std::fs::write(beside(&torn.db(), "-wal"), &log[..length]).unwrap();
            if !with_index {
                std::fs::remove_file(beside(&torn.db(), "-shm")).unwrap();
            }
            torn.scan().is("full absent", OLD, 0);
        }
    }
}

#[test]
fn an_index_without_its_log_is_no_obstacle() {
    for bits in [0o700, 0o500] {
        let place = left_by_the_dead();
        std::fs::remove_file(beside(&place.db(), "-wal")).unwrap();
        let folder = (bits == 0o500).then(|| place.close(&place.path("db"), bits));
        place.scan().is("full absent", OLD, 0);
        place.scan().is("unchanged none", OLD, 0);
        drop(folder);
    }
}

/// The folder belongs to another user, whose writer is at work.
#[test]
fn a_writer_that_lives_is_read_beside_from_a_folder_that_is_closed() {
    let place = left_in_order();
    let mut log = writer(&place.db());
    append(&mut log, "request turn=3 model=1 at=4");
    let _folder = place.close(&place.path("db"), 0o500);
    place.scan().is("full absent", ALL, 0);
    for at in 5..10 {
        append(&mut log, &format!("request turn=3 model=1 at={at} | noise turn=0 at={at}"));
        if at % 2 == 0 {
            log.checkpoint_passive().unwrap();
        }
        place.scan().is("incremental none", ALL, 0);
    }
}

/// Before write-ahead logs: a transaction that was never finished has to be undone by someone who
/// may write.
#[test]
fn an_unfinished_transaction_that_cannot_be_undone_is_refused() {
    let place = left_in_order();
    let connection = rusqlite::Connection::open(place.db()).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN IMMEDIATE; DELETE FROM \
             logs; CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 \
             FROM n WHERE i < 2000) SELECT randomblob(500) FROM n",
        )
        .unwrap();
    let copies = Place::new();
    for suffix in ["", "-journal"] {
        std::fs::copy(beside(&place.db(), suffix), beside(&copies.db(), suffix)).unwrap();
    }
    super::place::give(&copies.db());
    super::place::give(&beside(&copies.db(), "-journal"));
    drop(connection);
    let _folder = copies.close(&copies.path("db"), 0o500);
    let _file = copies.close(&copies.db(), 0o400);
    copies.scan().is_refused(&[&copies.db().display().to_string(), "journal"]);
    assert!(!copies.memo().exists());
}
