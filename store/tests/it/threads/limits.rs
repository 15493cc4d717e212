//! A disk that is full for real, and lines of any length.

use std::process::Command;

use tracerig_store::threads::{Error, Item, StoreOptions, ThreadId, ThreadStore};

use super::controlled::{meta, tokens};

/// Set for the process that runs under the limit.
const FOLDER: &str = "TRACERIG_TEST_FOLDER";

#[test]
fn on_a_full_disk_everything_acknowledged_stays_and_the_rest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    // No file may grow beyond 400 blocks of 512 bytes; the signal that would end the process
    // becomes an error.
    let script = "trap '' XFSZ; ulimit -f 400; exec \"$0\" --exact \
                  threads::limits::under_the_limit --include-ignored --nocapture";
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    let told = said
        .lines()
        .find_map(|line| line.split_once("acknowledged "))
        .expect("what it acknowledged")
        .1;
    let (id, total) = told.split_once(' ').unwrap();
    let (id, total): (ThreadId, i64) = (id.parse().unwrap(), total.parse().unwrap());
    assert!(total > 10);

    // Where there is room again, the thread goes on.
    let store = ThreadStore::open(folder.path(), StoreOptions::default()).unwrap();
    let thread = store.resume(id).unwrap();
    thread.persist().unwrap();
    assert_eq!(store.read(id).unwrap().unwrap().tokens_used, total);
    thread.append_and_flush(&[tokens(total + 1)]).unwrap();
    assert_eq!(store.read(id).unwrap().unwrap().tokens_used, total + 1);
}

#[test]
#[ignore = "run by another test, in a process with a limit"]
fn under_the_limit() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = ThreadStore::open(folder, StoreOptions::default()).unwrap();
    let (thread, other) = (store.create(&meta()).unwrap(), store.create(&meta()).unwrap());
    other.append(&[tokens(1)]).unwrap();
    let filler = Item::user_message(&"x".repeat(5_000)).unwrap();
    let mut acknowledged = 0;
    let error = loop {
        match thread.append(&[filler.clone(), tokens(acknowledged + 1)]) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 1_000, "the limit does not bind");
    };
    match &error {
        Error::History { path, .. } => assert!(path.exists()),
        error => panic!("{error:?}"),
    }
    assert!(error.to_string().contains("free some space"), "{error}");
    // A smaller line may still have room; other threads have.
    other.append(&[tokens(2)]).unwrap();
    println!("acknowledged {} {acknowledged}", thread.id());
}

#[test]
fn a_line_of_64_mib_is_appended_read_and_followed_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = ThreadStore::open(folder.path(), StoreOptions::default()).unwrap();
    let thread = store.create(&meta()).unwrap();
    let long = "long ".repeat((64 << 20) / 5);
    thread.append(&[tokens(1), Item::user_message(&long).unwrap()]).unwrap();
    thread.append_and_flush(&[tokens(2)]).unwrap();
    thread.shutdown().unwrap();
    let row = store.read(thread.id()).unwrap().unwrap();
    assert_eq!((row.tokens_used, row.preview.unwrap().chars().count()), (2, 4096));
    let resumed = store.resume(thread.id()).unwrap();
    resumed.append_and_flush(&[tokens(3)]).unwrap();
    let row = store.read(thread.id()).unwrap().unwrap();
    assert_eq!(row.tokens_used, 3);
    assert!(row.history_bytes > 64 << 20);
}
