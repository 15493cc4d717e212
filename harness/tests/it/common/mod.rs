//! What several test files share, each a part of it.

pub mod program;
#[path = "../../../differential/tests/it/common/search.rs"]
pub mod search;
pub mod trace;
#[path = "../../../differential/tests/it/common/witnesses.rs"]
pub mod witnesses;
