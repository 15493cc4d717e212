//! Every rule of the scanner of traces has a witness: a history that goes wrong when that rule
//! alone is missing, and only then.

use crate::common::program::history_child;
use crate::common::search::jobs;
use crate::common::witnesses::{assert_each_shows_its_rule, assert_the_program_has_all};
use tracerig_differential::ablations::rules;
use tracerig_scanner::Ablation;

#[test]
fn each_rule_has_a_witness_that_goes_wrong_without_it_and_only_then() {
    let rules = rules(&history_child());
    assert_eq!(rules.len(), Ablation::ALL.len());
    assert_each_shows_its_rule(&rules, jobs());
}

#[test]
fn each_witness_says_whose_it_is_and_the_program_has_all_that_are_kept() {
    assert_the_program_has_all(&rules(&history_child()), "trace");
}
