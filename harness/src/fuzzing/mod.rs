//! Fuzz targets: functions that read foreign bytes and panic where the program would be wrong.
//!
//! libFuzzer calls them from the executables in `fuzz/`, and the test `fuzz_corpus` calls them on a
//! stable toolchain with every file in `corpus/fuzz` and with changes of each ([`mutated`]). An
//! input is right if it is refused with a typed error, or if all who read it agree: the scanner,
//! its oracles, the same with a memo and without.

#![allow(clippy::expect_used, reason = "a target that fails panics")]

mod database;
mod memo;
mod mutate;
mod patch;
mod place;
mod record;
mod rollout;
mod row;
mod scene;
mod text;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use mutate::mutated;
use tracerig_scanner::archive::Clock;

/// What panics at an input that the program would be wrong about.
pub type Target = fn(&[u8]);

/// Every target: its name, and the function.
pub const TARGETS: &[(&str, Target)] = &[
    ("row", row::run),
    ("text", text::run),
    ("record", record::run),
    ("rollout", rollout::run),
    ("memo", memo::run),
    ("database", database::run),
];

/// The target with this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}

/// A clock that is later than every file, so that none counts as changed just now.
fn later() -> Clock {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let later = i64::try_from((now + Duration::from_secs(3600)).as_nanos()).unwrap_or(i64::MAX);
    Arc::new(move || later)
}
