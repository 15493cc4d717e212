//! The refresh of an archive as published: several looks at every file, one file for all that is
//! remembered. The baseline.
//!
//! Source: steipete/CodexBar, pull request 1430, whose profile found the metadata of 60,607 files
//! to be most of a refresh and the scan of the trace database 4 % of it. Before that change each
//! file was looked at as follows, one after the other: its attributes; the identifier of the file
//! they belong to, by another call; whether it exists, and its canonical path, once more for the
//! path found and once for the path remembered; and whether that lies below the root. What is
//! remembered is one JSON file, read and written whole. Here each of these is the call that the
//! system has for it; the runtime that made them cost 0.23 ms a file there is not imitated, so this
//! baseline is faster than what people ran.
//!
//! A file whose size and modification time are those remembered is not read, any other is read from
//! its beginning. The first path with a session's id counts, which is the current one, not the
//! archived one.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use tracerig_scanner::archive::{ARCHIVED, ArchiveError, Phases, SESSIONS};
use tracerig_scanner::parts::{Read, check_stop, read_rollout};

/// Quarters of an hour in a day.
const QUARTERS: i64 = 96;

/// What was used on a day (since 1970, UTC) by a model: input, cached input and output tokens.
pub type Used = BTreeMap<(i64, Option<String>), [u64; 3]>;

/// What a refresh found, and what it did.
#[derive(Clone, Debug, Default)]
pub struct PublishedRefresh {
    /// What was used in all sessions.
    pub used: Used,
    /// Rollouts found.
    pub files: u64,
    /// Of these, those that were read.
    pub parsed: u64,
    /// Bytes read from rollouts.
    pub bytes_read: u64,
    /// Folders read.
    pub folders: u64,
    /// Calls that ask for the state of a file, or whether it exists, or for its canonical path.
    pub metadata_calls: u64,
    /// Bytes of the memo written.
    pub memo_bytes_written: u64,
    /// Where the time went.
    pub phases: Phases,
}

/// What is remembered of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Remembered {
    size: u64,
    modified: (i64, i64),
    file: (u64, u64),
    session: String,
    used: Vec<(i64, Option<String>, [u64; 3])>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Memo {
    files: BTreeMap<PathBuf, Remembered>,
}

/// Refreshes the archive at `home`, with all that is remembered in the file `memo`.
///
/// # Errors
/// There is no such home; a folder or file of it, or the memo, cannot be read or written. (An
/// invalid memo is ignored.)
pub fn refresh(home: &Path, memo: &Path) -> Result<PublishedRefresh, ArchiveError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ArchiveError::Io { path, source }
    };
    let mut result = PublishedRefresh::default();
    let clock = std::time::Instant::now;
    let loading = clock();
    let mut before: Memo = match fs::read(memo) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Memo::default(),
        Err(error) => return Err(failed(memo)(error)),
    };
    result.phases.load = loading.elapsed();
    let walking = clock();
    let mut paths = Vec::new();
    for root in [SESSIONS, ARCHIVED] {
        list(&home.join(root), &mut paths, &mut result).map_err(failed(home))?;
    }
    result.phases.walk = walking.elapsed();
    let root = home.canonicalize().map_err(failed(home))?;
    let (mut after, mut seen) = (Memo::default(), HashSet::new());
    for path in paths {
        check_stop().map_err(failed(&path))?;
        let looking = clock();
        let Some((looked, canonical)) = look(&path, &root, &mut result).map_err(failed(&path))?
        else {
            continue;
        };
        let known = before.files.remove(&canonical);
        let known = match known {
            // The path that is remembered is looked at like the one that was found.
            Some(known) => {
                match look(&canonical, &root, &mut result).map_err(failed(&canonical))? {
                    Some((again, _)) if again.is(&known) && looked.is(&known) => Some(known),
                    _ => None,
                }
            }
            None => None,
        };
        result.phases.metadata += looking.elapsed();
        result.files += 1;
        let parsing = clock();
        let remembered = match known {
            Some(known) => known,
            None => read(&path, &looked, &mut result).map_err(failed(&path))?,
        };
        result.phases.parse += parsing.elapsed();
        let adding = clock();
        if seen.insert(remembered.session.clone()) {
            for (day, model, used) in &remembered.used {
                let sum = result.used.entry((*day, model.clone())).or_default();
                for (sum, more) in sum.iter_mut().zip(used) {
                    *sum += more;
                }
            }
        }
        after.files.insert(canonical, remembered);
        result.phases.aggregate += adding.elapsed();
    }
    let persisting = clock();
    // Written whole each time, as published.
    let bytes = serde_json::to_vec(&after).map_err(io::Error::other).map_err(failed(memo))?;
    let temporary = memo.with_extension("new");
    fs::write(&temporary, &bytes)
        .and_then(|()| fs::rename(&temporary, memo))
        .map_err(failed(memo))?;
    result.memo_bytes_written = bytes.len() as u64;
    result.phases.persist = persisting.elapsed();
    Ok(result)
}

