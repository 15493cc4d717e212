//! The files of a history, and what its operations do to them.

mod forks;
mod names;
mod packed;

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tracerig_oracle::archive::{COMPRESSED, is_compressed};

use super::arguments::Place;
use super::dates::{Dating, Folders};
use super::line::{LineSpec, Meta, Says, session};
use super::op::{Case, Dates, Op};

const SESSIONS: &str = "sessions";
const ARCHIVED: &str = "archived_sessions";

/// Bytes before the end of what was read that a scanner looks at again in a file that grew.
const DIGESTED: usize = 64 << 10;

/// An archive, and everything beside it that links may lead to.
pub(super) struct World {
    root: PathBuf,
    pub(super) home: PathBuf,
    pub(super) dating: Dating,
    files: BTreeMap<u8, Slot>,
    /// Lines written.
    serial: u64,
}

/// What is known of a numbered file.
#[derive(Default)]
struct Slot {
    /// Its path; `None` if it is not there.
    path: Option<PathBuf>,
    /// What follows what was torn off.
    rest: Vec<u8>,
    /// What was deleted: its path, its content and when that was changed last.
    deleted: Option<(PathBuf, Vec<u8>, i64)>,
    /// Where it was set aside.
    aside: Option<PathBuf>,
}

impl World {
    pub(super) fn new(case: &Case, root: &Path) -> io::Result<Self> {
        let home = root.join("home");
        fs::create_dir_all(home.join(SESSIONS))?;
        fs::create_dir(home.join(ARCHIVED))?;
        fs::create_dir(root.join("outside"))?;
        let (root, dating) = (root.to_owned(), Dating::new(case.dates));
        Ok(Self { root, home, dating, files: BTreeMap::new(), serial: 0 })
    }

    /// The folders as they are.
    pub(super) fn folders(&self) -> Folders {
        self.dating.folders(&self.roots())
    }

    /// Dates the folders that changed since then.
    pub(super) fn folders_changed(&self, before: &Folders) -> io::Result<()> {
        self.dating.folders_changed(&self.roots(), before)
    }

    fn roots(&self) -> [PathBuf; 2] {
        [self.home.clone(), self.root.join("outside")]
    }

    /// Whether the home has a folder of sessions of either sort.
    pub(super) fn is_home(&self) -> bool {
        [SESSIONS, ARCHIVED].iter().any(|folder| self.home.join(folder).is_dir())
    }

    /// Does what `op` says; gives whether there was anything to do.
    pub(super) fn apply(&mut self, op: &Op) -> io::Result<bool> {
        match op {
            Op::Create { file, place, bare } => {
                let first = Says::Meta(Meta::of(*file)).into();
                let lines = if *bare { Vec::new() } else { vec![first] };
                let Some(path) = self.vacant(*file, *place, None)? else { return Ok(false) };
                let bytes = self.bytes(&lines);
                self.make(*file, path, &bytes, None)
            }
            Op::Append(file, lines) => {
                let bytes = self.bytes(lines);
                self.change(*file, |_, text| text.extend(&bytes))
            }
            Op::Tear(file, line, length) => {
                let mut bytes = self.bytes(std::slice::from_ref(line));
                let rest = bytes.split_off(usize::try_from(*length).unwrap_or(0).min(bytes.len()));
                let is_done = self.change(*file, |_, text| text.extend(&bytes))?;
                self.slot(*file).rest = rest;
                Ok(is_done)
            }
            Op::Mend(file) => {
                let rest = std::mem::take(&mut self.slot(*file).rest);
                self.change(*file, |_, text| text.extend(&rest))
            }
            Op::Cut(file, bytes) => self.change_bytes(*file, |_, text| {
                text.truncate(
                    text.len().saturating_sub(usize::try_from(*bytes).unwrap_or(usize::MAX)),
                );
            }),
            Op::Truncate(file, lines) => self.change(*file, |_, text| first_lines(text, *lines)),
            Op::Overwrite(file, lines) => {
                let bytes = self.whole(*file, lines);
                self.change(*file, |_, text| *text = bytes)
            }
            Op::Replace(file, lines) => self.replace(*file, lines),
            Op::Rewrite { file, back } => self.rewrite(*file, *back),
            Op::Move(file, place) => self.rename(*file, *place),
            Op::Copy { from, to, place, lines } => {
                let Some(original) = self.path(*from) else { return Ok(false) };
                let Ok(mut text) = fs::read(&original) else { return Ok(false) };
                if let Some(lines) = lines.filter(|_| !is_compressed(&original)) {
                    first_lines(&mut text, lines);
                }
                let Some(path) = self.vacant(*to, *place, original.file_name())? else {
                    return Ok(false);
                };
                self.make(*to, path, &text, None)
            }
            Op::Fork(from, to, place, how) => self.fork(*from, *to, *place, *how),
            Op::Segment(of, file, place) => self.segment(*of, *file, *place),
            Op::Migrate(file) => self.migrate(*file),
            Op::Compress(file) => self.compress(*file),
            Op::Decompress(file) => self.decompress(*file),
            Op::Pack(from, to) => self.pack(*from, *to),
            Op::Damage(file) => self.damage(*file),
            Op::Link(from, to, place) => {
                let Some(original) = self.path(*from) else { return Ok(false) };
                let name = self.name_as(*to, *place, &original);
                let Some(path) = self.vacant(*to, *place, Some(&name))? else { return Ok(false) };
                symlink(original, &path)?;
                self.slot(*to).path = Some(path);
                Ok(true)
            }
            Op::HardLink(from, to, place) => self.hard_link(*from, *to, *place),
            Op::LinkFolder(link, target) => self.link_folder(*link, *target),
            Op::UnlinkFolder(link) => Ok(fs::remove_file(self.folder_link(*link)).is_ok()),
            Op::Delete(file) => self.delete(*file),
            Op::Restore(file) => {
                let slot = self.slot(*file);
                let Some((path, bytes, modified)) = slot.deleted.clone() else { return Ok(false) };
                if slot.path.is_some() || path.symlink_metadata().is_ok() || !has_folder(&path) {
                    return Ok(false);
                }
                self.make(*file, path, &bytes, Some(modified))
            }
            Op::Block(file) => self.set_aside(*file, |path| symlink(path, path)),
            Op::Folder(file) => self.set_aside(*file, |path| fs::create_dir(path)),
            Op::Unblock(file) => self.unblock(*file),
            Op::Permit(file, permitted) => {
                let Some(path) = self.path(*file) else { return Ok(false) };
                // Where nothing dates this, it would not be noticed.
                if self.dating.dates() == Dates::Modified || !path.is_file() {
                    return Ok(false);
                }
                let before = fs::metadata(&path)?;
                let mode = if *permitted { 0o600 } else { 0 };
                // Dated before nobody may open it any more.
                if *permitted {
                    fs::set_permissions(&path, Permissions::from_mode(mode))?;
                }
                self.dating.changed_around(&path, Some(&before))?;
                fs::set_permissions(&path, Permissions::from_mode(mode))?;
                Ok(true)
            }
            Op::PermitDay(day, permitted) => {
                let path = self.folder(Place::Day(*day));
                let mode = if *permitted { 0o700 } else { 0 };
                Ok(fs::set_permissions(path, Permissions::from_mode(mode)).is_ok())
            }
            Op::Root { archived, present } => self.root(*archived, *present),
            Op::Clock(by) => {
                self.dating.moves(*by);
                Ok(true)
            }
            Op::Memo(_) | Op::Zone(_) | Op::Priority(_) | Op::Refresh(_) | Op::Ended(_) => {
                Ok(false)
            }
        }
    }

