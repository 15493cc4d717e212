//! Finds every rollout below a home, with one metadata call a file.
//!
//! Symbolic links are followed, to files and to folders. A folder is read once, however many ways
//! lead to it; so circles end. Real folders are read first, then the linked ones in the order of
//! their paths: the same archive is always found by the same paths. Where a rollout is both plain
//! and compressed in a folder, only the plain one is found.

use std::collections::HashSet;
use std::ffi::{CStr, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat};

use super::Options;
use super::ablation::Ablation;
use super::listing::{self, Listing, Names, Span, is_rollout};
use super::shard::Stored;
use super::source::{is_compressed, other_form};
use super::state::State;

/// A rollout that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Where its name is among those of its folder.
    pub(crate) name: Span,
    /// How it was found; nothing where no memo can know it: then it is looked at only when it is
    /// read.
    pub(crate) state: Option<State>,
    /// Whether other paths may lead to it.
    pub(crate) is_shared: bool,
}

/// A folder that was read.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// Its path below the home.
    pub(crate) path: PathBuf,
    /// The names of what is in it.
    pub(crate) names: Names,
    /// The rollouts in it, in the order of their names.
    pub(crate) files: Vec<Found>,
    /// Rollouts that could not be looked at.
    pub(crate) failed: Vec<(OsString, io::Error)>,
    /// The state it was in before it was listed, if nothing is in it but `files`.
    pub(crate) listed: Option<State>,
    /// What the memo has of it, as far as that was looked at.
    pub(crate) stored: Option<Stored>,
}

/// What a walk found beside the folders it handed over.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Folders that could not be read, below the home.
    pub(crate) failed: Vec<(PathBuf, io::Error)>,
    /// Folders read.
    pub(crate) folders: u64,
    /// Calls for the state of a file or folder.
    pub(crate) calls: u64,
    /// Time spent listing folders, and looking at files, over all threads.
    pub(crate) listing: Duration,
    pub(crate) metadata: Duration,
}

/// Who hears of folders.
pub(crate) trait Hears: Sync {
    /// What the memo has of a folder; and what is in it, where it is in a state of which the
    /// memo knows that.
    fn known(&self, folder: &Path, state: &State) -> Option<(Option<Listing>, Stored)>;

    /// Takes a folder with rollouts, in the thread that read it.
    fn found(&self, folder: Folder);
}

/// Walks the folders `roots` below `home` as `options` say; those that are not there are left out.
pub(crate) fn walk(home: &Path, roots: &[&str], options: &Options, hears: &dyn Hears) -> Walked {
    let threads = options.threads.get();
    let walk = Walk { home, options, hears, state: Mutex::default(), changed: Condvar::new() };
    let mut wave: Vec<PathBuf> = roots.iter().map(PathBuf::from).collect();
    let mut linked = Vec::new();
    let mut is_root = true;
    while !wave.is_empty() {
        walk.lock().todo = wave.drain(..).map(|path| (path, is_root)).collect();
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // One that the system does not start is not missed: the others do its work.
                let _ = std::thread::Builder::new().spawn_scoped(scope, || walk.work());
            }
            walk.work();
        });
        is_root = false;
        linked.append(&mut walk.lock().linked);
        linked.sort_unstable_by(|one, other| other.cmp(one));
        wave.extend(linked.pop());
    }
    let state = walk.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.walked
}

struct Walk<'a> {
    home: &'a Path,
    options: &'a Options,
    hears: &'a dyn Hears,
    state: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    /// Folders to read, and whether each is one that need not be there.
    todo: Vec<(PathBuf, bool)>,
    /// Threads that read one now, and may find more.
    busy: usize,
    /// Threads that wait for one.
    waiting: usize,
    /// Folders found behind links.
    linked: Vec<PathBuf>,
    /// Device and inode of the folders read.
    seen: HashSet<(u64, u64)>,
    walked: Walked,
}

/// What one folder holds.
#[derive(Default)]
struct Content {
    folder: Folder,
    inner: Vec<PathBuf>,
    linked: Vec<PathBuf>,
    calls: u64,
    /// Whether rollouts are compressed.
    compresses: bool,
}

