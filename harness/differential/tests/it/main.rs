//! The tests of this crate that use it as others do, in one executable: linking one for each file
//! takes longer than they run.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![allow(unreachable_pub, reason = "nobody reaches anything in a test")]

mod archive;
mod common;
mod threads;
mod witnesses;
