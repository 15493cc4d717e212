//! The session archive once more: every file read anew, every line as a JSON value, written to be
//! obvious and not to be fast.
//!
//! It shares no code with the scanner, and knows no memo.

mod lines;
mod rollout;
mod text;
mod tokens;
mod walk;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use rollout::{Rollout, interpret};
pub use text::{COMPRESSED, is_compressed, read};
pub use walk::{Found, Walk, walk};

/// Broken lines that are reported one by one.
const TOLD: usize = 32;

/// Tokens by kind: input, cached input, cache write, output, reasoning, total.
pub type Tokens = [u64; 6];

/// A time slot or a day, a model, a tier, what was used, and the events that told of it.
pub type Used = (i64, Option<String>, String, Tokens, u64);

/// What there is to know of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Each rollout that can be read, in the order of paths.
    pub sessions: Vec<Session>,
    /// What was used on each day, by those that count.
    pub days: Vec<Used>,
    /// Broken lines: path, number from 1, and why.
    pub broken: BTreeSet<(String, u64, String)>,
    /// How many more there are of a file.
    pub more: BTreeSet<(String, u64)>,
    /// Files of one thread and segment, of which none is the beginning of another one: each with
    /// the last of them, archived ones first and later paths first.
    pub diverged: BTreeSet<(String, String)>,
    /// Files and folders that cannot be read.
    pub unreadable: BTreeSet<String>,
    /// Files whose lines have no types.
    pub untyped: BTreeSet<String>,
    /// Files of which something counts nothing only because of the time of its lines.
    pub inferred: BTreeSet<String>,
    /// Lines of unknown kinds, and broken ones.
    pub lines: (u64, u64),
}

/// One rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its path below the home.
    pub path: String,
    /// The thread.
    pub id: String,
    /// Which part of the thread it is, where its name says one.
    pub segment: Option<String>,
    /// What it says of itself: folder, version and provider.
    pub meta: [Option<String>; 3],
    /// The least and the greatest time of a line that matters, in milliseconds.
    pub span: Option<(i64, i64)>,
    /// What was used, by quarter of an hour.
    pub usage: Vec<Used>,
    /// Whether it is part of the sum.
    pub counts: bool,
}

/// All that there is to know of the archive at `home`. Turns in `priority` were served at that tier
/// where the rollout does not say; days begin `offset` minutes before those of UTC.
#[must_use]
pub fn view(home: &Path, priority: &BTreeSet<String>, offset: i64) -> View {
    view_and_copies(home, priority, offset).0
}

/// The paths and texts of files of one thread and segment, in the order of paths.
pub type Copies = Vec<(PathBuf, Vec<u8>)>;

/// The same, and what had to be compared for it.
pub fn view_and_copies(
    home: &Path,
    priority: &BTreeSet<String>,
    offset: i64,
) -> (View, Vec<Copies>) {
    let Walk { mut files, failed, failed_folders, .. } = walk(home);
    let unreadable = failed.iter().chain(&failed_folders).map(|path| path.display().to_string());
    let mut view = View { unreadable: unreadable.collect(), ..View::default() };
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let (mut seen, mut events) = (BTreeSet::new(), Vec::new());
    let mut same: BTreeMap<_, Vec<(usize, Vec<u8>)>> = BTreeMap::new();
    for file in files {
        let path = file.path.display().to_string();
        let Ok(bytes) = read(&home.join(&file.path)) else {
            view.unreadable.insert(path);
            continue;
        };
        let rollout = interpret(&file.path, &bytes);
        let [_, cwd, version, provider] = rollout.meta.clone().unwrap_or_default();
        view.broken.extend(
            rollout
                .broken
                .iter()
                .take(TOLD)
                .map(|(line, why)| (path.clone(), *line, (*why).to_owned())),
        );
        if rollout.broken.len() > TOLD {
            view.more.insert((path.clone(), (rollout.broken.len() - TOLD) as u64));
        }
        view.untyped.extend(rollout.is_untyped.then(|| path.clone()));
        view.inferred.extend(rollout.is_inferred.then(|| path.clone()));
        view.lines.0 += rollout.unknown;
        view.lines.1 += rollout.broken.len() as u64;
        let counts = seen.insert((file.metadata.dev(), file.metadata.ino()));
        if counts {
            let which = (rollout.thread.clone(), rollout.segment.clone());
            same.entry(which).or_default().push((view.sessions.len(), bytes));
        }
        view.sessions.push(Session {
            path,
            id: rollout.thread.clone(),
            segment: rollout.segment.clone(),
            meta: [cwd, version, provider],
            span: rollout.span,
            usage: rollout.usage(priority, |at| at.div_euclid(900_000)),
            counts,
        });
        events.push(rollout.events);
    }
    for files in same.values() {
        view.compare(files);
    }
    let counting = events.into_iter().zip(&view.sessions).filter(|(_, session)| session.counts);
    let all =
        Rollout { events: counting.flat_map(|(events, _)| events).collect(), ..Rollout::default() };
    view.days = all.usage(priority, |at| (at + offset * 60_000).div_euclid(86_400_000));
    let path = |(place, text): (usize, Vec<u8>)| (PathBuf::from(&view.sessions[place].path), text);
    let copies = same.into_values().filter(|files| files.len() > 1);
    let copies = copies.map(|files| files.into_iter().map(path).collect()).collect();
    (view, copies)
}

impl View {
    /// Of `files`, places and texts of one thread and segment, those count of which no other one
    /// holds more.
    fn compare(&mut self, files: &[(usize, Vec<u8>)]) {
        let path = |place: usize| Path::new(&self.sessions[place].path);
        let is_archived = |place: usize| path(place).starts_with("archived_sessions");
        // Of two with the same text, one that is not compressed comes first, then one that is not
        // archived.
        let rank = |(place, text): &(usize, Vec<u8>)| {
            (Reverse(text.len()), is_compressed(path(*place)), is_archived(*place), *place)
        };
        let holds_it = |one: &(usize, Vec<u8>)| {
            files.iter().any(|other| rank(other) < rank(one) && other.1.starts_with(&one.1))
        };
        let (shorter, left): (Vec<_>, Vec<_>) = files.iter().partition(|one| holds_it(one));
        let mut left: Vec<usize> = left.into_iter().map(|(place, _)| *place).collect();
        left.sort_by_key(|place| (!is_archived(*place), Reverse(*place)));
        if let Some((last, others)) = left.split_last() {
            let path = |place: &usize| self.sessions[*place].path.clone();
            self.diverged.extend(others.iter().map(|one| (path(one), path(last))));
        }
        for place in shorter.iter().map(|(place, _)| *place).collect::<Vec<_>>() {
            self.sessions[place].counts = false;
        }
    }
}
