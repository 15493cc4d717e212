//! Threads: an append-only history each, and a row derived from it.
//!
//! **Item, history line, patch, row.** The history is canonical; the row can be rebuilt from it at
//! any time. One pure function derives what a line changes in the row, and live projection,
//! rebuilding and verification all call it.
//!
//! ```
//! use tracerig_store::threads::{Item, ListQuery, SessionMeta};
//! use tracerig_store::threads::{StoreOptions, ThreadId, ThreadStore};
//!
//! # let folder = tempfile::tempdir()?;
//! let store = ThreadStore::open(folder.path(), StoreOptions::default())?;
//! let thread = store.create(&SessionMeta::new(ThreadId::new()))?;
//! // Returns when the history has it; the row follows.
//! thread.append(&[Item::user_message("find the leak")?])?;
//! // Returns when the row has everything accepted before.
//! thread.flush()?;
//! let page = store.list(&ListQuery::default())?;
//! assert_eq!(page.rows[0].title.as_deref(), Some("find the leak"));
//! thread.shutdown()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ablation;
mod change;
mod clock;
mod column;
mod compose;
mod database;
mod decoder;
mod derive;
mod desk;
mod disk;
mod error;
mod find;
mod history;
mod id;
mod item;
mod json;
mod line;
mod lines;
mod list;
mod live;
mod lock;
mod name;
mod options;
mod pages;
mod patch;
mod pending;
mod problem;
mod project;
mod rebuild;
mod replay;
mod restore;
mod rows;
pub mod schema;
mod skipped;
mod source;
mod store;
mod sweep;
mod time;
mod titles;
mod verify;
mod walk;
mod worker;
mod writer;

#[cfg(feature = "ablations")]
#[doc(hidden)]
pub use ablation::{Ablation, Ablations};
pub use change::{Change, Git, MAX_TEXT_CHARS, MetadataUpdate, SessionMeta, TurnContext};
pub use clock::{Clock, SystemClock};
pub use column::{Column, Value};
pub use database::DatabaseError;
pub use derive::Seen;
pub use disk::{Disk, DiskFile, FileSystem};
pub use error::{Error, Result, ShutdownError};
pub use history::{History, Loaded, history};
pub use id::{IdError, ThreadId};
pub use item::{Item, ItemError};
pub use line::MAX_LINE_BYTES;
pub use list::{Cursor, CursorError, ListError, ListQuery, Order, Page};
pub use live::LiveThread;
pub use options::{Durability, Mode, Observer, Point, ProjectionReport, StoreOptions, UnknownMode};
pub use patch::Patch;
pub use problem::{Defect, HistoryError, Problem, Torn};
pub use project::{ProjectError, Projection, Projector, Through};
pub use rebuild::{Flaws, MOST_PROBLEMS, Rebuilt, rebuild, repair};
pub use replay::{MAX_PROBLEMS, Replay, replay};
pub use rows::{Rows, ThreadRow};
pub use skipped::{Reason, Skipped};
pub use store::{ARCHIVED, LOCKS, SESSIONS, ThreadStore};
pub use sweep::{Progress, SweepOptions, Watch};
pub use time::{Millis, Rfc3339, TimeError};
pub use verify::{Difference, Verified, verify};
pub use walk::Sessions;
