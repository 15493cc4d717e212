//! Comparing what a scan gave with what it had to give.

use tracerig_scanner::{Check, Mode, Reason};

use super::answered::Answered;
use super::model::{Memo, Prediction};
use super::view::Work;
use super::{Error, Wrong};

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
    if found == wanted {
        Ok(())
    } else {
        Err(wrong(kind, format!("{what} is {found:?}, not {wanted:?}")))
    }
}

/// Fails unless a scan that began with what was `loaded` took the way and the work that were `due`.
pub(super) fn check_scan(
    scan: &Answered,
    due: &Prediction,
    loaded: Result<&Memo, &Reason>,
) -> Result<(), Error> {
    check_work(scan, due, loaded.ok())?;
    let refused = matches!(loaded, Err(Reason::Check(Check::Artifact | Check::Producer)));
    let warnings = usize::from(refused) + usize::from(due.work.lacks_tiers());
    if scan.warnings.len() != warnings {
        return Err(wrong(Wrong::Warning, format!("{warnings} were due, not {:?}", scan.warnings)));
    }
    Ok(())
}

/// The same, but for warnings.
pub(super) fn check_work(
    scan: &Answered,
    due: &Prediction,
    loaded: Option<&Memo>,
) -> Result<(), Error> {
    let mode = (due.mode.to_string(), due.reason.to_string());
    expect(Wrong::Mode, "the mode", &(scan.mode.clone(), scan.reason.clone()), &mode)?;
    let Work { rows, body_bytes, hints } = &due.work;
    let counts = (scan.rows_examined, scan.body_bytes);
    expect(Wrong::Work, "rows and bytes", &counts, &(*rows, *body_bytes))?;
    expect(Wrong::Work, "what is counted of the rows", &scan.hints, &hints.figures())?;
    let memo = (scan.cursor, scan.facts, scan.completions);
    expect(
        Wrong::Memo,
        "what is known",
        &memo,
        &(due.memo.cursor, due.memo.facts(), due.memo.completions()),
    )?;
    // A look-up for each row remembered, one for each that is remembered from now on to recognise
    // the database by, and at most one for each new turn row.
    let new = |loaded: &Memo| {
        if due.mode == Mode::Incremental { due.memo.new_anchors(loaded) } else { 0 }
    };
    let most = loaded.map_or(0, |loaded| loaded.remembered() + new(loaded) + hints.turn_rows);
    if scan.rows_checked > most {
        return Err(wrong(
            Wrong::Work,
            format!("{} rows checked, {most} remembered", scan.rows_checked),
        ));
    }
    Ok(())
}
