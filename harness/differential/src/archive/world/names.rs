//! What happens to the names of files and folders: they are moved, linked, deleted, set aside and
//! put back.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use super::{ARCHIVED, SESSIONS, World, has_folder};
use crate::archive::arguments::{Place, Target};
use crate::archive::op::Dates;

impl World {
    pub(super) fn rename(&mut self, file: u8, place: Place) -> io::Result<bool> {
        let Some(path) = self.path(file) else { return Ok(false) };
        let folder = self.folder(place);
        let target = folder.join(path.file_name().unwrap_or_default());
        if target.symlink_metadata().is_ok() || self.is_blocked(place) || !has_folder(&path) {
            return Ok(false);
        }
        fs::create_dir_all(&folder)?;
        let before = fs::metadata(&path).ok();
        fs::rename(path, &target)?;
        if before.is_some() {
            self.dating.changed_around(&target, before.as_ref())?;
        }
        self.slot(file).path = Some(target);
        Ok(true)
    }

    pub(super) fn hard_link(&mut self, from: u8, to: u8, place: Place) -> io::Result<bool> {
        // Where nothing dates this, it would not be noticed.
        let original = self.path(from).filter(|path| path.is_file());
        let Some(original) = original.filter(|_| self.dating.dates() != Dates::Modified) else {
            return Ok(false);
        };
        let name = self.name_as(to, place, &original);
        let Some(path) = self.vacant(to, place, Some(&name))? else { return Ok(false) };
        let original = original.canonicalize()?;
        let before = fs::metadata(&original)?;
        fs::hard_link(&original, &path)?;
        self.dating.changed_around(&path, Some(&before))?;
        self.slot(to).path = Some(path);
        Ok(true)
    }

    pub(super) fn link_folder(&mut self, link: u8, target: Target) -> io::Result<bool> {
        let path = self.folder_link(link);
        if path.symlink_metadata().is_ok() || self.is_blocked(Place::Day(1)) {
            return Ok(false);
        }
        let target = match target {
            Target::Day(day) => self.folder(Place::Day(day)),
            Target::Outside => self.folder(Place::Outside),
            Target::Circle => self.home.join(SESSIONS),
            Target::Nowhere => self.root.join("nowhere"),
            Target::Itself => path.clone(),
        };
        symlink(target, path)?;
        Ok(true)
    }

    pub(super) fn delete(&mut self, file: u8) -> io::Result<bool> {
        let Some(path) = self.path(file).filter(|path| has_folder(path)) else { return Ok(false) };
        let slot = self.files.remove(&file).unwrap_or_default();
        let found = fs::metadata(&path);
        let is_link = path.is_symlink();
        let is_file = found.as_ref().is_ok_and(Metadata::is_file);
        if let (Ok(found), true) = (&found, is_file && !is_link)
            && let Ok(bytes) = fs::read(&path)
        {
            let modified = self.dating.state(found).modified;
            self.slot(file).deleted = Some((path.clone(), bytes, modified));
        }
        if path.is_dir() && !is_link {
            fs::remove_dir(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
        if let Some(aside) = slot.aside {
            fs::remove_file(aside)?;
        }
        // The other names of the file have lost one.
        if let (Ok(before), false) = (found, is_link) {
            self.lost_a_name(&before)?;
        }
        Ok(true)
    }

    /// Dates that a file has lost a name, if it has others.
    pub(super) fn lost_a_name(&mut self, before: &Metadata) -> io::Result<()> {
        let same = |path: &PathBuf| {
            fs::symlink_metadata(path)
                .is_ok_and(|found| (found.dev(), found.ino()) == (before.dev(), before.ino()))
        };
        let paths = self.files.values().filter_map(|slot| slot.path.clone().or(slot.aside.clone()));
        match paths.into_iter().find(same) {
            Some(path) => self.dating.changed_around(&path, Some(before)),
            None => Ok(()),
        }
    }

    pub(super) fn set_aside(
        &mut self,
        file: u8,
        put: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<bool> {
        let aside = self.root.join(format!("aside-{file}"));
        let Some(path) = self.path(file).filter(|path| path.is_file() && has_folder(path)) else {
            return Ok(false);
        };
        fs::rename(&path, &aside)?;
        put(&path)?;
        self.slot(file).aside = Some(aside);
        Ok(true)
    }

    pub(super) fn unblock(&mut self, file: u8) -> io::Result<bool> {
        let Some(path) = self.path(file).filter(|path| has_folder(path)) else { return Ok(false) };
        let Some(aside) = self.slot(file).aside.take() else { return Ok(false) };
        if path.is_symlink() { fs::remove_file(&path) } else { fs::remove_dir(&path) }?;
        let before = fs::metadata(&aside).ok();
        fs::rename(aside, &path)?;
        if before.is_some() {
            self.dating.changed_around(&path, before.as_ref())?;
        }
        Ok(true)
    }

    pub(super) fn root(&mut self, archived: bool, present: bool) -> io::Result<bool> {
        let name = if archived { ARCHIVED } else { SESSIONS };
        let (path, aside) = (self.home.join(name), self.root.join(name));
        if present == path.is_dir() {
            return Ok(false);
        }
        if present {
            fs::remove_file(&path)?;
            fs::rename(aside, path)?;
        } else {
            fs::rename(&path, aside)?;
            File::create(path)?;
        }
        Ok(true)
    }
}
