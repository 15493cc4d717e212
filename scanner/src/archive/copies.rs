//! Rollouts that must not count twice: one file that several paths lead to, and a session that stands both among the
//! sessions and among the archived ones.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use xxhash_rust::xxh3::xxh3_64;

use super::ablation::Ablation;
use super::part::{self, Part};
use super::refresh::Context;
use super::result::{Problem, Stats, What};
use super::settled::Question;
use super::shard::{self, Record, Sums};
use super::update::open_file;
use super::{Options, Request};

/// Bytes compared at a time.
const PIECE: usize = 128 << 10;

/// Digests of sessions' ids. They are as good as hashes of themselves.
type Digests = HashSet<u64, BuildHasherDefault<Itself>>;

/// Takes a digest for its own hash.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// One file of one part.
pub(super) type Place = (usize, usize);

/// A file that may be one of several.
struct Candidate {
    place: Place,
    path: PathBuf,
    id: String,
    record: Record,
}

/// What was found out about copies.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files that do not count.
    pub(super) aside: BTreeSet<Place>,
    /// Each two sessions of one id of which neither is the beginning of the other: the archived one, and the other.
    pub(super) diverged: Vec<(PathBuf, PathBuf)>,
    /// Whether every file that had to be compared could be read.
    pub(super) is_sure: bool,
}

/// Takes copies out of the sums of `parts`. Gives a problem for each two sessions of one id of which neither is the
/// beginning of the other.
pub(super) fn set_aside(context: &Context<'_>, parts: &mut [Part], stats: &mut Stats) -> Vec<Problem> {
    let wanted = candidates(parts, context.options);
    if wanted.is_empty() {
        return Vec::new();
    }
    let Request { priority, sessions, rescan, .. } = *context.request;
    let looks_anew = rescan || context.options.lacks(Ablation::CopiesRemembered);
    let asked = context.memo.as_ref().and_then(|memo| Some((memo, Question::about(parts, &wanted)?)));
    let known = asked.as_ref().filter(|_| !looks_anew).and_then(|(memo, question)| question.answer(memo));
    let is_known = known.is_some();
    let (found, sums) = known.unwrap_or_else(|| (find(context, parts, &wanted, stats), BTreeMap::new()));
    let mut kept_sums = BTreeMap::new();
    let places: BTreeSet<usize> = found.aside.iter().map(|(place, _)| *place).collect();
    for place in places {
        let part = &mut parts[place];
        // Sessions are told one by one, and a turn whose tier the trace database knows is in the details only.
        let joins = priority.is_some_and(|priority| !part.sums.open_turns.files(priority).is_empty());
        // Lines that are not understood are told of every rollout.
        let all = |sums: Sums, part: &mut Part| {
            let Sums { unknown, broken, .. } = std::mem::take(&mut part.sums);
            part.sums = Sums { unknown, broken, ..sums };
        };
        if let Some(sums) = sums.get(&place).filter(|_| !joins && !sessions) {
            all(sums.clone(), part);
            continue;
        }
        let details = context.details(part, &mut stats.bytes_read);
        let counts = |file: &usize| !found.aside.contains(&(place, *file));
        let sums =
            |priority| part::sums(shard::rollouts(&details).filter(|(file, _)| counts(file)), priority);
        kept_sums.insert(place, sums(None));
        all(sums(priority), part);
        for (file, session) in part.sessions.iter_mut().enumerate() {
            session.counts = counts(&file);
        }
    }
    if let Some((memo, question)) = asked.filter(|_| !is_known && found.is_sure) {
        match question.keep(&found, &kept_sums, memo) {
            Ok(bytes) => stats.memo_bytes_written += bytes,
            Err(error) => context.warn(&error),
        }
    }
    let problem = |(path, from)| Problem { path, what: What::Diverged { from } };
    found.diverged.into_iter().map(problem).collect()
}

