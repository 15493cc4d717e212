//! Whether a signal asked for an orderly end of this process.

use std::io;
use std::sync::OnceLock;
use std::time::Instant;

static REQUESTED: OnceLock<Instant> = OnceLock::new();

/// Asks for it.
pub(crate) fn make() {
    REQUESTED.get_or_init(Instant::now);
}

/// When it was asked for.
pub(crate) fn made() -> Option<Instant> {
    REQUESTED.get().copied()
}

/// Whether an orderly end was asked for.
#[must_use]
pub fn requested() -> bool {
    made().is_some()
}

/// Fails once an orderly end was asked for, for what reads or writes piece by piece.
///
/// # Errors
/// An orderly end was asked for.
pub fn check() -> io::Result<()> {
    if requested() { Err(io::Error::other("a signal asked for the end")) } else { Ok(()) }
}
