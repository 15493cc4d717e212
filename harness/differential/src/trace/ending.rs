//! How a scan ends in which something happens.

use tracerig_scanner::Point;

use super::model::Prediction;
use super::scan_op::{Act, Event};

/// Whether a scan at this point holds the lock of the memo, for which others wait.
pub(super) fn is_locked(at: Point) -> bool {
    matches!(
        at,
        Point::PersistLocked | Point::PersistHalfWritten | Point::PersistWritten | Point::Persisted
    )
}

/// The act that ends a scan without an answer, if one does.
pub(super) fn ending(
    event: Option<&Event>,
    due: &Prediction,
    writes: bool,
    exchanged: bool,
    reopens: bool,
) -> Option<Act> {
    let Event { at, acts } = event?;
    if acts.contains(&Act::Fail) {
        // An error of a file that is no longer there says nothing of the one that took its place.
        return (!(exchanged && matches!(at, Point::Opened | Point::Begun))).then_some(Act::Fail);
    }
    // A cancellation is seen when the database is opened, at every row, and before the memo is
    // replaced.
    let opens = *at == Point::Loaded
        || ((exchanged || reopens)
            && matches!(at, Point::BeforeOpen | Point::Opened | Point::Begun | Point::FirstRead));
    let reads = due.work.rows > 0
        && matches!(
            at,
            Point::BeforeOpen | Point::Opened | Point::Begun | Point::FirstRead | Point::Checked
        );
    let replaces = writes
        && matches!(
            at,
            Point::BeforeOpen
                | Point::Opened
                | Point::Begun
                | Point::FirstRead
                | Point::Checked
                | Point::Scanned
        );
    (acts.contains(&Act::Cancel) && (opens || reads || replaces)).then_some(Act::Cancel)
}
