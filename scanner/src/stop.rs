//! The wish of a program to end: whatever of a refresh reads or waits for long looks at it.

use std::io;
use std::sync::OnceLock;

static WISH: OnceLock<fn() -> bool> = OnceLock::new();

/// Has refreshes of archives and published scans of this process end as soon as `wish` is true:
/// also in the middle of a file, while they wait for a lock, and in the middle of a statement. The
/// first call counts.
///
/// A signal comes to the process, not to a call, so this is reported once. A scan or refresh is
/// ended alone by its own request.
pub fn stop_when(wish: fn() -> bool) {
    let _ = WISH.set(wish);
}

/// Whether anybody told a wish.
#[must_use]
pub fn is_wished() -> bool {
    WISH.get().is_some()
}

/// Whether this process is to end.
#[must_use]
pub fn is_to_stop() -> bool {
    WISH.get().is_some_and(|wish| wish())
}

/// Fails once this process is to end.
///
/// # Errors
/// The wish of [`stop_when`] is true.
pub fn check() -> io::Result<()> {
    if is_to_stop() { Err(io::Error::other("a signal asked for the end")) } else { Ok(()) }
}
