//! What `tracerig candidate check` prints: the verdict, a table of levels, then the failures.

use tracerig_reports::wrapped;

use crate::candidate::check::{Failure, Report, Verdict};
use crate::cli::output::counted;

/// Columns of a line.
const WIDTH: usize = 100;

/// As wide as the text before an entry.
const LABEL: &str = "           ";

/// A report in words.
pub(super) fn told(report: &Report) -> String {
    let Report { candidate, contract, .. } = report;
    let failed: u64 = report.levels.iter().map(|level| level.failures.len() as u64).sum();
    let mut text = match &report.verdict {
        Verdict::Passed => {
            let passed = counted(report.passed(), "case passed", "cases passed");
            format!("PASSED: {candidate} keeps the contract `{contract}`: {passed}\n")
        }
        Verdict::Failed => {
            let failed = counted(failed, "failure", "failures");
            format!("FAILED: {candidate} breaks the contract `{contract}`: {failed}\n")
        }
        Verdict::NotRunning(first) => wrapped(
            &format!(
                "FAILED: not-running: {candidate} failed every request of the contract \
                 `{contract}`. The first: {first}"
            ),
            WIDTH,
            "  ",
        ),
        Verdict::Unavailable(why) => format!("unavailable: {candidate}: {why}\n"),
        Verdict::Unsupported(why) => format!("unsupported: {candidate}: {why}\n"),
    };
    text += &format!("  command: {}\n", report.command);
    if let Some(digest) = &report.sha256 {
        text += &format!("  sha256:  {digest}\n");
    }
    if !report.levels.is_empty() {
        let writes = if report.confined {
            "refused outside of its folders (Landlock)"
        } else {
            "possible everywhere: this kernel has no Landlock"
        };
        text += &format!("  writes:  {writes}\n\n");
    }
    for level in &report.levels {
        let mut parts = vec![format!("{:>5} passed", level.passed)];
        let mut part = |count: u64, what: &str| {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        };
        part(level.failures.len() as u64, "FAILED");
        part(level.known, "known to fail");
        part(level.unsupported, "unsupported");
        part(level.not_run, "not run after five failures of one kind");
        if level.ended_early + level.ended_late > 0 {
            parts.push(format!(
                "{} of {} launches ended before their answer",
                level.ended_early,
                level.ended_early + level.ended_late
            ));
        }
        if !level.note.is_empty() {
            parts = vec![format!("    - {}", level.note)];
        }
        text += &format!("  {:<12}{}\n", level.level, parts.join(", "));
    }
    for level in &report.levels {
        // Of each kind the first is shown whole.
        let mut kinds: Vec<&str> = Vec::new();
        let mut others = String::new();
        for failure in &level.failures {
            if kinds.contains(&failure.kind.as_str()) {
                others += &brief(failure);
            } else {
                kinds.push(&failure.kind);
                text += &whole(failure);
            }
        }
        if !others.is_empty() {
            text += &format!("\nalso, of the level {}:\n{others}", level.level);
        }
    }
    text
}

fn brief(failure: &Failure) -> String {
    format!("{} {}: {}\n", failure.kind, failure.case, failure.rule)
}

fn whole(failure: &Failure) -> String {
    let Failure { case, kind, rule, at, detail, history, repeat, by_hand } = failure;
    let found =
        wrapped(detail, WIDTH - LABEL.len(), "").trim_end().replace('\n', &format!("\n{LABEL}"));
    let mut text =
        format!("\n{kind} {case}\n  rule:    {rule}\n  written: {at}\n  found:   {found}\n");
    if !history.is_empty() {
        text += "  history:\n";
        text.extend(history.lines().map(|line| format!("    {line}\n")));
    }
    text += &format!("  repeat:  {repeat}\n");
    if !by_hand.is_empty() {
        text += &format!("  by hand: {by_hand}\n");
    }
    text
}
