//! Rollouts that must not count twice: one file that several paths lead to, and copies of one
//! segment of a session, wherever they lie, be they plain or compressed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64;

use super::ablation::Ablation;
use super::alike::{self, Candidate, Found, Place};
use super::name;
use super::part::{self, Part};
use super::refresh::Context;
use super::result::{Problem, Stats, What};
use super::settled::Question;
use super::shard;
use super::sums::Sums;
use super::{Options, Request};

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

/// Takes copies out of the sums of `parts`. Gives a problem for each two rollouts of one segment of
/// a session of which neither is the beginning of the other.
pub(super) fn set_aside(
    context: &Context<'_>,
    parts: &mut [Part],
    stats: &mut Stats,
) -> Vec<Problem> {
    let wanted = candidates(parts, context.options);
    if wanted.is_empty() {
        return Vec::new();
    }
    let Request { priority, sessions, rescan, .. } = *context.request;
    let looks_anew = rescan || context.options.lacks(Ablation::CopiesRemembered);
    let asked =
        context.memo.as_ref().and_then(|memo| Some((memo, Question::about(parts, &wanted)?)));
    let known =
        asked.as_ref().filter(|_| !looks_anew).and_then(|(memo, question)| question.answer(memo));
    let is_known = known.is_some();
    let (found, mut sums) =
        known.unwrap_or_else(|| (find(context, parts, &wanted, stats), BTreeMap::new()));
    let mut kept_sums = BTreeMap::new();
    let places: BTreeSet<usize> = found.aside.iter().map(|(place, _)| *place).collect();
    for place in places {
        let part = &mut parts[place];
        // Sessions are reported one by one, and a turn whose tier the trace database knows is in
        // the details only.
        let joins = part.joins;
        // Lines that are not understood are reported for every rollout.
        let all = |sums: Sums, part: &mut Part| {
            let found = part.sums.found;
            part.sums = Sums { found, ..sums };
        };
        if let Some(sums) = sums.remove(&place).filter(|_| !joins && !sessions) {
            all(sums, part);
            continue;
        }
        let counts = |file: &usize| !found.aside.contains(&(place, *file));
        // The few that do not count are taken out, where that can be done; a file that cannot be
        // read any more leaves nothing to take.
        let keeps = asked.is_some();
        let without = |details: &[shard::Detail]| {
            let is_all = details.iter().all(|detail| detail.rollout.lines > 0);
            let rollouts = details.iter().map(|detail| &detail.rollout);
            part::without(&part.sums, rollouts, priority).filter(|_| is_all)
        };
        let aside: Vec<usize> = (0..part.records.len()).filter(|file| !counts(file)).collect();
        let can_take = !(joins && keeps);
        let taken = can_take.then(|| context.details_of(part, &aside, &mut stats.bytes_read));
        let sums = match taken.and_then(|details| without(&details)) {
            Some(sums) => {
                kept_sums.insert(place, sums.clone());
                sums
            }
            None => {
                let details = context.details(part, &mut stats.bytes_read);
                let sums = |priority| {
                    part::sums(shard::rollouts(&details).filter(|(file, _)| counts(file)), priority)
                };
                kept_sums.insert(place, sums(None));
                sums(priority)
            }
        };
        all(sums, part);
        for (file, session) in part.sessions.iter_mut().enumerate() {
            session.counts = counts(&file);
        }
    }
    if let Some((memo, question)) =
        asked.filter(|_| !is_known && found.is_sure && !context.is_cancelled())
    {
        match question.keep(&found, &kept_sums, memo) {
            Ok(bytes) => stats.memo_bytes_written += bytes,
            Err(error) => context.warn(&error),
        }
    }
    let problem = |(path, from)| Problem { path, what: What::Diverged { from } };
    found.diverged.into_iter().map(problem).collect()
}

