//! The scenes of a run, each in a folder of its own, all gone when the run is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tracerig_reports::record::Process;

use super::definition::Plan;
use super::live_database::Living;
use super::prepared_database::{Material, Scene, SceneKind};
use crate::scenario::error::RunError;
use crate::scenario::pagecache::PageCache;
use crate::scenario::workplace::Workplace;

/// Room beside the copies of the database: write-ahead logs, memos, and the records of the run.
const ROOM_BESIDE: u64 = 64 << 20;

/// Room for what a writer process adds to its database, and for the rows it has ready.
const ROOM_WRITTEN: u64 = 256 << 20;

/// What all launches of a run stand on.
#[derive(Debug)]
pub(super) struct Stage {
    /// Dropped first: their connections are open.
    scenes: BTreeMap<SceneKind, (Scene, PageCache)>,
    /// The database of the arms whose launches are not one fresh process after the other.
    pub(super) living: Option<Living>,
    _workplace: Workplace,
}

impl Stage {
    /// Sets the scenes that `plan` needs, in a folder under `parent`.
    pub(super) fn set(
        parent: &Path,
        plan: &Plan,
        material: Material<'_>,
        step: &mut dyn FnMut(&'static str) -> Result<(), RunError>,
    ) -> Result<Self, RunError> {
        let workplace = Workplace::new(parent)?;
        let folder = workplace.path();
        let (still, moving): (Vec<_>, Vec<_>) =
            plan.arms.iter().partition(|arm| arm.process == Process::Fresh);
        let kinds: BTreeSet<SceneKind> = still.iter().map(|arm| arm.scene).collect();
        // One scene has two copies for a moment.
        let copies = kinds.len() + usize::from(kinds.contains(&SceneKind::Replaced)) + moving.len().min(1);
        let copies = copies as u64;
        let written = if moving.is_empty() { 0 } else { ROOM_WRITTEN };
        check_room(&folder, copies * material.dataset.manifest.file_bytes + ROOM_BESIDE + written)?;
        let mut scenes = BTreeMap::new();
        for kind in kinds {
            let scene = Scene::set(kind, &folder.join(format!("{kind:?}").to_lowercase()), material, step)?;
            let cache = PageCache::of(scene.files());
            scenes.insert(kind, (scene, cache));
        }
        let living = match moving.is_empty() {
            true => None,
            false => Some(Living::set(&folder.join("living"), material, step)?),
        };
        Ok(Self { scenes, living, _workplace: workplace })
    }

    /// The scene of this kind, with the page cache of its files; every kind in the plan has one.
    pub(super) fn scene(&self, kind: SceneKind) -> Option<&(Scene, PageCache)> {
        self.scenes.get(&kind)
    }
}

/// Whether the file system has room for so many bytes.
pub(crate) fn check_room(folder: &Path, needed: u64) -> Result<(), RunError> {
    let available = free_room(folder).map_err(RunError::io(folder, "ask for its free room"))?;
    if available < needed {
        return Err(RunError::NoRoom { path: folder.to_owned(), needed, available });
    }
    Ok(())
}

/// Bytes that may still be written below `folder`, as far as its file system tells: one of no size at all does not.
pub(crate) fn free_room(folder: &Path) -> std::io::Result<u64> {
    let told = rustix::fs::statvfs(folder)?;
    Ok(if told.f_blocks == 0 { u64::MAX } else { told.f_bavail.saturating_mul(told.f_frsize) })
}
