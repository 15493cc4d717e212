//! Every rule of thread stores has a witness: a history that goes wrong when that rule alone is missing, and only then.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use tracerig_harness::ablations::{Search, look, rules, thread_rules, thread_witness};
use tracerig_store::threads::Ablation;

/// Operations of a witness, at most: a person has to see at once what it is about.
const OPERATIONS: usize = 8;

#[test]
fn each_rule_has_a_witness_that_goes_wrong_without_it_and_only_then() {
    let none = Search { seed: 1, ops: 20, cases: Some(0), time: None };
    let jobs = NonZeroUsize::new(8).unwrap();
    let rows = look(&thread_rules(), none, jobs, &|_| {}).unwrap();
    assert_eq!(rows.len(), Ablation::ALL.len());
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/threads/witnesses");
    let kept =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(kept.collect::<BTreeSet<_>>(), names);
    for ablation in Ablation::ALL {
        let text =
            thread_witness(ablation).unwrap_or_else(|| panic!("the program has no witness of {ablation}"));
        assert_eq!(text.lines().next(), Some(format!("# ablate: {ablation}").as_str()));
        assert_eq!(text, std::fs::read_to_string(folder.join(format!("{ablation}.txt"))).unwrap());
    }
    // `diff ablations` knows both sorts of rules by their names.
    let of_scanner = rules(Path::new("")).into_iter().map(|rule| rule.name);
    let all: BTreeSet<&str> = of_scanner.chain(Ablation::ALL.map(Ablation::name)).collect();
    assert_eq!(all.len(), rules(Path::new("")).len() + Ablation::ALL.len());
}
