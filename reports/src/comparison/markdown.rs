//! A comparison as a page of Markdown, for a pull request or a file.

use super::{Comparison, tables, words};
use crate::page::Page;
use crate::record::CounterClass;

/// The comparison in Markdown, the answer first.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    let verdicts = &comparison.verdicts;
    let mut page = Page::default();
    page.block(&format!(
        "# {}\n",
        crate::layout::escaped(&format!("{}: comparison", words::subject(comparison)))
    ));
    let mut answer = words::answer(comparison).into_iter();
    if let Some(head) = answer.next() {
        page.block(&format!("**{}**\n", crate::layout::escaped(&head)));
    }
    page.list(answer);
    page.list(words::programs(comparison));
    page.table(
        "Verdicts (change: of the time, compared with the base)",
        &tables::verdicts(verdicts),
    );
    page.table(words::TIMES, &tables::times(&comparison.times, 0.0));
    page.table(
        "Exact work counters that changed",
        &tables::counters(verdicts, CounterClass::Exact),
    );
    page.paragraph(&tables::equal([verdicts]));
    page.table(
        "Advisory counters that changed: they decide nothing",
        &tables::counters(verdicts, CounterClass::Advisory),
    );
    page.table("Noise: the base compared with itself", &tables::noise(verdicts));
    if let Some(said) = words::noise(comparison) {
        page.paragraph(&said);
    }
    page.heading("How verdicts are made");
    page.list(words::method(comparison));
    if !comparison.command.is_empty() {
        page.heading("Repeat this comparison");
        page.code("sh", &crate::words::shell(&crate::words::repeatable(&comparison.command), 100));
    }
    page.text()
}
