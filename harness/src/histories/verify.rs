//! Comparing what a scan gave with what it had to give.

use tracerig_scanner::{Check, Mode, Reason, Scan, Stats};

use super::model::{Memo, Prediction};
use super::view::{View, Work};
use super::{Error, Wrong};
use crate::oracle::Window;

/// A scan gone wrong.
pub(super) fn wrong(wrong: Wrong, detail: impl Into<String>) -> Error {
    Error::Wrong { wrong, detail: detail.into() }
}

/// Fails unless `found` is `wanted`.
pub(super) fn expect<T: PartialEq + std::fmt::Debug>(
    kind: Wrong,
    what: &str,
    found: &T,
    wanted: &T,
) -> Result<(), Error> {
    if found == wanted { Ok(()) } else { Err(wrong(kind, format!("{what} is {found:?}, not {wanted:?}"))) }
}

/// Fails unless `scan` gives the answer of `view` in `window`, and came about as is `due` from what was `loaded`.
pub(super) fn check_scan(
    scan: &Scan,
    due: &Prediction,
    view: &View,
    window: Window,
    loaded: Result<&Memo, &Reason>,
) -> Result<(), Error> {
    check_stats(&scan.stats, due, loaded.ok())?;
    let answer = view.answer(window);
    expect(Wrong::Turns, "the answer", &super::turns(&scan.turns), &answer.turns)?;
    let warns = matches!(loaded, Err(Reason::Check(Check::Artifact | Check::Producer)));
    if scan.warnings.is_empty() == warns {
        return Err(wrong(Wrong::Warning, format!("warnings: {:?}", scan.warnings)));
    }
    Ok(())
}

/// Fails unless a scan that began with the memo `loaded` took the way and the work that were `due`.
pub(super) fn check_stats(stats: &Stats, due: &Prediction, loaded: Option<&Memo>) -> Result<(), Error> {
    expect(Wrong::Mode, "the mode", &(stats.mode, stats.reason), &(due.mode, due.reason))?;
    let work =
        Work { rows: stats.rows_examined, body_bytes: stats.body_bytes, unrecognised: stats.unrecognised };
    expect(Wrong::Work, "the work", &work, &due.work)?;
    let memo = (stats.cursor, stats.facts, stats.completions);
    expect(
        Wrong::Memo,
        "what is known",
        &memo,
        &(due.memo.cursor, due.memo.facts(), due.memo.completions()),
    )?;
    // A look-up for each row remembered, and one for each that is remembered from now on to recognise the database by.
    let new = |loaded: &Memo| if stats.mode == Mode::Incremental { due.memo.new_anchors(loaded) } else { 0 };
    let most = loaded.map_or(0, |loaded| loaded.remembered() + new(loaded));
    if stats.rows_checked > most {
        return Err(wrong(Wrong::Work, format!("{} rows checked, {most} remembered", stats.rows_checked)));
    }
    Ok(())
}
