//! Candidates: programs of others, in any language, that answer one of tracerig's contracts.
//!
//! A [`Definition`] says what is started. A [`Candidate`] starts it: one process for each request,
//! in fresh folders, with a separate environment and limits, and names what became of it. A
//! fault of the program is a value; an error is one of this machine. [`check`] tests a candidate
//! rule by rule.

pub mod check;
mod confine;
mod definition;
mod guard;
mod host;
pub mod input;
mod opener;
mod oracle;
mod shipped;
mod words;

pub use definition::{Definition, DefinitionError, FILE_NAME};
pub(crate) use guard::{Guard, Guarded};
pub(crate) use host::{Begun, With, under};
pub use host::{Candidate, Launch, Served};
pub(crate) use opener::open;
pub use opener::{Counts, NotOpened, Opened, opened_counting};
pub use shipped::{SHIPPED, Shipped, shipped};
pub use words::split;
