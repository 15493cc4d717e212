//! Which files are one: several paths may lead to it, and copies of one segment of a session may
//! lie anywhere.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::ablation::{Ablation, Ablations};
use super::reader::{Consumed, Reader};
use super::source::{Source, is_compressed};
use super::state::State;
use super::update::open_file;

/// Bytes compared at a time.
const PIECE: usize = 128 << 10;

/// One file of one part, or one session of one home.
pub(super) type Place = (usize, usize);

/// A file that may be one of several.
pub(super) struct Candidate {
    pub(super) place: Place,
    pub(super) file: PathBuf,
    /// How it is reported.
    pub(super) path: PathBuf,
    /// The ids of its session and of its segment.
    pub(super) id: (String, Option<String>),
    pub(super) state: State,
    /// Bytes of its content, as far as they are known.
    pub(super) bytes: u64,
    pub(super) is_archived: bool,
    /// Whether it cannot be read now.
    pub(super) is_stale: bool,
    /// Of such a one, what was consumed of it as long as it could, if that is known.
    pub(super) remembered: Option<Consumed>,
}

impl Candidate {
    /// Its place among copies: of equal ones the first counts.
    fn order(&self) -> (bool, bool, &Path) {
        (is_compressed(self.path.as_os_str()), self.is_archived, &self.path)
    }

    /// Its place among those that differ: each is told with a later one.
    fn rank(&self) -> (bool, Reverse<&Path>) {
        (!self.is_archived, Reverse(&self.path))
    }
}

/// What was found out about copies.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files that do not count.
    pub(super) aside: BTreeSet<Place>,
    /// Rollouts of one segment of which none is the beginning of another one, each with the last of
    /// them: archived ones come first, and later paths.
    pub(super) diverged: Vec<(PathBuf, PathBuf)>,
    /// Whether every file that had to be compared could be read.
    pub(super) is_sure: bool,
}

/// Which of the candidates are one. Of those of one segment of a session, each two that `pairs`
/// says are compared.
pub(super) fn find(
    mut candidates: Vec<Candidate>,
    ablated: Ablations,
    pairs: &dyn Fn(&Candidate, &Candidate) -> bool,
    read: &mut u64,
) -> Found {
    // Of several paths to one file, one that can be read counts: it does so whatever is known of
    // the others.
    candidates.sort_by(|one, other| {
        let is_stale =
            |candidate: &Candidate| candidate.is_stale && !ablated.has(Ablation::SharedStale);
        (is_stale(one), &one.path).cmp(&(is_stale(other), &other.path))
    });
    let mut found = Found { is_sure: true, ..Found::default() };
    let mut seen = HashSet::new();
    for candidate in &candidates {
        if !seen.insert(candidate.state.file()) && !ablated.has(Ablation::Shared) {
            found.aside.insert(candidate.place);
        }
    }
    candidates.retain(|candidate| !found.aside.contains(&candidate.place));
    let mut same: BTreeMap<&(String, Option<String>), Vec<&Candidate>> = BTreeMap::new();
    for candidate in &candidates {
        if !ablated.has(Ablation::Copies) {
            same.entry(&candidate.id).or_default().push(candidate);
        }
    }
    for copies in same.into_values() {
        among(copies, ablated, pairs, &mut found, read);
    }
    found
}

