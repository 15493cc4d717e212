//! Whether a thread has a history, in the days in which it may have been begun.

use std::io;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::id::ThreadId;
use super::time::Millis;

/// A day and one to either side: where a history lies whose clock was in another time zone.
const DAYS_AROUND: [i64; 3] = [0, -1, 1];
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The history of `id` in the folders of the days around `at`: where one that was begun then lies.
pub(super) fn around(sessions: &Path, id: ThreadId, at: Millis) -> Result<Option<PathBuf>> {
    for day in DAYS_AROUND {
        let folder = sessions.join(Millis(at.0.saturating_add(day * DAY)).folder());
        let unreadable = |source| Error::history(&folder, "read the folder", source);
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(error)),
        };
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_file()
                && entry.file_name().to_str().and_then(ThreadId::from_file_name) == Some(id)
            {
                return Ok(Some(entry.path()));
            }
        }
    }
    Ok(None)
}
