//! Starts, limits and ends child processes, and ends them when a signal asks for it.
//!
//! A child leads a process group. It is killed with its group when its time or output limit is
//! reached, when a signal asks this process to end, or when its [`child::Child`] is dropped.
//!
//! ```no_run
//! use std::process::Command;
//! use std::time::Duration;
//! use tracerig_process::child::{Child, Streams};
//! use tracerig_process::watch::Limits;
//!
//! let limits = Limits { time: Some(Duration::from_secs(5)), ..Limits::default() };
//! let mut child = Child::start(Command::new("true").arg("x"), &Streams::Shown, limits)?;
//! let end = child.wait()?;
//! assert_eq!(end.fault(), None, "{}", end.said);
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod child;
mod folder;
pub mod interrupt;
pub mod platform;
mod request;
pub mod watch;
