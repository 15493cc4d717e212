//! Threads: an append-only history each, and a row derived from it.
//!
//! **Item, history line, patch, row.** The history is canonical; the row can be rebuilt from it at any time. One pure function
//! derives what a line changes in the row, and live projection, rebuilding and verification all call it.

mod change;
mod column;
mod compose;
mod derive;
mod history;
mod id;
mod item;
mod json;
mod line;
mod lines;
mod patch;
mod problem;
mod replay;
pub mod schema;
mod time;

pub use change::{Change, Git, MAX_TEXT_CHARS, MetadataUpdate, REQUEST_MARKER, SessionMeta, TurnContext};
pub use column::{Column, Value};
pub use derive::{IMAGE_PLACEHOLDER, Seen};
pub use history::{History, Loaded, history};
pub use id::{IdError, ThreadId};
pub use item::{Item, ItemError};
pub use line::MAX_LINE_BYTES;
pub use patch::Patch;
pub use problem::{Defect, HistoryError, Problem, Torn};
pub use replay::{MAX_PROBLEMS, Replay, replay};
pub use time::{Millis, Rfc3339, TimeError};
