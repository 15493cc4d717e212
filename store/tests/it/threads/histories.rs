//! What is in a history, whatever goes wrong while it is written; and who may write it.

use std::path::PathBuf;
use std::sync::Arc;

use tracerig_store::threads::{
    Durability, Error, Item, LiveThread, Mode, StoreOptions, ThreadId, ThreadStore,
};

use super::controlled::{FailingDisk, Fault, meta, tokens};

struct OnDisk {
    folder: tempfile::TempDir,
    store: ThreadStore,
    disk: FailingDisk,
}

impl OnDisk {
    fn new(options: StoreOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = FailingDisk::default();
        let options = StoreOptions { disk: Arc::new(disk.clone()), ..options };
        let store = ThreadStore::open(folder.path(), options).unwrap();
        Self { folder, store, disk }
    }

    fn thread(&self) -> LiveThread {
        self.store.create(&meta()).unwrap()
    }

    fn histories(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.folder.path().join("sessions")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }

    /// The totals of the token counts in the only history, every line of which must be whole.
    fn totals(&self) -> Vec<i64> {
        let [path] = &self.histories()[..] else { panic!("{:?}", self.histories()) };
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        let lines =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .enumerate()
            .filter_map(|(index, line)| {
                assert_eq!(index == 0, line["type"] == "session_meta");
                line["payload"]["info"]["total_token_usage"]["total_tokens"].as_i64()
            })
            .collect()
    }
}

fn durable() -> StoreOptions {
    StoreOptions { durability: Durability::Fsync, ..StoreOptions::default() }
}

#[test]
fn a_thread_without_items_leaves_neither_file_nor_row_nor_lock() {
    let test = OnDisk::new(StoreOptions::default());
    let thread = test.thread();
    thread.shutdown().unwrap();
    assert_eq!(test.histories(), Vec::<PathBuf>::new());
    assert!(test.store.read(thread.id()).unwrap().is_none());
    assert_eq!(std::fs::read_dir(test.folder.path().join("locks")).unwrap().count(), 0);
}

#[test]
fn a_write_that_fails_once_is_repeated_and_nothing_of_the_torn_line_stays() {
    for taken in [0, 1, 30, 1000] {
        let test = OnDisk::new(StoreOptions::default());
        let thread = test.thread();
        thread.append(&[tokens(1)]).unwrap();
        test.disk.due([Fault::WriteAfter(taken)]);
        thread.append(&[tokens(2), tokens(3)]).unwrap();
        thread.append(&[tokens(4)]).unwrap();
        thread.flush().unwrap();
        assert!(test.disk.all_struck());
        assert_eq!(test.totals(), [1, 2, 3, 4]);
        assert_eq!(test.store.read(thread.id()).unwrap().unwrap().tokens_used, 4);
    }
}

#[test]
fn a_write_that_fails_twice_fails_and_history_and_row_are_without_it() {
    for options in [StoreOptions::default(), durable()] {
        let test = OnDisk::new(options);
        let thread = test.thread();
        thread.append(&[tokens(1)]).unwrap();
        test.disk.due([Fault::WriteAfter(300), Fault::WriteAfter(300)]);
        let error = thread.append(&[tokens(2), tokens(3)]).unwrap_err();
        assert!(matches!(error, Error::History { .. }));
        assert!(error.to_string().contains("free some space"), "{error}");
        assert_eq!(test.totals(), [1]);
        // The first message after the trouble is the next one that was accepted.
        thread.append(&[tokens(4)]).unwrap();
        thread.flush().unwrap();
        assert_eq!(test.totals(), [1, 4]);
        assert_eq!(test.store.read(thread.id()).unwrap().unwrap().tokens_used, 4);
    }
}

