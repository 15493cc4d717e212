//! Reads what changed and brings it into the memo, shard by shard.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rustix::fs::{Mode, OFlags, fstat, open, openat};

use super::ablation::Ablation;
use super::compare::Work;
use super::memo::Saved;
use super::name;
use super::parse::Rollout;
use super::part::{self, Part};
use super::reader::{Consumed, Reader};
use super::refresh::Context;
use super::result::{Problem, Stats, What};
use super::shard::{self, Body, Detail, Head, Key, Record, Stamp, Stored};
use super::source::{self, Source};
use super::state::State;
use super::walk::Found;

impl Context<'_> {
    /// Reads what changed, the largest shards first.
    pub(super) fn read_all(&self, threads: usize) {
        let mut work = std::mem::take(&mut self.lock().work);
        if work.is_empty() {
            return;
        }
        let size = |work: &Work| {
            work.files
                .iter()
                .map(|(_, found)| found.state.map_or(1, |state| state.size))
                .sum::<u64>()
        };
        work.sort_by_cached_key(|work| std::cmp::Reverse(size(work)));
        let threads = threads.min(work.len());
        let work: Vec<Mutex<Option<Work>>> =
            work.into_iter().map(|work| Mutex::new(Some(work))).collect();
        let next = AtomicUsize::new(0);
        let each = || {
            let reader = Reader::without(self.options.ablated());
            let mut reader = if self.memo.is_some() { reader } else { reader.once() };
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
                // One that the system does not start is not missed: the others do its work.
                let _ = std::thread::Builder::new().spawn_scoped(scope, each);
            }
            each();
        });
    }

    /// Reads what changed in one shard, and writes it.
    fn read(&self, work: Work, reader: &mut Reader) {
        let start = Instant::now();
        let Work { key, files, failed, stored, listed } = work;
        // One that is damaged may bear a stamp nevertheless.
        let stamp = match &stored {
            Some(stored) => Some(stored.body.stamp),
            None => self.memo.as_ref().and_then(|memo| memo.standing(&key.file_name())),
        };
        let mut old = Old::default();
        if let Some(stored) = stored.filter(|_| !self.rescans()) {
            old = Old::of(&stored).unwrap_or_else(|| {
                self.damaged_unless_replaced(&key, stored.body.stamp);
                Old::default()
            });
        }
        let count = files.len();
        let mut shard = Shard::new(self, key, reader);
        shard.entries.reserve_exact(count);
        let is_new = old.left() == 0;
        let names = files.iter().map(|(name, _)| name).filter(|_| !is_new);
        let names: HashSet<OsString> = names.cloned().collect();
        for (name, found) in files {
            if self.is_cancelled() {
                return;
            }
            let other = || Some(source::other_form(&name)).filter(|other| !names.contains(other));
            let before = match is_new {
                true => None,
                false => old.take(&name).or_else(|| old.take(&other()?)),
            };
            shard.file(&name, &found, before);
        }
        if crate::stop::is_to_stop() {
            // The last file may not have been read to its end.
            return;
        }
        for (name, error) in failed {
            let before = old.take(&name);
            shard.unreadable(&name, &error, before);
        }
        if self.options.lacks(Ablation::Gone) {
            let left = old.0.drain().map(|(_, (record, detail))| Entry {
                record,
                detail,
                is_stale: false,
            });
            shard.entries.extend(left);
        }
        shard.stats.gone += old.left() as u64;
        let changed = shard.changed || old.left() > 0;
        let read = start.elapsed();
        let Shard { key, mut entries, problems, mut stats, .. } = shard;
        entries.sort_unstable_by(|one, other| one.detail.name.cmp(&other.detail.name));
        let (mut records, mut details, mut stale) = (Vec::new(), Vec::new(), Vec::new());
        for Entry { record, detail, is_stale } in entries {
            records.push(record);
            details.push(detail);
            stale.push(is_stale);
        }
        let sums = part::sums(shard::rollouts(&details), None);
        // What could not be read, or is gone by now, is another matter.
        let listed = listed.filter(|_| records.len() == count && !stale.contains(&true));
        let head = Head { key, records, sums, listed };
        stats.phases.parse = read;
        let persisting = Instant::now();
        if changed || self.options.lacks(Ablation::ShardUnchanged) {
            self.save(&head, &details, stamp, &mut stats);
        }
        stats.phases.persist = persisting.elapsed();
        let Head { key, records, sums, .. } = head;
        let stored = self.memo.as_ref().and_then(|memo| memo.load(&key).ok()?);
        let mut body =
            stored.filter(|stored| stored.head.records == records).map(|stored| stored.body);
        body.iter_mut().for_each(Body::close);
        let names = match body {
            Some(_) => Vec::new(),
            None => details.iter().map(|detail| detail.name().to_owned()).collect(),
        };
        let mut part = Part {
            key,
            records,
            sums,
            joins: false,
            body,
            names,
            stale,
            sessions: Vec::new(),
            problems,
        };
        part.may_join(self.request.priority);
        self.tell(&mut part, &details);
        let mut state = self.lock();
        state.parts.push(part);
        state.stats.add(&stats);
    }

    fn save(&self, head: &Head, details: &[Detail], before: Option<Stamp>, stats: &mut Stats) {
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

    /// The details of a shard of this stamp could not be read: it is damaged, or another refresh
    /// has replaced it meanwhile.
    fn damaged_unless_replaced(&self, key: &Key, stamp: Stamp) {
        if self.memo.as_ref().and_then(|memo| memo.standing(&key.file_name())) == Some(stamp) {
            self.damaged();
        }
    }

    /// The details of a part, read from the memo or from its files.
    pub(super) fn details(&self, part: &Part, bytes_read: &mut u64) -> Vec<Detail> {
        let all: Vec<usize> = (0..part.records.len()).collect();
        self.details_of(part, &all, bytes_read)
    }

    /// The details of some files of a part, in the order of their places in it, read from the memo
    /// or from these files. None if they cannot be told.
    pub(super) fn details_of(
        &self,
        part: &Part,
        files: &[usize],
        bytes_read: &mut u64,
    ) -> Vec<Detail> {
        if let Some(details) = part.body.as_ref().and_then(|body| body.some(files).ok()?) {
            return details;
        }
        if part.body.is_some() && self.options.lacks(Ablation::CopiesDamaged) {
            return Vec::new();
        }
        let names = if let Some(body) = &part.body {
            self.damaged_unless_replaced(&part.key, body.stamp);
            &self.names(part)
        } else {
            &part.names
        };
        let mut reader = Reader::without(self.options.ablated()).once();
        let read = |&place: &usize| {
            let (name, record) = (names.get(place)?, part.records.get(place)?);
            let file = open_file(&self.home.join(&part.key.folder).join(name));
            let read = file.and_then(|file| {
                reader.read(&mut Source::of(name, &file, record.state.size)?, name::session(name))
            });
            let (rollout, consumed) = read.unwrap_or_default();
            Some(Detail { name: name.as_encoded_bytes().to_vec(), consumed, rollout })
        };
        let details = files.iter().filter_map(read).collect();
        *bytes_read += reader.bytes;
        details
    }

    /// The names of the files of a shard whose head alone is whole. None if its folder cannot be
    /// read.
    fn names(&self, part: &Part) -> Vec<OsString> {
        let entries =
            std::fs::read_dir(self.home.join(&part.key.folder)).into_iter().flatten().flatten();
        let names: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
        let name = |record: &Record| names.iter().find(|name| record.is_named(name)).cloned();
        part.records.iter().map(|record| name(record).unwrap_or_default()).collect()
    }
}

