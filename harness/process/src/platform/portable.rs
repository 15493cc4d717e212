//! Any platform: what the standard library knows, and "unavailable" for the rest.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::{Ended, Exit, Io, Residency};

/// Waits until `child` has ended; `before_reaping` runs before its process id is freed.
///
/// # Errors
/// Whatever the operating system reports.
pub fn wait(child: &mut Child, before_reaping: impl FnOnce()) -> io::Result<Ended> {
    use std::os::unix::process::ExitStatusExt;

    if let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let ended = || waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        while matches!(ended(), Err(rustix::io::Errno::INTR)) {}
    }
    let at = Instant::now();
    before_reaping();
    let status = child.wait()?;
    let exit = match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => return Err(io::Error::other("the child ended in an unknown way")),
    };
    Ok(Ended { at, exit, user: None, system: None, major_faults: None, io: None })
}

/// Unavailable: whatever this thread starts may write as before.
#[must_use]
pub fn confine(_: &[PathBuf]) -> bool {
    false
}

/// Unavailable.
#[must_use]
pub const fn can_confine() -> bool {
    false
}

/// Unavailable.
#[must_use]
pub fn io_of(_: u32) -> Option<Io> {
    None
}

/// Not distinguished from output that nobody wants.
#[must_use]
pub fn is_stdout_closed() -> bool {
    false
}

/// Nothing here makes this process the parent of what its descendants leave behind.
pub fn adopt_orphans() {}

/// Nothing here finds what the descendants of this process leave behind.
pub fn sweep(_: &[u32]) {}

/// Unavailable: nobody becomes a child of this process.
#[must_use]
pub fn left_behind(_: &[u32], _: &[u8], _: bool) -> Vec<String> {
    Vec::new()
}

/// Nothing here tells a sleeping thread to wake more promptly.
pub fn wake_promptly() {}

/// Ends this process if its parent is not `parent` any more. Unlike on Linux it is not told when
/// that happens later.
pub fn die_with_parent(parent: u32) {
    let now = rustix::process::getppid().map(|id| id.as_raw_nonzero().get());
    if now.and_then(|id| u32::try_from(id).ok()) != Some(parent) {
        std::process::exit(1);
    }
}

/// Unavailable.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    None
}

/// Unavailable.
///
/// # Errors
/// None.
pub fn residency(_: &File) -> io::Result<Option<Residency>> {
    Ok(None)
}

/// Unavailable: nothing is evicted.
///
/// # Errors
/// None.
pub fn evict(_: &File) -> io::Result<bool> {
    Ok(false)
}

/// Unavailable.
#[must_use]
pub fn file_system(_: &Path) -> Option<String> {
    None
}
