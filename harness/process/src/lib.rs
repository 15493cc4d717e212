//! Starts, limits and ends the processes that are measured or tested, and ends with them when a signal asks for it.

pub mod child;
pub mod interrupt;
pub mod platform;
mod request;
pub mod watch;
