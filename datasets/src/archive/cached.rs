//! Archives in the cache: the same verbs as those of databases, with the same locks.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracerig_store::files::{create_regular, read_regular};

use super::manifest::ArchiveManifest;
use super::recipe::ArchiveRecipe;
use super::{ArchiveDataset, HOME, build, digest};
use crate::cache::{BuildOptions, Cache, Report, empty_folder, folder_name_of};
use crate::error::{DatasetError, Result};
use crate::lock::{Hold, Locks};
use crate::verify::{MOST_VERIFIED, VERIFIED_FILE};

/// What the files looked like when their digest was right.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verified {
    states: String,
    digest: String,
}

impl Cache {
    /// Gives the archive and its trace database, building what is not there, as [`Cache::ensure`]
    /// does.
    ///
    /// # Errors
    /// As [`Cache::ensure`].
    pub fn ensure_archive(
        &self,
        recipe: &ArchiveRecipe,
        options: &BuildOptions,
        progress: Report<'_>,
    ) -> Result<ArchiveDataset> {
        options.check(recipe.name())?;
        recipe.check_scale(options.scale)?;
        let trace = self.ensure(&recipe.trace()?, &BuildOptions::default(), progress)?;
        let name = archive_name(recipe, options, &trace.manifest.rows_digest);
        let needed = room(recipe, options.scale);
        let known = trace.clone();
        let taken = |folder: &Path, progress: Report<'_>| {
            let manifest = ArchiveManifest::read(folder)?;
            let home = folder.join(HOME);
            let dataset = ArchiveDataset { home, manifest, trace: known, hold: Hold::default() };
            verify_quickly(&dataset, progress).map(|()| dataset)
        };
        let built = |folder: &Path, progress: Report<'_>| {
            build::build(folder, recipe, options, trace, progress)
        };
        let (mut dataset, hold, is_new) = self.obtain(&name, needed, taken, built, progress)?;
        dataset.home = self.folder().join(&name).join(HOME);
        if is_new {
            remember(&dataset);
        }
        Ok(ArchiveDataset { hold, ..dataset })
    }

    /// The archives there are, by the names of their folders. A folder that holds none is passed
    /// over.
    ///
    /// # Errors
    /// [`DatasetError::Io`] when the cache exists and cannot be read.
    pub fn list_archives(&self) -> Result<Vec<(String, ArchiveManifest)>> {
        let read = |name: String| {
            let manifest = ArchiveManifest::read(&self.folder().join(&name)).ok()?;
            Some((name, manifest))
        };
        Ok(self.names()?.into_iter().filter_map(read).collect())
    }

    /// The manifest of an archive by the name of its folder, or by the name of its recipe when only
    /// one was built from it. `None` if that is a database, or damaged. Verifies nothing.
    ///
    /// # Errors
    /// [`DatasetError::NoDataset`] and [`DatasetError::AmbiguousDataset`] as the names say.
    pub fn inspect_archive(&self, name: &str) -> Result<Option<(String, ArchiveManifest)>> {
        let name = self.resolve(name)?;
        Ok(ArchiveManifest::read(&self.folder().join(&name)).ok().map(|manifest| (name, manifest)))
    }

    /// Compares every rollout of an archive with the digest in its manifest, and gives it with its
    /// trace database.
    ///
    /// # Errors
    /// As [`Cache::inspect_archive`] and [`Cache::ensure`]; [`DatasetError::Damaged`] when they
    /// differ, [`DatasetError::Cancelled`].
    pub fn verify_archive(&self, name: &str, progress: Report<'_>) -> Result<ArchiveDataset> {
        let name = self.resolve(name)?;
        let hold = Locks::of(self.folder(), &name).hold(progress)?;
        let folder = self.folder().join(&name);
        let manifest = ArchiveManifest::read(&folder)?;
        let recipe = ArchiveRecipe::parse(
            &manifest.recipe,
            &format!("the recipe in the manifest of `{name}`"),
        )?;
        let trace = self.ensure(&recipe.trace()?, &BuildOptions::default(), progress)?;
        let dataset = ArchiveDataset { home: folder.join(HOME), manifest, trace, hold };
        verify(&dataset, progress)?;
        Ok(dataset)
    }
}

/// Builds an archive in `folder`, outside any cache; its trace database is taken from `cache`. The
/// folder may exist if it is empty; a build that fails leaves it empty.
///
/// # Errors
/// [`DatasetError::NotEmpty`], and those of [`Cache::ensure_archive`].
pub fn build_archive_into(
    folder: &Path,
    cache: &Cache,
    recipe: &ArchiveRecipe,
    options: &BuildOptions,
    progress: Report<'_>,
) -> Result<ArchiveDataset> {
    options.check(recipe.name())?;
    recipe.check_scale(options.scale)?;
    let trace = cache.ensure(&recipe.trace()?, &BuildOptions::default(), progress)?;
    empty_folder(folder, room(recipe, options.scale), |folder| {
        build::build(folder, recipe, options, trace, progress)
    })
}

/// Bytes that an archive takes at most: what says how much was used, half of it about, takes its
/// room at every scale; and a file takes whole blocks.
fn room(recipe: &ArchiveRecipe, scale: f64) -> u64 {
    recipe.bytes(scale.max(1.0)) + recipe.sessions() * 4096
}

fn archive_name(recipe: &ArchiveRecipe, options: &BuildOptions, trace_rows: &str) -> String {
    let seed = options.seed.unwrap_or(recipe.default_seed());
    folder_name_of(
        recipe.name(),
        [recipe.canonical(), trace_rows.to_owned(), seed.to_string(), options.scale.to_string()],
    )
}

fn remember(dataset: &ArchiveDataset) {
    let verified = digest::of_states(&dataset.home)
        .map(|states| Verified { states, digest: dataset.manifest.digest.clone() });
    let text = verified.ok().and_then(|verified| serde_json::to_string(&verified).ok());
    if let Some((text, folder)) = text.zip(dataset.home.parent()) {
        // Where that fails the digest is simply computed again.
        let _ = create_regular(&folder.join(VERIFIED_FILE))
            .and_then(|mut file| file.write_all(text.as_bytes()));
    }
}

fn verify_quickly(dataset: &ArchiveDataset, progress: Report<'_>) -> Result<()> {
    let path = dataset.home.with_file_name(VERIFIED_FILE);
    let known: Option<Verified> =
        read_regular(&path, MOST_VERIFIED).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let known = known.filter(|known| known.digest == dataset.manifest.digest);
    match known {
        Some(known) if known.states == digest::of_states(&dataset.home)? => Ok(()),
        _ => {
            verify(dataset, progress)?;
            remember(dataset);
            Ok(())
        }
    }
}

fn verify(dataset: &ArchiveDataset, progress: Report<'_>) -> Result<()> {
    let found = digest::of_home(&dataset.home, dataset.manifest.bytes, progress)?;
    if found == dataset.manifest.digest {
        return Ok(());
    }
    let detail = format!("its rollouts have the digest {found}");
    Err(DatasetError::Damaged { path: dataset.home.clone(), detail })
}
