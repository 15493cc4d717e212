//! Every rule of thread stores and of the archive has a witness: a history that goes wrong when
//! that rule alone is missing, and only then. Those of traces are tested where there is a program
//! that scans beside them.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use crate::common::search::jobs;
use crate::common::witnesses::{assert_each_shows_its_rule, assert_the_program_has_all};
use tracerig_differential::ablations::{archive_rules, rules, thread_rules};
use tracerig_differential::trace::Program;
use tracerig_scanner::archive;
use tracerig_store::threads;

#[test]
fn each_rule_of_threads_has_a_witness_that_goes_wrong_without_it_and_only_then() {
    // They wait more than they work.
    let jobs = NonZeroUsize::new(8).unwrap();
    let rules = thread_rules();
    assert_eq!(rules.len(), threads::Ablation::ALL.len());
    assert_each_shows_its_rule(&rules, jobs);
}

#[test]
fn each_rule_of_archives_has_a_witness_that_goes_wrong_without_it_and_only_then() {
    let rules = archive_rules();
    assert_eq!(rules.len(), archive::Ablation::ALL.len());
    assert_each_shows_its_rule(&rules, jobs());
}

#[test]
fn each_witness_says_whose_it_is_and_the_program_has_all_that_are_kept() {
    assert_the_program_has_all(&thread_rules(), "threads");
    assert_the_program_has_all(&archive_rules(), "archive");
    // `diff ablations` knows both sorts of rules by their names.
    let of_scanner: Vec<_> = rules(&Program::default()).into_iter().map(|rule| rule.name).collect();
    let all: BTreeSet<&str> = of_scanner
        .iter()
        .copied()
        .chain(threads::Ablation::ALL.map(threads::Ablation::name))
        .collect();
    assert_eq!(all.len(), of_scanner.len() + threads::Ablation::ALL.len());
}