    fn slot(&mut self, file: u8) -> &mut Slot {
        self.files.entry(file).or_default()
    }

    /// Where a numbered file is.
    fn path(&self, file: u8) -> Option<PathBuf> {
        self.files.get(&file)?.path.clone()
    }

    fn folder(&self, place: Place) -> PathBuf {
        match place {
            Place::Day(day) => self.home.join(format!("{SESSIONS}/2026/11/{day:02}")),
            Place::Archived => self.home.join(ARCHIVED),
            Place::Outside => self.root.join("outside"),
        }
    }

    fn folder_link(&self, link: u8) -> PathBuf {
        self.home.join(format!("{SESSIONS}/linked-{link}"))
    }

    /// Where file `file` would be in `place`, with a separate name or with `name`, if it is not
    /// there and nothing else is.
    fn vacant(
        &self,
        file: u8,
        place: Place,
        name: Option<&std::ffi::OsStr>,
    ) -> io::Result<Option<PathBuf>> {
        let folder = self.folder(place);
        let path = folder.join(name.unwrap_or(name_of(&session(file), place).as_ref()));
        if !self.is_free(file) || path.symlink_metadata().is_ok() || self.is_blocked(place) {
            return Ok(None);
        }
        match fs::create_dir_all(&folder) {
            // Nobody may write there.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
            created => created.map(|()| Some(path)),
        }
    }

    /// Whether no file has this number.
    fn is_free(&self, file: u8) -> bool {
        self.files.get(&file).is_none_or(|slot| slot.path.is_none() && slot.aside.is_none())
    }

    /// Whether something else is where the folders of `place` begin, or nobody may change anything
    /// there.
    fn is_blocked(&self, place: Place) -> bool {
        let root = match place {
            Place::Day(_) => SESSIONS,
            Place::Archived => ARCHIVED,
            Place::Outside => return false,
        };
        let is_locked = fs::metadata(self.folder(place))
            .is_ok_and(|found| found.permissions().mode() & 0o700 == 0);
        !self.home.join(root).is_dir() || is_locked
    }

    /// The name of file `file` in `place`, if it holds the bytes of `original`: compressed or not.
    fn name_as(&self, file: u8, place: Place, original: &Path) -> std::ffi::OsString {
        let end = if is_compressed(original) { COMPRESSED } else { "" };
        (name_of(&session(file), place) + end).into()
    }

    fn bytes(&mut self, lines: &[LineSpec]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines {
            self.serial += 1;
            bytes.extend(line.bytes(self.serial));
        }
        bytes
    }

