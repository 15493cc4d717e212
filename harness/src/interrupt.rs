//! Ctrl-C and time limits: what ends a run early, and the child process that must end with it.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::platform;

/// How often a running child is compared with its time limit: rarely, so that watching does not disturb the measuring.
const WATCH_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct State {
    interrupted: bool,
    child: Option<u32>,
    deadline: Option<Instant>,
    timed_out: bool,
}

static STATE: Mutex<State> =
    Mutex::new(State { interrupted: false, child: None, deadline: None, timed_out: false });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes over Ctrl-C, hang-up and termination for this process: the first asks for an orderly end and kills the child
/// being waited for, the second ends the process at once with exit code 130.
///
/// # Errors
/// The operating system refuses, or handlers are installed already.
pub fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        let mut state = state();
        if state.interrupted {
            std::process::exit(130);
        }
        state.interrupted = true;
        if let Some(child) = state.child {
            platform::kill(child);
        }
    })
}

/// Whether an orderly end was asked for.
#[must_use]
pub fn requested() -> bool {
    state().interrupted
}

/// Registers `child` until [`Watched::release`]: it is killed on an interruption, or after `limit`.
pub(crate) fn watch(child: u32, limit: Duration) -> Watched {
    static WATCHDOG: OnceLock<()> = OnceLock::new();
    WATCHDOG.get_or_init(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(WATCH_EVERY);
                let mut state = state();
                if let (Some(child), Some(deadline)) = (state.child, state.deadline)
                    && deadline <= Instant::now()
                {
                    state.timed_out = true;
                    platform::kill(child);
                }
            }
        });
    });
    let mut state = state();
    state.child = Some(child);
    state.deadline = Instant::now().checked_add(limit);
    state.timed_out = false;
    if state.interrupted {
        platform::kill(child);
    }
    Watched(())
}

/// A child under watch.
#[derive(Debug)]
pub(crate) struct Watched(());

impl Watched {
    /// Ends the watch; to be called before the child's process id is freed. Returns whether its time was up.
    pub(crate) fn release(self) -> bool {
        let mut state = state();
        state.child = None;
        state.deadline = None;
        state.timed_out
    }
}
