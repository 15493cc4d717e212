//! What several test files share, each a part of it. The harness has its own tests of histories
//! that start it, with the same parts.

pub mod search;
pub mod witnesses;
