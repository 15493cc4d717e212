//! Finding the history of a thread by its id, in the tree of days that histories lie in.

use std::io;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::id::ThreadId;
use super::time::Millis;

/// A day and one to either side: where a history lies whose clock was in another time zone.
const DAYS_AROUND: [i64; 3] = [0, -1, 1];
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The history of `id` anywhere below `sessions`.
pub(super) fn anywhere(sessions: &Path, id: ThreadId) -> Result<Option<PathBuf>> {
    let mut found = None;
    let mut folders = vec![sessions.to_owned()];
    while let Some(folder) = folders.pop() {
        look(&folder, id, &mut found, Some(&mut folders))?;
    }
    Ok(found)
}

/// The history of `id` in the folders of the days around `at`: where one that was begun then lies.
pub(super) fn around(sessions: &Path, id: ThreadId, at: Millis) -> Result<Option<PathBuf>> {
    let mut found = None;
    for day in DAYS_AROUND {
        let folder = sessions.join(Millis(at.0.saturating_add(day * DAY)).folder());
        look(&folder, id, &mut found, None)?;
    }
    Ok(found)
}

fn look(
    folder: &Path,
    id: ThreadId,
    found: &mut Option<PathBuf>,
    mut folders: Option<&mut Vec<PathBuf>>,
) -> Result<()> {
    let unreadable = |source| Error::history(folder, "read the folder", source);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(error)),
    };
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            if let Some(folders) = &mut folders {
                folders.push(entry.path());
            }
        } else if kind.is_file() && entry.file_name().to_str().and_then(ThreadId::from_file_name) == Some(id)
        {
            let path = entry.path();
            if let Some(first) = found.replace(path.clone()) {
                return Err(Error::Duplicate { thread: id, first, second: path });
            }
        }
    }
    Ok(())
}
