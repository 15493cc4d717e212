//! The edges: handles that are gone, stores that start together, writers of other programs, devices
//! and projectors that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tracerig_store::threads::{
    Disk, DiskFile, Durability, Error, FileSystem, Item, Mode, ProjectError, Projection, Projector,
    StoreOptions, ThreadStore,
};

use super::controlled::{Controlled, meta, tokens, touch};

fn history_bytes(store: &ThreadStore, id: tracerig_store::threads::ThreadId) -> (u64, u64) {
    let row = store.read(id).unwrap().unwrap();
    let length = std::fs::metadata(store.root().join(&row.rollout_path)).unwrap().len();
    (row.history_bytes, length)
}

#[test]
fn what_a_dropped_handle_left_pending_does_not_undo_what_the_next_writer_projected() {
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { mode, ..StoreOptions::default() };
        let store = ThreadStore::open(folder.path(), options.clone()).unwrap();
        let thread = store.create(&meta()).unwrap();
        let id = thread.id();
        thread.append_and_flush(&[tokens(1)]).unwrap();
        // A touch waits up to five seconds; the handle is dropped, and its lock with it.
        thread.append(&[touch()]).unwrap();
        drop(thread);
        let next = store.resume(id).unwrap();
        next.append_and_flush(&[tokens(2)]).unwrap();
        let (row, file) = history_bytes(&store, id);
        assert_eq!(row, file);
        next.shutdown().unwrap();
        drop(next);
        drop(store);
        let store = ThreadStore::open(folder.path(), options).unwrap();
        let (row, file) = history_bytes(&store, id);
        assert_eq!(row, file, "{mode}: the row went back to what the first handle had pending");
    }
}

#[test]
fn a_handle_that_was_shut_down_does_not_write_over_the_next_writers_row() {
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            mode,
            busy_timeout: Duration::from_millis(50),
            ..StoreOptions::default()
        };
        let store = ThreadStore::open(folder.path(), options).unwrap();
        let thread = store.create(&meta()).unwrap();
        let id = thread.id();
        thread.append_and_flush(&[tokens(1)]).unwrap();
        let other = Connection::open(folder.path().join("threads.sqlite")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        thread.append(&[tokens(2)]).unwrap();
        thread.shutdown().unwrap_err();
        other.execute_batch("COMMIT").unwrap();
        let next = store.resume(id).unwrap();
        next.append_and_flush(&[Item::user_message("newer").unwrap(), tokens(3)]).unwrap();
        // The old handle has a patch left.
        let _ = thread.flush();
        let row = store.read(id).unwrap().unwrap();
        assert_eq!((row.title.as_deref(), row.tokens_used), (Some("newer"), 3), "{mode}: a mix");
    }
}

#[test]
fn a_second_shutdown_does_not_say_done_before_the_first_is() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    let first = test.calls.next();
    std::thread::scope(|scope| {
        let shutdown = scope.spawn(|| thread.shutdown());
        test.barriers.next();
        let (said, done) = std::sync::mpsc::channel();
        let clone = thread.clone();
        scope.spawn(move || {
            let _ = said.send(clone.shutdown());
        });
        let early = done.recv_timeout(Duration::from_millis(300));
        first.succeed();
        shutdown.join().unwrap().unwrap();
        assert!(early.is_err(), "it returned {early:?} while the first was projecting");
    });
}

#[test]
fn a_shutdown_after_one_that_failed_tries_again_or_says_so() {
    let test = Controlled::new(Mode::Async);
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    let first = test.calls.next();
    std::thread::scope(|scope| {
        let shutdown = scope.spawn(|| thread.shutdown());
        test.barriers.next();
        first.fail();
        shutdown.join().unwrap().unwrap_err();
    });
    let again = thread.shutdown();
    assert!(
        again.is_err() || !test.calls.none(),
        "the row is behind, and the second shutdown says {again:?}"
    );
}

/// Fails the first sync of a folder.
#[derive(Debug, Default)]
struct FolderSyncFails {
    syncs: AtomicUsize,
    done: AtomicUsize,
}

impl Disk for FolderSyncFails {
    fn create_folder(&self, path: &std::path::Path) -> std::io::Result<()> {
        FileSystem.create_folder(path)
    }
    fn create(&self, path: &std::path::Path) -> std::io::Result<Box<dyn DiskFile>> {
        FileSystem.create(path)
    }
    fn open(&self, path: &std::path::Path) -> std::io::Result<Box<dyn DiskFile>> {
        FileSystem.open(path)
    }
    fn remove(&self, path: &std::path::Path) -> std::io::Result<()> {
        FileSystem.remove(path)
    }
    fn sync_folder(&self, _: &std::path::Path) -> std::io::Result<()> {
        if self.syncs.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(std::io::Error::other("the device failed"));
        }
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn an_append_with_fsync_is_acknowledged_only_when_the_name_of_its_file_is_durable_too() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FolderSyncFails::default());
    let options = StoreOptions {
        durability: Durability::Fsync,
        disk: disk.clone(),
        ..StoreOptions::default()
    };
    let store = ThreadStore::open(folder.path(), options).unwrap();
    let thread = store.create(&meta()).unwrap();
    let acknowledged = thread.append(&[tokens(1)]).is_ok();
    let synced = disk.done.load(Ordering::SeqCst) >= 4;
    assert!(
        synced || !acknowledged,
        "acknowledged with {} folders synced",
        disk.done.load(Ordering::SeqCst)
    );
}

