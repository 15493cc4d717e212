//! Ctrl-C and time limits: what ends a run early, and the child processes that must end with it.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::platform;

/// How often a running child is compared with its time limit: rarely, so that watching does not disturb the measuring.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Signals closer to each other than this are one request: `timeout` and others send theirs to a process and then to its group, and a
/// wrapper passes on what its child has had from the terminal.
const ONE_REQUEST: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct State {
    /// When an orderly end was asked for.
    interrupted: Option<Instant>,
    children: Vec<Child>,
}

/// A child that is being waited for.
#[derive(Debug)]
struct Child {
    id: u32,
    /// `None`: as long as it likes.
    deadline: Option<Instant>,
    timed_out: bool,
}

static STATE: Mutex<State> = Mutex::new(State { interrupted: None, children: Vec::new() });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes over Ctrl-C, hang-up and termination for this process: the first asks for an orderly end and kills the children
/// being waited for, a second, later one ends the process at once with exit code 130.
///
/// # Errors
/// The operating system refuses, or handlers are installed already.
pub fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        let mut state = state();
        match state.interrupted {
            Some(first) if is_another(first, Instant::now()) => std::process::exit(130),
            Some(_) => return,
            None => state.interrupted = Some(Instant::now()),
        }
        for child in &state.children {
            platform::kill(child.id);
        }
    })
}

/// Whether a signal at `now` is a request of its own, and not the one of `first` once more.
fn is_another(first: Instant, now: Instant) -> bool {
    now.duration_since(first) >= ONE_REQUEST
}

/// Whether an orderly end was asked for.
#[must_use]
pub fn requested() -> bool {
    state().interrupted.is_some()
}

/// Registers `child` until [`Watched::release`]: it is killed on an interruption, or after `limit`.
pub(crate) fn watch(child: u32, limit: Duration) -> Watched {
    static WATCHDOG: OnceLock<()> = OnceLock::new();
    WATCHDOG.get_or_init(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(WATCH_EVERY);
                let mut state = state();
                let now = Instant::now();
                let late = |child: &&mut Child| child.deadline.is_some_and(|deadline| deadline <= now);
                for child in state.children.iter_mut().filter(late) {
                    child.timed_out = true;
                    platform::kill(child.id);
                }
            }
        });
    });
    let mut state = state();
    state.children.push(Child { id: child, deadline: Instant::now().checked_add(limit), timed_out: false });
    if state.interrupted.is_some() {
        platform::kill(child);
    }
    Watched(child)
}

/// A child under watch.
#[derive(Debug)]
pub(crate) struct Watched(u32);

impl Watched {
    /// Ends the watch; to be called before the child's process id is freed. Returns whether its time was up.
    pub(crate) fn release(self) -> bool {
        self.end()
    }

    fn end(&self) -> bool {
        let mut state = state();
        let at = state.children.iter().position(|child| child.id == self.0);
        at.is_some_and(|at| state.children.swap_remove(at).timed_out)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_comes_twice_is_one_request() {
        let first = Instant::now();
        let after = |millis| is_another(first, first + Duration::from_millis(millis));
        assert_eq!([0, 1, 499, 500, 10_000].map(after), [false, false, false, true, true]);
    }
}
