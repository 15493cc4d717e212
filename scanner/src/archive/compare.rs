//! Which shards are unchanged: the files of a folder compared with what the memo has of them.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::ablation::{Ablation, Ablations};
use super::listing::Listing;
use super::memo::{Damaged, Saved};
use super::part::{self, Part};
use super::refresh::Context;
use super::result::{Problem, What};
use super::shard::{self, Body, Detail, Head, Key, Stored};
use super::state::State;
use super::walk::{Folder, Found, Hears};

/// Shards kept open at most: well below the 256 files that some systems allow a process.
const HELD_OPEN: usize = 128;

/// A shard in which something changed.
pub(super) struct Work {
    pub(super) key: Key,
    /// The names of the files in it, and what was found of each.
    pub(super) files: Vec<(OsString, Found)>,
    pub(super) failed: Vec<(OsString, io::Error)>,
    pub(super) stored: Option<Stored>,
    /// The state of the folder, if nothing is in it but `files`.
    pub(super) listed: Option<State>,
}

/// The files of a folder that belong to one shard.
struct Seen<'a> {
    date: String,
    files: Vec<&'a Found>,
    failed: Vec<(OsString, io::Error)>,
}

impl Hears for Context<'_> {
    fn known(&self, folder: &Path, state: &State) -> Option<(Option<Listing>, Stored)> {
        if self.rescans() {
            return None;
        }
        let mut stored = self.memo.as_ref()?.load(&Key::of_day(folder)?).ok()??;
        Some((stored.listing(state), stored))
    }

    /// Sorts the files of a folder into shards, and finds out which of these are unchanged.
    fn found(&self, mut folder: Folder) {
        if self.is_cancelled() {
            return;
        }
        let start = Instant::now();
        let failed = std::mem::take(&mut folder.failed);
        let mut known = folder.stored.take();
        let (mut parts, mut work) = (Vec::new(), Vec::new());
        let (mut unchanged, mut shards_read) = (0, 0);
        let all = shards(&folder, failed);
        let listed = folder.listed.filter(|_| all.len() == 1);
        for seen in all {
            let key = Key { folder: folder.path.clone(), date: seen.date.clone() };
            let stored = known.take_if(|known| known.head.key == key).or_else(|| self.load(&key));
            shards_read += u64::from(stored.is_some());
            let stored = match stored {
                Some(stored)
                    if !self.rescans()
                        && seen.is_as(&folder, &stored.head, self.options.ablated()) =>
                {
                    if let Some(part) = self.as_it_was(stored, false) {
                        unchanged += part.records.len() as u64;
                        parts.push(part);
                        continue;
                    }
                    None
                }
                stored => stored.map(|stored| self.held(stored)),
            };
            let files =
                seen.files.into_iter().map(|file| (folder.name(file).to_owned(), *file)).collect();
            work.push(Work { key, files, failed: seen.failed, stored, listed });
        }
        self.done(unchanged, 0);
        let mut state = self.lock();
        state.parts.append(&mut parts);
        state.work.append(&mut work);
        state.stats.files += folder.files.len() as u64;
        state.stats.unchanged += unchanged;
        state.stats.shards_read += shards_read;
        state.stats.phases.load += start.elapsed();
    }
}

