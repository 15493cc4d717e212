//! Every fuzz target over its corpus, and over changes of each input in it: what libFuzzer does on
//! a nightly toolchain, for a few seconds on any.
//!
//! `TRACERIG_SEED` and `TRACERIG_CHANGES` choose other changes and more of them. What fails is
//! written to a file that `cargo fuzz run` takes, too.

mod seeds;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tracerig_harness::fuzzing::{TARGETS, mutated, target};

/// Where the inputs of a target are kept.
fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/fuzz").join(target)
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap())
}

/// Runs a target over its corpus, and `changes` changed inputs.
fn run(name: &str, changes: u64) {
    let run = target(name).unwrap();
    let mut inputs: Vec<(String, Vec<u8>)> = fs::read_dir(corpus(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())
        })
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "the corpus of {name} is empty");
    let check = |what: &str, input: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| run(input))).is_err() {
            let kept = std::env::temp_dir().join(format!("fuzz-{name}-found"));
            fs::write(&kept, input).unwrap();
            panic!("{name}: {what} fails; the input is kept in {}", kept.display());
        }
    };
    for (file, input) in &inputs {
        check(file, input);
    }
    let (seed, changes) = (number("TRACERIG_SEED", 0), number("TRACERIG_CHANGES", changes));
    for number in 0..changes {
        let (file, input) = &inputs[number as usize % inputs.len()];
        let change = seed.wrapping_mul(1_000_003).wrapping_add(number);
        check(&format!("{file}, changed by seed {change}"), &mutated(input, change));
    }
    println!("{name}: {} inputs and {changes} changes of them", inputs.len());
}

/// A test for each target, with the number of changes that take a second or two.
macro_rules! targets {
    ($($name:ident: $changes:literal)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name), $changes);
        })*

        #[test]
        fn no_target_is_left_out() {
            let tested = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), tested);
        }
    };
}

targets! {
    row: 20_000
    text: 10_000
    record: 300
    rollout: 1_000
    memo: 1_000
    database: 1_000
}
