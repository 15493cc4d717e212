//! The memos of an archive that launches start from: kept beside, and put in place before each
//! launch.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::definition::Memo;
use crate::scenario::ScenarioError;

/// A memo, which is a folder or a file, and its earlier states.
#[derive(Debug)]
pub(crate) struct Memos {
    /// Where engines find it.
    pub(crate) place: PathBuf,
    kept: BTreeMap<Memo, PathBuf>,
}

impl Memos {
    pub(crate) fn at(place: PathBuf) -> Self {
        Self { place, kept: BTreeMap::new() }
    }

    /// Keeps the memo that is there now.
    pub(crate) fn keep(&mut self, name: Memo) -> Result<(), ScenarioError> {
        let kept = self.place.with_extension(format!("{name:?}").to_lowercase());
        copy(&self.place, &kept)?;
        self.kept.insert(name, kept);
        Ok(())
    }

    /// Puts the memo that a launch starts from in its place.
    pub(crate) fn restore(&self, name: Memo) -> Result<(), ScenarioError> {
        let removed = if self.place.is_dir() {
            fs::remove_dir_all(&self.place)
        } else {
            fs::remove_file(&self.place)
        };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ScenarioError::io(&self.place, "remove it")(error));
            }
            _ => {}
        }
        if let Some(kept) = self.kept.get(&name) {
            copy(kept, &self.place)?;
        }
        Ok(())
    }
}

/// The files of a memo, none if it is not there.
fn files(place: &Path) -> Result<Vec<PathBuf>, ScenarioError> {
    if !place.is_dir() {
        return Ok(if place.exists() { vec![place.to_owned()] } else { Vec::new() });
    }
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(place)?.map(|entry| Ok(entry?.path())).collect()
    };
    read().map_err(ScenarioError::io(place, "read the folder"))
}

fn copy(from: &Path, to: &Path) -> Result<(), ScenarioError> {
    let failed = |error| ScenarioError::io(to, "copy the memo")(error);
    if !from.is_dir() {
        return fs::copy(from, to).map(drop).map_err(failed);
    }
    fs::create_dir_all(to).map_err(failed)?;
    for path in files(from)? {
        let to = to.join(path.file_name().unwrap_or_default());
        fs::copy(&path, &to).map_err(|error| ScenarioError::io(&to, "copy the memo")(error))?;
    }
    Ok(())
}
