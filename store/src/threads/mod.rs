//! Threads: an append-only history each, and a row derived from it.
//!
//! **Item, history line, patch, row.** The history is canonical; the row can be rebuilt from it at any time. One pure function
//! derives what a line changes in the row, and live projection, rebuilding and verification all call it.

mod change;
mod column;
mod compose;
mod derive;
mod id;
mod item;
mod json;
mod patch;
pub mod schema;
mod time;

pub use change::{Change, Git, MAX_TEXT_CHARS, MetadataUpdate, REQUEST_MARKER, SessionMeta, TurnContext};
pub use column::{Column, Value};
pub use derive::{IMAGE_PLACEHOLDER, Seen};
pub use id::{IdError, ThreadId};
pub use item::{Item, ItemError};
pub use patch::Patch;
pub use time::{Millis, Rfc3339, TimeError};