/// Compares the files `wanted` of `parts`, where several may be one.
fn find(context: &Context<'_>, parts: &[Part], wanted: &BTreeSet<Place>, stats: &mut Stats) -> Found {
    let mut files: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(place, file) in wanted {
        files.entry(place).or_default().push(file);
    }
    let mut candidates: Vec<Candidate> = Vec::new();
    for (place, files) in files {
        let part = &parts[place];
        let details = context.details_of(part, &files, &mut stats.bytes_read);
        candidates.extend(files.into_iter().zip(details).map(|(file, detail)| Candidate {
            place: (place, file),
            path: part::path(&part.key, detail.name()),
            id: part::session_id(detail.name(), &detail.rollout).to_owned(),
            record: part.records[file],
        }));
    }
    // Of several paths to one file, one that can be read counts: it does so whatever is known of the others.
    candidates.sort_by(|one, other| {
        let is_stale = |candidate: &Candidate| {
            parts[candidate.place.0].is_stale(candidate.place.1)
                && !context.options.lacks(Ablation::SharedStale)
        };
        (is_stale(one), &one.path).cmp(&(is_stale(other), &other.path))
    });
    let mut found = Found { is_sure: true, ..Found::default() };
    let mut seen = HashSet::new();
    for candidate in &candidates {
        let is_new = seen.insert(candidate.record.state.file());
        if !is_new && !context.options.lacks(Ablation::Shared) {
            found.aside.insert(candidate.place);
        }
    }
    candidates.retain(|candidate| !found.aside.contains(&candidate.place));
    let mut sessions: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    for candidate in &candidates {
        if !context.options.lacks(Ablation::Copies) {
            sessions.entry(&candidate.id).or_default().push(candidate);
        }
    }
    for same in sessions.values() {
        let (archived, current): (Vec<&Candidate>, Vec<&Candidate>) =
            same.iter().partition(|candidate| parts[candidate.place.0].is_archived());
        for one in &archived {
            for other in &current {
                match compare(context, one, other, &mut stats.bytes_read) {
                    Ok(Some(copy)) => {
                        found.aside.insert(copy);
                    }
                    Ok(None) => found.diverged.push((one.path.clone(), other.path.clone())),
                    // Whoever cannot be read is a problem already, and counts.
                    Err(_) => found.is_sure = false,
                }
            }
        }
    }
    found
}

/// The files that several paths may lead to, and those whose session may stand in both folders.
fn candidates(parts: &[Part], options: &Options) -> BTreeSet<Place> {
    let places = |archived: Option<bool>| {
        let is_meant = move |part: &Part| archived.is_none_or(|archived| part.is_archived() == archived);
        let parts = parts.iter().enumerate().filter(move |(_, part)| is_meant(part));
        parts.flat_map(|(place, part)| (0..).map(move |file| (place, file)).zip(&part.records))
    };
    // A link to a file does not show on the file itself.
    let shared = places(None).filter(|(_, record)| record.is_shared);
    let shared: HashSet<(u64, u64)> = shared.map(|(_, record)| record.state.file()).collect();
    let mut wanted = BTreeSet::new();
    if !shared.is_empty() {
        let same = places(None).filter(|(_, record)| {
            if options.lacks(Ablation::SharedLink) {
                record.is_shared
            } else {
                shared.contains(&record.state.file())
            }
        });
        wanted.extend(same.map(|(place, _)| place));
    }
    // The archived sessions are the fewer ones, as a rule: only they are put into a set, and looked at twice.
    let archived: Digests = places(Some(true)).map(|(_, record)| record.session).collect();
    let mut both = Digests::default();
    for (place, record) in places(Some(false)).filter(|(_, record)| archived.contains(&record.session)) {
        both.insert(record.session);
        wanted.insert(place);
    }
    if !both.is_empty() {
        let same = places(Some(true)).filter(|(_, record)| both.contains(&record.session));
        wanted.extend(same.map(|(place, _)| place));
    }
    wanted
}

/// Which of two sessions is a copy: the one that is the beginning of the other, the archived one of two equal ones. `None`
/// if neither is.
fn compare(
    context: &Context<'_>,
    archived: &Candidate,
    current: &Candidate,
    read: &mut u64,
) -> io::Result<Option<Place>> {
    let open = |candidate: &Candidate| open_file(&context.home.join(&candidate.path));
    let (sizes, files) =
        ((archived.record.state.size, current.record.state.size), (open(archived)?, open(current)?));
    let common = sizes.0.min(sizes.1);
    let is_beginning =
        is_same(&files.0, &files.1, common, read)? || context.options.lacks(Ablation::Diverged);
    let is_shorter = (sizes.0 <= sizes.1) != context.options.lacks(Ablation::Longer);
    let copy = if is_shorter { archived.place } else { current.place };
    Ok(is_beginning.then_some(copy))
}

/// Whether two files begin with the same bytes, so many.
fn is_same(one: &File, other: &File, bytes: u64, read: &mut u64) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; PIECE], vec![0; PIECE]);
    let mut at = 0;
    while at < bytes {
        let piece = usize::try_from(bytes - at).unwrap_or(PIECE).min(PIECE);
        one.read_exact_at(&mut left[..piece], at)?;
        other.read_exact_at(&mut right[..piece], at)?;
        *read += 2 * piece as u64;
        if left[..piece] != right[..piece] {
            return Ok(false);
        }
        at += piece as u64;
    }
    Ok(true)
}
