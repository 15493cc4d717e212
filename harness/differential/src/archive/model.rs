//! What a refresh has to do, predicted from the files and from what is remembered of them, never
//! from what a scanner says.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracerig_oracle::archive::{self, Walk};

use super::dates::Dating;
use super::memo::{Flaw, Memo, Record, Settled, Shard, line_ends};

/// Bytes before the end of what was read of a file that it is recognised by.
const TAIL: usize = 64 << 10;

/// Bytes at most that are read for nothing of a file that only seemed to have grown.
const IN_VAIN: u64 = 384 << 10;

/// Bytes of two copies that are compared at a time.
const PIECE: usize = 128 << 10;

/// What a refresh is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) rescan: bool,
    pub(super) sessions: bool,
    pub(super) priority: &'a BTreeSet<String>,
}

/// What a refresh does: exact, but for what is read for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) files: u64,
    pub(super) folders: u64,
    pub(super) unchanged: u64,
    pub(super) continued: u64,
    pub(super) parsed: u64,
    pub(super) moved: u64,
    pub(super) gone: u64,
    pub(super) stale: u64,
    pub(super) bytes: u64,
    pub(super) shards_written: u64,
}

/// What a refresh has to do.
#[derive(Default)]
pub(super) struct Prediction {
    pub(super) work: Work,
    /// Bytes read besides to compare copies, and whether that is remembered.
    pub(super) compared: u64,
    pub(super) is_settled: bool,
    /// What may be read besides. Of a compressed file, how much is read before it is clear what is
    /// in it is a matter of the decoder.
    pub(super) in_vain: u64,
    /// Of the files that are gone and the shards written: those of shards of which nothing is left.
    pub(super) gone_shards: (u64, u64),
    /// Whether half a shard is known to be damaged by nobody who did not need it: anyone who
    /// compares copies may.
    pub(super) half_damaged: bool,
    /// Shards with something to do.
    pub(super) shards: u64,
    /// Whether all of them was in the memo.
    pub(super) only_known: bool,
    /// What cannot be read and is remembered.
    stale: BTreeSet<PathBuf>,
    /// What each warning says.
    pub(super) warnings: Vec<&'static str>,
    /// What is remembered afterwards.
    pub(super) memo: Memo,
}

/// What a refresh says of a shard that it cannot trust.
pub(super) const DAMAGED: &str = "a part of the memo is damaged";

/// The day in the name of a rollout, if there is one; of an archived one without its last digit.
fn date_of(folder: &Path, name: &str) -> String {
    let day = name.get(8..18).unwrap_or_default();
    let is_day = day
        .bytes()
        .enumerate()
        .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    let digits = if folder.starts_with("archived_sessions") { 9 } else { 10 };
    if is_day { day[..digits].to_owned() } else { String::new() }
}

fn key(path: &Path) -> ((PathBuf, String), OsString) {
    let name = path.file_name().unwrap_or_default().to_owned();
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let date = date_of(&folder, &name.to_string_lossy());
    ((folder, date), name)
}

/// A file of a shard: its metadata and whether several paths may lead to it, or nothing if it
/// cannot be looked at.
type Looked<'w> = Option<&'w archive::Found>;

/// What a refresh of `home` has to do with `memo`, which is asked for `asked`.
pub(super) fn predict(
    home: &Path,
    walk: &Walk,
    memo: &Memo,
    asked: Asked<'_>,
    dating: &Dating,
) -> Prediction {
    let mut due = Prediction { only_known: true, ..Prediction::default() };
    due.work.folders = walk.folders;
    due.work.files = walk.files.len() as u64;
    let mut known = if memo.problem.is_none() { memo.shards.clone() } else { BTreeMap::new() };
    due.warnings.extend(memo.problem);
    let mut shards: BTreeMap<_, BTreeMap<OsString, Looked<'_>>> = BTreeMap::new();
    let all = walk.files.iter().map(|found| (&found.path, Some(found)));
    for (path, looked) in all.chain(walk.failed.iter().map(|path| (path, None))) {
        let (key, name) = key(path);
        shards.entry(key).or_default().insert(name, looked);
    }
    for (key, files) in shards {
        let stored = known.remove(&key);
        if let Some(shard) = due.shard(home, &key.0, &files, stored, asked, dating) {
            due.memo.shards.insert(key, shard);
        }
    }
    for (key, shard) in known {
        if shard.flaw == Flaw::Head {
            continue;
        }
        let files = shard.records.len() as u64;
        if walk.failed_folders.iter().any(|folder| key.0.starts_with(folder)) {
            due.work.stale += files;
            due.stale.extend(shard.records.keys().map(|name| key.0.join(name)));
            if shard.flaw == Flaw::Details && asked.needs_details(&shard) {
                due.damaged();
            }
            due.memo.shards.insert(key, shard);
        } else {
            due.work.gone += files;
            due.work.shards_written += 1;
            due.gone_shards.0 += files;
            due.gone_shards.1 += 1;
        }
    }
    due.half_damaged = due.memo.shards.values().any(|shard| shard.flaw == Flaw::Details);
    due
}