#[test]
fn a_message_that_was_not_accepted_is_not_the_preview() {
    let test = OnDisk::new(StoreOptions::default());
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    test.disk.due([Fault::WriteAfter(10), Fault::WriteAfter(10)]);
    thread.append(&[Item::user_message("lost").unwrap()]).unwrap_err();
    thread.append(&[Item::user_message("first").unwrap()]).unwrap();
    thread.append(&[Item::user_message("second").unwrap()]).unwrap();
    thread.flush().unwrap();
    let row = test.store.read(thread.id()).unwrap().unwrap();
    assert_eq!(row.preview.as_deref(), Some("first"));
}

#[test]
fn what_cannot_be_cut_at_once_is_cut_before_the_next_line() {
    let test = OnDisk::new(StoreOptions::default());
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    test.disk.due([Fault::WriteAfter(400), Fault::WriteAfter(400), Fault::Cut]);
    // The second try cuts before it writes, and fails after; then cutting fails as well.
    thread.append(&[tokens(2), tokens(3), tokens(4)]).unwrap_err();
    thread.append(&[tokens(5)]).unwrap();
    assert!(test.disk.all_struck());
    assert_eq!(test.totals(), [1, 5]);
}

#[test]
fn a_failed_sync_is_a_failed_write() {
    let test = OnDisk::new(durable());
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    test.disk.due([Fault::Sync]);
    thread.append(&[tokens(2)]).unwrap();
    test.disk.due([Fault::Sync, Fault::Sync]);
    thread.append(&[tokens(3)]).unwrap_err();
    assert_eq!(test.totals(), [1, 2]);
    // Without the promise, nothing is synced before the end.
    let buffered = OnDisk::new(StoreOptions::default());
    let thread = buffered.thread();
    buffered.disk.due([Fault::Sync]);
    thread.append(&[tokens(1)]).unwrap();
    assert!(!buffered.disk.all_struck());
}

#[test]
fn a_first_write_that_fails_leaves_no_file() {
    let test = OnDisk::new(StoreOptions::default());
    let thread = test.thread();
    test.disk.due([Fault::WriteAfter(100), Fault::WriteAfter(100)]);
    thread.append(&[tokens(1)]).unwrap_err();
    assert_eq!(test.histories(), Vec::<PathBuf>::new());
    test.disk.due([Fault::Open, Fault::Open]);
    let error = thread.append(&[tokens(1)]).unwrap_err();
    assert!(error.to_string().contains("check the permissions"), "{error}");
    // What waited for the first append still does.
    thread.append(&[tokens(2)]).unwrap();
    thread.flush().unwrap();
    assert_eq!(test.totals(), [2]);
}

#[test]
fn one_writer_a_thread_until_it_is_gone() {
    let test = OnDisk::new(StoreOptions::default());
    let thread = test.thread();
    assert!(matches!(test.store.resume(thread.id()), Err(Error::InUse { .. })));
    thread.append(&[tokens(1)]).unwrap();
    let other = ThreadStore::open(test.folder.path(), StoreOptions::default()).unwrap();
    assert!(matches!(other.resume(thread.id()), Err(Error::InUse { .. })));
    let id = thread.id();
    let clone = thread.clone();
    drop(thread);
    assert!(matches!(other.resume(id), Err(Error::InUse { .. })));
    drop(clone);
    let resumed = other.resume(id).unwrap();
    resumed.append(&[tokens(2)]).unwrap();
    assert_eq!(test.totals(), [1, 2]);
}

#[test]
fn an_id_is_used_once() {
    let test = OnDisk::new(StoreOptions::default());
    let meta = meta();
    let thread = test.store.create(&meta).unwrap();
    thread.append(&[tokens(1)]).unwrap();
    thread.shutdown().unwrap();
    assert!(matches!(test.store.create(&meta), Err(Error::Exists { .. })));
    // Also where the row is gone.
    std::fs::remove_file(test.folder.path().join("threads.sqlite")).unwrap();
    let other = ThreadStore::open(test.folder.path(), StoreOptions::default()).unwrap();
    assert!(matches!(other.create(&meta), Err(Error::Exists { .. })));
    assert!(matches!(other.resume(ThreadId::new()), Err(Error::Unknown { .. })));
}

