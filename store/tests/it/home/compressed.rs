//! Compressed histories.

use std::io::{Error as IoError, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

use tracerig_store::threads::{Disk, DiskFile, Error, FileSystem, HistoryError, Item};

use super::*;

fn zst(thread: &str) -> String {
    format!("{}.zst", name(thread))
}

#[test]
fn m4_a_compressed_history_is_read_like_the_plain_one() {
    let home = Home::new();
    home.write(DAY, &name(THREAD), history(THREAD));
    let plain = home.rebuilt(THREAD);
    fs::remove_file(home.root().join(DAY).join(name(THREAD))).unwrap();
    let path = home.write(DAY, &zst(THREAD), compressed(&history(THREAD)));
    assert_eq!(home.repair().written, 1);
    let row = home.rebuilt(THREAD);
    assert_eq!(row.history_bytes, path.metadata().unwrap().len());
    let as_plain = ThreadRow {
        history_bytes: plain.history_bytes,
        rollout_path: plain.rollout_path.clone(),
        ..row
    };
    assert_eq!(as_plain, plain);
}

#[test]
fn several_frames_and_lines_longer_than_the_buffer_are_read() {
    let home = Home::new();
    let long = "\u{e9}".repeat(300_000);
    let first =
        meta(0, THREAD, "") + &line(1, "response_item", &format!("{{\"text\":\"{long}\"}}"));
    let second = message(2, &long) + &tokens(3, 100);
    // A frame that is to be skipped is between them.
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let frames = [compressed(&first), skipped.to_vec(), compressed(&second)].concat();
    home.write(DAY, &zst(THREAD), frames);
    let row = home.rebuilt(THREAD);
    assert_eq!((row.tokens_used, row.title.map(|title| title.chars().count())), (100, Some(4096)));
}

#[test]
fn the_plain_file_counts_where_both_are_there() {
    let home = Home::new();
    home.write(DAY, &zst(THREAD), compressed(&(history(THREAD) + &tokens(9, 999))));
    home.write(DAY, &name(THREAD), history(THREAD));
    assert_eq!(home.rebuilt(THREAD).tokens_used, 100);
    // Elsewhere it is a second history.
    fs::rename(
        home.root().join(DAY).join(zst(THREAD)),
        home.root().join("sessions").join(zst(THREAD)),
    )
    .unwrap();
    let done = home.rebuild();
    assert!(matches!(done.failures[..], [Error::Duplicate { .. }]), "{done:?}");
}

#[test]
fn a_damaged_compressed_history_fails_and_costs_no_other() {
    let whole = compressed(&history(THREAD));
    let mut turned = whole.clone();
    let middle = turned.len() / 2;
    turned[middle] ^= 1;
    let rubbish = [&whole[..], b"rubbish"].concat();
    for damaged in [&whole[..whole.len() - 1], &whole[..20], &turned, &rubbish, b"rubbish"] {
        let home = Home::new();
        home.write(DAY, &name(OTHER), history(OTHER));
        home.write(DAY, &zst(THREAD), damaged);
        let done = home.rebuild();
        assert!(
            matches!(done.failures[..], [Error::Unreadable(HistoryError::Damaged { .. })]),
            "{done:?}"
        );
        assert_eq!(done.written, 1);
        assert_eq!(home.verify().failures.len(), 1);
        assert!(home.store().resume(id(THREAD)).is_err());
        assert!(home.root().join(DAY).join(zst(THREAD)).exists());
    }
}

#[test]
fn a_writer_restores_the_plain_file_first() {
    let home = Home::new();
    let path = home.write(DAY, &zst(THREAD), compressed(&history(THREAD)));
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    home.rebuild();
    // What a killed writer has left.
    home.write(DAY, &format!(".{}.restored", name(THREAD)), "x");
    let live = home.store().resume(id(THREAD)).unwrap();
    let plain = home.root().join(DAY).join(name(THREAD));
    assert!(fs::read_to_string(&plain).unwrap() == history(THREAD) && !path.exists());
    assert_eq!(plain.metadata().unwrap().modified().unwrap(), old);
    assert_eq!(fs::read_dir(home.root().join(DAY)).unwrap().count(), 1);
    live.append_and_flush(&[Item::token_count(7).unwrap()]).unwrap();
    live.shutdown().unwrap();
    let row = home.row(THREAD).unwrap();
    assert_eq!((row.tokens_used, row.rollout_path), (7, Path::new(DAY).join(name(THREAD))));
    home.all_equal();
    assert_eq!(home.rebuild().removed, 0);
}

/// A disk on which one call fails, and that knows whether a whole history was there at every
/// moment.
#[derive(Debug)]
struct Fails {
    call: &'static str,
    compressed: PathBuf,
    plain: PathBuf,
}

impl Fails {
    fn at(&self, call: &str) -> std::io::Result<()> {
        let whole = fs::read_to_string(&self.plain).is_ok_and(|plain| plain == history(THREAD));
        assert!(self.compressed.exists() || whole, "{call}");
        assert!(whole || !self.plain.exists(), "{call}: a part of it has its name");
        if call == self.call { Err(IoError::other("injected")) } else { Ok(()) }
    }
}

impl Disk for Fails {
    fn create_folder(&self, path: &Path) -> std::io::Result<()> {
        FileSystem.create_folder(path)
    }

    fn create(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        self.at("create")?;
        Ok(Box::new(Part { file: fs::File::create_new(path)?, fails: self.call == "write" }))
    }

    fn open(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        FileSystem.open(path)
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        if *path == self.compressed {
            self.at("remove")?;
        }
        FileSystem.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.at("rename")?;
        FileSystem.rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> std::io::Result<()> {
        self.at("sync")?;
        FileSystem.sync_folder(path)
    }
}

/// A file that takes half of what is written, then fails.
#[derive(Debug)]
struct Part {
    file: fs::File,
    fails: bool,
}

impl DiskFile for Part {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write_all(&bytes[..bytes.len() / 2])?;
        if self.fails {
            Err(IoError::other("injected"))
        } else {
            self.file.write(&bytes[bytes.len() / 2..]).map(|rest| bytes.len() / 2 + rest)
        }
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.file.sync_all()
    }

    fn length(&self) -> std::io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn cut(&mut self, length: u64) -> std::io::Result<()> {
        self.file.set_len(length)
    }
}

#[test]
fn a_restore_that_fails_anywhere_leaves_a_whole_history_and_the_next_one_works() {
    for call in ["create", "write", "rename", "sync", "remove"] {
        let home = Home::new();
        let compressed = home.write(DAY, &zst(THREAD), compressed(&history(THREAD)));
        let plain = home.root().join(DAY).join(name(THREAD));
        let disk = Arc::new(Fails { call, compressed, plain: plain.clone() });
        let store =
            ThreadStore::open(home.root(), StoreOptions { disk, ..StoreOptions::default() })
                .unwrap();
        assert!(store.resume(id(THREAD)).is_err(), "{call}");
        let done = home.rebuild();
        assert_eq!((done.written, done.failures.len()), (1, 0), "{call}");
        home.store().resume(id(THREAD)).unwrap().shutdown().unwrap();
        assert!(fs::read_to_string(&plain).unwrap() == history(THREAD), "{call}");
    }
}
