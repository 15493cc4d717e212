//! The wish of a program to end: statements and waits of this process look at it.
//!
//! A signal comes to the process, not to a call. So the wish is reported once, and not handed
//! through everything that may take long.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::Connection;

/// Steps of SQLite's machine between two looks: well below a millisecond, and nothing beside what
/// the steps cost.
const STEPS: std::ffi::c_int = 1000;

static WISH: OnceLock<fn() -> bool> = OnceLock::new();

/// Has the statements and waits of this process end with an error once `wish` is true. The first
/// call counts.
pub fn stop_when(wish: fn() -> bool) {
    let _ = WISH.set(wish);
}

/// Whether this process is to end.
#[must_use]
pub fn is_to_stop() -> bool {
    WISH.get().is_some_and(|wish| wish())
}

/// Fails once this process is to end, for what reads a file piece by piece.
///
/// # Errors
/// The process is to end.
pub fn check() -> io::Result<()> {
    if is_to_stop() { Err(io::Error::other("a signal asked for the end")) } else { Ok(()) }
}

/// Has `connection` wait five seconds for what others lock, or until this process is to end.
///
/// # Errors
/// What SQLite reports of a connection that is closed.
pub fn patient(mut connection: Connection) -> rusqlite::Result<Connection> {
    const NAP: Duration = Duration::from_millis(5);
    connection.busy_handler(Some(|tries| {
        std::thread::sleep(NAP);
        tries < 1000 && !is_to_stop()
    }))?;
    Ok(connection)
}

/// Has the statements of `connection` end with SQLite's error "interrupted" once this process is to
/// end. Nothing changes where nobody told a wish.
///
/// # Errors
/// What SQLite reports of a connection that is closed.
pub fn stoppable(mut connection: Connection) -> rusqlite::Result<Connection> {
    if WISH.get().is_some() {
        connection.progress_handler(STEPS, Some(is_to_stop))?;
    }
    Ok(connection)
}
