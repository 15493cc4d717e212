//! Scenarios: what is measured, how it is launched, and how each launch is judged.

pub mod append;
pub mod arms;
pub mod candidate;
pub mod companion;
mod error;
pub(crate) mod pagecache;
pub mod process;
pub mod refresh;
pub mod relaunch;
pub mod repro;
mod samples;
pub(crate) mod session;
pub(crate) mod workplace;