    /// A whole file.
    fn whole(&mut self, file: u8, lines: &[LineSpec]) -> Vec<u8> {
        let first = Says::Meta(Meta::of(file)).into();
        [self.bytes(&[first]), self.bytes(lines)].concat()
    }

    fn make(
        &mut self,
        file: u8,
        path: PathBuf,
        bytes: &[u8],
        modified: Option<i64>,
    ) -> io::Result<bool> {
        fs::write(&path, bytes)?;
        self.dating.changed(&path, None, modified)?;
        self.files.insert(file, Slot { path: Some(path), ..Slot::default() });
        Ok(true)
    }

    /// Changes the text of a file where it is, unless it is compressed: Codex decompresses it
    /// first.
    fn change(
        &mut self,
        file: u8,
        change: impl FnOnce(&Metadata, &mut Vec<u8>),
    ) -> io::Result<bool> {
        let is_plain = self.path(file).is_some_and(|path| !is_compressed(&path));
        if is_plain { self.change_bytes(file, change) } else { Ok(false) }
    }

    /// Changes the content of a file where it is.
    fn change_bytes(
        &mut self,
        file: u8,
        change: impl FnOnce(&Metadata, &mut Vec<u8>),
    ) -> io::Result<bool> {
        let Some(path) = self.path(file) else { return Ok(false) };
        let (Ok(before), Ok(mut text)) = (fs::metadata(&path), fs::read(&path)) else {
            return Ok(false);
        };
        let was = text.clone();
        change(&before, &mut text);
        if text == was {
            return Ok(false);
        }
        if let Some(added) = text.strip_prefix(&*was) {
            File::options().append(true).open(&path)?.write_all(added)?;
        } else {
            fs::write(&path, text)?;
        }
        self.dating.changed(&path, Some(&before), None)?;
        Ok(true)
    }

    fn replace(&mut self, file: u8, lines: &[LineSpec]) -> io::Result<bool> {
        let is_whole = |path: &PathBuf| path.is_file() && has_folder(path) && !is_compressed(path);
        let Some(path) = self.path(file).filter(is_whole) else { return Ok(false) };
        let (new, bytes) = (self.root.join("new"), self.whole(file, lines));
        fs::write(&new, bytes)?;
        // Before it has its name, so that nobody ever saw it with another date.
        self.dating.changed(&new, None, None)?;
        fs::rename(new, &path)?;
        self.slot(file).rest.clear();
        Ok(true)
    }

    /// Changes the last number of tokens.
    fn rewrite(&mut self, file: u8, back: bool) -> io::Result<bool> {
        let Some(path) = self.path(file).filter(|path| !is_compressed(path)) else {
            return Ok(false);
        };
        let (Ok(before), Ok(mut text)) = (fs::metadata(&path), fs::read(&path)) else {
            return Ok(false);
        };
        const COUNT: &[u8] = br#"{"input_tokens":"#;
        let Some(at) = memchr::memmem::rfind(&text, COUNT).map(|at| at + COUNT.len()) else {
            return Ok(false);
        };
        // Before what is digested, a rewrite together with an append is outside the contract.
        if text.len() - at > DIGESTED {
            return Ok(false);
        }
        let Some(digit) = text.get_mut(at).filter(|digit| digit.is_ascii_digit()) else {
            return Ok(false);
        };
        *digit = if *digit == b'9' { b'1' } else { *digit + 1 };
        self.write_over(&path, &before, &text, back)?;
        Ok(true)
    }

    /// Writes a text over that of a file, and puts the time of its last change back or not.
    fn write_over(
        &mut self,
        path: &Path,
        before: &Metadata,
        text: &[u8],
        back: bool,
    ) -> io::Result<()> {
        let modified = self.dating.state(before).modified;
        fs::write(path, text)?;
        self.dating.changed(path, Some(before), back.then_some(modified))
    }

    /// Lets everything be removed.
    pub(super) fn end(&mut self) {
        for archived in [false, true] {
            // What is there need not come back.
            let _ = self.root(archived, true);
        }
        for day in 0..=31 {
            // What is not there needs none.
            let _ =
                fs::set_permissions(self.folder(Place::Day(day)), Permissions::from_mode(0o700));
        }
    }
}

/// The name of a rollout that was begun in `place`; `ids` are those of its thread, and of its
/// segment.
fn name_of(ids: &str, place: Place) -> String {
    let day = if let Place::Day(day) = place { day } else { 1 };
    format!("rollout-2026-11-{day:02}T20-37-24-{ids}.jsonl")
}

/// Whether the folder that a file is in is there and can be changed: it is not, as long as another
/// thing is in its place.
fn has_folder(path: &Path) -> bool {
    path.parent().is_some_and(|folder| {
        fs::metadata(folder)
            .is_ok_and(|found| found.is_dir() && found.permissions().mode() & 0o700 != 0)
    })
}

fn first_lines(text: &mut Vec<u8>, lines: u8) {
    let end = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(usize::from(lines).saturating_sub(1));
    let end = if lines == 0 { 0 } else { end.map_or(text.len(), |(at, _)| at + 1) };
    text.truncate(end);
}
