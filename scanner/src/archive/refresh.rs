//! One refresh from beginning to end: walk and compare, read what changed, write the memo, add up.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::fs::{Mode, OFlags, fstat, open};

use super::ablation::{Ablation, Ablations};
use super::copies;
use super::error::ArchiveError;
use super::memo::{Damaged, Memo, Saved};
use super::part::{self, Part};
use super::reader::Reader;
use super::result::{Problem, Refresh, Stats, What};
use super::shard::{Detail, Head, Key, Record, Stored};
use super::state::State;
use super::usage::Usage;
use super::walk::{self, Folder, Found};
use super::{ARCHIVED, Options, Request, SESSIONS};

/// What is common to all steps of a refresh.
pub(super) struct Context<'a> {
    pub(super) home: &'a Path,
    pub(super) options: &'a Options,
    pub(super) request: &'a Request<'a>,
    memo: Option<Memo>,
    state: Mutex<Progress>,
    files_done: AtomicU64,
    bytes_done: AtomicU64,
    cancelled: AtomicBool,
}

#[derive(Default)]
struct Progress {
    parts: Vec<Part>,
    work: Vec<Work>,
    stats: Stats,
    warnings: Vec<String>,
}

/// A shard in which something changed.
struct Work {
    key: Key,
    files: Vec<Found>,
    failed: Vec<(OsString, io::Error)>,
    stored: Option<Stored>,
}

pub(super) fn refresh(
    home: &Path,
    options: &Options,
    request: &Request<'_>,
) -> Result<Refresh, ArchiveError> {
    let home = resolve(home)?;
    let mut progress = Progress::default();
    let memo =
        options.memo.as_ref().and_then(|folder| match Memo::open(folder, &home, options.busy_timeout) {
            Ok((memo, warning)) => {
                progress.warnings.extend(warning);
                Some(memo)
            }
            Err(error) => {
                progress.warnings.push(not_written(folder, &error));
                None
            }
        });
    let context = Context {
        home: &home,
        options,
        request,
        memo,
        state: Mutex::new(progress),
        files_done: AtomicU64::new(0),
        bytes_done: AtomicU64::new(0),
        cancelled: AtomicBool::new(false),
    };
    let threads = options.threads.get();
    let walked = walk::walk(&home, &[SESSIONS, ARCHIVED], options, &|folder| context.compare(folder));
    {
        let stats = &mut context.lock().stats;
        stats.folders = walked.folders;
        (stats.phases.walk, stats.phases.metadata) = (walked.listing, walked.metadata);
    }
    let failed = context.look_for_gone_ones(walked.failed);
    context.read_all(threads);
    if context.is_cancelled() {
        return Err(ArchiveError::Cancelled { path: home.clone() });
    }
    let aggregating = Instant::now();
    let mut progress = std::mem::take(&mut *context.lock());
    progress.parts.sort_by(|one, other| one.key.cmp(&other.key));
    let diverged = copies::set_aside(&context, &mut progress.parts, &mut progress.stats);
    Ok(progress.into_refresh(failed, diverged, aggregating))
}

/// The path of the home with links resolved, if it is one.
fn resolve(home: &Path) -> Result<std::path::PathBuf, ArchiveError> {
    let path = || home.to_owned();
    let resolved = home.canonicalize().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ArchiveError::Missing { path: path() },
        _ => ArchiveError::Io { path: path(), source },
    })?;
    let mut has_one = false;
    for folder in [SESSIONS, ARCHIVED] {
        match std::fs::metadata(resolved.join(folder)) {
            Ok(found) => has_one |= found.is_dir(),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(source) => return Err(ArchiveError::Io { path: resolved.join(folder), source }),
        }
    }
    if has_one { Ok(resolved) } else { Err(ArchiveError::NoArchive { path: path() }) }
}

fn not_written(folder: &Path, error: &io::Error) -> String {
    format!(
        "{}: the memo could not be written ({error}); the next refresh reads anew what it lacks. Check the folder's \
         permissions and free space, or name another one",
        folder.display()
    )
}