/// How rollouts are opened: a pipe would be waited for.
const OPENED: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// Opens a rollout.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    Ok(open(path, OPENED, Mode::empty())?.into())
}

/// What is remembered of the files of a shard.
#[derive(Default)]
struct Old(HashMap<Vec<u8>, (Record, Detail)>);

impl Old {
    /// Of a shard that is whole.
    fn of(stored: &Stored) -> Option<Self> {
        let details = stored.body.details().ok()??;
        let entries = stored.head.records.iter().copied().zip(details);
        Some(Self(
            entries.map(|(record, detail)| (detail.name.clone(), (record, detail))).collect(),
        ))
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
    /// The folder, once a file in it was opened.
    folder: Option<OwnedFd>,
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
    is_stale: bool,
}

impl<'a, 'r> Shard<'a, 'r> {
    fn new(context: &'a Context<'a>, key: Key, reader: &'r mut Reader) -> Self {
        let (entries, problems) = (Vec::new(), Vec::new());
        let stats = Stats::default();
        Self { context, key, folder: None, reader, entries, problems, stats, changed: false }
    }

    /// Takes a file that was found, and what was remembered of it.
    fn file(&mut self, name: &OsStr, found: &Found, before: Option<(Record, Detail)>) {
        let Found { state, is_shared, .. } = found;
        let read_before = self.reader.bytes;
        match before {
            Some((record, detail))
                if record.is_of(name, state.as_ref(), self.context.options.ablated()) =>
            {
                self.stats.unchanged += 1;
                self.entries.push(Entry { record, detail, is_stale: false });
            }
            before => self.read(name, *is_shared, before),
        }
        self.context.done(1, self.reader.bytes - read_before);
    }