impl Asked<'_> {
    fn needs_details(self, shard: &Shard) -> bool {
        self.sessions
            || shard
                .records
                .values()
                .any(|record| record.is_told || !record.open.is_disjoint(self.priority))
    }
}

impl Prediction {
    fn damaged(&mut self) {
        if !self.warnings.contains(&DAMAGED) {
            self.warnings.push(DAMAGED);
        }
    }

    /// What becomes of a shard with `files`, as it was remembered.
    fn shard(
        &mut self,
        home: &Path,
        folder: &Path,
        files: &BTreeMap<OsString, Looked<'_>>,
        stored: Option<Shard>,
        asked: Asked<'_>,
        dating: &Dating,
    ) -> Option<Shard> {
        let now = dating.now();
        let mut usable = stored.clone().filter(|shard| shard.flaw != Flaw::Head);
        if stored.is_some() && usable.is_none() {
            self.damaged();
        }
        if asked.rescan {
            usable = None;
        }
        if let Some(shard) = &usable {
            let is_as_it_was = files.len() == shard.records.len()
                && files.iter().all(|(name, looked)| {
                    looked.is_some_and(|found| {
                        shard.records.get(name).is_some_and(|record| record.is_of(found, dating))
                    })
                });
            let is_damaged = shard.flaw == Flaw::Details;
            if is_as_it_was && !(is_damaged && asked.needs_details(shard)) {
                self.work.unchanged += files.len() as u64;
                return usable;
            }
            if is_damaged {
                self.damaged();
                usable = None;
            }
        }
        self.shards += 1;
        self.only_known &= stored.as_ref().is_some_and(|shard| shard.flaw != Flaw::Head);
        let mut old = usable.map(|shard| shard.records).unwrap_or_default();
        let (mut records, mut changed) = (BTreeMap::new(), false);
        for (name, looked) in files {
            let (before, has_moved) = match (old.remove(name), other_form(name)) {
                (None, other) if looked.is_some() && !files.contains_key(&other) => {
                    (old.remove(&other), true)
                }
                (before, _) => (before, false),
            };
            let readable = looked
                .and_then(|found| Some((found, archive::read(&home.join(&found.path)).ok()?)));
            let Some((found, text)) = readable else {
                self.work.stale += u64::from(before.is_some());
                self.stale.extend(before.as_ref().map(|_| folder.join(name)));
                // Once to go on, and once from its beginning.
                self.in_vain += looked.map_or(0, |found| 2 * found.metadata.len());
                changed |= has_moved && before.is_some();
                records.extend(before.map(|before| (name.clone(), before)));
                continue;
            };
            let is_as_it_was = |before: &&Record| !has_moved && before.is_of(found, dating);
            if let Some(before) = before.as_ref().filter(is_as_it_was) {
                self.work.unchanged += 1;
                records.insert(name.clone(), before.clone());
                continue;
            }
            let state = dating.state(&found.metadata);
            self.reads(before.as_ref(), has_moved, &text, found);
            let rollout = archive::interpret(&found.path, &text);
            let record = Record {
                state,
                is_shared: found.is_shared,
                is_fresh: Dating::is_fresh(&state, now),
                text: Arc::new(text),
                is_told: !rollout.broken.is_empty() || rollout.is_untyped || rollout.is_inferred,
                open: rollout.open_turns(),
                session: (rollout.thread, rollout.segment),
            };
            changed |= has_moved || before.as_ref() != Some(&record);
            records.insert(name.clone(), record);
        }
        self.work.gone += old.len() as u64;
        changed |= !old.is_empty();
        if !changed {
            return stored;
        }
        self.work.shards_written += 1;
        (!records.is_empty()).then_some(Shard { records, flaw: Flaw::None })
    }

    /// Counts what reading a file costs that was remembered as `before`, under the name of its
    /// other form if it `has_moved`.
    fn reads(
        &mut self,
        before: Option<&Record>,
        has_moved: bool,
        text: &[u8],
        found: &archive::Found,
    ) {
        let size = found.metadata.len();
        let file = (found.metadata.dev(), found.metadata.ino());
        let is_packed = archive::is_compressed(&found.path);
        let goes_on = |before: &&Record| {
            let is_grown =
                (before.state.device, before.state.inode) == file && size > before.state.size;
            if has_moved { !before.is_fresh } else { is_grown }
        };
        if let Some(before) = before.filter(goes_on) {
            let consumed = before.consumed();
            let tail = consumed.saturating_sub(TAIL);
            if text.get(tail..consumed) == Some(&before.text[tail..consumed]) {
                let is_same = has_moved && line_ends(text) == consumed;
                self.work.moved += u64::from(is_same);
                self.work.continued += u64::from(!is_same);
                self.work.bytes += if is_packed { size } else { (text.len() - tail) as u64 };
                return;
            }
            self.in_vain += if is_packed { size } else { IN_VAIN };
        }
        self.work.parsed += 1;
        self.work.bytes += size;
    }