impl Progress {
    fn into_refresh(self, failed: Vec<Problem>, diverged: Vec<Problem>, aggregating: Instant) -> Refresh {
        let Self { parts, mut stats, warnings, .. } = self;
        let (mut usage, mut sessions, mut problems) = (Usage::default(), Vec::new(), failed);
        problems.extend(diverged);
        for part in parts {
            usage.extend(&part.sums.models, &part.sums.totals);
            stats.unknown_lines += part.sums.unknown;
            stats.broken_lines += part.sums.broken;
            sessions.extend(part.sessions);
            problems.extend(part.problems);
        }
        sessions.sort_by(|one, other| one.path.cmp(&other.path));
        problems.sort_by(|one, other| one.path.cmp(&other.path));
        stats.phases.aggregate = aggregating.elapsed();
        Refresh { usage, sessions, problems, warnings, stats }
    }
}

impl Context<'_> {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sorts the files of a folder into shards, and finds out which of these are as they were.
    fn compare(&self, folder: Folder) {
        let start = Instant::now();
        let Folder { path, files, failed } = folder;
        let mut shards: Vec<Work> = Vec::new();
        for file in files {
            shard_of(&mut shards, &path, Key::day_of(&file.name)).files.push(file);
        }
        for failure in failed {
            shard_of(&mut shards, &path, Key::day_of(&failure.0)).failed.push(failure);
        }
        let (mut parts, mut work, mut unchanged) = (Vec::new(), Vec::new(), 0);
        let mut files = 0;
        for shard in shards {
            files += shard.files.len() as u64;
            match self.load(&shard.key) {
                Some(stored) if !self.request.rescan && shard.is_as(&stored.head, self.options.ablations) => {
                    match self.as_it_was(stored, false) {
                        Some(part) => {
                            unchanged += part.records.len() as u64;
                            parts.push(part);
                        }
                        None => work.push(shard),
                    }
                }
                stored => work.push(Work { stored, ..shard }),
            }
        }
        self.done(unchanged, 0);
        let mut state = self.lock();
        state.parts.append(&mut parts);
        state.work.append(&mut work);
        state.stats.files += files;
        state.stats.unchanged += unchanged;
        state.stats.phases.load += start.elapsed();
    }

    /// What the memo has of a shard, if that can be trusted.
    fn load(&self, key: &Key) -> Option<Stored> {
        let memo = self.memo.as_ref()?;
        match memo.load(key) {
            Ok(stored) => stored,
            Err(Damaged) => {
                self.damaged();
                None
            }
        }
    }

    /// Says once that a part of the memo is not whole.
    fn damaged(&self) {
        let Some(folder) = &self.options.memo else { return };
        self.warning(format!(
            "{}: a part of the memo is damaged; its sessions are read anew and it is written anew",
            folder.display()
        ));
    }

    /// A shard that is as it was. `None` if it is not whole.
    fn as_it_was(&self, stored: Stored, is_stale: bool) -> Option<Part> {
        let Stored { head, .. } = &stored;
        let mut part = Part {
            key: head.key.clone(),
            records: head.records.clone(),
            sums: head.sums.clone(),
            stored: None,
            names: Vec::new(),
            sessions: Vec::new(),
            problems: Vec::new(),
        };
        let joins = self.request.priority.is_some() && part.sums.has_open_turns;
        if part.sums.broken > 0 || joins || self.request.sessions {
            let Some(details) = stored.details().ok().flatten() else {
                self.damaged();
                return None;
            };
            let is_stale = vec![is_stale; details.len()];
            self.tell(&mut part, &details, &is_stale);
        }
        part.stored = Some(stored);
        Some(part)
    }

    /// Adds to `part` what only its details tell.
    fn tell(&self, part: &mut Part, details: &[Detail], is_stale: &[bool]) {
        let priority = self.request.priority;
        if priority.is_some() && part.sums.has_open_turns {
            part.sums = part::sums(details.iter().map(|detail| &detail.rollout), priority);
        }
        for (detail, is_stale) in details.iter().zip(is_stale) {
            part.problems.extend(part::broken(&part.key, detail));
            if self.request.sessions {
                part.sessions.push(part::session(&part.key, detail, *is_stale, priority));
            }
        }
    }

    /// Forgets the shards whose files are all gone. Those of a folder that could not be read stay as they were.
    fn look_for_gone_ones(&self, failed: Vec<(std::path::PathBuf, io::Error)>) -> Vec<Problem> {
        let mut known = vec![0; failed.len()];
        if let Some(memo) = &self.memo {
            let seen: HashSet<String> = {
                let state = self.lock();
                let keys =
                    state.parts.iter().map(|part| &part.key).chain(state.work.iter().map(|work| &work.key));
                keys.map(Key::file_name).collect()
            };
            match memo.others(&|name| seen.contains(name)) {
                Ok(others) => {
                    for stored in others {
                        let files = stored.head.records.len() as u64;
                        let below =
                            failed.iter().position(|(folder, _)| stored.head.key.folder.starts_with(folder));
                        let (key, stamp) = (stored.head.key.clone(), stored.stamp);
                        match below {
                            Some(place) => {
                                known[place] += files;
                                let part = self.as_it_was(stored, true);
                                let mut state = self.lock();
                                state.stats.stale += files;
                                state.parts.extend(part);
                            }
                            None => self.removed(memo.remove(&key, stamp), files),
                        }
                    }
                }
                Err(error) => self.warn(&error),
            }
        }
        let problem = |((path, error), known): ((std::path::PathBuf, io::Error), u64)| Problem {
            path,
            what: What::UnreadableFolder { known, reason: error.to_string() },
        };
        failed.into_iter().zip(known).map(problem).collect()
    }

    fn removed(&self, removed: io::Result<Saved>, files: u64) {
        match removed {
            Ok(saved) => {
                let stats = &mut self.lock().stats;
                stats.gone += files;
                stats.shards_written += u64::from(saved != Saved::Dropped);
            }
            Err(error) => self.warn(&error),
        }
    }

    /// Says once why the memo cannot be written.
    fn warn(&self, error: &io::Error) {
        let Some(folder) = &self.options.memo else { return };
        self.warning(not_written(folder, error));
    }

    fn warning(&self, warning: String) {
        let warnings = &mut self.lock().warnings;
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn done(&self, files: u64, bytes: u64) {
        let files = self.files_done.fetch_add(files, Ordering::Relaxed) + files;
        let bytes = self.bytes_done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.request.progress.is_some_and(|progress| !progress(files, bytes)) {
            self.cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Reads what changed, the largest shards first.
    fn read_all(&self, threads: usize) {
        let mut work = std::mem::take(&mut self.lock().work);
        if work.is_empty() {
            return;
        }
        let size = |work: &Work| work.files.iter().map(|file| file.state.size).sum::<u64>();
        work.sort_by_cached_key(|work| std::cmp::Reverse(size(work)));
        let threads = threads.min(work.len());
        let work: Vec<Mutex<Option<Work>>> = work.into_iter().map(|work| Mutex::new(Some(work))).collect();
        let next = AtomicUsize::new(0);
        let each = || {
            let mut reader = Reader::new();
            while let Some(work) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.is_cancelled() {
                    break;
                }
                let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(work) = work {
                    self.read(work, &mut reader);
                }
            }
            self.lock().stats.bytes_read += reader.bytes;
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(each);
            }
            each();
        });
    }

    /// Reads what changed in one shard, and writes it.
    fn read(&self, work: Work, reader: &mut Reader) {
        let start = Instant::now();
        let Work { key, files, failed, stored } = work;
        // One that is damaged may bear a stamp nevertheless.
        let stamp = match &stored {
            Some(stored) => Some(stored.stamp),
            None => self.memo.as_ref().and_then(|memo| memo.standing(&key.file_name())),
        };
        let mut old = Old::default();
        if let Some(stored) = stored.filter(|_| !self.request.rescan) {
            old = Old::of(stored).unwrap_or_else(|| {
                self.damaged();
                Old::default()
            });
        }
        let mut shard = Shard::new(self, key, reader);
        for file in files {
            if self.is_cancelled() {
                return;
            }
            let before = old.take(&file.name);
            shard.file(file, before);
        }
        for (name, error) in failed {
            let before = old.take(&name);
            shard.unreadable(&name, &error, before);
        }
        shard.stats.gone += old.left() as u64;
        let changed = shard.changed || old.left() > 0;
        let read = start.elapsed();
        let Shard { key, mut entries, problems, mut stats, .. } = shard;
        entries.sort_unstable_by(|one, other| one.detail.name.cmp(&other.detail.name));
        let (mut records, mut details, mut is_stale) = (Vec::new(), Vec::new(), Vec::new());
        for Entry { record, detail, stale } in entries {
            records.push(record);
            details.push(detail);
            is_stale.push(stale);
        }
        let sums = part::sums(details.iter().map(|detail| &detail.rollout), None);
        let head = Head { key, records, sums };
        stats.phases.parse = read;
        let persisting = Instant::now();
        if changed {
            self.save(&head, &details, stamp, &mut stats);
        }
        stats.phases.persist = persisting.elapsed();
        let Head { key, records, sums } = head;
        let stored = self.memo.as_ref().and_then(|memo| memo.load(&key).ok()?);
        let stored = stored.filter(|stored| stored.head.records == records);
        let names = match stored {
            Some(_) => Vec::new(),
            None => details.iter().map(|detail| detail.name().to_owned()).collect(),
        };
        let mut part = Part { key, records, sums, stored, names, sessions: Vec::new(), problems };
        self.tell(&mut part, &details, &is_stale);
        let mut state = self.lock();
        state.parts.push(part);
        state.stats.add(&stats);
    }

    fn save(&self, head: &Head, details: &[Detail], before: Option<super::shard::Stamp>, stats: &mut Stats) {
        let Some(memo) = &self.memo else { return };
        let saved = match (head.records.is_empty(), before) {
            (true, None) => return,
            (true, Some(before)) => memo.remove(&head.key, before),
            (false, before) => memo.save(head, details, before),
        };
        match saved {
            Ok(Saved::Written(bytes)) => {
                stats.shards_written += 1;
                stats.memo_bytes_written += bytes;
            }
            Ok(Saved::Dropped) => {}
            Err(error) => self.warn(&error),
        }
    }

    /// The details of a part, read from the memo or from its files.
    pub(super) fn details(&self, part: &Part, bytes_read: &mut u64) -> Vec<Detail> {
        if let Some(details) = part.stored.as_ref().and_then(|stored| stored.details().ok()?) {
            return details;
        }
        let mut reader = Reader::new();
        let read = |(name, record): (&OsString, &Record)| {
            let file = open_file(&self.home.join(&part.key.folder).join(name));
            let read = file.and_then(|file| reader.read(&file, record.state.size));
            let (rollout, consumed) = read.unwrap_or_default();
            Detail { name: name.as_encoded_bytes().to_vec(), consumed, rollout }
        };
        let details = part.names.iter().zip(&part.records).map(read).collect();
        *bytes_read += reader.bytes;
        details
    }
}