#[test]
fn a_history_that_was_made_without_fsync_is_named_durably_before_an_append_with_fsync_returns() {
    let folder = tempfile::tempdir().unwrap();
    let store = ThreadStore::open(folder.path(), StoreOptions::default()).unwrap();
    let thread = store.create(&meta()).unwrap();
    thread.append(&[tokens(1)]).unwrap();
    let id = thread.id();
    drop(thread);
    drop(store);
    let disk = Arc::new(FolderSyncFails { syncs: AtomicUsize::new(1), done: AtomicUsize::new(0) });
    let options = StoreOptions {
        durability: Durability::Fsync,
        disk: disk.clone(),
        ..StoreOptions::default()
    };
    let store = ThreadStore::open(folder.path(), options).unwrap();
    store.resume(id).unwrap().append(&[tokens(2)]).unwrap();
    assert!(disk.done.load(Ordering::SeqCst) >= 1, "no folder was synced");
}

#[test]
fn what_another_program_wrote_whole_is_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let store = ThreadStore::open(folder.path(), StoreOptions::default()).unwrap();
    let thread = store.create(&meta()).unwrap();
    thread.append_and_flush(&[tokens(1)]).unwrap();
    thread.shutdown().unwrap();
    let path = folder.path().join(store.read(thread.id()).unwrap().unwrap().rollout_path);
    let resumed = store.resume(thread.id()).unwrap();
    let mut foreign = Vec::new();
    tokens(77).write_line("2026-11-20T20:37:24.062Z", &mut foreign);
    let mut whole = std::fs::read(&path).unwrap();
    whole.extend_from_slice(&foreign);
    std::fs::write(&path, &whole).unwrap();
    let appended = resumed.append(&[tokens(2)]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"total_tokens\":77"), "{appended:?}, and a whole record is gone");
}

#[derive(Debug)]
struct Panics;

impl Projector for Panics {
    fn project(&mut self, _: &[Projection<'_>]) -> Vec<Result<(), ProjectError>> {
        panic!("a defect of the projector");
    }
}

#[test]
fn a_projector_that_panics_does_not_hang_barriers() {
    for mode in [Mode::Async, Mode::AsyncPerThread] {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { mode, ..StoreOptions::default() };
        let store = ThreadStore::open_with(folder.path(), options, Box::new(Panics)).unwrap();
        let thread = store.create(&meta()).unwrap();
        thread.append(&[tokens(1)]).unwrap();
        let (said, told) = std::sync::mpsc::channel();
        let clone = thread.clone();
        std::thread::spawn(move || said.send(clone.flush()));
        let flushed = told.recv_timeout(Duration::from_secs(3));
        assert!(flushed.is_ok(), "{mode}: the flush hangs");
        // The worker is gone: nothing can be joined cleanly here.
        std::mem::forget((thread, store));
    }
}

#[test]
fn a_thread_that_broke_off_in_its_first_line_can_be_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = ThreadStore::open(folder.path(), StoreOptions::default()).unwrap();
    let meta = meta();
    let thread = store.create(&meta).unwrap();
    thread.append_and_flush(&[tokens(1)]).unwrap();
    thread.shutdown().unwrap();
    let path = folder.path().join(store.read(thread.id()).unwrap().unwrap().rollout_path);
    Connection::open(folder.path().join("threads.sqlite"))
        .unwrap()
        .execute("DELETE FROM threads", [])
        .unwrap();
    // As a kill in the middle of the first line leaves it.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..40]).unwrap();
    let (created, resumed) = (store.create(&meta), store.resume(meta.id));
    assert!(created.is_ok() || resumed.is_ok(), "create: {created:?}, resume: {resumed:?}");
}

#[test]
fn stores_that_start_together_all_start() {
    for round in 0..150 {
        let folder = tempfile::tempdir().unwrap();
        let together = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..6)
                .map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        ThreadStore::open(
                            folder.path(),
                            StoreOptions { mode: Mode::Sync, ..StoreOptions::default() },
                        )
                    })
                })
                .collect();
            for start in starts {
                let started: Result<ThreadStore, Error> = start.join().unwrap();
                assert!(started.is_ok(), "round {round}: {}", started.unwrap_err());
            }
        });
    }
}
