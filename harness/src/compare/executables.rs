//! Two executables side by side, so that nothing but what they do is different.
//!
//! Where a program lies changes what it does: the length of its path moves its stack, and a C
//! library that reads `/proc/self/maps` at the start reads as many bytes more. So both are copied
//! to paths of one length in one folder, and a second copy of the base is what the base is compared
//! with to learn what chance does.
//!
//! How the page cache holds a copy changes how long it takes: pages that were written in one go lie
//! in large pieces, pages that were reclaimed and faulted in again do not, and a launch maps the
//! former faster, by up to a tenth. A system may reclaim pages at any time, and the copy keeps what
//! became of it. So there are fresh copies for each run of pairs.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;
use tracerig_store::files::open_regular;

use super::CompareError;
use super::sides::Side;
use crate::interrupt;
use crate::protocol::{self, Hello};
use crate::scenario::Workplace;

/// Bytes written at once: file systems that know large pieces in the page cache make one of them.
const PIECE: usize = 1 << 20;

/// Copies of the executables that are compared. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Executables {
    base: Hello,
    new: Hello,
    folder: Workplace,
}

impl Executables {
    /// Asks both what they are, and copies them to a folder below `workplaces`.
    pub(super) fn of(base: &Path, new: &Path, workplaces: &Path) -> Result<Self, CompareError> {
        let folder = Workplace::new(workplaces)?;
        let executables = Self { base: protocol::ask(base)?, new: protocol::ask(new)?, folder };
        for side in Side::ALL {
            copy(if side == Side::New { new } else { base }, &executables.path(side))?;
        }
        Ok(executables)
    }

    /// What the program of this side says it is.
    pub(super) fn hello(&self, side: Side) -> &Hello {
        match side {
            Side::Base | Side::Again => &self.base,
            Side::New => &self.new,
        }
    }

    /// The copy of this side.
    pub(super) fn path(&self, side: Side) -> PathBuf {
        self.folder.path().join(format!("tracerig-{}", side as usize))
    }

    /// Puts a fresh copy in the place of each, in random order, because they share what memory
    /// there is in large pieces. None of them may be running.
    ///
    /// They are copies of the copies: what they were made from may have been built anew meanwhile.
    pub(super) fn renew(&self, random: &mut ChaCha12Rng) -> Result<(), CompareError> {
        let mut sides = Side::ALL;
        sides.shuffle(random);
        for side in sides {
            let (path, fresh) = (self.path(side), self.folder.path().join("fresh"));
            copy(&path, &fresh)?;
            std::fs::rename(&fresh, &path).map_err(CompareError::io(&path, "replace it"))?;
        }
        Ok(())
    }
}

/// Copies the executable `from` to the new file `to`, whose pages are then in the page cache and on
/// the disk.
fn copy(from: &Path, to: &Path) -> Result<(), CompareError> {
    let mut source = open_regular(from).map_err(CompareError::io(from, "open it to copy it"))?;
    let mut written = || -> std::io::Result<()> {
        let mut copy = File::create_new(to)?;
        // Not `std::fs::copy`: a file system that shares blocks would write nothing, and nothing
        // would be in the page cache.
        let mut piece = vec![0; PIECE];
        loop {
            match source.read(&mut piece) {
                Ok(0) => break,
                Ok(bytes) => {
                    copy.write_all(&piece[..bytes])?;
                    // Nothing ends a sync on its way, so little waits for the last one.
                    copy.sync_data()?;
                    interrupt::check()?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        copy.set_permissions(source.metadata()?.permissions())?;
        // What is not on the disk yet would be written while something is measured.
        copy.sync_all()
    };
    written().map_err(CompareError::io(to, "copy an executable to it"))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    #[cfg(unix)]
    fn fresh_copies_are_new_files_in_the_same_places_whatever_became_of_the_program() {
        use std::os::unix::fs::MetadataExt;

        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        copy(&std::env::current_exe().unwrap(), &program).unwrap();
        let hello = protocol::hello();
        let workplace = Workplace::new(&folder.path().join("work")).unwrap();
        let executables = Executables { base: hello.clone(), new: hello, folder: workplace };
        let paths = Side::ALL.map(|side| executables.path(side));
        assert_eq!(
            paths.each_ref().map(|path| path.as_os_str().len()),
            [paths[0].as_os_str().len(); 3]
        );
        paths.iter().for_each(|path| copy(&program, path).unwrap());
        // Held open, so that no number of a file is given again.
        let old = paths.each_ref().map(|path| File::open(path).unwrap());
        let expected = std::fs::read(&program).unwrap();
        let mode = std::fs::metadata(&program).unwrap().mode();
        std::fs::write(&program, "built anew").unwrap();

        executables.renew(&mut ChaCha12Rng::seed_from_u64(1)).unwrap();
        for (path, old) in paths.iter().zip(old) {
            let now = std::fs::metadata(path).unwrap();
            assert_ne!(now.ino(), old.metadata().unwrap().ino());
            assert_eq!(now.mode(), mode);
            assert!(std::fs::read(path).unwrap() == expected);
        }
    }
}
