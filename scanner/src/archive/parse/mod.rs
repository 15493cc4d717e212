//! From the lines of a rollout to what was used when: everything that decides what a line means,
//! and nothing else.
//!
//! The fingerprint that every shard of the memo carries covers exactly the files of this folder.

mod fold;
mod json;
mod kind;
mod line;
mod lineage;
mod members;
mod rules;
mod seen;
mod time;
mod tokens;

pub use fold::Tier;
pub(super) use fold::{Bucket, QUARTER, Rollout};
pub(super) use json::Pieces;
pub(super) use kind::{Kind, Known, kind};
pub use line::Defect;
pub(super) use line::{Line, Meta, Parser, Said, Says};
pub(super) use rules::Rules;
pub use tokens::Tokens;
