//! Rows: every mode gives the same ones, and they are what a replay of the history gives.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use tracerig_store::threads::{
    DatabaseError, Error, Item, LiveThread, MetadataUpdate, Mode, ProjectError, StoreOptions,
    ThreadRow, ThreadStore, TurnContext,
};

use super::controlled::{meta, tokens, touch};

fn options(mode: Mode) -> StoreOptions {
    StoreOptions { mode, busy_timeout: Duration::from_millis(200), ..StoreOptions::default() }
}

fn database(folder: &Path) -> Connection {
    Connection::open(folder.join("threads.sqlite")).unwrap()
}

/// A conversation with every kind of change in it.
fn converse(thread: &LiveThread) {
    thread
        .append(&[Item::goal("finish the work").unwrap(), Item::task_started("turn-1").unwrap()])
        .unwrap();
    let context = TurnContext {
        cwd: Some("/elsewhere".into()),
        model: Some("gpt-6".into()),
        effort: Some(Some("high".into())),
        approval_policy: Some("never".into()),
        sandbox_policy: Some("read-only".into()),
    };
    thread.append(&[Item::turn_context(&context).unwrap()]).unwrap();
    thread.append(&[Item::user_message("do it").unwrap(), tokens(10)]).unwrap();
    let update = MetadataUpdate {
        title: Some(Some("mine".into())),
        archived: Some(true),
        git_sha: Some(Some("abc".into())),
        ..MetadataUpdate::default()
    };
    thread.update_metadata(&update).unwrap();
    thread.append(&[Item::user_message("and more").unwrap(), tokens(20), touch()]).unwrap();
    let update =
        MetadataUpdate { archived: Some(false), git_sha: Some(None), ..MetadataUpdate::default() };
    let row = thread.update_metadata(&update).unwrap();
    assert_eq!(row.archived_at, None);
}

#[test]
fn every_mode_gives_the_row_that_the_history_replays_to() {
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = ThreadStore::open(folder.path(), options(mode)).unwrap();
        let thread = store.create(&meta()).unwrap();
        converse(&thread);
        thread.shutdown().unwrap();
        let row = store.read(thread.id()).unwrap().unwrap();
        assert_eq!(row.title.as_deref(), Some("mine"));
        assert_eq!(row.preview.as_deref(), Some("finish the work"));
        assert_eq!(row.first_user_message.as_deref(), Some("do it"));
        assert_eq!((row.tokens_used, row.git_sha.as_deref()), (20, None));
        // A database made anew from the history has the same.
        let rebuilt = rebuilt(folder.path(), &thread);
        assert_eq!(rebuilt, row, "{mode}");
    }
}

/// The row as the history alone gives it.
fn rebuilt(folder: &Path, thread: &LiveThread) -> ThreadRow {
    std::fs::remove_file(folder.join("threads.sqlite")).unwrap();
    let store = ThreadStore::open(folder, StoreOptions::default()).unwrap();
    let resumed = store.resume(thread.id()).unwrap();
    resumed.persist().unwrap();
    store.read(thread.id()).unwrap().unwrap()
}

#[test]
fn a_thread_can_be_listed_and_read_after_append_and_flush_even_if_it_begins_with_a_goal() {
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = ThreadStore::open(folder.path(), options(mode)).unwrap();
        let thread = store.create(&meta()).unwrap();
        thread.append_and_flush(&[Item::goal("ship it").unwrap()]).unwrap();
        let page = store.list(&tracerig_store::threads::ListQuery::default()).unwrap();
        assert_eq!(page.rows.len(), 1);
        assert_eq!(page.rows[0].preview.as_deref(), Some("ship it"));
    }
}

#[test]
fn persist_gives_a_thread_without_items_its_file_and_its_row() {
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = ThreadStore::open(folder.path(), options(mode)).unwrap();
        let thread = store.create(&meta()).unwrap();
        thread.persist().unwrap();
        let row = store.read(thread.id()).unwrap().unwrap();
        let history = std::fs::read_to_string(folder.path().join(&row.rollout_path)).unwrap();
        assert_eq!(history.lines().count(), 1);
        assert_eq!(row.history_bytes, history.len() as u64);
    }
}

