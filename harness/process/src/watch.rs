//! The children of this process under watch: their limits, and how each of them is ended.
//!
//! A child is the leader of a process group. Ending it is SIGTERM to the group, a second, SIGKILL
//! to the group and to whatever left it; 100 ms later its pipes are given up, even if another
//! process holds them.

use std::fmt;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{platform, request};

/// How often children are looked at. A program that writes to its standard error without end fills
/// the disk until then.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(1);

/// The same after an interruption, when the harness itself has a second.
const GRACE_OF_INTERRUPTED: Duration = Duration::from_millis(250);

/// Who looks so much later than he should was stopped, and the children probably with him: they get
/// that time back.
const STOPPED: Duration = Duration::from_secs(2);

/// From the end of a child until the pipes that somebody else holds are given up, if that is
/// wished. Long, since a busy machine may keep the reader from running.
const HELD: Duration = Duration::from_secs(1);

/// From SIGKILL until the pipes are given up.
const DRAIN: Duration = Duration::from_millis(100);

/// The most bytes of standard error that are kept; a child that writes more is ended.
pub const MOST_STDERR: u64 = 1 << 20;

/// Why a child was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Its time was up.
    TimedOut,
    /// It ended, but a process that it had started held its output until the time was up.
    Held,
    /// It wrote more on standard output than is read.
    TooMuchOutput,
    /// It wrote more on standard error than is kept.
    TooMuchError,
    /// A signal asked for the end of the harness.
    Interrupted,
}

impl Cut {
    /// Whether the program wrote without end.
    #[must_use]
    pub const fn is_too_much(self) -> bool {
        matches!(self, Self::TooMuchOutput | Self::TooMuchError)
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TimedOut => "timed-out: it took longer than the time limit and was ended",
            Self::Held => {
                "left-a-process: it ended, but a process that it had started held its output until \
                 the time limit"
            }
            Self::TooMuchOutput => {
                "too-much-output: it wrote more than 64 MiB on standard output and was ended"
            }
            Self::TooMuchError => {
                "too-much-output: it wrote more than 1 MiB on standard error and \
                                   was ended"
            }
            Self::Interrupted => "it was ended because a signal asked for the end",
        })
    }
}

/// What a child is ended for.
#[derive(Debug, Default)]
pub struct Limits {
    /// Time from its start; `None`: as long as it likes.
    pub time: Option<Duration>,
    /// The file that is its standard error.
    pub stderr: Option<File>,
    /// Whether it starts and goes on when a signal asks for the end, because it puts something in
    /// order.
    pub tidies: bool,
    /// Whether its output is given up a second after its end, if another process holds it, and not
    /// only at its time limit.
    pub gives_up_held: bool,
}

#[derive(Debug)]
struct Entry {
    id: u32,
    deadline: Option<Instant>,
    stderr: Option<File>,
    tidies: bool,
    gives_up_held: bool,
    /// When it was first seen to have ended without having been waited for.
    ended: Option<Instant>,
    cut: Option<Cut>,
    /// When SIGKILL is due, once it is being ended.
    kill_at: Option<Instant>,
    /// When its pipes are given up, once SIGKILL was sent.
    stop_at: Option<Instant>,
    /// Closed to give up its pipes.
    stop: Option<PipeWriter>,
}

impl Entry {
    /// Begins to end it, for the first reason there is.
    fn end(&mut self, cut: Cut) {
        if self.cut.is_some() {
            return;
        }
        self.cut = Some(cut);
        let grace = match cut {
            Cut::TimedOut | Cut::Held => GRACE,
            Cut::Interrupted => GRACE_OF_INTERRUPTED,
            // It would go on writing.
            Cut::TooMuchOutput | Cut::TooMuchError => Duration::ZERO,
        };
        if grace.is_zero() {
            self.kill();
        } else {
            platform::terminate_group(self.id);
            self.kill_at = Some(Instant::now() + grace);
        }
    }

    fn kill(&mut self) {
        platform::kill_group(self.id);
        self.kill_at = None;
        self.stop_at = Some(Instant::now() + DRAIN);
    }

    /// Does what is due, and returns when to look again at the latest. The second value tells
    /// whether it was killed just now.
    fn look(&mut self, now: Instant) -> (Option<Instant>, bool) {
        if self.cut.is_none() {
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                self.end(if platform::has_ended(self.id) { Cut::Held } else { Cut::TimedOut });
            } else if let Some(Ok(stderr)) = self.stderr.as_ref().map(File::metadata)
                && stderr.len() > MOST_STDERR
            {
                self.end(Cut::TooMuchError);
            } else if self.gives_up_held && platform::has_ended(self.id) {
                let ended = *self.ended.get_or_insert(now);
                if now.duration_since(ended) >= HELD {
                    self.end(Cut::Held);
                }
            }
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let kills = due(self.kill_at);
        if kills {
            self.kill();
        }
        if due(self.stop_at) {
            (self.stop, self.stop_at) = (None, None);
        }
        (
            [self.deadline.filter(|_| self.cut.is_none()), self.kill_at, self.stop_at]
                .into_iter()
                .flatten()
                .min(),
            kills,
        )
    }
}

static CHILDREN: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
static CHANGED: Condvar = Condvar::new();

fn children() -> MutexGuard<'static, Vec<Entry>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends what left the group of a child that was killed. Anyone who holds the children's lock has
/// all of them listed.
fn sweep(children: &[Entry]) {
    platform::sweep(&children.iter().map(|entry| entry.id).collect::<Vec<_>>());
}

