//! The cache of datasets: each is built once, verified when it is taken again, and never taken
//! half-built.
//!
//! A dataset is in a folder named after its recipe and a digest over all that determines it. It is
//! built in a folder beside it, `.building-NAME`, which gets its name when everything is written.
//! Anyone who builds holds a lock; so a folder `.building-NAME` found under it was left by a
//! builder that was killed, and is removed. Anyone who uses a dataset holds another one, so that
//! nobody takes it away meanwhile.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tracerig_store::schema::FILE_NAME;
use tracerig_store::stop::is_to_stop;

use crate::archive::ArchiveManifest;
use crate::build;
use crate::digest;
use crate::error::{DatasetError, Result};
use crate::folder;
use crate::limits::MOST_SCALE;
use crate::lock::{Hold, Locks};
use crate::manifest::Manifest;
use crate::place::cache_root;
use crate::recipe::Recipe;
use crate::shapes::Shapes;
use crate::verify::{remember, verify_file, verify_quickly};

const BUILDING: &str = ".building-";

pub(crate) type Report<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// What a build may vary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BuildOptions {
    /// The seed; the recipe's own when absent.
    pub seed: Option<u64>,
    /// The factor on rows and file size. Facts stay the same ones.
    pub scale: f64,
}

impl Default for BuildOptions {
    /// The recipe's seed and its own size.
    fn default() -> Self {
        Self { seed: None, scale: 1.0 }
    }
}

/// What a build is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Another process builds the same dataset, removes it, or uses it where it must be built
    /// again.
    Waiting,
    /// The user's own database is copied; counted in bytes.
    Copying,
    /// Rows are generated, inserted and pruned, and the file is finished; counted in bytes of
    /// inserted bodies.
    Generating,
    /// Rollouts of an archive are written; counted in bytes.
    Writing,
    /// Rows and file are read once more for their digests; counted in bytes.
    Digesting,
    /// The file of a cached dataset is compared with its digest; counted in bytes.
    Verifying,
}

/// How far a build is. Totals of [`Stage::Generating`] are estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is busy with.
    pub stage: Stage,
    /// Bytes done.
    pub done: u64,
    /// Bytes to do.
    pub total: u64,
}

/// A dataset that is on disk. One from [`Cache::ensure`] or [`Cache::verify`] cannot be removed
/// from its cache, by this or any other process, as long as it or a clone of it lives.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The database. Copy it before writing to it: the cached one must stay as it is.
    pub database: PathBuf,
    /// What is known about it.
    pub manifest: Manifest,
    pub(crate) hold: Hold,
}

