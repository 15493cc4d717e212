//! Tells of a history that does not end. What is tested runs in this process, and a thread that
//! waits for ever cannot be ended by another one: all that is left is to say which history it was,
//! and to end the process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A history that takes longer has hung: the slowest ones take seconds, on a machine that does much
/// else.
pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// How often it looks, in parts of the limit.
const LOOKS: u32 = 100;

/// Watches the histories of one thread, one after the other.
#[derive(Debug)]
pub(super) struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The history that runs, and since when.
    running: Option<(String, Instant)>,
    has_ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Calls `hangs` with a history that has not ended after `limit`, once.
    pub(super) fn new(
        limit: Duration,
        hangs: impl FnOnce(&str) + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of = Arc::clone(&shared);
        let look = move || {
            let mut state = of.lock();
            while !state.has_ended {
                if let Some((history, since)) = &state.running
                    && since.elapsed() >= limit
                {
                    hangs(history);
                    return;
                }
                // Nobody is woken for a history: most take less than a millisecond.
                let waited = of.ended.wait_timeout(state, limit / LOOKS);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        };
        let thread = std::thread::Builder::new().name("diff-watch".to_owned()).spawn(look)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// A history begins.
    pub(super) fn begins(&self, history: String) {
        self.shared.lock().running = Some((history, Instant::now()));
    }

    /// It has ended.
    pub(super) fn ends(&self) {
        self.shared.lock().running = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.lock().has_ended = true;
        self.shared.ended.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_history_that_does_not_end_is_told_and_no_other() {
        let (tell, told) = mpsc::channel();
        let watch = Watch::new(Duration::from_millis(20), move |history| {
            tell.send(history.to_owned()).unwrap();
        })
        .unwrap();
        watch.begins("append 1".to_owned());
        watch.ends();
        assert!(watch.shared.lock().running.is_none(), "what has ended is watched no longer");
        watch.begins("append 2".to_owned());
        assert_eq!(told.recv().unwrap(), "append 2");
        drop(watch);
        // Nothing runs: it ends without a word.
        let (tell, told) = mpsc::channel::<()>();
        drop(Watch::new(Duration::ZERO, move |_| tell.send(()).unwrap()).unwrap());
        assert!(told.recv().is_err());
    }
}
