//! Whether the baseline that `--baseline` names is there at all: criterion panics where it is not,
//! after having measured.
//!
//! Benchmarks that have it while others do not are criterion's affair: with a filter nobody needs
//! the others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders of criterion beside its baselines: the last run, and how it compares with a baseline.
const NO_BASELINES: [&str; 3] = ["new", "change", "report"];
/// Folders from criterion's own to that of a baseline: group, function and parameter.
const DEPTH: u32 = 4;

/// Why the benchmarks cannot be measured with these arguments, if a baseline is asked for that no
/// benchmark in `folder` has.
pub(crate) fn missing(arguments: &[String], folder: impl FnOnce() -> PathBuf) -> Option<String> {
    let said = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let profiles = arguments.iter().any(|argument| argument.starts_with("--profile-time"));
    // Otherwise nothing is compared.
    if !said("--bench") || said("--test") || said("--list") || profiles {
        return None;
    }
    let wanted: Vec<&str> = [
        value(arguments, "--baseline", "-b"),
        value(arguments, "--load-baseline", "--load-baseline"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if wanted.is_empty() {
        return None;
    }
    let folder = folder();
    let mut known = BTreeSet::new();
    collect(&folder, DEPTH, &mut known);
    let name = wanted.into_iter().find(|name| !known.contains(*name))?;
    let there = match known.is_empty() {
        true => "there is none".to_owned(),
        false => format!("there are {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    };
    Some(format!(
        "no benchmark has a baseline `{name}` in {}; {there}. Make it with `cargo bench -- \
         --save-baseline {name}` on what is to be compared with, or leave missing ones out with \
         --baseline-lenient",
        folder.display()
    ))
}

/// The value of an option, as `--long VALUE`, `--long=VALUE`, `-s VALUE` or `-sVALUE`.
fn value<'a>(arguments: &'a [String], long: &str, short: &str) -> Option<&'a str> {
    arguments.iter().enumerate().find_map(|(at, argument)| {
        if argument == long || argument == short {
            return arguments.get(at + 1).map(String::as_str);
        }
        let attached = argument.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
        attached.or_else(|| argument.strip_prefix(short).filter(|_| short.len() == 2))
    })
}

/// The names of the baselines in and below `folder`.
fn collect(folder: &Path, depth: u32, known: &mut BTreeSet<String>) {
    let Some(below) = depth.checked_sub(1) else { return };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !path.is_dir() || NO_BASELINES.contains(&name.as_str()) {
            continue;
        }
        if path.join("estimates.json").is_file() {
            known.insert(name);
        } else {
            collect(&path, below, known);
        }
    }
}

/// Where criterion keeps what it measured, by its own rule.
pub(crate) fn folder() -> PathBuf {
    if let Some(home) = std::env::var_os("CRITERION_HOME") {
        return home.into();
    }
    target().map_or_else(|| PathBuf::from("target/criterion"), |target| target.join("criterion"))
}

fn target() -> Option<PathBuf> {
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        return Some(target.into());
    }
    let mut cargo = Command::new(std::env::var_os("CARGO")?);
    let told = cargo.args(["metadata", "--format-version", "1", "--no-deps"]).output().ok()?;
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).ok()?;
    Some(told.get("target_directory")?.as_str()?.into())
}
