//! Linux: wait4 and /proc for processes, fadvise and mincore for the page cache.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use landlock::{
    ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, path_beneath_rules,
};
use rustix::fs::{Advice, fadvise};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::{Ended, Exit, Io, Residency};

/// Waits until `child` has ended, without freeing its process id yet: `before_reaping` runs in
/// between, and anyone who may send it a signal must have stopped by its end.
///
/// # Errors
/// Whatever the operating system reports.
pub fn wait(child: &mut Child, before_reaping: impl FnOnce()) -> io::Result<Ended> {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let id = id.ok_or_else(|| io::Error::other("the child has no process id"))?;
    loop {
        match waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let at = Instant::now();
    // Its memory is gone, but the account of its reads remains until it is reaped.
    let io = io_of(child.id());
    before_reaping();
    let (status, usage) = reap(id.as_raw_nonzero().get())?;
    let time = |value: libc::timeval| {
        Some(Duration::new(
            u64::try_from(value.tv_sec).ok()?,
            u32::try_from(value.tv_usec).ok()? * 1000,
        ))
    };
    Ok(Ended {
        at,
        exit: if libc::WIFSIGNALED(status) {
            Exit::Signal(libc::WTERMSIG(status))
        } else {
            Exit::Code(libc::WEXITSTATUS(status))
        },
        user: time(usage.ru_utime),
        system: time(usage.ru_stime),
        major_faults: u64::try_from(usage.ru_majflt).ok(),
        io,
    })
}

#[expect(unsafe_code, reason = "neither std nor rustix gives the resources a single child used")]
fn reap(id: i32) -> io::Result<(i32, libc::rusage)> {
    loop {
        let mut status = 0;
        // SAFETY: all-zero is a valid rusage, a struct of integers.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live, writable values of the types the call expects.
        let reaped = unsafe { libc::wait4(id, &raw mut status, 0, &raw mut usage) };
        if reaped == id {
            return Ok((status, usage));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// What the process `id` has read so far.
#[must_use]
pub fn io_of(id: u32) -> Option<Io> {
    std::fs::read_to_string(format!("/proc/{id}/io")).ok().and_then(|text| parse_io(&text))
}

fn parse_io(text: &str) -> Option<Io> {
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse::<u64>().ok())
    };
    Some(Io {
        rchar: value("rchar")?,
        syscr: value("syscr")?,
        device_read: value("read_bytes")?,
        wchar: value("wchar")?,
        syscw: value("syscw")?,
        device_write: value("write_bytes")?,
    })
}

static STDOUT_IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether this process was started with its standard output closed.
///
/// The runtime of Rust opens `/dev/null` in its place before `main`, for reading and writing, as
/// others do who want no output. So it is looked at before that.
#[must_use]
pub fn is_stdout_closed() -> bool {
    STDOUT_IS_CLOSED.load(Ordering::Relaxed)
}

#[expect(
    unsafe_code,
    reason = "nothing runs before the runtime of Rust but what stands in this section"
)]
#[used]
// SAFETY: the section holds pointers to functions of this type, and this one makes a system call
// and sets a flag.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = look_at_stdout;

extern "C" fn look_at_stdout() {
    let is_closed =
        rustix::io::fcntl_getfd(rustix::stdio::stdout()) == Err(rustix::io::Errno::BADF);
    STDOUT_IS_CLOSED.store(is_closed, Ordering::Relaxed);
}

/// Takes from this thread, and from every process that it starts, the right to write outside of
/// `writable` (files, and folders with what is below them). Whether the kernel does that.
#[must_use]
pub fn confine(writable: &[PathBuf]) -> bool {
    let writes = AccessFs::from_write(ABI::V3);
    let confined = Ruleset::default()
        .handle_access(writes)
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(writable, writes)))
        .and_then(landlock::RulesetCreated::restrict_self);
    confined.is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

/// Whether [`confine`] has an effect here.
#[must_use]
pub fn can_confine() -> bool {
    // In a thread that ends with it, for nobody gets these rights back.
    let started = std::thread::Builder::new().spawn(|| confine(&[]));
    started.is_ok_and(|thread| thread.join().unwrap_or(false))
}

