//! A power cut: whatever was not synced is lost, files and their names.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tracerig_store::threads::{Disk, DiskFile, Durability, FileSystem, StoreOptions, ThreadStore};

use super::controlled::{meta, tokens};

/// A disk that remembers what is safe, and goes dark at a sync.
#[derive(Debug, Clone, Default)]
struct Lossy(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Syncs until it goes dark.
    left: usize,
    dark: bool,
    /// The bytes of each file that are safe.
    safe: BTreeMap<PathBuf, u64>,
    /// Folders whose names are safe.
    named: Vec<PathBuf>,
}

impl Lossy {
    fn until(syncs: usize) -> Self {
        Self(Arc::new(Mutex::new(State { left: syncs, ..State::default() })))
    }

    fn works(&self) -> io::Result<()> {
        if self.0.lock().unwrap().dark {
            Err(io::Error::other("the power is gone"))
        } else {
            Ok(())
        }
    }

    fn sync(&self, done: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        self.works()?;
        let mut state = self.0.lock().unwrap();
        if state.left == 0 {
            state.dark = true;
            return Err(io::Error::other("the power is gone"));
        }
        state.left -= 1;
        done(&mut state)
    }

    /// What the disk holds when the power is back.
    fn cut(&self) {
        let state = self.0.lock().unwrap();
        for (path, safe) in &state.safe {
            let folder = path.parent().unwrap();
            if !path.exists() {
                continue;
            }
            if state.named.iter().any(|named| named == folder) {
                std::fs::File::options().write(true).open(path).unwrap().set_len(*safe).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

impl Disk for Lossy {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.works().and_then(|()| FileSystem.create_folder(path))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.works()?;
        let file = FileSystem.create(path)?;
        self.0.lock().unwrap().safe.insert(path.to_owned(), 0);
        Ok(Box::new(LossyFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.works()?;
        let file = FileSystem.open(path)?;
        Ok(Box::new(LossyFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.works().and_then(|()| FileSystem.remove(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.sync(|state| {
            state.named.push(path.to_owned());
            Ok(())
        })
    }
}

#[derive(Debug)]
struct LossyFile {
    disk: Lossy,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl DiskFile for LossyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.works()?;
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let length = self.file.length()?;
        let path = self.path.clone();
        self.disk.sync(|state| {
            state.safe.insert(path, length);
            Ok(())
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.disk.works()?;
        self.file.cut(length)
    }
}

#[test]
fn with_fsync_a_power_cut_at_any_sync_loses_nothing_acknowledged() {
    let mut syncs = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let disk = Lossy::until(syncs);
        let options = StoreOptions {
            durability: Durability::Fsync,
            disk: Arc::new(disk.clone()),
            ..StoreOptions::default()
        };
        let mut acknowledged = Vec::new();
        let mut ids = Vec::new();
        {
            let store = ThreadStore::open(folder.path(), options).unwrap();
            let threads = [store.create(&meta()).unwrap(), store.create(&meta()).unwrap()];
            for number in 1..=4 {
                for (index, thread) in threads.iter().enumerate() {
                    if thread.append(&[tokens(number)]).is_ok() {
                        acknowledged.push((index, number));
                    }
                }
            }
            ids.extend(threads.iter().map(tracerig_store::threads::LiveThread::id));
        }
        let all = !disk.0.lock().unwrap().dark;
        disk.cut();
        // The rows may be lost altogether: the histories bring them back.
        for file in ["threads.sqlite", "threads.sqlite-wal", "threads.sqlite-shm"] {
            let _ = std::fs::remove_file(folder.path().join(file));
        }
        let store = ThreadStore::open(folder.path(), StoreOptions::default()).unwrap();
        for (index, id) in ids.iter().enumerate() {
            let last = acknowledged
                .iter()
                .rev()
                .find(|(thread, _)| *thread == index)
                .map(|(_, number)| *number);
            let Some(last) = last else { continue };
            let thread = store.resume(*id).unwrap();
            thread.persist().unwrap();
            let found = store.read(*id).unwrap().unwrap().tokens_used;
            assert!(
                found >= last,
                "power cut at sync {syncs}: {last} was acknowledged, {found} is there"
            );
        }
        if all {
            break;
        }
        syncs += 1;
    }
    assert!(syncs > 16, "each append and each folder is synced: {syncs}");
}
