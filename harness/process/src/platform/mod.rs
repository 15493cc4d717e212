//! What only the operating system knows: what a process used, what the page cache holds, how to
//! drop it from there.
//!
//! The rest of the workspace is portable. Where a platform lacks a figure it is `None`,
//! "unavailable", and never zero. The fallback can be built anywhere with `--cfg
//! tracerig_portable`, so that it is compiled on every machine that tests.

#[cfg(all(target_os = "linux", not(tracerig_portable)))]
mod linux;
#[cfg(all(target_os = "linux", not(tracerig_portable)))]
pub use linux::*;

#[cfg(not(all(target_os = "linux", not(tracerig_portable))))]
mod portable;
#[cfg(not(all(target_os = "linux", not(tracerig_portable))))]
pub use portable::*;

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// How a process ended and what it used, from the operating system.
#[derive(Clone, Debug)]
pub struct Ended {
    /// When its end was noticed.
    pub at: Instant,
    /// How it ended.
    pub exit: Exit,
    /// Time on the processor in user mode.
    pub user: Option<Duration>,
    /// Time on the processor in the kernel.
    pub system: Option<Duration>,
    /// Page faults that needed the device.
    pub major_faults: Option<u64>,
    /// What it read.
    pub io: Option<Io>,
}

/// What a process read and wrote in all its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Io {
    /// Bytes that read calls returned, from wherever they came.
    pub rchar: u64,
    /// Read calls.
    pub syscr: u64,
    /// Bytes fetched from the device on its behalf.
    pub device_read: u64,
    /// Bytes given to write calls, wherever they went.
    pub wchar: u64,
    /// Write calls.
    pub syscw: u64,
    /// Bytes that it caused to be sent to the device, sooner or later.
    pub device_write: u64,
}

impl Io {
    /// What came since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            rchar: self.rchar - before.rchar,
            syscr: self.syscr - before.syscr,
            device_read: self.device_read - before.device_read,
            wchar: self.wchar - before.wchar,
            syscw: self.syscw - before.syscw,
            device_write: self.device_write - before.device_write,
        }
    }
}

/// How much of a file is in the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residency {
    /// Pages (of the machine) in memory.
    pub resident: u64,
    /// Pages of the file.
    pub pages: u64,
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

fn signal_group(leader: u32, signal: Signal) {
    if let Some(id) = pid(leader) {
        // It may have ended already; nothing is left to do then.
        let _ = kill_process_group(id, signal);
    }
}

/// Asks the process group of `leader`, which must not have been reaped, to end.
pub fn terminate_group(leader: u32) {
    signal_group(leader, Signal::TERM);
}

/// Kills the process group of `leader`, which must not have been reaped.
pub fn kill_group(leader: u32) {
    signal_group(leader, Signal::KILL);
}

/// Kills this process, as anyone who kills it from outside.
pub fn kill_oneself() {
    let _ = kill_process(rustix::process::getpid(), Signal::KILL);
}

/// Makes this process end when nobody can read its standard output any more: whoever asked it is
/// gone, and it works in vain.
pub fn end_with_reader() {
    let wait = || {
        let stdout = std::io::stdout();
        let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
        loop {
            match poll(&mut polled, None) {
                Ok(_) => std::process::exit(1),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
    };
    // Without it, the work goes on to its end.
    let _ = std::thread::Builder::new().spawn(wait);
}

/// Whether the child `id`, which must not have been reaped, has ended.
#[must_use]
pub fn has_ended(id: u32) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    pid(id).is_some_and(|id| matches!(waitid(WaitId::Pid(id), options), Ok(Some(_))))
}
