//! Projection: bringing patches to the rows.

mod readback;
mod sqlite;

use std::fmt::Debug;
use std::path::PathBuf;

use super::database::DatabaseError;
use super::id::ThreadId;
use super::patch::Patch;

pub(super) use readback::Readback;
pub(super) use sqlite::Sqlite;

/// Brings patches to rows. A store has one: its worker's own, or one that its appends or its
/// workers take turns with.
pub trait Projector: Debug + Send {
    /// Applies each patch to the row of its thread, all of a thread's columns or none of them.
    /// Returns one outcome for each, in order; one that fails does not fail the others.
    fn project(&mut self, batch: &[Projection<'_>]) -> Vec<Result<(), ProjectError>>;
}

/// Stands between a store and its projectors, for tests that make projections wait or fail.
pub trait Through: Debug + Send + Sync {
    /// What the store is to project with: something that projects through `projector`, which is the
    /// store's own or takes turns with others at it. Asked for once by each worker, and once for
    /// all appends if there is none.
    fn wrap(&self, projector: Box<dyn Projector>) -> Box<dyn Projector>;
}

/// A patch on its way to a row.
#[derive(Debug, Clone, Copy)]
pub struct Projection<'a> {
    /// Whose row.
    pub thread: ThreadId,
    /// What changes in it.
    pub patch: &'a Patch,
}

/// Why a patch was not applied. It is kept.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// The database could not be written.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The row is gone although it was projected before.
    #[error(
        "{}: the row of thread {thread} is gone; it comes back whole at the next append, or by a \
         rebuild",
        path.display()
    )]
    RowMissing {
        /// The database.
        path: PathBuf,
        /// Whose row.
        thread: ThreadId,
    },
    /// The projector did not say what came of it: another's failure, or a defect, has ended its
    /// work.
    #[error("the projector reported no outcome; the next append or barrier tries again")]
    Unreported,
}

impl ProjectError {
    pub(super) fn is_row_missing(&self) -> bool {
        matches!(self, Self::RowMissing { .. })
    }
}
