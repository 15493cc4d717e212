//! How SQLite reads pages of a file.

use std::ffi::{c_int, c_void};

use rusqlite::ffi::{SQLITE_OK, sqlite3_initialize, sqlite3_vfs_find};

/// Lets SQLite read through the system call itself. The C library's `pread` is a place where a
/// thread may be cancelled, and prepares for that at every call; a full scan calls it once a page.
///
/// Call it when the program starts, before anything uses SQLite: it holds for the whole process.
/// Returns whether SQLite took it.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub fn read_by_system_call() -> bool {
    type Pread = unsafe extern "C" fn(c_int, *mut c_void, usize, i64) -> isize;
    #[expect(unsafe_code, reason = "the system call of that name, with its arguments as they come")]
    unsafe extern "C" fn pread(file: c_int, to: *mut c_void, bytes: usize, at: i64) -> isize {
        // SAFETY: SQLite passes the arguments of `pread`, and the call has the same ones in the
        // same order.
        unsafe { libc::syscall(libc::SYS_pread64, file, to, bytes, at) as isize }
    }
    #[expect(unsafe_code, reason = "rusqlite has no call that sets SQLite's system calls")]
    // SAFETY: the default VFS lives as long as the program, and nothing else uses it yet. SQLite
    // calls what it knows as `pread` and `pread64` with the type that `Pread` has.
    unsafe {
        if sqlite3_initialize() != SQLITE_OK {
            return false;
        }
        let vfs = sqlite3_vfs_find(std::ptr::null());
        let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) else { return false };
        let call = std::mem::transmute::<Pread, unsafe extern "C" fn()>(pread);
        [c"pread", c"pread64"]
            .into_iter()
            .all(|name| set(vfs, name.as_ptr(), Some(call)) == SQLITE_OK)
    }
}

/// Nothing: only Linux has a call to take.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub fn read_by_system_call() -> bool {
    false
}