/// The rollouts below `folder`, in the order of their paths.
fn list(folder: &Path, paths: &mut Vec<PathBuf>, result: &mut PublishedRefresh) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    result.folders += 1;
    let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            list(&path, paths, result)?;
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    Ok(())
}

/// What the looks at a file tell.
struct Looked {
    size: u64,
    modified: (i64, i64),
    file: (u64, u64),
}

impl Looked {
    fn is(&self, known: &Remembered) -> bool {
        (self.size, self.modified, self.file) == (known.size, known.modified, known.file)
    }
}

/// Looks at a file as often as was published. `None` if it is not there, or not below the root.
fn look(
    path: &Path,
    root: &Path,
    result: &mut PublishedRefresh,
) -> io::Result<Option<(Looked, PathBuf)>> {
    result.metadata_calls += 4;
    if !path.exists() {
        return Ok(None);
    }
    let canonical = path.canonicalize()?;
    if !canonical.starts_with(root) {
        return Ok(None);
    }
    let attributes = fs::symlink_metadata(&canonical)?;
    let identifier = fs::metadata(&canonical)?;
    let looked = Looked {
        size: attributes.len(),
        modified: (attributes.mtime(), attributes.mtime_nsec()),
        file: (identifier.dev(), identifier.ino()),
    };
    Ok(Some((looked, canonical)))
}

fn read(path: &Path, looked: &Looked, result: &mut PublishedRefresh) -> io::Result<Remembered> {
    let Read { session, used, bytes } = read_rollout(path)?;
    result.parsed += 1;
    result.bytes_read += bytes;
    let mut days: Used = Used::new();
    for (slot, used) in used.slots() {
        let model = slot.model.map(str::to_owned);
        let sum = days.entry((slot.quarter.div_euclid(QUARTERS), model)).or_default();
        let tokens = used.tokens;
        for (sum, more) in sum.iter_mut().zip([tokens.input, tokens.cached_input, tokens.output]) {
            *sum += more;
        }
    }
    Ok(Remembered {
        size: looked.size,
        modified: looked.modified,
        file: looked.file,
        session,
        used: days.into_iter().map(|((day, model), used)| (day, model, used)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(totals: &[u64]) -> String {
        let count = |total: &u64| {
            format!(
                "{{\"timestamp\":\"2026-11-20T20:37:24.062Z\",\"type\":\"event_msg\",\
                \"payload\":{{\"type\":\"token_count\",\"info\":\
                 {{\"total_token_usage\":{{\"input_tokens\":{total},\"output_tokens\":1}}}}}}}}\n"
            )
        };
        totals.iter().map(count).collect()
    }

    #[test]
    fn files_that_are_as_they_were_are_looked_at_twice_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (home, memo) = (folder.path().join("home"), folder.path().join("memo.json"));
        let day = home.join("sessions/2026/11/20");
        let archived = home.join("archived_sessions");
        fs::create_dir_all(&day).unwrap();
        fs::create_dir_all(&archived).unwrap();
        let name = |number: u64| {
            format!("rollout-2026-11-20T20-37-24-01a1faad-9c57-7691-9b09-{number:012}.jsonl")
        };
        fs::write(day.join(name(1)), rollout(&[10, 30])).unwrap();
        fs::write(day.join(name(2)), rollout(&[5])).unwrap();
        fs::write(archived.join(name(1)), rollout(&[10])).unwrap();
        let refresh = || refresh(&home, &memo).unwrap();
        let input =
            |result: &PublishedRefresh| result.used.values().map(|used| used[0]).sum::<u64>();
        let first = refresh();
        assert_eq!((first.files, first.parsed, input(&first)), (3, 3, 35));
        assert_eq!(first.metadata_calls, 3 * 4);
        let second = refresh();
        assert_eq!((second.files, second.parsed, second.bytes_read, input(&second)), (3, 0, 0, 35));
        assert_eq!((second.metadata_calls, second.used == first.used), (3 * 8, true));
        fs::write(day.join(name(2)), rollout(&[5, 7])).unwrap();
        let third = refresh();
        assert_eq!((third.parsed, input(&third)), (1, 37));
        fs::write(&memo, "rubbish").unwrap();
        assert_eq!((refresh().parsed, input(&refresh())), (3, 37));
    }
}