/// A folder of datasets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in its usual place: `datasets` in [`cache_root`]. The folder is created on the
    /// first build.
    ///
    /// # Errors
    /// [`DatasetError::NoCacheFolder`] when the system tells none.
    #[expect(clippy::should_implement_trait, reason = "it can fail")]
    pub fn default() -> Result<Self> {
        Ok(Self::at(cache_root()?.join("datasets")))
    }

    /// The cache in `folder`.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives the dataset, building it if it is not there. Of several processes that ask, one builds
    /// and the others wait. The callback hears of progress about twenty times a second;
    /// [`ControlFlow::Break`] ends the build and leaves nothing behind.
    ///
    /// # Errors
    /// [`DatasetError::NoRoom`] before anything is written, [`DatasetError::Cancelled`],
    /// [`DatasetError::ScaleTooSmall`], and I/O errors.
    pub fn ensure(
        &self,
        recipe: &Recipe,
        options: &BuildOptions,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Dataset> {
        options.check(recipe.name())?;
        recipe.check_scale(options.scale)?;
        let name = folder_name(recipe, options);
        let taken = |folder: &Path, progress: Report<'_>| {
            read(folder).and_then(|dataset| verify_quickly(&dataset, progress).map(|()| dataset))
        };
        let built =
            |folder: &Path, progress: Report<'_>| build::build(folder, recipe, options, progress);
        let needed = recipe.file_bytes(options.scale);
        let (dataset, hold, is_new) = self.obtain(&name, needed, taken, built, progress)?;
        let dataset =
            Dataset { database: self.folder.join(&name).join(FILE_NAME), hold, ..dataset };
        if is_new {
            remember(&dataset);
        }
        Ok(dataset)
    }

    /// What is in the folder `name` if `taken` takes it, else what `built` makes, of so many bytes.
    /// Of several processes that ask, one builds. Tells, too, whether it was built now.
    pub(crate) fn obtain<D>(
        &self,
        name: &str,
        needed: u64,
        taken: impl FnOnce(&Path, Report<'_>) -> Result<D>,
        built: impl FnOnce(&Path, Report<'_>) -> Result<D>,
        progress: Report<'_>,
    ) -> Result<(D, Hold, bool)> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&self.folder)
            .map_err(DatasetError::io(&self.folder, "create the cache folder"))?;
        let locks = Locks::of(&self.folder, name);
        let _change = locks.change(progress)?;
        match taken(&folder, progress) {
            Ok(dataset) => return Ok((dataset, locks.hold(progress)?, false)),
            Err(DatasetError::Cancelled) => return Err(DatasetError::Cancelled),
            // Missing, or not what was built: it is built again, once nobody uses it as it is.
            Err(_) => {
                let _alone = locks.alone(progress)?;
                folder::remove(&folder)?;
            }
        }
        let building = self.folder.join(format!("{BUILDING}{name}"));
        folder::remove(&building)?;
        check_room(&self.folder, needed)?;
        folder::begin(&building)?;
        let dataset = built(&building, progress).and_then(|dataset| {
            fs::rename(&building, &folder).map_err(DatasetError::io(&folder, "put the dataset"))?;
            Ok(dataset)
        });
        if dataset.is_err() {
            folder::remove(&building)?;
        }
        Ok((dataset?, locks.hold(progress)?, true))
    }

    /// The datasets there are, by name. A folder that holds none is passed over.
    ///
    /// # Errors
    /// [`DatasetError::Io`] when the folder exists and cannot be read.
    pub fn list(&self) -> Result<Vec<Dataset>> {
        Ok(self.names()?.iter().filter_map(|name| read(&self.folder.join(name)).ok()).collect())
    }

    /// The folders in the cache that hold no dataset and no archive that can be read.
    ///
    /// # Errors
    /// As [`Cache::list`].
    pub fn unreadable(&self) -> Result<Vec<String>> {
        let mut names = self.names()?;
        names.retain(|name| {
            let folder = self.folder.join(name);
            Manifest::read(&folder).is_err() && ArchiveManifest::read(&folder).is_err()
        });
        Ok(names)
    }

    /// A dataset by the name of its folder, or by the name of its recipe when only one was built
    /// from it. Verifies nothing.
    ///
    /// # Errors
    /// [`DatasetError::NoDataset`], [`DatasetError::AmbiguousDataset`] and
    /// [`DatasetError::Damaged`] as the names say.
    pub fn inspect(&self, name: &str) -> Result<Dataset> {
        read(&self.folder.join(self.resolve(name)?))
    }

    /// Compares a dataset's file and rows with the digests and numbers in its manifest.
    ///
    /// # Errors
    /// As [`Cache::inspect`]; [`DatasetError::Damaged`] when they differ,
    /// [`DatasetError::Cancelled`].
    pub fn verify(
        &self,
        name: &str,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Dataset> {
        let name = self.resolve(name)?;
        let hold = Locks::of(&self.folder, &name).hold(progress)?;
        let dataset = Dataset { hold, ..self.inspect(&name)? };
        verify_file(&dataset, progress)?;
        let found = digest::of_database(&dataset.database, progress)?;
        match found.differs_from(&dataset.manifest) {
            Some(detail) => Err(DatasetError::Damaged { path: dataset.database, detail }),
            None => Ok(dataset),
        }
    }

    /// Removes a dataset and returns its folder's path. One that is being built or taken is waited
    /// for.
    ///
    /// # Errors
    /// [`DatasetError::InUse`] while somebody uses it; [`DatasetError::Foreign`] for a folder that
    /// is not a dataset; [`DatasetError::Cancelled`] if this process is to end; as
    /// [`Cache::inspect`], and I/O errors. A damaged dataset can be removed by its folder's name.
    pub fn remove(&self, name: &str) -> Result<PathBuf> {
        let name = self.resolve(name)?;
        let locks = Locks::of(&self.folder, &name);
        let _change = locks.change(&mut |_| {
            if is_to_stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let folder = self.folder.join(&name);
        let Some(_alone) = locks.try_alone()? else {
            return Err(DatasetError::InUse { path: folder });
        };
        if !folder::is_marked(&folder) {
            let what =
                "it is not a dataset: it has neither a manifest nor the mark of one".to_owned();
            return Err(DatasetError::Foreign { path: folder, what });
        }
        folder::remove(&folder)?;
        Ok(folder)
    }

    /// Names of the folders of datasets, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(DatasetError::io(&self.folder, "read the cache folder")(error));
            }
        };
        let folders = entries.flatten().filter(|entry| entry.path().is_dir());
        let mut names: Vec<String> =
            folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) fn resolve(&self, name: &str) -> Result<String> {
        let mut names = self.names()?;
        if names.iter().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        // A folder is named NAME-DIGEST.
        names.retain(|known| known.rsplit_once('-').is_some_and(|(recipe, _)| recipe == name));
        match names.as_slice() {
            [] => Err(DatasetError::NoDataset { path: self.folder.clone(), name: name.to_owned() }),
            [only] => Ok(only.clone()),
            several => Err(DatasetError::AmbiguousDataset {
                name: name.to_owned(),
                candidates: several.join(", "),
            }),
        }
    }
}