    /// Counts what it costs to compare sessions of one id, unless that was done before: `settled`
    /// is what was found out last.
    pub(super) fn compares(
        &mut self,
        home: &Path,
        copies: Vec<archive::Copies>,
        settled: Option<Settled>,
        asked: Asked<'_>,
    ) {
        self.memo.settled = settled;
        let Some(question) = self.question() else { return };
        self.is_settled = question.is_some();
        if self.is_settled && !asked.rescan && self.memo.settled == question {
            return;
        }
        self.memo.settled = question.or(self.memo.settled.take());
        // One that cannot be decompressed is read before that is known, and others for what is
        // remembered of one.
        if !self.stale.is_empty() {
            self.in_vain = u64::MAX;
        }
        for copies in copies {
            self.among(home, copies);
        }
    }

    /// The longest first, each with those that count so far.
    fn among(&mut self, home: &Path, mut copies: archive::Copies) {
        copies.sort_by_cached_key(|(path, text)| {
            let is_archived = path.starts_with("archived_sessions");
            (Reverse(line_ends(text)), archive::is_compressed(path), is_archived, path.clone())
        });
        let mut counting: Vec<&(PathBuf, Vec<u8>)> = Vec::new();
        'each: for copy in &copies {
            for other in counting.clone() {
                let texts = [&copy.1, &other.1];
                let common = texts.map(Vec::len).into_iter().min().unwrap_or(0);
                let same =
                    copy.1.iter().zip(&other.1).take_while(|(one, other)| one == other).count();
                if [copy, other].iter().any(|(path, _)| archive::is_compressed(path)) {
                    let size =
                        |path: &Path| fs::metadata(home.join(path)).map_or(0, |found| found.len());
                    self.in_vain = self.in_vain.saturating_add(size(&copy.0) + size(&other.0));
                } else {
                    let until = if same < common { (same / PIECE + 1) * PIECE } else { common };
                    self.compared += 2 * until.min(common) as u64;
                }
                if same == common && copy.1.len() > other.1.len() {
                    counting.retain(|kept| kept.0 != other.0);
                } else if same == common {
                    continue 'each;
                }
            }
            counting.push(copy);
        }
    }

    /// What copies are looked for among, if there may be any; if that can be remembered.
    fn question(&self) -> Option<Option<Settled>> {
        let all = || {
            self.memo
                .shards
                .iter()
                .flat_map(|(key, shard)| shard.records.values().map(move |record| (key, record)))
        };
        let file = |record: &Record| (record.state.device, record.state.inode);
        let shared: BTreeSet<_> =
            all().filter(|(_, record)| record.is_shared).map(|(_, record)| file(record)).collect();
        let mut times: BTreeMap<_, u64> = BTreeMap::new();
        all().for_each(|(_, record)| *times.entry(&record.session).or_default() += 1);
        let is_wanted =
            |record: &Record| shared.contains(&file(record)) || times[&record.session] > 1;
        let keys: BTreeSet<_> =
            all().filter(|(_, record)| is_wanted(record)).map(|(key, _)| key).collect();
        if keys.is_empty() {
            return None;
        }
        let mut question = Settled::new();
        for key in keys {
            let shard = self.memo.shards.get(key)?;
            for (name, record) in &shard.records {
                if record.is_fresh || self.stale.contains(&key.0.join(name)) {
                    return Some(None);
                }
                let of = (name.clone(), record.state, record.session.clone(), record.is_shared);
                question.entry(key.clone()).or_default().push(of);
            }
        }
        Some(Some(question))
    }
}

/// The name of the same rollout compressed, or not.
fn other_form(name: &OsStr) -> OsString {
    let plain = name.as_bytes().strip_suffix(archive::COMPRESSED.as_bytes()).map(OsStr::from_bytes);
    plain.map_or_else(
        || [name, OsStr::new(archive::COMPRESSED)].into_iter().collect(),
        OsStr::to_owned,
    )
}

impl Record {
    /// Whether it is of a file as it is now, and can be believed.
    fn is_of(&self, found: &archive::Found, dating: &Dating) -> bool {
        !self.is_fresh && self.state == dating.state(&found.metadata)
    }
}