fn watch() {
    let mut all = children();
    let mut wakes = Instant::now();
    loop {
        let now = Instant::now();
        let stopped = now.saturating_duration_since(wakes);
        if stopped >= STOPPED {
            for deadline in all.iter_mut().filter_map(|entry| entry.deadline.as_mut()) {
                *deadline += stopped;
            }
        }
        let mut next = now + LOOK_EVERY;
        let mut kills = false;
        for entry in all.iter_mut() {
            let (due, killed) = entry.look(now);
            next = due.map_or(next, |due| next.min(due));
            kills |= killed;
        }
        if kills {
            sweep(&all);
        }
        let wait = next.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        wakes = Instant::now() + wait;
        all = CHANGED.wait_timeout(all, wait).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Starts the thread that watches, if there is none: for who starts processes from a thread with
/// fewer rights, which a thread started there would have, too.
///
/// # Errors
/// The system starts no thread.
pub fn begin() -> io::Result<()> {
    static WATCHES: Mutex<bool> = Mutex::new(false);
    let mut watches = WATCHES.lock().unwrap_or_else(PoisonError::into_inner);
    if !*watches {
        std::thread::Builder::new().spawn(watch).map_err(|error| {
            let remedy = "allow this user or container more processes";
            io::Error::new(error.kind(), format!("no thread can be started: {error}; {remedy}"))
        })?;
        *watches = true;
    }
    Ok(())
}

/// Starts `command` as the leader of a group under watch. The moment is the one before the start.
///
/// # Errors
/// It cannot be started, or a signal asked for the end before.
pub fn spawn(
    command: &mut Command,
    limits: Limits,
) -> io::Result<(std::process::Child, Watched, PipeReader, Instant)> {
    begin()?;
    let (stopped, stop) = io::pipe()?;
    // A Ctrl-C in the terminal is for the harness, which then ends its children.
    command.process_group(0);
    // Under the lock, so that no sweep takes it for a process that somebody left.
    let mut all = children();
    if request::requested() && !limits.tidies {
        return Err(io::Error::new(io::ErrorKind::Interrupted, "a signal asked for the end"));
    }
    let start = Instant::now();
    let child = command.spawn()?;
    all.push(Entry {
        id: child.id(),
        deadline: limits.time.and_then(|time| start.checked_add(time)),
        stderr: limits.stderr,
        tidies: limits.tidies,
        gives_up_held: limits.gives_up_held,
        ended: None,
        cut: None,
        kill_at: None,
        stop_at: None,
        stop: Some(stop),
    });
    let watched = Watched(child.id());
    Ok((child, watched, stopped, start))
}

/// Begins to end all children, because a signal asked for the end.
pub fn end_all() {
    let mut all = children();
    all.iter_mut().filter(|entry| !entry.tidies).for_each(|entry| entry.end(Cut::Interrupted));
    CHANGED.notify_all();
}

/// Kills all children and what they left at once.
pub fn kill_all() {
    let mut all = children();
    all.iter_mut().for_each(Entry::kill);
    sweep(&all);
}

/// Kills what children that have ended left behind.
pub fn sweep_now() {
    sweep(&children());
}

/// What a child that has ended left running: the names of its descendants, which are those whose
/// environment holds `mark`. They have a moment to end by themselves, and are killed then.
#[must_use]
pub fn left_behind(mark: &[u8]) -> Vec<String> {
    let until = Instant::now() + DRAIN;
    loop {
        // Under the lock, so that no child of this process is taken for one.
        let all = children();
        let known: Vec<u32> = all.iter().map(|entry| entry.id).collect();
        let is_late = Instant::now() >= until;
        let left = platform::left_behind(&known, mark, is_late);
        drop(all);
        if left.is_empty() || is_late {
            return left;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A child under watch, until this value ends. That must be before its process id is freed.
#[derive(Debug)]
pub struct Watched(u32);

impl Watched {
    fn with<T>(&self, what: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        children().iter_mut().find(|entry| entry.id == self.0).map(what)
    }

    /// Gives the child so much time from now; `None`: as long as it likes.
    pub fn limit(&self, time: Option<Duration>) {
        self.with(|entry| entry.deadline = time.and_then(|time| Instant::now().checked_add(time)));
    }

    /// Why it is being ended.
    #[must_use]
    pub fn cut(&self) -> Option<Cut> {
        self.with(|entry| entry.cut).flatten()
    }

    /// Begins to end it.
    pub fn end(&self, cut: Cut) {
        self.with(|entry| entry.end(cut));
        CHANGED.notify_all();
    }

    /// Kills the group at once, for no fault of the child.
    pub fn kill(&self) {
        self.with(Entry::kill);
        CHANGED.notify_all();
    }

    /// What may kill the child from elsewhere, and knows when it is too late.
    pub fn killer(&self) -> impl FnOnce() + Send + 'static {
        let id = self.0;
        move || {
            if let Some(entry) = children().iter_mut().find(|entry| entry.id == id) {
                entry.kill();
            }
        }
    }

    /// Ends the watch, and tells why the child was ended.
    pub fn release(self) -> Option<Cut> {
        self.leave()
    }

    fn leave(&self) -> Option<Cut> {
        let mut all = children();
        let at = all.iter().position(|entry| entry.id == self.0)?;
        all.swap_remove(at).cut
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.leave();
    }
}
