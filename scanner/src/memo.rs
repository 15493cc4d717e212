//! What is known of a database up to a cursor, and the proof of which database that is.

use crate::anchors::Anchor;
use crate::facts::FactSet;
use crate::identity::Identity;

/// The facts of every row up to a cursor.
#[derive(Clone, Debug)]
pub(crate) struct Memo {
    /// The file they came from.
    pub(crate) identity: Identity,
    /// The highest id that was examined.
    pub(crate) cursor: i64,
    /// Some of the examined rows, the last one among them; by rising id.
    pub(crate) anchors: Vec<Anchor>,
    /// The facts.
    pub(crate) facts: FactSet,
}
