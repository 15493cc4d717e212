//! What several test files share, each a part of it.

pub mod program;
pub mod search;
pub mod trace;
pub mod witnesses;
