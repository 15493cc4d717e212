//! The cache of datasets: each is built once, verified when it is taken again, and never taken half-built.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::error::{DatasetError, Result};
use crate::manifest::Manifest;
use crate::recipe::Recipe;

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
    /// Another process builds the same dataset.
    Waiting,
    /// Rows are generated and inserted; counted in bytes of bodies.
    Generating,
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

/// A dataset that stands on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The database. Copy it before writing to it: the cached one must stay as it is.
    pub database: PathBuf,
    /// What is known about it.
    pub manifest: Manifest,
}

/// A folder of datasets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in the user's cache folder, or where [`crate::CACHE_VARIABLE`] points. The folder is created on the first build.
    ///
    /// # Errors
    /// [`DatasetError::NoCacheFolder`] when the system tells none.
    #[expect(clippy::should_implement_trait, reason = "it can fail")]
    pub fn default() -> Result<Self> {
        Err(DatasetError::NoCacheFolder { detail: String::new() })
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

    /// Gives the dataset, building it if it is not there. Of several processes that ask, one builds and the others wait.
    /// The callback hears of progress, at least ten times a second while something happens; [`ControlFlow::Break`] ends the
    /// build and leaves nothing behind.
    ///
    /// # Errors
    /// [`DatasetError::NoRoom`] before anything is written, [`DatasetError::Cancelled`], [`DatasetError::ScaleTooSmall`], and
    /// I/O errors.
    pub fn ensure(
        &self,
        recipe: &Recipe,
        options: &BuildOptions,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Dataset> {
        build_into(&self.folder, recipe, options, progress)
    }

    /// The datasets there are, by name. A folder that holds none is passed over.
    ///
    /// # Errors
    /// [`DatasetError::Io`] when the folder exists and cannot be read.
    pub fn list(&self) -> Result<Vec<Dataset>> {
        Ok(Vec::new())
    }

    /// A dataset by the name of its folder, or by the name of its recipe when only one was built from it. Verifies nothing.
    ///
    /// # Errors
    /// [`DatasetError::NoDataset`], [`DatasetError::AmbiguousDataset`] and [`DatasetError::Damaged`] as the names say.
    pub fn inspect(&self, name: &str) -> Result<Dataset> {
        Err(DatasetError::NoDataset { path: self.folder.clone(), name: name.into() })
    }

    /// Compares a dataset's file and rows with the digests in its manifest.
    ///
    /// # Errors
    /// As [`Cache::inspect`]; [`DatasetError::Damaged`] when they differ.
    pub fn verify(
        &self,
        name: &str,
        _progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Dataset> {
        self.inspect(name)
    }

    /// Removes a dataset and returns its folder's path.
    ///
    /// # Errors
    /// As [`Cache::inspect`], and I/O errors. A damaged dataset can be removed by its folder's name.
    pub fn remove(&self, name: &str) -> Result<PathBuf> {
        self.inspect(name).map(|dataset| dataset.database)
    }
}

/// Builds a dataset in `folder`, outside any cache. The folder may exist if it is empty.
///
/// # Errors
/// [`DatasetError::NotEmpty`], and those of [`Cache::ensure`].
pub fn build_into(
    folder: &Path,
    recipe: &Recipe,
    _options: &BuildOptions,
    _progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Dataset> {
    Err(DatasetError::Broken { path: folder.to_path_buf(), detail: recipe.name().into() })
}
