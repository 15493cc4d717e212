//! Has something happen when a scan reaches a point, once.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tracerig_scanner::{Point, Probe};

/// What happens; `false` makes the step fail.
pub(super) type Happening = Box<dyn FnOnce() -> bool + Send>;

/// The probe of every scanner of a history.
#[derive(Default)]
pub(super) struct Stage {
    armed: Mutex<Option<(Point, Happening)>>,
    fired: AtomicBool,
}

impl fmt::Debug for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Stage").finish_non_exhaustive()
    }
}

impl Stage {
    /// Has `happening` happen when the next scan reaches `point` for the first time.
    pub(super) fn arm(&self, point: Point, happening: Happening) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some((point, happening));
    }

    /// Whether it happened since it was last asked; what has not will no more.
    pub(super) fn disarm(&self) -> bool {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.fired.swap(false, Ordering::SeqCst)
    }
}

impl Probe for Stage {
    fn reached(&self, point: Point) -> bool {
        let due = {
            let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
            armed.take_if(|(at, _)| *at == point)
        };
        due.is_none_or(|(_, happening)| {
            self.fired.store(true, Ordering::SeqCst);
            happening()
        })
    }
}
