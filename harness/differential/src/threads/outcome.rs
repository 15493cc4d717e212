//! What a call on the store led to, in a word, and whether it had to.

use tracerig_store::threads::Error as StoreError;

use super::{Error, Wrong, wrong};

/// What an operation led to, in a word.
fn outcome(error: Option<&StoreError>) -> &'static str {
    match error {
        None => "done",
        Some(StoreError::InUse { .. }) => "in use",
        Some(StoreError::Exists { .. }) => "exists",
        Some(StoreError::Unknown { .. }) => "unknown",
        Some(StoreError::Unreadable(_)) => "unreadable",
        Some(StoreError::History { .. }) => "history",
        Some(StoreError::Closed { .. }) => "closed",
        Some(StoreError::Discarded { .. }) => "discarded",
        Some(StoreError::Projection { .. }) => "projection",
        Some(StoreError::Shutdown(failed)) => match (&failed.projection, &failed.history) {
            (Some(_), Some(_)) => "shutdown: projection and history",
            (Some(_), None) => "shutdown: projection",
            (None, _) => "shutdown: history",
        },
        Some(_) => "another error",
    }
}

/// Fails unless an operation led to what was due.
pub(super) fn expect_outcome(
    name: &str,
    due: &'static str,
    error: Option<&StoreError>,
) -> Result<(), Error> {
    let found = outcome(error);
    if found == due {
        return Ok(());
    }
    let said = error.map(|error| format!(" ({error})")).unwrap_or_default();
    Err(wrong(Wrong::Outcome, format!("{name} leads to `{found}`{said}, not `{due}`")))
}

pub(super) fn unexpected(what: &str, error: &StoreError) -> Error {
    wrong(Wrong::Outcome, format!("{what}: {error}"))
}