#[test]
fn a_row_that_the_database_refuses_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = ThreadStore::open(
        folder.path(),
        StoreOptions { nap: Duration::from_millis(50), ..options(Mode::Async) },
    )
    .unwrap();
    let threads: Vec<LiveThread> = (0..5).map(|_| store.create(&meta()).unwrap()).collect();
    let bad = threads[2].id();
    database(folder.path())
        .execute_batch(&format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON threads WHEN NEW.id = '{bad}' BEGIN SELECT \
             RAISE(ABORT, 'no'); END"
        ))
        .unwrap();
    for thread in &threads {
        thread.append(&[tokens(1)]).unwrap();
    }
    for thread in &threads {
        let flushed = thread.flush();
        let row = store.read(thread.id()).unwrap();
        if thread.id() == bad {
            assert!(matches!(flushed, Err(Error::Projection { .. })));
            assert!(row.is_none());
        } else {
            flushed.unwrap();
            assert_eq!(row.unwrap().tokens_used, 1);
        }
    }
    database(folder.path()).execute_batch("DROP TRIGGER refuse").unwrap();
    threads[2].flush().unwrap();
    assert_eq!(store.read(bad).unwrap().unwrap().tokens_used, 1);
}

#[test]
fn a_busy_database_is_waited_for_and_then_reported_with_nothing_lost() {
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = ThreadStore::open(folder.path(), options(mode)).unwrap();
        let thread = store.create(&meta()).unwrap();
        thread.append_and_flush(&[tokens(1)]).unwrap();
        let other = database(folder.path());
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        // The history does not mind.
        thread.append(&[tokens(2)]).unwrap();
        match thread.flush() {
            Err(Error::Projection { source, .. }) => {
                assert!(
                    matches!(*source, ProjectError::Database(DatabaseError::Busy { .. })),
                    "{source}"
                );
            }
            other => panic!("{mode}: {other:?}"),
        }
        other.execute_batch("COMMIT").unwrap();
        thread.flush().unwrap();
        assert_eq!(store.read(thread.id()).unwrap().unwrap().tokens_used, 2);
    }
}

#[test]
fn a_database_that_is_busy_for_less_than_the_timeout_is_waited_for() {
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = ThreadStore::open(
            folder.path(),
            StoreOptions { busy_timeout: Duration::from_secs(60), ..options(mode) },
        )
        .unwrap();
        let thread = store.create(&meta()).unwrap();
        thread.append_and_flush(&[tokens(1)]).unwrap();
        let other = database(folder.path());
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| {
                thread.append(&[tokens(2)]).unwrap();
                thread.flush()
            });
            // However long this takes, the lock is held when the projection is first tried.
            while store.transactions() < 2 {
                std::thread::yield_now();
            }
            other.execute_batch("COMMIT").unwrap();
            flush.join().unwrap().unwrap();
        });
        assert_eq!(store.read(thread.id()).unwrap().unwrap().tokens_used, 2);
    }
}

#[test]
fn a_row_deleted_behind_the_stores_back_comes_back_whole() {
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = ThreadStore::open(folder.path(), options(mode)).unwrap();
        let thread = store.create(&meta()).unwrap();
        converse(&thread);
        let before = store.read(thread.id()).unwrap().unwrap();
        database(folder.path()).execute("DELETE FROM threads", []).unwrap();
        thread.append(&[tokens(99)]).unwrap();
        thread.flush().unwrap();
        let after = store.read(thread.id()).unwrap().unwrap();
        assert_eq!(after.title, before.title);
        assert_eq!(after.created_at, before.created_at);
        assert_eq!(after.tokens_used, 99);
        thread.shutdown().unwrap();
        assert_eq!(rebuilt(folder.path(), &thread), after);
    }
}

#[test]
fn a_whole_row_takes_the_place_of_one_that_says_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = ThreadStore::open(folder.path(), options(Mode::Async)).unwrap();
    let thread = store.create(&meta()).unwrap();
    thread.append_and_flush(&[tokens(1)]).unwrap();
    thread.shutdown().unwrap();
    let before = store.read(thread.id()).unwrap().unwrap();
    database(folder.path())
        .execute(
            "UPDATE threads SET title = 'stale', git_sha = 'stale', tokens_used = 5, memory_mode = \
             'stale'",
            [],
        )
        .unwrap();
    let resumed = store.resume(thread.id()).unwrap();
    resumed.persist().unwrap();
    assert_eq!(store.read(thread.id()).unwrap().unwrap(), before);
}