/// Compares the files `wanted` of `parts`, where several may be one.
fn find(
    context: &Context<'_>,
    parts: &[Part],
    wanted: &BTreeSet<Place>,
    stats: &mut Stats,
) -> Found {
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
            file: context.home.join(part::path(&part.key, detail.name())),
            path: part::path(&part.key, detail.name()),
            id: (detail.rollout.id().to_owned(), name::segment(detail.name()).map(str::to_owned)),
            state: part.records[file].state,
            bytes: detail.consumed.bytes,
            is_archived: part.is_archived(),
            is_stale: part.is_stale(file),
            remembered: part.is_stale(file).then_some(detail.consumed),
        }));
    }
    let anywhere = !context.options.lacks(Ablation::CopiesAnywhere);
    let pairs =
        |one: &Candidate, other: &Candidate| anywhere || one.is_archived != other.is_archived;
    alike::find(candidates, context.options.ablated(), &pairs, &mut stats.bytes_read)
}

/// The files that several paths may lead to, and those of which there may be copies.
fn candidates(parts: &[Part], options: &Options) -> BTreeSet<Place> {
    let places = || {
        let parts = parts.iter().enumerate();
        parts.flat_map(|(place, part)| (0..).map(move |file| (place, file)).zip(&part.records))
    };
    // A link to a file does not show on the file itself.
    let mut shared: HashSet<(u64, u64)> = HashSet::new();
    let mut sessions = Vec::with_capacity(parts.iter().map(|part| part.records.len()).sum());
    for (_, record) in places() {
        sessions.push(record.session);
        if record.is_shared {
            shared.insert(record.state.file());
        }
    }
    let mut wanted = BTreeSet::new();
    if !shared.is_empty() {
        let same = places().filter(|(_, record)| {
            if options.lacks(Ablation::SharedLink) {
                record.is_shared
            } else {
                shared.contains(&record.state.file())
            }
        });
        wanted.extend(same.map(|(place, _)| place));
    }
    let mut twice = twice(&sessions).into_iter();
    let (mut next, mut before) = (twice.next(), 0);
    for (place, part) in parts.iter().enumerate() {
        while let Some(at) = next.filter(|at| at - before < part.records.len()) {
            wanted.insert((place, at - before));
            next = twice.next();
        }
        before += part.records.len();
    }
    wanted
}

/// The places, in their order, of the digests that are in `all` several times. Every refresh
/// asks, of all rollouts, and hardly any is there twice: so a table of bits tells first which ones
/// may be.
fn twice(all: &[u64]) -> Vec<usize> {
    let bits = (16 * all.len()).next_power_of_two().max(64);
    let (mut seen, mut again) = (vec![0_u64; bits / 64], vec![0_u64; bits / 64]);
    let place = |digest: u64| {
        let at = usize::try_from(digest % bits as u64).unwrap_or_default();
        (at / 64, 1 << (at % 64))
    };
    for &digest in all {
        let (word, bit) = place(digest);
        again[word] |= seen[word] & bit;
        seen[word] |= bit;
    }
    let may_be = |digest: u64| {
        let (word, bit) = place(digest);
        again[word] & bit != 0
    };
    let hits: Vec<(usize, u64)> =
        all.iter().copied().enumerate().filter(|(_, digest)| may_be(*digest)).collect();
    let (mut once, mut twice) = (Digests::default(), Digests::default());
    twice.extend(hits.iter().map(|(_, digest)| *digest).filter(|digest| !once.insert(*digest)));
    hits.into_iter().filter(|(_, digest)| twice.contains(digest)).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_is_found_whatever_shares_its_bit() {
        let mut digests: Vec<u64> =
            (0..3000_u64).map(|number| xxh3_64(&number.to_le_bytes())).collect();
        assert!(twice(&digests).is_empty() && twice(&[]).is_empty());
        // These three share a bit whatever the size of the table.
        digests.extend([1 << 60, 1 << 61, 1 << 62, digests[7], digests[9], digests[9], 1 << 61]);
        assert_eq!(twice(&digests), [7, 9, 3001, 3003, 3004, 3005, 3006]);
    }
}
