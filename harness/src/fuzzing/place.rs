//! Where a target keeps its files: in memory if the system has a place for that, a separate folder
//! for each thread of execution.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A file system in memory, on Linux.
const IN_MEMORY: &str = "/dev/shm";

/// Calls `work` with an empty folder, the same one each time.
pub(super) fn empty<T>(work: impl FnOnce(&Path) -> T) -> T {
    thread_local! {
        static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
    }
    let path: PathBuf = FOLDER.with_borrow_mut(|folder| match folder {
        Some(folder) => folder.path().to_owned(),
        None => folder.insert(new()).path().to_owned(),
    });
    let place = path.join("place");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir(&place).expect("a folder for the files of a fuzz target");
    work(&place)
}

/// A new folder that goes when it is dropped.
pub(super) fn new() -> TempDir {
    let folder = if Path::new(IN_MEMORY).is_dir() {
        tempfile::tempdir_in(IN_MEMORY)
    } else {
        tempfile::tempdir()
    };
    folder.expect("a temporary folder")
}
