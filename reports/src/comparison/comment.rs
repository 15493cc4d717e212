//! Comparisons for a pull request: the summary of a workflow's step, and the one comment that each
//! push updates.

use super::{Comparisons, Run, markdown, tables, words};
use crate::layout::escaped;
use crate::page::Page;
use crate::record::CounterClass;
use crate::verdict::{Gate, Verdict, Work, WorkChange};

/// What the comment begins with, and is found again by.
pub const MARKER: &str = "<!-- tracerig: comparison ";

/// Bytes of a comment. GitHub refuses one of more than 65,536 characters.
pub const MOST_COMMENT: usize = 60_000;
/// Bytes of the summary of a step. GitHub drops a larger one whole: the limit is 1 MiB for all that
/// a step writes.
pub const MOST_SUMMARY: usize = 1_000_000;

/// Reasons that a comment gives; the others are counted.
const MOST_REASONS: usize = 20;

/// What comparisons have to say, in a word.
#[must_use]
pub fn state(all: &[Comparisons]) -> &'static str {
    let runs = || all.iter().flat_map(|comparisons| &comparisons.runs);
    let gravest = runs().map(|run| run.comparison.gate()).max();
    match gravest {
        _ if all.iter().any(|comparisons| comparisons.cut_short().is_some()) => "incomplete",
        None => "incomplete",
        Some(Gate::Fine) if runs().all(is_same) => "same",
        Some(Gate::Fine) => "better",
        Some(Gate::Inconclusive) => "inconclusive",
        Some(Gate::Regression) => "regression",
        Some(Gate::Failed) => "failed",
        Some(Gate::Mismatch) => "mismatch",
    }
}

/// Whether nothing changed that somebody wants to know.
fn is_same(run: &Run) -> bool {
    run.comparison.verdicts.arms.iter().all(|arm| {
        let exact = arm.counters.iter().filter(|counter| counter.class == CounterClass::Exact);
        let mut changed =
            exact.filter(|c| !matches!(c.change, WorkChange::Same | WorkChange::Unavailable));
        matches!(arm.work, Work::Same | Work::Advisory)
            && matches!(arm.time, None | Some(Verdict::Same))
            && changed.next().is_none()
    })
}

/// The comment about `revision`: a hidden marker, the verdict, the arms that were compared, and the
/// counters that changed. No text in it mentions a person or links elsewhere.
#[must_use]
pub fn comment(all: &[Comparisons], revision: &str) -> String {
    let runs: Vec<Run> = all.iter().flat_map(|comparisons| comparisons.runs.clone()).collect();
    // It ends a comment of HTML otherwise.
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    let revision: String = revision.chars().filter(|c| is_plain(*c)).take(64).collect();
    let mut page = Page::default();
    verdict(&mut page, all);
    let prefix = |run: &Run| if runs.len() > 1 { format!("{}: ", run.name) } else { String::new() };
    let reasons = runs.iter().flat_map(|run| {
        words::reasons(&run.comparison)
            .into_iter()
            .map(|said| prefix(run) + &said)
            .collect::<Vec<_>>()
    });
    let reasons: Vec<String> = reasons.collect();
    page.list(reasons.iter().take(MOST_REASONS).cloned());
    if let Some(more) = reasons.len().checked_sub(MOST_REASONS).filter(|more| *more > 0) {
        page.paragraph(&format!("And {more} more."));
    }
    page.table(
        "Verdicts (change: of the time, compared with the base)",
        &tables::verdicts_of(&runs),
    );
    page.table("Exact work counters that changed", &tables::counters_of(&runs));
    page.paragraph(&tables::equal(runs.iter().map(|run| &run.comparison.verdicts)));
    if let Some(run) = runs.first() {
        page.list(words::programs(&run.comparison));
    }
    page.paragraph(&format!("Revision {revision}."));
    let marker = format!("{MARKER}revision={revision} state={} -->\n", state(all));
    limited(marker + &unlinked(&page.text()), MOST_COMMENT)
}

/// All comparisons in full, the verdict first, as long as a summary may be.
#[must_use]
pub fn step_summary(all: &[Comparisons], others: &[String]) -> String {
    let mut page = Page::default();
    if !all.is_empty() {
        verdict(&mut page, all);
    }
    let runs = all.iter().flat_map(|comparisons| &comparisons.runs);
    for part in runs.map(|run| markdown(&run.comparison)).chain(others.iter().cloned()) {
        page.block(&part);
    }
    limited(page.text(), MOST_SUMMARY)
}

/// The verdict, as a warning unless all is well: what is inconclusive must not look like a success.
fn verdict(page: &mut Page, all: &[Comparisons]) {
    let runs = all.iter().flat_map(|comparisons| &comparisons.runs);
    let head = runs.max_by_key(|run| run.comparison.gate()).map(|run| words::head(&run.comparison));
    let head = head.unwrap_or_else(|| "Nothing was compared.".to_owned());
    let kind = match state(all) {
        "same" | "better" => None,
        "inconclusive" | "incomplete" => Some("WARNING"),
        _ => Some("CAUTION"),
    };
    let cut = all.iter().filter_map(Comparisons::cut_short);
    for said in std::iter::once(head).chain(cut) {
        let said = escaped(&said);
        match kind {
            Some(kind) => page.block(&format!("> [!{kind}]\n> **{said}**\n")),
            None => page.block(&format!("**{said}**\n")),
        }
    }
}