/// Compares the rollouts of one segment of a session, the longest first, each with those that count
/// so far; and after them those that cannot be read, of which their ends are remembered.
fn among(
    mut copies: Vec<&Candidate>,
    ablated: Ablations,
    pairs: &dyn Fn(&Candidate, &Candidate) -> bool,
    found: &mut Found,
    read: &mut u64,
) {
    copies.sort_by(|one, other| {
        let by_length = other.bytes.cmp(&one.bytes);
        let by_order = one.order().cmp(&other.order());
        one.remembered.is_some().cmp(&other.remembered.is_some()).then(by_length).then(by_order)
    });
    let (mut counting, mut diverged): (Vec<&Candidate>, Vec<[&Candidate; 2]>) = Default::default();
    'each: for copy in copies {
        for other in counting.clone() {
            if !pairs(copy, other) {
                continue;
            }
            let order = match copy.remembered {
                Some(consumed) => compare_remembered(consumed, other, ablated, read),
                None => compare(copy, other, read),
            };
            let order = match order {
                Ok(None) if ablated.has(Ablation::Diverged) => Some(Ordering::Less),
                Ok(order) => order,
                // Whoever cannot be read is a problem already, and counts.
                Err(_) => {
                    found.is_sure = false;
                    continue;
                }
            };
            match order
                .map(|order| if ablated.has(Ablation::Longer) { order.reverse() } else { order })
            {
                None => diverged.push([copy, other]),
                // The ends of lines that are being written may make it the longer one.
                Some(Ordering::Greater) => {
                    found.aside.insert(other.place);
                    counting.retain(|kept| kept.place != other.place);
                }
                Some(_) => {
                    found.aside.insert(copy.place);
                    continue 'each;
                }
            }
        }
        counting.push(copy);
    }
    diverged.retain(|pair| pair.iter().all(|one| !found.aside.contains(&one.place)));
    diverged.iter_mut().for_each(|pair| pair.sort_by_key(|one| one.rank()));
    diverged.sort_by_key(|[_, from]| from.rank());
    // One line for each rollout, and not for each pair: the last of its pairs stays.
    let differing: BTreeMap<&Path, &Path> =
        diverged.iter().map(|[one, from]| (one.path.as_path(), from.path.as_path())).collect();
    let owned = |(one, from): (&Path, &Path)| (one.to_owned(), from.to_owned());
    found.diverged.extend(differing.into_iter().map(owned));
}

/// The same of a file that cannot be read, of which this much was consumed: it is less or equal if
/// `other` begins with that. An error if that is not known.
fn compare_remembered(
    consumed: Consumed,
    other: &Candidate,
    ablated: Ablations,
    read: &mut u64,
) -> io::Result<Option<Ordering>> {
    let is_beginning = if let Some(theirs) = other.remembered {
        consumed == theirs
    } else {
        let file = open_file(&other.file)?;
        let mut source = Source::of(other.path.as_os_str(), &file, other.state.size)?;
        let mut reader = Reader::without(ablated).once();
        let begins = reader.begins(&mut source, consumed);
        *read += reader.bytes;
        begins?
    };
    match is_beginning {
        true => Ok(Some(Ordering::Less)),
        false => Err(io::Error::other("only its end is remembered")),
    }
}

/// How the content of `one` compares with that of `other`: less if it is its beginning, equal, or
/// greater if that is the beginning of it. `None` if neither is.
fn compare(one: &Candidate, other: &Candidate, read: &mut u64) -> io::Result<Option<Ordering>> {
    let both = [one, other];
    let sizes = both.map(|candidate| candidate.state.size);
    let are_plain = both.iter().all(|candidate| !is_compressed(candidate.path.as_os_str()));
    // Nothing behind the end of the shorter one is read, where its size tells that end.
    let ends = if are_plain { [sizes[0].min(sizes[1]); 2] } else { sizes };
    let files = [open_file(&one.file)?, open_file(&other.file)?];
    let mut sources = [
        Source::of(one.path.as_os_str(), &files[0], ends[0])?,
        Source::of(other.path.as_os_str(), &files[1], ends[1])?,
    ];
    let order = is_beginning(&mut sources);
    *read += sources.iter().map(Source::bytes_read).sum::<u64>();
    let order = order?;
    Ok(if are_plain { order.map(|_| sizes[0].cmp(&sizes[1])) } else { order })
}

/// How two contents stand to each other.
fn is_beginning([one, other]: &mut [Source<'_>; 2]) -> io::Result<Option<Ordering>> {
    let (mut left, mut right) = (vec![0; PIECE], vec![0; PIECE]);
    loop {
        let (mine, theirs) = (fill(one, &mut left)?, fill(other, &mut right)?);
        let common = mine.min(theirs);
        if left[..common] != right[..common] {
            return Ok(None);
        }
        if common < PIECE {
            return Ok(Some(mine.cmp(&theirs)));
        }
    }
}

/// Reads until the buffer is full or the source ends.
fn fill(source: &mut Source<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}
