//! The session archive: the rollouts of a Codex home, and what was used in them.

mod parse;
mod reader;

pub use parse::{Defect, Tokens};