/// Builds a dataset in `folder`, outside any cache. The folder may exist if it is empty; a build
/// that fails leaves it empty.
///
/// # Errors
/// [`DatasetError::NotEmpty`], and those of [`Cache::ensure`].
pub fn build_into(
    folder: &Path,
    recipe: &Recipe,
    options: &BuildOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Dataset> {
    options.check(recipe.name())?;
    recipe.check_scale(options.scale)?;
    empty_folder(folder, recipe.file_bytes(options.scale), |folder| {
        build::build(folder, recipe, options, progress)
    })
}

/// Builds something of so many bytes in an empty folder, which is empty again if that fails.
pub(crate) fn empty_folder<D>(
    folder: &Path,
    needed: u64,
    build: impl FnOnce(&Path) -> Result<D>,
) -> Result<D> {
    fs::create_dir_all(folder).map_err(DatasetError::io(folder, "create"))?;
    let mut entries = fs::read_dir(folder).map_err(DatasetError::io(folder, "read"))?;
    if entries.next().is_some() {
        return Err(DatasetError::NotEmpty { path: folder.to_path_buf() });
    }
    check_room(folder, needed)?;
    let built = build(folder);
    if built.is_err() {
        folder::clear(folder)?;
    }
    built
}

impl BuildOptions {
    pub(crate) fn check(&self, recipe: &str) -> Result<()> {
        if self.scale.is_finite() && self.scale > 0.0 && self.scale <= MOST_SCALE {
            return Ok(());
        }
        Err(DatasetError::Recipe {
            place: format!("recipe `{recipe}`"),
            detail: format!(
                "it cannot be scaled by {}; give a factor above 0, at most {MOST_SCALE}",
                self.scale
            ),
        })
    }
}

/// The name of a dataset's folder: that of the recipe, and a digest over all that determines the
/// rows.
fn folder_name(recipe: &Recipe, options: &BuildOptions) -> String {
    let parts = [
        recipe.canonical(),
        Shapes::source(recipe.era()).to_owned(),
        options.seed.unwrap_or(recipe.default_seed()).to_string(),
        options.scale.to_string(),
    ];
    folder_name_of(recipe.name(), parts)
}

/// The name of the folder of what is built from a recipe, and determined by `parts` and the
/// generator.
pub(crate) fn folder_name_of(recipe: &str, parts: [String; 4]) -> String {
    let mut hasher = Sha256::new();
    for part in parts.into_iter().chain([crate::GENERATOR_VERSION.to_string()]) {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest = digest::hexadecimal(hasher);
    format!("{recipe}-{}", &digest[..12])
}

fn read(folder: &Path) -> Result<Dataset> {
    let manifest = Manifest::read(folder)?;
    Ok(Dataset { database: folder.join(FILE_NAME), manifest, hold: Hold::default() })
}

/// Whether the file system has room for a dataset of so many bytes, and a little more.
fn check_room(folder: &Path, bytes: u64) -> Result<()> {
    let needed = bytes / 20 * 21 + (1 << 20);
    let room = rustix::fs::statvfs(folder)
        .map_err(|error| DatasetError::io(folder, "ask for free room in")(error.into()))?;
    let available = room.f_bavail.saturating_mul(room.f_frsize);
    if available < needed {
        return Err(DatasetError::NoRoom { path: folder.to_path_buf(), needed, available });
    }
    Ok(())
}
