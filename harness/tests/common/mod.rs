//! What several test files share, each a part of it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part, from its root")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

pub mod program;
pub mod search;
pub mod trace;
pub mod witnesses;