/// The shard of `day`, among those of one folder.
fn shard_of<'a>(shards: &'a mut Vec<Work>, folder: &Path, day: &str) -> &'a mut Work {
    // Names come in their order, and so do their days, but for names without one.
    let place = shards.iter().rposition(|work| work.key.day == day).unwrap_or_else(|| {
        let key = Key { folder: folder.to_owned(), day: day.to_owned() };
        shards.push(Work { key, files: Vec::new(), failed: Vec::new(), stored: None });
        shards.len() - 1
    });
    &mut shards[place]
}

/// Opens a rollout.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    Ok(open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?.into())
}

impl Work {
    /// Whether `head` remembers all of this as it is now.
    fn is_as(&self, head: &Head, ablated: Ablations) -> bool {
        self.failed.is_empty()
            && self.files.len() == head.records.len()
            && self
                .files
                .iter()
                .zip(&head.records)
                .all(|(file, record)| record.is_of(&file.name, &file.state, ablated))
    }
}

/// What is remembered of the files of a shard.
#[derive(Default)]
struct Old(std::collections::HashMap<Vec<u8>, (Record, Detail)>);

impl Old {
    /// Of a shard that is whole.
    fn of(stored: Stored) -> Option<Self> {
        let details = stored.details().ok()??;
        let entries = stored.head.records.into_iter().zip(details);
        Some(Self(entries.map(|(record, detail)| (detail.name.clone(), (record, detail))).collect()))
    }

