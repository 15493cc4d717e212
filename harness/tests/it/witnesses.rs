//! Every rule of the scanner, of traces and of archives, has a witness: a history that goes wrong when that rule alone is missing,
//! and only then.

use std::path::Path;

use crate::common::search::jobs;
use crate::common::witnesses::{assert_each_shows_its_rule, assert_the_program_has_all};
use tracerig_harness::ablations::{Tested, archive_rules, rules};
use tracerig_harness::diff::{Archives, Trace};
use tracerig_scanner::{Ablation, archive};

fn of_traces() -> Vec<Tested<Trace>> {
    let rules = rules(Path::new(env!("CARGO_BIN_EXE_tracerig")));
    assert_eq!(rules.len(), Ablation::ALL.len());
    rules
}

fn of_archives() -> Vec<Tested<Archives>> {
    let rules = archive_rules();
    assert_eq!(rules.len(), archive::Ablation::ALL.len());
    rules
}

#[test]
fn each_rule_of_traces_has_a_witness_that_goes_wrong_without_it_and_only_then() {
    assert_each_shows_its_rule(&of_traces(), jobs());
}

#[test]
fn each_rule_of_archives_has_a_witness_that_goes_wrong_without_it_and_only_then() {
    assert_each_shows_its_rule(&of_archives(), jobs());
}

#[test]
fn each_witness_says_whose_it_is_and_the_program_has_all_that_are_kept() {
    assert_the_program_has_all(&of_traces(), "trace");
    assert_the_program_has_all(&of_archives(), "archive");
}
