//! Every rule of the scanner has a witness: a history that goes wrong when that rule alone is missing, and only then.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use tracerig_harness::ablations::{Search, look, rules, witness};
use tracerig_scanner::Ablation;

/// Operations of a witness, at most: a person has to see at once what it is about.
const OPERATIONS: usize = 8;

#[test]
fn each_rule_has_a_witness_that_goes_wrong_without_it_and_only_then() {
    let rules = rules(Path::new(env!("CARGO_BIN_EXE_tracerig")));
    let none = Search { seed: 1, ops: 20, cases: Some(0), time: None };
    let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let rows = look(&rules, none, jobs, &|_| {}).unwrap();
    assert_eq!(rows.len(), Ablation::ALL.len());
    for row in &rows {
        println!(
            "{:<20} {:?}",
            row.name,
            row.witness.as_ref().map(|shown| (shown.operations, shown.kind, shown.wrong_answer))
        );
    }
    let silent: Vec<_> =
        rows.iter().filter(|row| !row.is_caught()).map(|row| (row.name, &row.trouble)).collect();
    assert!(silent.is_empty(), "{silent:#?}");
    for row in rows {
        let shown = row.witness.unwrap();
        assert!(shown.operations <= OPERATIONS, "{}: {}", row.name, shown.history);
    }
}

#[test]
fn each_witness_says_whose_it_is_and_the_program_has_all_that_are_kept() {
    let names: BTreeSet<String> = Ablation::ALL.iter().map(|ablation| format!("{ablation}.txt")).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/trace/witnesses");
    let kept =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(kept.collect::<BTreeSet<_>>(), names);
    for ablation in Ablation::ALL {
        let text = witness(ablation).unwrap_or_else(|| panic!("the program has no witness of {ablation}"));
        assert_eq!(text.lines().next(), Some(format!("# ablate: {ablation}").as_str()));
        assert_eq!(text, std::fs::read_to_string(folder.join(format!("{ablation}.txt"))).unwrap());
    }
}