/// Markdown in which no name mentions a person and no text becomes a link by itself.
fn unlinked(markdown: &str) -> String {
    markdown.replace('@', "@<!---->").replace("://", ":<!---->//").replace("www.", "www<!---->.")
}

/// The text as far as it fits, in whole lines, with the end said.
fn limited(text: String, most: usize) -> String {
    const CUT: &str =
        "\n\nCut here: the text was too long. comparison.md in the artifact has all of it.\n";
    if text.len() <= most {
        return text;
    }
    let mut kept = String::with_capacity(most);
    let mut is_code = false;
    for line in text.split_inclusive('\n') {
        // An open fence is closed, which takes a line.
        if kept.len() + line.len() + CUT.len() + 64 > most {
            break;
        }
        is_code ^= line.starts_with("```");
        kept += line;
    }
    if is_code {
        let fence = kept.lines().rev().find(|line| line.starts_with("```")).unwrap_or("```");
        let ticks: String = fence.chars().take_while(|c| *c == '`').take(60).collect();
        kept += &(ticks + "\n");
    }
    kept + CUT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::tests::{paired, quiet};
    use crate::fixture;

    fn of(runs: Vec<Run>, exit_code: u8) -> [Comparisons; 1] {
        [Comparisons { exit_code, interrupted: false, runs }]
    }

    fn run(percent: u32) -> Run {
        Run { name: "relaunch".to_owned(), comparison: paired(&quiet(), percent) }
    }

    /// A comparison of a program with itself.
    fn equal() -> Run {
        let (base, rules) = (quiet(), crate::verdict::Rules::default());
        let comparison =
            crate::comparison::of_records(("a", &base), ("b", &base), &rules, Vec::new()).unwrap();
        Run { name: "relaunch".to_owned(), comparison: comparison.without_times() }
    }

    #[test]
    fn a_regression_is_a_caution_and_the_marker_comes_first() {
        let text = comment(&of(vec![run(12)], 4), "0123456789abcdef");
        let first = text.lines().next().unwrap();
        assert_eq!(
            first,
            "<!-- tracerig: comparison revision=0123456789abcdef state=regression -->"
        );
        assert!(
            text.contains("> [!CAUTION]\n> **REGRESSION") && text.contains("rows_examined"),
            "{text}"
        );
    }

    #[test]
    fn what_is_inconclusive_is_a_warning() {
        let noisy =
            Run { name: "relaunch".to_owned(), comparison: paired(&fixture::flawless(), 0) };
        let mut inconclusive = noisy;
        for arm in &mut inconclusive.comparison.verdicts.arms {
            arm.work = Work::Same;
            arm.counters.clear();
            arm.time = Some(Verdict::Inconclusive {
                why: crate::verdict::Doubt::TooFewPairs { have: 1, need: 8 },
            });
        }
        let all = of(vec![inconclusive], 5);
        assert_eq!(state(&all), "inconclusive");
        for text in [comment(&all, "ab"), step_summary(&all, &[])] {
            assert!(text.contains("> [!WARNING]\n> **INCONCLUSIVE"), "{text}");
        }
    }

    #[test]
    fn silence_is_for_what_is_the_same_and_complete() {
        assert_eq!(state(&of(vec![equal()], 0)), "same");
        let mut less = equal();
        less.comparison.verdicts.arms[0].work = Work::Less;
        assert_eq!(state(&of(vec![less], 0)), "better");
        assert_eq!(state(&of(vec![], 0)), "incomplete");
        let mut cut = of(vec![equal()], 130);
        cut[0].interrupted = true;
        assert_eq!(state(&cut), "incomplete");
        assert!(comment(&cut, "ab").contains("[!WARNING]"));
    }

    #[test]
    fn nobody_is_mentioned_and_nothing_ends_the_marker() {
        let mut evil = run(12);
        evil.name = "@everyone https://evil.example www.evil.example".to_owned();
        evil.comparison.base.name = "--> <script>@someone</script>".to_owned();
        let mut other = run(12);
        other.name = "b".to_owned();
        let text = comment(&of(vec![evil, other], 4), "--> @x <script>");
        assert!(text.starts_with("<!-- tracerig: comparison revision=xscript state="), "{text}");
        let rest =
            text.replace("@<!---->", "").replace(":<!---->//", "").replace("www<!---->.", "");
        assert!(!rest.contains('@') && !rest.contains("://") && !rest.contains("www."), "{text}");
        assert!(!text.contains("<script>"), "{text}");
    }

    #[test]
    fn neither_is_larger_than_it_may_be() {
        let mut many = run(12);
        let arm = many.comparison.verdicts.arms[0].clone();
        for nth in 0..3_000 {
            let mut arm = arm.clone();
            arm.arm = format!("{nth}{}", "x".repeat(300));
            many.comparison.verdicts.arms.push(arm);
        }
        let all = of(vec![many.clone(), many], 4);
        let (comment, summary) = (comment(&all, "ab"), step_summary(&all, &[]));
        assert!(comment.len() <= MOST_COMMENT && comment.contains("Cut here"), "{}", comment.len());
        assert!(summary.len() <= MOST_SUMMARY && summary.contains("Cut here"), "{}", summary.len());
        assert!(comment.contains("REGRESSION") && summary.contains("REGRESSION"));
        // A fence that the cut leaves open would hide that it was cut.
        let code = format!("````sh\n{}", "echo\n".repeat(100));
        assert!(limited(code, 300).contains("\n````\n\n\nCut here"));
    }
}