impl Context<'_> {
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

    /// A shard whose details will be read. It stays open, so that another refresh cannot take them
    /// away meanwhile; but not where many have changed, since a process may not have that many
    /// files open.
    fn held(&self, mut stored: Stored) -> Stored {
        if self.rescans() || self.held.fetch_add(1, Ordering::Relaxed) >= HELD_OPEN {
            stored.body.close();
        }
        stored
    }

    /// A shard that is unchanged. `None` if it is not whole.
    fn as_it_was(&self, stored: Stored, is_stale: bool) -> Option<Part> {
        let Stored { head: Head { key, records, sums, .. }, mut body } = stored;
        let mut part = Part {
            stale: vec![is_stale; if is_stale { records.len() } else { 0 }],
            key,
            records,
            sums,
            joins: false,
            body: None,
            names: Vec::new(),
            sessions: Vec::new(),
            problems: Vec::new(),
        };
        let files = part.may_join(self.request.priority);
        let is_told = part.sums.found.is_told() || self.request.sessions;
        let known = if is_told {
            self.tell_all(&mut part, &body)
        } else {
            self.join(&mut part, &body, &files)
        };
        if known.is_none() {
            self.damaged();
            return None;
        }
        body.close();
        part.body = Some(body);
        Some(part)
    }

    /// Adds to `part` what only its details tell. `None` if they are not whole.
    fn tell_all(&self, part: &mut Part, body: &Body) -> Option<()> {
        let details = body.details().ok().flatten()?;
        self.tell(part, &details);
        Some(())
    }

    /// Adds to `part` at which tier its turns were served, where only the trace database knows.
    /// `None` if its details are not whole.
    fn join(&self, part: &mut Part, body: &Body, files: &[usize]) -> Option<()> {
        let asked = self.request.priority.filter(|_| !self.options.lacks(Ablation::JoinRemembered));
        let Some(priority) = asked.filter(|_| !files.is_empty()) else { return Some(()) };
        let details = body.some(files).ok().flatten()?;
        match part::joined(&part.sums, details.iter().map(|detail| &detail.rollout), priority) {
            Some(sums) => part.sums = sums,
            None => self.tell_all(part, body)?,
        }
        Some(())
    }

    /// Adds to `part` what only its details tell.
    pub(super) fn tell(&self, part: &mut Part, details: &[Detail]) {
        let priority = self.request.priority;
        if part.joins {
            part.sums = part::sums(shard::rollouts(details), priority);
        }
        for (file, detail) in details.iter().enumerate() {
            part.problems.extend(part::problems(&part.key, detail));
            if self.request.sessions {
                let mut session = part::session(&part.key, detail, part.is_stale(file), priority);
                if let Some(segment) =
                    session.segment.as_ref().filter(|_| self.options.lacks(Ablation::Segments))
                {
                    session.id = format!("{}_{segment}", session.id);
                }
                part.sessions.push(session);
            }
        }
    }

    /// Forgets the shards whose files are all gone. Those of a folder that could not be read stay
    /// unchanged.
    pub(super) fn look_for_gone_ones(&self, failed: Vec<(PathBuf, io::Error)>) -> Vec<Problem> {
        let mut known = vec![0; failed.len()];
        if let Some(memo) = &self.memo {
            let seen: HashSet<String> = {
                let state = self.lock();
                let keys = state
                    .parts
                    .iter()
                    .map(|part| &part.key)
                    .chain(state.work.iter().map(|work| &work.key));
                keys.map(Key::file_name).collect()
            };
            match memo.others(&|name| seen.contains(name)) {
                Ok(others) => {
                    self.lock().stats.shards_read += others.len() as u64;
                    for stored in others {
                        let files = stored.head.records.len() as u64;
                        let below = failed
                            .iter()
                            .position(|(folder, _)| stored.head.key.folder.starts_with(folder));
                        let (key, stamp) = (stored.head.key.clone(), stored.body.stamp);
                        match below {
                            Some(place) if !self.options.lacks(Ablation::UnreadableFolder) => {
                                known[place] += files;
                                let part = self.as_it_was(stored, true);
                                let mut state = self.lock();
                                state.stats.stale += files;
                                state.parts.extend(part);
                            }
                            None if self.options.lacks(Ablation::Gone) => {
                                let part = self.as_it_was(stored, false);
                                self.lock().parts.extend(part);
                            }
                            _ => self.removed(memo.remove(&key, stamp), files),
                        }
                    }
                }
                Err(error) => self.warn(&error),
            }
        }
        let problem = |((path, error), known): ((PathBuf, io::Error), u64)| Problem {
            path,
            what: What::UnreadableFolder { known, reason: super::result::reason(&error) },
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
}

/// The files of a folder by shard.
fn shards(folder: &Folder, failed: Vec<(OsString, io::Error)>) -> Vec<Seen<'_>> {
    let mut shards: Vec<Seen<'_>> = Vec::new();
    for file in &folder.files {
        let name = folder.name(file);
        match shards.last_mut().filter(|seen| shard::is_of(&seen.date, name)) {
            Some(same) => same.files.push(file),
            None => shard_of(&mut shards, shard::date_of(&folder.path, name)).files.push(file),
        }
    }
    for (name, error) in failed {
        shard_of(&mut shards, shard::date_of(&folder.path, &name)).failed.push((name, error));
    }
    shards
}

/// The shard of `date`, among those of one folder.
fn shard_of<'a, 'f>(shards: &'a mut Vec<Seen<'f>>, date: &str) -> &'a mut Seen<'f> {
    // Names come in their order, and so do their dates, but for names without one.
    let place = shards.iter().rposition(|seen| seen.date == date).unwrap_or_else(|| {
        shards.push(Seen { date: date.to_owned(), files: Vec::new(), failed: Vec::new() });
        shards.len() - 1
    });
    &mut shards[place]
}

impl Seen<'_> {
    /// Whether `head` remembers all of this as it is now.
    fn is_as(&self, folder: &Folder, head: &Head, ablated: Ablations) -> bool {
        self.failed.is_empty()
            && self.files.len() == head.records.len()
            && self
                .files
                .iter()
                .zip(&head.records)
                .all(|(file, record)| record.is_of(folder.name(file), file.state.as_ref(), ablated))
    }
}
