//! The report before a release: the verdict and what it rests on, then changes, budgets, and how to
//! get the same again.

use super::markup::Markup;
use super::{comparison, parts};
use crate::budgets::words as budgets;
use crate::layout::tied;
use crate::release::{Release, words};

/// The page itself.
pub(super) fn page(out: &mut Markup, release: &Release<'_>) {
    out.element("header", &[], |out| {
        out.leaf("h1", &[], &words::title(release));
        out.leaf(
            "p",
            &[("class", &format!("verdict state {}", words::class(release)))],
            &tied(&words::verdict(release)),
        );
        for said in words::setting(release) {
            out.leaf("p", &[("class", &"lead line")], &tied(&said));
        }
    });
    out.element("ul", &[("class", &"tiles")], |out| {
        for (figure, what) in words::tiles(release) {
            out.element("li", &[], |out| {
                out.leaf("b", &[], &tied(&figure));
                out.leaf("span", &[], &what);
            });
        }
    });
    out.leaf("p", &[], words::explained());
    let wanting = release.budgets.map(budgets::wanting).unwrap_or_default();
    parts::list(out, wanting.into_iter().chain(words::reasons(release)));

    out.leaf("h2", &[], &format!("What changed since {}", release.since));
    out.leaf("h3", &[], "Work");
    out.leaf("p", &[], &words::equal(release));
    parts::table(out, "Exact work counters that changed", &words::work(release));
    let times = words::times(release);
    if !times.is_empty() {
        out.leaf("h3", &[], "Time");
        comparison::chart(
            out,
            "changes",
            &release.comparisons.runs,
            release.arms().all.into_iter(),
        );
        parts::table(out, words::TIMES, &times);
    }

    out.leaf("h2", &[], "Budgets");
    out.leaf("p", &[], &words::budgets(release));
    if let Some(judged) = release.budgets {
        parts::table(
            out,
            &format!("Budgets of {}, missed ones first", judged.file),
            &budgets::table(judged),
        );
    }
    let left_out = words::left_out(release);
    if !left_out.is_empty() {
        out.leaf("h2", &[], "Left out");
        parts::list(out, left_out);
    }
    out.leaf("h2", &[], "Environment");
    parts::table(out, "Machine and versions", &words::environment(release));
    out.leaf("h2", &[], "Repeat this report");
    parts::code(out, &words::command(release, 72));
    out.leaf("p", &[], words::files());
    parts::details(out, "How verdicts are made", |out| parts::list(out, words::method(release)));
    parts::details(out, "What each arm is", |out| {
        parts::table(out, "Arms that were compared", &words::arms(release));
    });
}
