//! Two executables side by side, so that nothing but what they do is different.
//!
//! Where a program lies changes what it does: the length of its path moves its stack, and a C library that reads
//! `/proc/self/maps` at the start reads as many bytes more. So both are copied to paths of one length in one folder, and a second copy
//! of the base is what the base is compared with to learn what chance does.

use std::path::{Path, PathBuf};

use super::CompareError;
use crate::protocol::{self, Hello};
use crate::relaunch::workplace::Workplace;

/// Copies of the executables that are compared. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Executables {
    pub(super) base: Executable,
    pub(super) again: Executable,
    pub(super) new: Executable,
    _folder: Workplace,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Executable {
    /// The copy.
    pub(super) path: PathBuf,
    /// What it says it is.
    pub(super) hello: Hello,
}

impl Executables {
    /// Asks both what they are, and copies them to a folder below `workplaces`.
    pub(super) fn of(base: &Path, new: &Path, workplaces: &Path) -> Result<Self, CompareError> {
        let folder = Workplace::new(workplaces)?;
        let base_hello = protocol::ask(base)?;
        let new_hello = protocol::ask(new)?;
        let copied = |name: &str, from: &Path, hello: Hello| -> Result<Executable, CompareError> {
            let path = folder.path().join(name);
            std::fs::copy(from, &path).map_err(CompareError::io(from, "copy it"))?;
            Ok(Executable { path, hello })
        };
        Ok(Self {
            base: copied("tracerig-0", base, base_hello.clone())?,
            again: copied("tracerig-1", base, base_hello)?,
            new: copied("tracerig-2", new, new_hello)?,
            _folder: folder,
        })
    }
}