/// Makes this process the parent of whatever its descendants leave behind, so that [`sweep`] finds
/// it.
pub fn adopt_orphans() {
    // Without it what is left goes on beside this process; nothing else changes.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Kills every child of this process but `known`: what their descendants left behind when they
/// ended. Only after [`adopt_orphans`], for otherwise this process has no children but its own.
pub fn sweep(known: &[u32]) {
    if !matches!(rustix::process::child_subreaper(), Ok(Some(_))) {
        return;
    }
    // What one of them has started becomes a child of this process in turn.
    for _ in 0..20 {
        let ids: Vec<u32> = children().into_iter().filter(|id| !known.contains(id)).collect();
        if ids.is_empty() {
            return;
        }
        for id in ids.into_iter().filter_map(|id| i32::try_from(id).ok().and_then(Pid::from_raw)) {
            let _ = kill_process(id, Signal::KILL);
            let _ = rustix::process::waitpid(Some(id), rustix::process::WaitOptions::NOHANG);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The names of processes that became children of this one and are not `known`, whose environment
/// holds `mark` or cannot be read. With `kill` they are killed. Only after [`adopt_orphans`], like
/// [`sweep`].
#[must_use]
pub fn left_behind(known: &[u32], mark: &[u8], kill: bool) -> Vec<String> {
    if !matches!(rustix::process::child_subreaper(), Ok(Some(_))) {
        return Vec::new();
    }
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    if known.is_empty() && matches!(waitid(WaitId::All, options), Err(rustix::io::Errno::CHILD)) {
        // The usual case, in one call.
        return Vec::new();
    }
    let mut left = Vec::new();
    for id in children().into_iter().filter(|id| !known.contains(id) && !is_zombie(*id)) {
        let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else { continue };
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        // That of another launch is somebody else's; one without any environment is nobody's.
        if !environment.is_empty() && memchr::memmem::find(&environment, mark).is_none() {
            continue;
        }
        let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        left.push(format!("{} (process {id})", name.trim()));
        if kill {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    left
}

/// Whether the process `id` has ended and is not reaped, perhaps because another thread is about
/// to.
fn is_zombie(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// The process ids of the children of this process.
fn children() -> Vec<u32> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let lists = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split(' ').filter_map(|id| id.trim().parse().ok()).collect::<Vec<u32>>()
        })
        .collect()
}

/// Makes this thread wake from a sleep when it is due. By default the kernel may let it sleep 50 us
/// longer, which would count as lateness of whatever the thread was to do.
pub fn wake_promptly() {
    // Without it the lateness is larger, and in every arm alike.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// Makes this process end when its parent does, which must be `parent`, or a tool that `parent`
/// started: if it is gone already, this process ends now.
pub fn die_with_parent(parent: u32) {
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let now =
        rustix::process::getppid().and_then(|id| u32::try_from(id.as_raw_nonzero().get()).ok());
    if now != Some(parent) && now.and_then(parent_of) != Some(parent) {
        std::process::exit(1);
    }
}

/// The parent of the process `id`.
fn parent_of(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // Behind the name, which may have spaces, and the state.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Peak resident memory of this process in bytes.
///
/// Not `ru_maxrss`: a process begins its life with the peak of the one that started it.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    // Read calls of a fixed size: the length of this file depends on the digits of process ids, and
    // would show in the count of bytes read.
    let mut text = [0; 1024];
    let mut filled = 0;
    let mut file = File::open("/proc/self/status").ok()?;
    while filled < text.len() {
        match file.read(&mut text[filled..]).ok()? {
            0 => break,
            read => filled += read,
        }
    }
    let text = std::str::from_utf8(&text[..filled]).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// How much of `file` is in the page cache.
///
/// # Errors
/// Whatever the operating system reports.
pub fn residency(file: &File) -> io::Result<Option<Residency>> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    if length == 0 {
        return Ok(Some(Residency { resident: 0, pages: 0 }));
    }
    let pages = length.div_ceil(rustix::param::page_size());
    let mut map = vec![0_u8; pages];
    mincore(file, length, &mut map)?;
    let resident = map.iter().filter(|&&page| page & 1 == 1).count();
    Ok(Some(Residency { resident: resident as u64, pages: pages as u64 }))
}

#[expect(
    unsafe_code,
    reason = "only mincore tells what the page cache holds, and it asks for a mapping"
)]
fn mincore(file: &File, length: usize, map: &mut [u8]) -> io::Result<()> {
    // SAFETY: a new mapping at an address the kernel chooses; nothing reads or writes through it,
    // so a file that shrinks meanwhile does no harm.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping spans `length` bytes, and `map` has a byte for each of its pages.
    let told = unsafe { libc::mincore(start, length, map.as_mut_ptr()) };
    let result = if told == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    // SAFETY: the mapping made above, which nothing else knows.
    unsafe { libc::munmap(start, length) };
    result
}

/// Writes what is not yet on the device there and drops the file's pages from the page cache, as
/// far as no process maps them. Returns whether the platform can; [`residency`] tells whether it
/// did.
///
/// # Errors
/// Whatever the operating system reports.
pub fn evict(file: &File) -> io::Result<bool> {
    file.sync_all()?;
    fadvise(file, 0, None, Advice::DontNeed)?;
    Ok(true)
}

/// The file system that `path` is on.
#[must_use]
pub fn file_system(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mounted = table.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let at = before.split(' ').nth(4)?;
        path.starts_with(at).then_some((at.len(), after.split(' ').next()?))
    });
    mounted.max_by_key(|&(length, _)| length).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::super::kill_group;
    use super::*;

    #[test]
    fn a_child_s_end_is_told_with_what_it_read() {
        let mut child =
            Command::new("sh").args(["-c", "exit 7"]).stdin(Stdio::null()).spawn().unwrap();
        let mut asked = false;
        let ended = wait(&mut child, || asked = true).unwrap();
        assert!(asked);
        assert_eq!(ended.exit, Exit::Code(7));
        assert!(ended.user.is_some() && ended.system.is_some());
        // The shell reads its libraries at least.
        assert!(ended.io.unwrap().rchar > 0);
        assert!(child.try_wait().is_err(), "it was reaped");
    }

    #[test]
    fn a_killed_child_is_told_by_its_signal() {
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        kill_group(child.id());
        assert_eq!(wait(&mut child, || ()).unwrap().exit, Exit::Signal(libc::SIGKILL));
    }

    #[test]
    fn eviction_empties_the_page_cache_and_reading_fills_it() {
        // Not in a folder that may be in memory: eviction works on real file systems only.
        let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let pages = 64;
        file.write_all(&vec![7; pages * rustix::param::page_size()]).unwrap();
        assert_eq!(residency(&file).unwrap(), Some(Residency { resident: 64, pages: 64 }));
        assert!(evict(&file).unwrap());
        assert_eq!(residency(&file).unwrap(), Some(Residency { resident: 0, pages: 64 }));
    }

    #[test]
    fn peak_memory_and_file_system_are_known() {
        assert!(peak_memory().unwrap() > 100_000);
        assert!(file_system(Path::new("/proc/self")).is_some_and(|kind| kind == "proc"));
    }
}
