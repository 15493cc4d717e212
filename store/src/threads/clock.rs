//! The clock of a store, replaceable so that tests need not wait for time to pass.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::time::Millis;

/// Tells a store the time.
pub trait Clock: Debug + Send + Sync {
    /// The time of day, in milliseconds: what is in histories.
    fn now(&self) -> Millis;

    /// Time since some fixed instant, never going back: what intervals are measured with.
    fn monotonic(&self) -> Duration;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}
