//! A comparison as text for a terminal of 80 columns.

use super::{Comparison, tables, words};
use crate::layout::wrapped;
use crate::record::CounterClass;
use crate::terminal::{WIDTH, section};

/// The comparison as text of 80 columns without any control character. Ends with a line feed.
///
/// The tables come first and the answer last, because the last lines are what stays in sight.
#[must_use]
pub fn terminal(comparison: &Comparison) -> String {
    let verdicts = &comparison.verdicts;
    let mut out = wrapped(&format!("{} on {}", comparison.scenario, comparison.recipe), WIDTH, "  ");
    for line in words::programs(comparison) {
        out += &wrapped(&line, WIDTH, "     ");
    }
    section(&mut out, "Verdicts (change: of the time, beside the base)", &tables::verdicts(verdicts));
    section(&mut out, "Exact work counters that changed", &tables::counters(verdicts, CounterClass::Exact));
    out += &format!("\n{}", wrapped(&tables::equal(verdicts), WIDTH, "  "));
    section(&mut out, "Noise: the base against itself", &tables::noise(verdicts));
    if let Some(said) = words::noise(comparison) {
        out += &format!("\n{}", wrapped(&said, WIDTH, "  "));
    }
    out += "\nHow it is judged\n";
    for said in words::method(comparison) {
        out += &wrapped(&format!("  - {said}"), WIDTH, "    ");
    }
    out.push('\n');
    for said in words::answer(comparison) {
        out += &wrapped(&said, WIDTH, "  ");
    }
    if !comparison.command.is_empty() {
        out += &format!("Again: {}\n", crate::words::shell(&comparison.command, WIDTH - 7));
    }
    out
}
