//! Whether SQLite counts the memory of the whole process, which makes its threads wait for one
//! another.

use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::ffi::{SQLITE_CONFIG_MEMSTATUS, SQLITE_OK, sqlite3_config};

static COUNTS: AtomicBool = AtomicBool::new(true);

/// Keeps SQLite from counting the memory it takes. The count has one lock for the whole process, so
/// two threads with a database each wait for one another at every allocation. A full scan through
/// several connections gains most.
///
/// Call it when the program starts: before other threads, and before anything uses SQLite. It sets
/// SQLite up for the whole process, so no scan does it unasked. Returns whether it came in time.
pub fn count_no_memory() -> bool {
    #[expect(unsafe_code, reason = "rusqlite has no call that sets SQLite up")]
    // SAFETY: the option takes one C int. SQLite refuses the call once it is in use.
    let code = unsafe { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, std::ffi::c_int::from(false)) };
    if code == SQLITE_OK {
        COUNTS.store(false, Ordering::Relaxed);
    }
    code == SQLITE_OK
}

/// Whether SQLite counts memory, as far as [`count_no_memory`] decides it.
#[must_use]
pub fn counts_memory() -> bool {
    COUNTS.load(Ordering::Relaxed)
}
