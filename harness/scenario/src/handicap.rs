//! The time that a handicapped worker spends beyond its own work.

use std::time::{Duration, Instant};

use tracerig_protocol::Handicap;

/// Spends the planted time, on the processor.
pub(crate) fn spend(handicap: Handicap) {
    if handicap.busy_ns > 0 {
        busy(Duration::from_nanos(handicap.busy_ns));
    }
}

/// Not inlined, so that a profile names it.
#[inline(never)]
fn busy(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        // Most of the time goes by here, and not in reading the clock.
        let mut left = 50;
        while left > 0 {
            left -= 1;
            std::hint::spin_loop();
        }
    }
}
