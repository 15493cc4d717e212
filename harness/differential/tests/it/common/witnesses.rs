//! What holds for the witnesses of any rules: each goes wrong without its rule, and only then, and
//! the program has all of them.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use tracerig_differential::ablations::{Search, Tested, look};
use tracerig_differential::subject::Subject;

use super::search::corpus;

/// Operations of a witness, at most: a person has to see at once what it is about.
const OPERATIONS: usize = 8;

/// Fails unless each rule has a witness that goes wrong without it, and only then.
#[track_caller]
pub fn assert_each_shows_its_rule<S: Subject>(rules: &[Tested<S>], jobs: NonZeroUsize) {
    let none = Search { seed: 1, ops: 20, cases: Some(0), time: None };
    let rows = look(rules, none, jobs, &|_| {}).unwrap();
    assert_eq!(rows.len(), rules.len());
    for row in &rows {
        let shown =
            row.witness.as_ref().map(|shown| (shown.operations, shown.kind, shown.wrong_answer));
        println!("{:<20} {shown:?}", row.name);
    }
    let silent: Vec<_> =
        rows.iter().filter(|row| !row.is_caught()).map(|row| (row.name, &row.trouble)).collect();
    assert!(silent.is_empty(), "{silent:#?}");
    for row in rows {
        let shown = row.witness.unwrap();
        assert!(shown.operations <= OPERATIONS, "{}: {}", row.name, shown.history);
    }
}

/// Fails unless the kept witnesses of a sort are those of these rules, say whose they are, and are
/// those that the program has.
#[track_caller]
pub fn assert_the_program_has_all<S>(rules: &[Tested<S>], sort: &str) {
    let folder = corpus(sort).join("witnesses");
    let kept = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = rules.iter().map(|rule| format!("{}.txt", rule.name)).collect();
    assert_eq!(kept.collect::<BTreeSet<_>>(), names);
    for Tested { name, witness, .. } in rules {
        let text = witness.unwrap_or_else(|| panic!("the program has no witness of {name}"));
        assert_eq!(text.lines().next(), Some(format!("# ablate: {name}").as_str()));
        assert_eq!(text, std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap());
    }
}