    fn take(&mut self, name: &OsStr) -> Option<(Record, Detail)> {
        self.0.remove(name.as_encoded_bytes())
    }

    fn left(&self) -> usize {
        self.0.len()
    }
}

/// A shard being put together.
struct Shard<'a, 'r> {
    context: &'a Context<'a>,
    key: Key,
    reader: &'r mut Reader,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
    stats: Stats,
    /// Whether it is another one than before.
    changed: bool,
}

struct Entry {
    record: Record,
    detail: Detail,
    stale: bool,
}

impl<'a, 'r> Shard<'a, 'r> {
    fn new(context: &'a Context<'a>, key: Key, reader: &'r mut Reader) -> Self {
        let (entries, problems) = (Vec::new(), Vec::new());
        Self { context, key, reader, entries, problems, stats: Stats::default(), changed: false }
    }

    /// Takes a file that was found, and what was remembered of it.
    fn file(&mut self, file: Found, before: Option<(Record, Detail)>) {
        let Found { name, state, is_shared } = file;
        let read_before = self.reader.bytes;
        match before {
            Some((record, detail)) if record.is_of(&name, &state, self.context.options.ablations) => {
                self.stats.unchanged += 1;
                self.entries.push(Entry { record, detail, stale: false });
            }
            before => self.read(&name, is_shared, before),
        }
        self.context.done(1, self.reader.bytes - read_before);
    }