#[test]
fn a_history_with_the_id_of_another_is_refused() {
    let test = OnDisk::new(StoreOptions::default());
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    thread.shutdown().unwrap();
    let [history] = &test.histories()[..] else { panic!() };
    std::fs::create_dir_all(test.folder.path().join("sessions/copies")).unwrap();
    std::fs::copy(
        history,
        test.folder.path().join("sessions/copies").join(history.file_name().unwrap()),
    )
    .unwrap();
    std::fs::remove_file(test.folder.path().join("threads.sqlite")).unwrap();
    let other = ThreadStore::open(test.folder.path(), StoreOptions::default()).unwrap();
    match other.resume(thread.id()) {
        Err(Error::Duplicate { first, second, .. }) => assert_ne!(first, second),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_torn_tail_is_cut_and_an_unfinished_record_is_finished() {
    let test = OnDisk::new(StoreOptions::default());
    let thread = test.thread();
    thread.append(&[tokens(1), tokens(2)]).unwrap();
    thread.shutdown().unwrap();
    let [path] = &test.histories()[..] else { panic!() };
    let whole = std::fs::read(path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
    for length in last..=whole.len() {
        std::fs::write(path, &whole[..length]).unwrap();
        let resumed = test.store.resume(thread.id()).unwrap();
        resumed.append_and_flush(&[tokens(3)]).unwrap();
        // The newline alone may be missing: the record is there without it.
        let expected: &[i64] = if length + 1 >= whole.len() { &[1, 2, 3] } else { &[1, 3] };
        assert_eq!(test.totals(), expected, "cut to {length} of {}", whole.len());
        let row = test.store.read(thread.id()).unwrap().unwrap();
        assert_eq!(row.tokens_used, 3);
        resumed.shutdown().unwrap();
    }
}

#[test]
fn clones_append_in_one_order_and_the_row_follows_it() {
    for mode in Mode::ALL {
        let test = OnDisk::new(StoreOptions { mode, ..StoreOptions::default() });
        let thread = test.thread();
        std::thread::scope(|scope| {
            for part in 0..4 {
                let thread = thread.clone();
                scope.spawn(move || {
                    for number in 0..50 {
                        thread.append(&[tokens(part * 1000 + number)]).unwrap();
                    }
                });
            }
        });
        thread.shutdown().unwrap();
        let totals = test.totals();
        assert_eq!(totals.len(), 200);
        for part in 0..4 {
            let own: Vec<i64> =
                totals.iter().copied().filter(|total| total / 1000 == part).collect();
            assert!(own.is_sorted() && own.len() == 50);
        }
        let row = test.store.read(thread.id()).unwrap().unwrap();
        assert_eq!(Some(&row.tokens_used), totals.last());
    }
}

#[test]
fn what_is_not_kept_in_histories_is_passed_over() {
    let test = OnDisk::new(StoreOptions::default());
    let thread = test.thread();
    let delta = Item::from_line(
        br#"{"timestamp":"2026-11-20T20:37:24.062Z","type":"event_msg",
            "payload":{"type":"agent_message_delta","delta":"x"}}"#,
    )
    .unwrap();
    thread.append(std::slice::from_ref(&delta)).unwrap();
    assert_eq!(test.histories(), Vec::<PathBuf>::new());
    thread.append(&[delta.clone(), tokens(1), delta]).unwrap();
    assert_eq!(test.totals(), [1]);
    let [path] = &test.histories()[..] else { panic!() };
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 2);
}

#[test]
fn a_history_that_something_else_has_cut_is_not_written_to() {
    let test = OnDisk::new(StoreOptions::default());
    let thread = test.thread();
    thread.append(&[tokens(1)]).unwrap();
    thread.append(&[tokens(2)]).unwrap();
    let [path] = &test.histories()[..] else { panic!() };
    std::fs::write(path, b"").unwrap();
    // Seen when the file is opened anew.
    test.disk.due([Fault::WriteAfter(0)]);
    let error = thread.append(&[tokens(3)]).unwrap_err();
    assert!(error.to_string().contains("shorter"), "{error}");
}
