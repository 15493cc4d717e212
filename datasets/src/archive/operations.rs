//! What happens to the rollouts of a home between two refreshes: sessions go on, and people move,
//! cut and restore files.
//!
//! All of it is done to a copy of an archive. [`Sessions`] goes on with sessions and tells what
//! that added; the functions change files and links, and tell nothing, for what a refresh should
//! find then follows from the files.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::expected::Expected;
use super::plan::{Plan, Session};
use super::recipe::ArchiveRecipe;
use super::rollout::{State, Writer};
use super::{ArchiveDataset, ArchiveManifest};
use crate::cache::{Progress, Stage};
use crate::dice::Dice;
use crate::error::{DatasetError, Result};
use crate::prose::Pools;

/// The sessions of an archive, with what is needed to go on with them.
#[derive(Debug)]
pub struct Sessions {
    recipe: ArchiveRecipe,
    plan: Plan,
    pools: Arc<Pools>,
    seed: u64,
    scale: f64,
    /// Of the sessions that went on.
    states: BTreeMap<usize, State>,
}

impl Sessions {
    /// The sessions of `dataset`, laid out once more.
    ///
    /// # Errors
    /// [`DatasetError::Recipe`] when the recipe in its manifest is invalid.
    pub fn of(dataset: &ArchiveDataset) -> Result<Self> {
        let ArchiveManifest { name, recipe, seed, scale, .. } = &dataset.manifest;
        let recipe = ArchiveRecipe::parse(recipe, &format!("recipe in the manifest of `{name}`"))?;
        let trace = &dataset.trace.manifest;
        let plan = Plan::new(&recipe, *seed, trace.continuation.last_ts, &trace.truth.turns);
        let pools = Pools::of(*seed);
        Ok(Self { recipe, plan, pools, seed: *seed, scale: *scale, states: BTreeMap::new() })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.plan.sessions.len()
    }

    /// Where a session is below the home; they are in the order of these paths.
    #[must_use]
    pub fn path(&self, at: usize) -> Option<&Path> {
        Some(&self.plan.sessions.get(at)?.path)
    }

    /// Sessions that can go on by themselves, so many, spread over all of them by `seed`. Those of
    /// which a copy is elsewhere, whose turns a trace database knows, or that are compressed, are
    /// not among them.
    #[must_use]
    pub fn some(&self, count: usize, seed: u64) -> Vec<usize> {
        let is_plain = |session: &Session| {
            let has_copy = session.copy.is_some() || session.twin.is_some();
            !has_copy && session.known.is_empty() && !session.is_compressed
        };
        let mut plain: Vec<(u64, usize)> = Vec::new();
        for (at, session) in
            self.plan.sessions.iter().enumerate().filter(|(_, session)| is_plain(session))
        {
            plain.push((Dice::new(seed, "some", session.number).next(), at));
        }
        plain.sort_unstable();
        let mut some: Vec<usize> = plain.into_iter().take(count).map(|(_, at)| at).collect();
        some.sort_unstable();
        some
    }

    /// Goes on with a session of the copy at `home`: one turn, some minutes after its last line.
    /// Gives what that adds.
    ///
    /// # Errors
    /// [`DatasetError::Io`].
    pub fn append(&mut self, home: &Path, at: usize, seed: u64) -> Result<Expected> {
        let (path, lines, added) = self.go_on(at, seed, 300_000)?;
        add(&home.join(path), &lines)?;
        Ok(added)
    }

    /// The same, but for the second half of the last line: it may follow by [`add`]. Gives what the
    /// turn adds without that line, and the rest of it.
    ///
    /// # Errors
    /// [`DatasetError::Io`].
    pub fn append_torn(
        &mut self,
        home: &Path,
        at: usize,
        seed: u64,
    ) -> Result<(Expected, Vec<u8>)> {
        let (path, mut lines, added) = self.go_on(at, seed, 300_000)?;
        // The last line says that the turn is over, and nothing that counts.
        let rest = lines.split_off(lines.len() - 40);
        add(&home.join(path), &lines)?;
        Ok((added, rest))
    }

    /// Resumes a session days later, in the folder where it began.
    ///
    /// # Errors
    /// [`DatasetError::Io`].
    pub fn resume(&mut self, home: &Path, at: usize, seed: u64, days: u32) -> Result<Expected> {
        let (path, lines, added) = self.go_on(at, seed, i64::from(days) * super::plan::DAY)?;
        add(&home.join(path), &lines)?;
        Ok(added)
    }

    fn go_on(&mut self, at: usize, seed: u64, pause: i64) -> Result<(&Path, Vec<u8>, Expected)> {
        let Some(session) = self.plan.sessions.get(at) else {
            let detail = format!("there is no session {at}; there are {}", self.count());
            return Err(DatasetError::Recipe {
                place: format!("archive `{}`", self.recipe.name()),
                detail,
            });
        };
        let writer = || Writer::new(session, &self.pools, self.recipe.unknown_per_mille, self.seed);
        let state = match self.states.remove(&at) {
            Some(state) => state,
            None => {
                let mut writer = writer();
                writer.whole(self.scale);
                writer.into_state()
            }
        };
        let dice = Dice::new(seed, "append", session.number ^ state.lines() << 32);
        let mut writer = writer().resumed(state, dice);
        writer.one_more_turn(pause);
        let (lines, added) =
            (std::mem::take(&mut writer.out), std::mem::take(&mut writer.written.expected));
        self.states.insert(at, writer.into_state());
        Ok((&session.path, lines, added))
    }
}