    fn read(&mut self, name: &OsStr, is_shared: bool, before: Option<(Record, Detail)>) {
        // Before the file is looked at, so that whatever happens to it afterwards is later.
        let now = (self.context.options.clock)();
        let path = self.context.home.join(&self.key.folder).join(name);
        let state = |file: File| Ok((self.context.options.state(&fstat(&file)?), file));
        let opened = match open_file(&path).and_then(state) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.changed |= before.is_some();
                self.stats.gone += 1;
                return;
            }
            Err(error) => return self.unreadable(name, &error, before),
        };
        match self.contents(&opened, before.as_ref()) {
            Ok((rollout, consumed)) => {
                let (state, _) = opened;
                let id = part::session_id(name, &rollout);
                let is_fresh = state.is_fresh(now) && !self.context.options.ablations.has(Ablation::Tick);
                let record = Record::new(name, state, id, is_shared, is_fresh);
                let detail = Detail { name: name.as_encoded_bytes().to_vec(), consumed, rollout };
                self.changed |= before.as_ref() != Some(&(record, detail.clone()));
                self.entries.push(Entry { record, detail, stale: false });
            }
            Err(error) => self.unreadable(name, &error, before),
        }
    }

    /// What an open file holds, read from where it was read before if it only grew.
    fn contents(
        &mut self,
        (state, file): &(State, File),
        before: Option<&(Record, Detail)>,
    ) -> io::Result<(super::parse::Rollout, super::reader::Consumed)> {
        if let Some((record, detail)) = before
            && record.state.file() == state.file()
            && state.size > record.state.size
        {
            let mut rollout = detail.rollout.clone();
            if let Some(consumed) = self.reader.read_on(file, state.size, detail.consumed, &mut rollout)? {
                self.stats.continued += 1;
                return Ok((rollout, consumed));
            }
        }
        let read = self.reader.read(file, state.size)?;
        self.stats.parsed += 1;
        Ok(read)
    }

    /// Takes a file that could not be looked at or read: what was remembered of it stays.
    fn unreadable(&mut self, name: &OsStr, error: &io::Error, before: Option<(Record, Detail)>) {
        let problem = What::unreadable(error, before.is_some());
        self.problems.push(Problem { path: part::path(&self.key, name), what: problem });
        if let Some((record, detail)) = before {
            self.stats.stale += 1;
            self.entries.push(Entry { record, detail, stale: true });
        }
    }
}

impl Stats {
    /// Adds what one shard has cost. Bytes are counted by reader.
    fn add(&mut self, other: &Self) {
        self.unchanged += other.unchanged;
        self.continued += other.continued;
        self.parsed += other.parsed;
        self.gone += other.gone;
        self.stale += other.stale;
        self.shards_written += other.shards_written;
        self.memo_bytes_written += other.memo_bytes_written;
        self.phases.parse += other.phases.parse;
        self.phases.persist += other.phases.persist;
    }
}
