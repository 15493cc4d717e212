//! Several homes at once: what is in more than one of them counts once.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rustix::fs::stat;

use super::alike::{self, Candidate};
use super::error::ArchiveError;
use super::result::{Problem, Refresh, What};
use super::usage::Usage;
use super::{ARCHIVED, Archive, Request};

/// Refreshes each of `archives`. A rollout that is a copy of one in another home counts once over
/// all of them: the longer one, of equal ones that of the path that comes first. With more than one
/// home, sessions are given whether they are asked for or not.
///
/// # Errors
/// One of them cannot be refreshed; see [`Archive::refresh`].
pub fn refresh_all(
    archives: &[Archive],
    request: &Request<'_>,
) -> Result<Vec<Refresh>, ArchiveError> {
    let sessions = request.sessions || archives.len() > 1;
    let request = &Request { sessions, ..*request };
    let mut all =
        archives.iter().map(|archive| archive.refresh(request)).collect::<Result<Vec<_>, _>>()?;
    if let [first, ..] = archives
        && archives.len() > 1
    {
        let (ablated, mut read) = (first.options.ablated(), 0);
        let in_two = |one: &Candidate, other: &Candidate| one.place.0 != other.place.0;
        let found = alike::find(candidates(archives, &all), ablated, &in_two, &mut read);
        for &(home, session) in &found.aside {
            all[home].sessions[session].counts = false;
        }
        let homes: Vec<usize> = found.aside.iter().map(|(home, _)| *home).collect();
        for (home, refresh) in all.iter_mut().enumerate() {
            if homes.contains(&home) {
                let mut usage = Usage::default();
                let counting = refresh.sessions.iter().filter(|session| session.counts);
                counting.for_each(|session| usage.append(&session.usage));
                refresh.usage = usage;
            }
        }
        let problem = |(path, from)| Problem { path, what: What::Diverged { from } };
        if let Some(last) = all.last_mut() {
            last.problems.extend(found.diverged.into_iter().map(problem));
            last.stats.bytes_read += read;
        }
    }
    Ok(all)
}

/// The rollouts that count, of segments that are in several homes.
fn candidates(archives: &[Archive], all: &[Refresh]) -> Vec<Candidate> {
    let mut homes: BTreeMap<(&str, Option<&str>), (usize, bool)> = BTreeMap::new();
    let sessions = || {
        let each = all.iter().enumerate().flat_map(|(home, refresh)| {
            refresh
                .sessions
                .iter()
                .enumerate()
                .map(move |(place, session)| ((home, place), session))
        });
        each.filter(|(_, session)| session.counts)
    };
    for ((home, _), session) in sessions() {
        let id = (session.id.as_str(), session.segment.as_deref());
        let (first, is_in_several) = homes.entry(id).or_insert((home, false));
        *is_in_several |= *first != home;
    }
    let candidate = |(place, session): ((usize, usize), &super::Session)| {
        let (_, true) = homes.get(&(session.id.as_str(), session.segment.as_deref()))? else {
            return None;
        };
        let archive = &archives[place.0];
        let file = archive.home.join(&session.path);
        let state = look(archive, &file).ok()?;
        Some(Candidate {
            place,
            path: file.clone(),
            file,
            id: (session.id.clone(), session.segment.clone()),
            state,
            bytes: state.size,
            is_archived: session.path.starts_with(ARCHIVED),
            is_stale: session.is_stale,
            remembered: None,
        })
    };
    sessions().filter_map(candidate).collect()
}

fn look(archive: &Archive, path: &Path) -> io::Result<super::FileState> {
    Ok(archive.options.state(&stat(path)?))
}