    fn read(&mut self, name: &OsStr, is_shared: bool, before: Option<(Record, Detail)>) {
        // Before the file is looked at, so that whatever happens to it afterwards is later.
        let now = (self.context.options.clock)();
        self.stats.metadata_calls += 1;
        let look = |file: File| Ok((fstat(&file)?, file));
        let (found, file) = match self.open(name).and_then(look) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.changed |= before.is_some();
                self.stats.gone += 1;
                return;
            }
            Err(error) => return self.unreadable(name, &error, before),
        };
        let (state, is_shared) =
            (self.context.options.state(&found), is_shared || found.st_nlink > 1);
        match self.contents(name, (state, &file), before.as_ref()) {
            Ok((rollout, consumed)) => {
                let is_fresh = state.is_fresh(now) && !self.context.options.lacks(Ablation::Tick);
                let record = Record::new(name, state, rollout.id(), is_shared, is_fresh);
                let detail = Detail { name: name.as_encoded_bytes().to_vec(), consumed, rollout };
                let is_same = |before: &(Record, Detail)| before.0 == record && before.1 == detail;
                self.changed |= !before.as_ref().is_some_and(is_same);
                self.entries.push(Entry { record, detail, is_stale: false });
            }
            Err(error) => self.unreadable(name, &error, before),
        }
    }

    /// Opens a file by its folder, which is opened once: the way to it is long.
    fn open(&mut self, name: &OsStr) -> io::Result<File> {
        let folder = match &mut self.folder {
            Some(folder) => folder,
            none => {
                let path = self.context.home.join(&self.key.folder);
                none.insert(open(path, OFlags::DIRECTORY | OPENED, Mode::empty())?)
            }
        };
        Ok(openat(folder, name, OPENED, Mode::empty())?.into())
    }

    /// What an open file holds, read from where it was read before if it only grew or was
    /// compressed or decompressed.
    fn contents(
        &mut self,
        name: &OsStr,
        (state, file): (State, &File),
        before: Option<&(Record, Detail)>,
    ) -> io::Result<(Rollout, Consumed)> {
        let source = || Source::of(name, file, state.size);
        let lacks = |rule| self.context.options.lacks(rule);
        if let Some((record, Detail { consumed, rollout, .. })) = before {
            let has_moved = !record.is_named(name);
            let goes_on = if has_moved {
                !record.is_fresh && !lacks(Ablation::CompressedMoves)
            } else {
                record.state.file() == state.file()
                    && state.size > record.state.size
                    && !lacks(Ablation::Grown)
            };
            let mut rollout = rollout.clone();
            if goes_on
                && let Some(now) = self.reader.read_on(&mut source()?, *consumed, &mut rollout)?
            {
                let is_same = has_moved && now == *consumed;
                self.stats.moved += u64::from(is_same);
                self.stats.continued += u64::from(!is_same);
                return Ok((rollout, now));
            }
        }
        let read = self.reader.read(&mut source()?, name::session(name))?;
        self.stats.parsed += 1;
        Ok(read)
    }

    /// Takes a file that could not be looked at or read: what was remembered of it, under this name
    /// or that of its other form, stays.
    fn unreadable(&mut self, name: &OsStr, error: &io::Error, before: Option<(Record, Detail)>) {
        let problem = What::unreadable(error, before.is_some());
        self.problems.push(Problem { path: part::path(&self.key, name), what: problem });
        if let Some((record, detail)) =
            before.filter(|_| !self.context.options.lacks(Ablation::Unreadable))
        {
            self.stats.stale += 1;
            self.changed |= !record.is_named(name);
            let record = record.named(name);
            let detail = Detail { name: name.as_encoded_bytes().to_vec(), ..detail };
            self.entries.push(Entry { record, detail, is_stale: true });
        }
    }
}
