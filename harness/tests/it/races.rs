//! Races of real processes find a scanner that lacks a rule which only they put to the test.

use std::sync::{Arc, Mutex};

use crate::common::program::history_child;
use tracerig_differential::trace::{self, Case, Failure, Setup, Worker};
use tracerig_scanner::{Ablation, Ablations};

/// How often a race is tried at most until a scanner without the rule is found out.
const TRIES: u64 = 1000;

fn setup(ablations: Ablations) -> Setup {
    let worker = Arc::new(Mutex::new(Worker::start(&history_child()).unwrap()));
    Setup { worker: Some(worker), ablations, ..Setup::default() }
}

/// The first failure of `tries` tries of `text`.
fn first_failure(text: &str, ablations: Ablations, tries: u64) -> Option<Failure> {
    let case: Case = text.parse().unwrap();
    let setup = setup(ablations);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    (1..=tries).find_map(|number| {
        let folder = folder.path().join(number.to_string());
        std::fs::create_dir(&folder).unwrap();
        trace::run(&case, &folder, &setup).err()
    })
}

#[test]
fn a_scanner_that_lacks_a_rule_of_concurrency_is_found_out() {
    let overtaken = "append request turn=1 at=1\n\
                     relaunch\n\
                     append request turn=2 at=2\n\
                     race scan; scan; write append request turn=3 at=3 & append noise turn=0 \
                     at=4\n";
    let written = "append request turn=1 at=1\n\
                   relaunch\n\
                   append request turn=1 at=2\n\
                   race scan; write append request turn=2 at=3 & append request turn=3 at=4 & \
                   append noise turn=0 at=5\n";
    for (ablation, text) in
        [(Ablation::Stamp, overtaken), (Ablation::Lock, overtaken), (Ablation::Snapshot, written)]
    {
        let found = first_failure(text, Ablations::NONE.with(ablation), TRIES);
        let Some(failure) = found else { panic!("{ablation} is never missed") };
        // Which of the two it is depends on who was first.
        assert!(["race", "turns"].contains(&failure.kind()), "{ablation}: {failure}");
    }
    for text in [overtaken, written] {
        assert!(first_failure(text, Ablations::NONE, 20).is_none());
    }
}
