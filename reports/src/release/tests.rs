//! The report before a release says what decides first, in every format.

use super::*;
use crate::budgets::tests::mixed;
use crate::comparison::tests::{paired, quiet};
use crate::fixture::{assert_golden, flawless};
use crate::html;

/// What a report is made of.
struct Made {
    comparisons: Comparisons,
    records: Vec<(String, Record)>,
    budgets: Option<Judgement>,
}

impl Made {
    fn of(percent: u32, budgets: Option<Judgement>) -> Made {
        let base = quiet();
        let run = Run { name: "relaunch".to_owned(), comparison: paired(&base, percent) };
        let comparisons = Comparisons { exit_code: 4, interrupted: false, runs: vec![run] };
        Made { comparisons, records: vec![("relaunch".to_owned(), flawless())], budgets }
    }

    /// The same without arms other than this, and without its work.
    fn only(mut self, name: &str) -> Made {
        let verdicts = &mut self.comparisons.runs[0].comparison.verdicts;
        verdicts.arms.retain(|arm| arm.arm == name);
        self.comparisons.exit_code = self.comparisons.runs[0].comparison.gate().exit_code();
        self
    }

    fn with<T>(&self, f: impl FnOnce(&Release<'_>) -> T) -> T {
        let command =
            ["tracerig", "release-report", "--out", "x", "--since", "v1.2"].map(str::to_owned);
        f(&Release {
            since: "v1.2",
            plan: "ci",
            comparisons: &self.comparisons,
            records: &self.records,
            not_compared: &["changed".to_owned()],
            budgets: self.budgets.as_ref(),
            exit_code: 4,
            command: &command,
        })
    }
}

#[test]
fn the_report_reads_as_kept() {
    let made = Made::of(8, Some(mixed(&flawless())));
    assert_golden("release.txt", &made.with(terminal));
    assert_golden("release.md", &made.with(markdown));
}

#[test]
fn the_verdict_is_one_sentence_that_names_what_is_worst() {
    let verdict = |made: &Made| made.with(words::verdict);
    let worse = verdict(&Made::of(8, Some(mixed(&flawless()))));
    assert!(
        worse.starts_with("Worse than v1.2: 3 of 9 arms do more work or take longer (worst: "),
        "{worse}"
    );
    assert!(worse.ends_with(", and 1 of 3 budgets is missed."), "{worse}");
    let fine = Made::of(0, None).only("floor");
    assert_eq!(verdict(&fine), "No worse than v1.2: none of 1 arm does more work or takes longer.");
    assert_eq!(fine.with(words::class), "good");
    // A missed budget decides by itself.
    let over = Made::of(0, Some(mixed(&flawless()))).only("floor");
    assert!(
        verdict(&over).starts_with("Over budget: 1 of 3 budgets is missed"),
        "{}",
        verdict(&over)
    );
    assert_eq!(over.with(words::class), "bad");
    let mut undecided = mixed(&flawless());
    undecided.budgets.remove(0);
    let open = Made::of(0, Some(undecided)).only("floor");
    assert!(verdict(&open).contains("1 of 2 budgets is undecided."), "{}", verdict(&open));
    assert_eq!(open.with(words::class), "doubt");
    let mut cut = Made::of(8, None);
    cut.comparisons.interrupted = true;
    assert!(verdict(&cut).starts_with("Incomplete: "), "{}", verdict(&cut));
}

#[test]
fn the_page_is_well_formed_and_its_verdict_comes_first() {
    let page = Made::of(8, Some(mixed(&flawless()))).with(html::release);
    html::tests::elements(&page);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    let order = [
        "Worse than",
        "arms worse",
        "budgets.toml:6",
        ">Work<",
        ">Time<",
        ">Budgets<",
        ">Left out<",
    ];
    assert!(order.map(at).is_sorted(), "{:?}", order.map(at));
    assert!(at(">Environment<") < at(">Repeat this report<"));
    // The command runs as printed: it does not name a folder that is there by now.
    assert!(page.contains("tracerig release-report --since v1.2</code>"));
    assert!(!page.contains("xit code"), "a reader of the page has no use for exit codes");
}

#[test]
fn the_json_has_every_budget_and_comparison() {
    let made = Made::of(8, Some(mixed(&flawless())));
    let value: serde_json::Value = serde_json::from_str(&made.with(json).unwrap()).unwrap();
    assert_eq!((&value["gate"], &value["exit_code"]), (&"regression".into(), &4.into()));
    let budget = &value["budgets"]["budgets"][0];
    assert_eq!((&budget["line"], &budget["outcome"]), (&6.into(), &"missed".into()));
    assert_eq!((&budget["at_most"], &budget["found"]["amount"]), (&3869.into(), &3870.into()));
    assert_eq!(value["comparisons"]["schema"], crate::comparison::FILE_SCHEMA);
}