impl Walk<'_> {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut buffer = listing::buffer();
        let mut state = self.lock();
        loop {
            let Some((path, may_be_absent)) = state.todo.pop() else {
                if state.busy == 0 {
                    return;
                }
                state.waiting += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.waiting -= 1;
                continue;
            };
            state.busy += 1;
            drop(state);
            let read = self.read(&path, &mut buffer);
            state = self.lock();
            match read {
                Ok(Some((content, took))) => {
                    let Content { folder, inner, linked, calls, .. } = content;
                    state.todo.extend(inner.into_iter().map(|path| (path, false)));
                    state.linked.extend(linked);
                    state.walked.folders += 1;
                    state.walked.calls += calls;
                    state.walked.listing += took.0;
                    state.walked.metadata += took.1;
                    if !folder.files.is_empty() || !folder.failed.is_empty() {
                        self.notify(&state);
                        drop(state);
                        self.hears.found(folder);
                        state = self.lock();
                    }
                }
                Ok(None) => {}
                Err(error)
                    if may_be_absent
                        && error.kind() == io::ErrorKind::NotFound
                        && !self.home.join(&path).is_symlink() => {}
                Err(error) => state.walked.failed.push((path, error)),
            }
            state.busy -= 1;
            self.notify(&state);
        }
    }

    /// Wakes whoever waits. To wake nobody costs a system call as well.
    fn notify(&self, state: &Progress) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Reads a folder; `None` if it was read before.
    fn read(
        &self,
        path: &Path,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Option<(Content, (Duration, Duration))>> {
        let start = Instant::now();
        let fd = openat(
            CWD,
            self.home.join(path),
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let itself = fstat(&fd)?;
        let is_new = self.lock().seen.insert(State::of(&itself).file());
        // Without the rule circles have no end, but for this one.
        let again = self.options.lacks(Ablation::FolderOnce) && path.components().count() < 8;
        if !is_new && !again {
            return Ok(None);
        }
        // Before the folder is listed, so that whatever happens to it afterwards is later.
        let (now, state) = ((self.options.folder_clock)(), State::of(&itself));
        let (listing, stored) = self.hears.known(path, &state).unzip();
        let Listing { names, rollouts, others } = match listing.flatten() {
            Some(listing) => listing,
            None => listing::list(&fd, buffer)?,
        };
        let listed = Instant::now();
        let files = Vec::with_capacity(rollouts.len());
        let folder = Folder { path: path.to_owned(), files, stored, ..Folder::default() };
        let mut content = Content { folder, calls: 1, ..Content::default() };
        let expected = rollouts.len();
        for name in rollouts {
            content.look(fd.as_fd(), name, names.c_str(name), FileType::RegularFile, self.options);
        }
        let in_order = content.folder.files.len();
        let is_plain = in_order == expected && others.is_empty();
        for (name, kind) in others {
            content.look(fd.as_fd(), name, names.c_str(name), kind, self.options);
        }
        let files = &mut content.folder.files;
        if files.len() > in_order {
            files.sort_unstable_by_key(|file| names.get(file.name));
        }
        content.folder.names = names;
        if content.compresses && !self.options.lacks(Ablation::CompressedPlain) {
            content.folder.leave_out_second_forms();
        }
        let is_all = is_plain && content.folder.files.len() == expected;
        content.folder.listed = Some(state).filter(|state| is_all && state.has_rested(now));
        Ok(Some((content, (listed - start, listed.elapsed()))))
    }
}

impl Folder {
    /// The name of one of its files.
    pub(crate) fn name(&self, file: &Found) -> &OsStr {
        OsStr::from_bytes(self.names.get(file.name))
    }

    /// Leaves out each compressed rollout that is there plain, too.
    fn leave_out_second_forms(&mut self) {
        let names: HashSet<OsString> = self
            .files
            .iter()
            .map(|file| self.name(file))
            .chain(self.failed.iter().map(|(name, _)| name.as_os_str()))
            .filter(|name| !is_compressed(name))
            .map(OsStr::to_owned)
            .collect();
        if names.is_empty() {
            return;
        }
        let is_second = |name: &OsStr| is_compressed(name) && names.contains(&other_form(name));
        let Self { names: all, files, failed, .. } = self;
        files.retain(|file| !is_second(OsStr::from_bytes(all.get(file.name))));
        failed.retain(|(name, _)| !is_second(name));
    }
}

impl Content {
    /// Looks at what is called `name` in the folder, once.
    fn look(
        &mut self,
        fd: BorrowedFd<'_>,
        place: Span,
        name: &CStr,
        kind: FileType,
        options: &Options,
    ) {
        let text = OsStr::from_bytes(name.to_bytes());
        if kind == FileType::Directory {
            self.inner.push(self.folder.path.join(text));
            return;
        }
        // Where the folder does not tell, a link cannot be told from what it leads to: as it may be
        // one, it is taken for one.
        let is_link = kind != FileType::RegularFile;
        let compressed = is_compressed(text);
        let named =
            is_rollout(name.to_bytes()) && !(compressed && options.lacks(Ablation::Compressed));
        if !named && !is_link {
            return;
        }
        self.compresses |= named && compressed;
        if !is_link && options.memo.is_none() {
            return self.folder.files.push(Found { name: place, state: None, is_shared: false });
        }
        self.calls += 1;
        match statat(fd, name, AtFlags::empty()) {
            Ok(found) => match FileType::from_raw_mode(found.st_mode) {
                FileType::RegularFile if is_link && options.lacks(Ablation::FileLinks) => {}
                FileType::Directory if options.lacks(Ablation::FolderLinks) => {}
                FileType::RegularFile if named => self.folder.files.push(Found {
                    name: place,
                    state: Some(options.state(&found)),
                    is_shared: is_link || found.st_nlink > 1,
                }),
                FileType::Directory => self.linked.push(self.folder.path.join(text)),
                FileType::RegularFile => {}
                // A pipe would be waited for, and a device may have no end.
                _ if named => {
                    let error = io::Error::other("it is a pipe, a socket or a device");
                    self.folder.failed.push((text.to_owned(), error));
                }
                _ => {}
            },
            Err(rustix::io::Errno::NOENT) if named && kind == FileType::Symlink => {
                let error = io::Error::other("it is a link to nothing");
                self.folder.failed.push((text.to_owned(), error));
            }
            // Gone since.
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) if named => self.folder.failed.push((text.to_owned(), error.into())),
            // Whatever it leads to, it is not called a rollout.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn found(home: &Path, threads: usize) -> (Vec<String>, Walked) {
        #[derive(Default)]
        struct Paths(Mutex<Vec<String>>);

        impl Hears for Paths {
            fn known(&self, _: &Path, _: &State) -> Option<(Option<Listing>, Stored)> {
                None
            }

            fn found(&self, folder: Folder) {
                let path = |name: &OsStr| folder.path.join(name).display().to_string();
                let mut found = self.0.lock().unwrap();
                found.extend(folder.files.iter().map(|file| path(folder.name(file))));
                found.extend(folder.failed.iter().map(|(name, _)| format!("! {}", path(name))));
            }
        }

        let found = Paths::default();
        let options = Options { threads: threads.try_into().unwrap(), ..Options::default() };
        let walked = walk(home, &["sessions", "archived_sessions"], &options, &found);
        let mut found = found.0.into_inner().unwrap();
        found.sort();
        (found, walked)
    }

    #[test]
    fn links_are_followed_circles_end_and_what_is_no_rollout_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let elsewhere = home.join("elsewhere");
        let write = |path: &str| {
            let path = home.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        };
        write("sessions/2026/11/20/rollout-b.jsonl");
        write("sessions/2026/11/20/rollout-b.jsonl.zst");
        write("sessions/2026/11/20/rollout-c.jsonl.zst");
        write("sessions/2026/11/20/rollout-a.jsonl");
        write("sessions/2026/11/20/notes.jsonl");
        write("sessions/2026/11/21/rollout-c.jsonl.tmp");
        write("elsewhere/rollout-d.jsonl");
        write("elsewhere/target");
        std::fs::create_dir(home.join("sessions/2026/11/20/rollout-folder.jsonl")).unwrap();
        symlink(&elsewhere, home.join("sessions/z-linked")).unwrap();
        symlink(&elsewhere, home.join("sessions/y-linked")).unwrap();
        symlink(home.join("sessions"), home.join("elsewhere/circle")).unwrap();
        symlink(elsewhere.join("target"), home.join("sessions/2026/rollout-linked.jsonl")).unwrap();
        symlink("rollout-self.jsonl", home.join("sessions/2026/rollout-self.jsonl")).unwrap();
        symlink("nowhere", home.join("sessions/2026/rollout-nowhere.jsonl")).unwrap();
        for threads in [1, 2, 5] {
            let (found, walked) = found(home, threads);
            assert_eq!(
                found,
                [
                    "! sessions/2026/rollout-nowhere.jsonl",
                    "! sessions/2026/rollout-self.jsonl",
                    "sessions/2026/11/20/rollout-a.jsonl",
                    "sessions/2026/11/20/rollout-b.jsonl",
                    "sessions/2026/11/20/rollout-c.jsonl.zst",
                    "sessions/2026/rollout-linked.jsonl",
                    "sessions/y-linked/rollout-d.jsonl",
                ]
            );
            assert!(walked.failed.is_empty(), "an archive may have no archived sessions");
            assert_eq!(walked.folders, 7, "each once");
        }
    }
}
