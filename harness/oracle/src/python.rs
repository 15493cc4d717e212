//! The oracles in Python, standard library alone, as text: an installed program has them with it.

/// `scan.py`: the priority turns of a trace database.
pub const SCAN: &str = include_str!("../scan.py");

/// `usage.py`: the tokens of a Codex home.
pub const USAGE: &str = include_str!("../usage.py");
