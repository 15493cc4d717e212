//! The tests of this crate that use it as others do, in one executable: linking one for each file
//! takes longer than they run.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod home;
mod log;
mod rebuild;
mod retention;
mod sink;
mod threads;
