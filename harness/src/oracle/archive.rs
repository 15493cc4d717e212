//! The session archive once more: every file read anew, every line as a JSON value, written to be obvious and not to be fast.
//!
//! It shares no code with the scanner, and knows no memo.

mod lines;
mod rollout;
mod walk;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub(crate) use rollout::{Rollout, interpret};
pub(crate) use walk::{Found, Walk, walk};

/// Broken lines that are told one by one.
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
    /// Archived sessions with others of their id, of which neither is the beginning of the other.
    pub diverged: BTreeSet<(String, String)>,
    /// Files and folders that cannot be read.
    pub unreadable: BTreeSet<String>,
    /// Lines of unknown kinds, and broken ones.
    pub lines: (u64, u64),
}

/// One rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its path below the home.
    pub path: String,
    /// What it says of itself.
    pub id: String,
    /// The same: folder, version and provider.
    pub meta: [Option<String>; 3],
    /// The least and the greatest time of a line that matters, in milliseconds.
    pub span: Option<(i64, i64)>,
    /// What was used, by quarter of an hour.
    pub usage: Vec<Used>,
    /// Whether it is part of the sum.
    pub counts: bool,
}

/// All that there is to know of the archive at `home`. Turns in `priority` were served at that tier where the rollout does not
/// say; days begin `offset` minutes before those of UTC.
#[must_use]
pub fn view(home: &Path, priority: &BTreeSet<String>, offset: i64) -> View {
    view_and_pairs(home, priority, offset).0
}

/// The contents of an archived session and of another one with its id.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// The same, and what had to be compared for it.
pub(crate) fn view_and_pairs(home: &Path, priority: &BTreeSet<String>, offset: i64) -> (View, Vec<Pair>) {
    let Walk { mut files, failed, failed_folders, .. } = walk(home);
    let unreadable = failed.iter().chain(&failed_folders).map(|path| path.display().to_string());
    let mut view = View { unreadable: unreadable.collect(), ..View::default() };
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let (mut seen, mut read) = (BTreeSet::new(), Vec::new());
    for file in files {
        let path = file.path.display().to_string();
        let Ok(bytes) = fs::read(home.join(&file.path)) else {
            view.unreadable.insert(path);
            continue;
        };
        let rollout = interpret(&bytes);
        let [_, cwd, version, provider] = rollout.meta.clone().unwrap_or_default();
        view.broken.extend(
            rollout.broken.iter().take(TOLD).map(|(line, why)| (path.clone(), *line, (*why).to_owned())),
        );
        if rollout.broken.len() > TOLD {
            view.more.insert((path.clone(), (rollout.broken.len() - TOLD) as u64));
        }
        view.lines.0 += rollout.unknown;
        view.lines.1 += rollout.broken.len() as u64;
        view.sessions.push(Session {
            path,
            id: rollout.session(&file.path),
            meta: [cwd, version, provider],
            span: rollout.span,
            usage: rollout.usage(priority, |at| at.div_euclid(900_000)),
            counts: seen.insert((file.metadata.dev(), file.metadata.ino())),
        });
        read.push((file, bytes, rollout));
    }
    let places = pairs(&view.sessions);
    let pairs = places.iter().map(|(one, other)| (read[*one].1.clone(), read[*other].1.clone())).collect();
    for (archived, current) in places {
        let (shorter, longer) = (&read[archived].1, &read[current].1);
        let is_archived_copy = shorter.len() <= longer.len();
        if is_archived_copy && longer.starts_with(shorter) {
            view.sessions[archived].counts = false;
        } else if !is_archived_copy && shorter.starts_with(longer) {
            view.sessions[current].counts = false;
        } else {
            let path = |place: usize| view.sessions[place].path.clone();
            view.diverged.insert((path(archived), path(current)));
        }
    }
    let counting = read.iter().zip(&view.sessions).filter(|(_, session)| session.counts);
    let events = counting.flat_map(|((.., rollout), _)| rollout.events.clone()).collect();
    let all = Rollout { events, ..Rollout::default() };
    view.days = all.usage(priority, |at| (at + offset * 60_000).div_euclid(86_400_000));
    (view, pairs)
}

/// Places of archived sessions and of current ones with the same id, among those that count.
fn pairs(sessions: &[Session]) -> Vec<(usize, usize)> {
    let of = |archived: bool| {
        let all = sessions.iter().enumerate().filter(|(_, session)| session.counts);
        all.filter(move |(_, session)| session.path.starts_with("archived_sessions/") == archived)
    };
    let same = |one: &Session, other: &Session| one.id == other.id;
    of(true)
        .flat_map(|(place, one)| {
            of(false)
                .filter(|(_, other)| same(one, other))
                .map(move |(other, _)| (place, other))
                .collect::<Vec<_>>()
        })
        .collect()
}