/// Copies the rollouts of a home to `to`, where there must be none yet.
///
/// # Errors
/// [`DatasetError::Io`], [`DatasetError::Cancelled`].
pub fn copy_home(
    dataset: &ArchiveDataset,
    to: &Path,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<()> {
    let (mut done, total) = (0, dataset.manifest.bytes);
    let mut folders = VecDeque::from([Path::new("").to_owned()]);
    while let Some(folder) = folders.pop_front() {
        let (from, into) = (dataset.home.join(&folder), to.join(&folder));
        fs::create_dir_all(&into).map_err(DatasetError::io(&into, "create"))?;
        let entries = fs::read_dir(&from).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = entries.map_err(DatasetError::io(&from, "read the folder"))?;
        // As sessions come to be, one after the other: where a file system puts a file follows the
        // order of creation.
        entries.sort_by_cached_key(fs::DirEntry::file_name);
        for entry in entries {
            let kind = entry.file_type().map_err(DatasetError::io(&entry.path(), "look at it"))?;
            if kind.is_dir() {
                folders.push_back(folder.join(entry.file_name()));
            } else {
                let copied = fs::copy(entry.path(), into.join(entry.file_name()));
                done += copied.map_err(DatasetError::io(&entry.path(), "copy it"))?;
                if progress(Progress { stage: Stage::Copying, done, total }).is_break() {
                    return Err(DatasetError::Cancelled);
                }
            }
        }
    }
    Ok(())
}

/// Adds bytes to the end of a file, which is there already.
///
/// # Errors
/// [`DatasetError::Io`].
pub fn add(path: &Path, bytes: &[u8]) -> Result<()> {
    let added = File::options().append(true).open(path).and_then(|mut file| file.write_all(bytes));
    added.map_err(DatasetError::io(path, "append to it"))
}

/// Cuts a file off after so many bytes.
///
/// # Errors
/// [`DatasetError::Io`].
pub fn truncate(path: &Path, bytes: u64) -> Result<()> {
    let cut = File::options().write(true).open(path).and_then(|file| file.set_len(bytes));
    cut.map_err(DatasetError::io(path, "cut it off"))
}

/// Puts another file in its place, by a rename.
///
/// # Errors
/// [`DatasetError::Io`].
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let other = path.with_extension("new");
    let replaced = fs::write(&other, bytes).and_then(|()| fs::rename(&other, path));
    replaced.map_err(DatasetError::io(path, "replace it"))
}

/// Moves a file, to another folder as a rule, which is made if need be: also for a day that had
/// none.
///
/// # Errors
/// [`DatasetError::Io`].
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    let folder = to.parent().unwrap_or(Path::new(""));
    let moved = fs::create_dir_all(folder).and_then(|()| fs::rename(from, to));
    moved.map_err(DatasetError::io(from, "move it"))
}

/// A file that was taken away, and can be restored.
#[derive(Debug)]
pub struct Deleted {
    bytes: Vec<u8>,
    times: FileTimes,
}

/// Takes a file away.
///
/// # Errors
/// [`DatasetError::Io`].
pub fn delete(path: &Path) -> Result<Deleted> {
    let deleted = || -> io::Result<Deleted> {
        let deleted = Deleted { bytes: fs::read(path)?, times: times(path)? };
        fs::remove_file(path)?;
        Ok(deleted)
    };
    deleted().map_err(DatasetError::io(path, "delete it"))
}

/// Puts a file back with its old times, as backups do.
///
/// # Errors
/// [`DatasetError::Io`].
pub fn restore(path: &Path, deleted: &Deleted) -> Result<()> {
    let restored = fs::write(path, &deleted.bytes).and_then(|()| set_times(path, deleted.times));
    restored.map_err(DatasetError::io(path, "restore it"))
}

/// Writes other bytes over those of a file, as many, and sets its modification time back.
///
/// # Errors
/// [`DatasetError::Io`].
pub fn rewrite(path: &Path, change: impl FnOnce(&mut [u8])) -> Result<()> {
    let rewritten = || -> io::Result<()> {
        let (mut bytes, times) = (fs::read(path)?, times(path)?);
        change(&mut bytes);
        File::options().write(true).open(path)?.write_all(&bytes)?;
        set_times(path, times)
    };
    rewritten().map_err(DatasetError::io(path, "rewrite it"))
}

fn times(path: &Path) -> io::Result<FileTimes> {
    let metadata = fs::metadata(path)?;
    Ok(FileTimes::new().set_accessed(metadata.accessed()?).set_modified(metadata.modified()?))
}

fn set_times(path: &Path, times: FileTimes) -> io::Result<()> {
    File::options().write(true).open(path)?.set_times(times)
}

/// Makes a symbolic link at `path`: to a file, to a folder, or to one above it, which is a circle.
///
/// # Errors
/// [`DatasetError::Io`].
#[cfg(unix)]
pub fn link(path: &Path, to: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let linked = fs::create_dir_all(folder).and_then(|()| std::os::unix::fs::symlink(to, path));
    linked.map_err(DatasetError::io(path, "make the link"))
}

/// Takes all permissions of a file or folder away, or gives its owner all.
///
/// # Errors
/// [`DatasetError::Io`].
#[cfg(unix)]
pub fn permit(path: &Path, permitted: bool) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = if permitted { 0o700 } else { 0 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(DatasetError::io(path, "change its permissions"))
}
