//! The folder of a dataset: begun with a mark, and removed only if it is one and holds nothing
//! else.
//!
//! A folder is a dataset's if it bears the mark, which is written before anything else, or holds a
//! manifest. (A dataset of a version that wrote no mark has a manifest.) So a dataset stays
//! recognisable whichever of its files is damaged.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracerig_store::files::{create_regular, read_regular};
use tracerig_store::schema::FILE_NAME;

use crate::archive::{ARCHIVE_MANIFEST_FILE, ArchiveManifest, HOME};
use crate::error::{DatasetError, Result};
use crate::manifest::{MANIFEST_FILE, Manifest};
use crate::verify::VERIFIED_FILE;

const MARK: &str = ".tracerig-dataset";
const MARK_TEXT: &[u8] = b"tracerig built this folder, and removes it when it is damaged.\n";

/// What SQLite may leave beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Creates the folder of a dataset that is to be built.
pub(crate) fn begin(folder: &Path) -> Result<()> {
    fs::create_dir(folder).map_err(DatasetError::io(folder, "create"))?;
    let mark = folder.join(MARK);
    let written = create_regular(&mark).and_then(|mut file| file.write_all(MARK_TEXT));
    written.map_err(DatasetError::io(&mark, "write"))
}

/// Removes the folder of a dataset, if it is there.
///
/// # Errors
/// [`DatasetError::Foreign`], before anything is removed, for whatever is not a dataset, and for a
/// dataset in which somebody put something else. I/O errors.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    let refused = |what: String| Err(DatasetError::Foreign { path: folder.to_path_buf(), what });
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DatasetError::io(folder, "look at")(error)),
        Ok(found) if found.is_symlink() => return refused("it is a symbolic link".to_owned()),
        Ok(found) if !found.is_dir() => return refused("it is not a folder".to_owned()),
        Ok(_) => {}
    }
    let mut own = Vec::new();
    for path in entries(folder)? {
        if let Some(foreign) = foreign(&path)? {
            let below = foreign.strip_prefix(folder).unwrap_or(&foreign).display();
            return refused(format!("`{below}` in it is not part of a dataset"));
        }
        own.push(path);
    }
    // A removal that was killed may leave an empty folder. `remove` refuses it by name as no
    // dataset.
    if !is_marked(folder) && !own.is_empty() {
        return refused(
            "it is not a dataset: it has neither a manifest nor the mark of one".to_owned(),
        );
    }
    // The mark last: a removal that is cut short can then be taken up again.
    own.sort_by_key(|path| path.file_name().is_some_and(|name| name == MARK));
    own.iter().try_for_each(|path| remove_entry(path))?;
    fs::remove_dir(folder).map_err(DatasetError::io(folder, "remove"))
}

/// Whether a folder bears the mark of a dataset, or has the manifest of one.
pub(crate) fn is_marked(folder: &Path) -> bool {
    let mark = read_regular(&folder.join(MARK), MARK_TEXT.len() as u64);
    mark.is_ok_and(|text| text == MARK_TEXT)
        || Manifest::read(folder).is_ok()
        || ArchiveManifest::read(folder).is_ok()
}

/// Removes what a build wrote into a folder that was empty, and nothing else. The folder stays: it
/// may be a link to one.
pub(crate) fn clear(folder: &Path) -> Result<()> {
    for path in entries(folder)? {
        if foreign(&path)?.is_none() {
            remove_entry(&path)?;
        }
    }
    Ok(())
}

fn remove_entry(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(DatasetError::io(path, "remove"))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    read().map_err(DatasetError::io(folder, "read"))
}

/// What in an entry of a dataset's folder does not belong there, if anything.
fn foreign(path: &Path) -> Result<Option<PathBuf>> {
    let kind = fs::symlink_metadata(path).map_err(DatasetError::io(path, "look at"))?.file_type();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name == HOME && kind.is_dir() {
        return foreign_in_home(path);
    }
    let is_database =
        name.strip_prefix(FILE_NAME).is_some_and(|end| end.is_empty() || BESIDE.contains(&end));
    let is_ours =
        is_database || [MANIFEST_FILE, ARCHIVE_MANIFEST_FILE, VERIFIED_FILE, MARK].contains(&name);
    Ok((!(is_ours && kind.is_file())).then(|| path.to_owned()))
}

/// The first thing below the home of an archive that is neither a folder nor named as a rollout.
fn foreign_in_home(home: &Path) -> Result<Option<PathBuf>> {
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            let kind = fs::symlink_metadata(&path)
                .map_err(DatasetError::io(&path, "look at"))?
                .file_type();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let plain = name.strip_suffix(".zst").unwrap_or(name);
            if kind.is_dir() {
                folders.push(path);
            } else if !kind.is_file()
                || !plain.starts_with("rollout-")
                || !plain.ends_with(".jsonl")
            {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}
