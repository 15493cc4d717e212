//! This program as the process that histories of traces start beside themselves.

use std::path::PathBuf;

use tracerig_differential::trace::Program;

/// The hidden subcommand that serves them.
pub const SUBCOMMAND: &str = "__histories";

/// This program at `path`, as it is started for them.
#[must_use]
pub fn program(path: PathBuf) -> Program {
    Program { path, arguments: vec![SUBCOMMAND.into()] }
}
