//! Rollouts that must not count twice: one file that several paths lead to, and a session that stands both among the
//! sessions and among the archived ones.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::Options;
use super::ablation::Ablation;
use super::part::{self, Part};
use super::refresh::Context;
use super::result::{Problem, Stats, What};
use super::shard::{Detail, Record, Sums};
use super::update::open_file;

/// Bytes compared at a time.
const PIECE: usize = 128 << 10;

/// One file of one part.
type Place = (usize, usize);

/// A file that may be one of several.
struct Candidate {
    place: Place,
    path: PathBuf,
    id: String,
    record: Record,
}

/// Takes copies out of the sums of `parts`. Gives a problem for each two sessions of one id of which neither is the
/// beginning of the other.
pub(super) fn set_aside(context: &Context<'_>, parts: &mut [Part], stats: &mut Stats) -> Vec<Problem> {
    let wanted = candidates(parts, context.options);
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut details: HashMap<usize, Vec<Detail>> = HashMap::new();
    for &(part, _) in &wanted {
        details.entry(part).or_insert_with(|| context.details(&parts[part], &mut stats.bytes_read));
    }
    let candidate = |place: Place| {
        let (part, file) = (&parts[place.0], place.1);
        let detail = details.get(&place.0)?.get(file)?;
        Some(Candidate {
            place,
            path: part::path(&part.key, detail.name()),
            id: part::session_id(detail.name(), &detail.rollout).to_owned(),
            record: *part.records.get(file)?,
        })
    };
    let mut candidates: Vec<Candidate> = wanted.into_iter().filter_map(candidate).collect();
    // Of several paths to one file, one that can be read counts: it does so whatever is known of the others.
    candidates.sort_by(|one, other| {
        let is_stale = |candidate: &Candidate| {
            parts[candidate.place.0].is_stale(candidate.place.1)
                && !context.options.lacks(Ablation::SharedStale)
        };
        (is_stale(one), &one.path).cmp(&(is_stale(other), &other.path))
    });
    let mut aside: HashSet<Place> = HashSet::new();
    let mut seen = HashSet::new();
    for candidate in &candidates {
        let is_new = seen.insert(candidate.record.state.file());
        if !is_new && !context.options.lacks(Ablation::Shared) {
            aside.insert(candidate.place);
        }
    }
    candidates.retain(|candidate| !aside.contains(&candidate.place));
    let mut sessions: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    for candidate in &candidates {
        if !context.options.lacks(Ablation::Copies) {
            sessions.entry(&candidate.id).or_default().push(candidate);
        }
    }
    let mut diverged = Vec::new();
    for same in sessions.values() {
        let (archived, current): (Vec<&Candidate>, Vec<&Candidate>) =
            same.iter().partition(|candidate| parts[candidate.place.0].is_archived());
        for one in &archived {
            for other in &current {
                match compare(context, one, other, &mut stats.bytes_read) {
                    Ok(Some(copy)) => {
                        aside.insert(copy);
                    }
                    Ok(None) => diverged.push(Problem {
                        path: one.path.clone(),
                        what: What::Diverged { from: other.path.clone() },
                    }),
                    // Whoever cannot be read is a problem already, and counts.
                    Err(_) => {}
                }
            }
        }
    }
    for (&place, details) in &details {
        let part = &mut parts[place];
        if !aside.iter().any(|(of, _)| *of == place) {
            continue;
        }
        let kept = details.iter().enumerate().filter(|(file, _)| !aside.contains(&(place, *file)));
        let sums = part::sums(kept.map(|(_, detail)| &detail.rollout), context.request.priority);
        // Lines that are not understood are told of every rollout.
        let Sums { unknown, broken, .. } = part.sums;
        part.sums = Sums { unknown, broken, ..sums };
        for (file, session) in part.sessions.iter_mut().enumerate() {
            session.counts = !aside.contains(&(place, file));
        }
    }
    diverged
}

/// The files that several paths may lead to, and those whose session may stand in both folders.
fn candidates(parts: &[Part], options: &Options) -> HashSet<Place> {
    let places = || {
        parts.iter().enumerate().flat_map(|(place, part)| {
            part.records.iter().enumerate().map(move |(file, record)| ((place, file), part, record))
        })
    };
    // A link to a file does not show on the file itself.
    let shared: HashSet<(u64, u64)> =
        places().filter(|(.., record)| record.is_shared).map(|(.., record)| record.state.file()).collect();
    let mut wanted = HashSet::new();
    if !shared.is_empty() {
        let same = places().filter(|(.., record)| {
            if options.lacks(Ablation::SharedLink) {
                record.is_shared
            } else {
                shared.contains(&record.state.file())
            }
        });
        wanted.extend(same.map(|(place, ..)| place));
    }
    let ids = |archived: bool| -> HashSet<u64> {
        let of = parts.iter().filter(|part| part.is_archived() == archived);
        of.flat_map(|part| part.records.iter().map(|record| record.session)).collect()
    };
    let archived = ids(true);
    if !archived.is_empty() {
        let both: HashSet<u64> = archived.intersection(&ids(false)).copied().collect();
        wanted
            .extend(places().filter(|(.., record)| both.contains(&record.session)).map(|(place, ..)| place));
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
