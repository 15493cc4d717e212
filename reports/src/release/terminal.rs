//! The report as text for a terminal of 80 columns.

use super::{Release, words};
use crate::budgets::{self, words as told};
use crate::terminal::{paragraphs, section};

/// Sentences that are shown; the others are counted.
const SAID: usize = 5;

/// The verdict, its reasons, what changed, and the budgets. Ends with a line feed.
#[must_use]
pub fn terminal(release: &Release<'_>) -> String {
    let mut out = String::new();
    paragraphs(&mut out, [format!("{} Exit code {}.", words::verdict(release), release.exit_code)]);
    let said = words::reasons(release);
    paragraphs(&mut out, said.iter().take(SAID).cloned());
    if let Some(more) = said.len().checked_sub(SAID).filter(|more| *more > 0) {
        out += &format!("And {more} more; see the page.\n");
    }
    section(&mut out, "Exact work counters that changed", &words::work(release));
    out += &format!("\n{}\n", words::equal(release));
    let titles = ["arm", "time", "change", "99 % interval", release.since, "new"];
    section(&mut out, words::TIMES, &words::times(release).only(&titles));
    match release.budgets {
        Some(judged) => out += &format!("\n{}", budgets::terminal(judged)),
        None => {
            out.push('\n');
            paragraphs(&mut out, [words::budgets(release)]);
        }
    }
    let budgets = release.budgets.map(told::left_out).unwrap_or_default();
    let left_out = words::left_out(release).into_iter().filter(|said| !budgets.contains(said));
    paragraphs(&mut out, left_out);
    out
}
