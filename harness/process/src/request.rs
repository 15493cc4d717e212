//! Whether a signal asked for an orderly end of this process.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Asks for it.
pub(crate) fn make() {
    REQUESTED.store(true, Ordering::Relaxed);
}

/// Whether an orderly end was asked for.
#[must_use]
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Fails once an orderly end was asked for, for what reads or writes piece by piece.
///
/// # Errors
/// An orderly end was asked for.
pub fn check() -> io::Result<()> {
    if requested() { Err(io::Error::other("a signal asked for the end")) } else { Ok(()) }
}
