//! The report as a page of Markdown.

use super::{Release, words};
use crate::budgets::words as budgets;
use crate::layout::escaped;
use crate::page::Page;

/// The report in Markdown, the verdict first.
#[must_use]
pub fn markdown(release: &Release<'_>) -> String {
    let mut page = Page::default();
    page.block(&format!("# {}\n", escaped(&words::title(release))));
    page.block(&format!("**{}**\n", escaped(&words::verdict(release))));
    page.list(words::setting(release));
    page.paragraph(words::explained());
    page.list(release.budgets.map(budgets::wanting).unwrap_or_default());
    page.list(words::reasons(release));
    page.heading("Work");
    page.paragraph(&words::equal(release));
    page.table("Exact work counters that changed", &words::work(release));
    let times = words::times(release);
    if !times.is_empty() {
        page.heading("Time");
        page.table(words::TIMES, &times);
    }
    page.heading("Budgets");
    page.paragraph(&words::budgets(release));
    if let Some(judged) = release.budgets {
        page.table(&format!("Budgets of {}", judged.file), &budgets::table(judged));
    }
    let left_out = words::left_out(release);
    if !left_out.is_empty() {
        page.heading("Left out");
        page.list(left_out);
    }
    page.heading("Environment");
    page.block(&words::environment(release).markdown());
    page.heading("Repeat this report");
    page.code("sh", &words::command(release, 100));
    page.paragraph(words::files());
    page.heading("How verdicts are made");
    page.list(words::method(release));
    page.table("What each arm is", &words::arms(release));
    page.text()
}
