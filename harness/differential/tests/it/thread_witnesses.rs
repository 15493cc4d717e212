//! Every rule of thread stores has a witness: a history that goes wrong when that rule alone is missing, and only then.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use crate::common::witnesses::{assert_each_shows_its_rule, assert_the_program_has_all};
use tracerig_harness::ablations::{rules, thread_rules};
use tracerig_store::threads::Ablation;

#[test]
fn each_rule_has_a_witness_that_goes_wrong_without_it_and_only_then() {
    // They wait more than they work.
    let jobs = NonZeroUsize::new(8).unwrap();
    let rules = thread_rules();
    assert_eq!(rules.len(), Ablation::ALL.len());
    assert_each_shows_its_rule(&rules, jobs);
}

#[test]
fn each_witness_says_whose_it_is_and_the_program_has_all_that_are_kept() {
    assert_the_program_has_all(&thread_rules(), "threads");
    // `diff ablations` knows both sorts of rules by their names.
    let of_scanner = rules(Path::new("")).into_iter().map(|rule| rule.name);
    let all: BTreeSet<&str> = of_scanner.chain(Ablation::ALL.map(Ablation::name)).collect();
    assert_eq!(all.len(), rules(Path::new("")).len() + Ablation::ALL.len());
}
