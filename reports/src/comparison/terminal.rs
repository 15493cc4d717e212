//! Comparisons as text for a terminal of 80 columns.

use super::{Comparison, Run, tables, words};
use crate::record::CounterClass;
use crate::terminal::{WIDTH, bullets, paragraphs, section};

/// Sentences about arms that a brief result shows; the others are counted.
const SAID: usize = 5;

/// The comparisons of all runs on one screen of 80 columns: the verdict, one table, counters that
/// changed. Ends with a line feed.
#[must_use]
pub fn terminal(runs: &[Run]) -> String {
    let mut out = String::new();
    let Some(gravest) = runs.iter().max_by_key(|run| run.comparison.gate()) else {
        return "Nothing was compared.\n".to_owned();
    };
    paragraphs(&mut out, [words::head(&gravest.comparison)]);
    let several = runs.len() > 1;
    let said = runs.iter().flat_map(|run| {
        let prefix = if several { format!("{}: ", run.name) } else { String::new() };
        words::reasons(&run.comparison).into_iter().map(move |said| format!("{prefix}{said}"))
    });
    let said: Vec<String> = said.collect();
    paragraphs(&mut out, said.iter().take(SAID).cloned());
    if let Some(more) = said.len().checked_sub(SAID).filter(|more| *more > 0) {
        out += &format!("And {more} more; see --details.\n");
    }
    let title = match runs {
        [run] => words::subject(&run.comparison),
        several => format!("{} runs", several.len()),
    };
    let [base, new] =
        [&gravest.comparison.base, &gravest.comparison.new].map(|program| &program.name);
    section(
        &mut out,
        &format!("{title}: {new} compared with {base} (change: of the time)"),
        &tables::verdicts_of(runs),
    );
    section(&mut out, "Exact work counters that changed", &tables::counters_of(runs));
    out += &format!("\n{}\n", tables::equal(runs.iter().map(|run| &run.comparison.verdicts)));
    out
}

/// Everything about one comparison, as text of 80 columns without control characters. Ends with a
/// line feed.
#[must_use]
pub fn details(comparison: &Comparison) -> String {
    let verdicts = &comparison.verdicts;
    let mut out = String::new();
    paragraphs(&mut out, words::answer(comparison));
    out.push('\n');
    paragraphs(&mut out, [words::subject(comparison)]);
    paragraphs(&mut out, words::programs(comparison));
    section(
        &mut out,
        "Verdicts (change: of the time, compared with the base)",
        &tables::verdicts(verdicts),
    );
    section(&mut out, words::TIMES, &tables::times(&comparison.times, 0.01));
    section(
        &mut out,
        "Exact work counters that changed",
        &tables::counters(verdicts, CounterClass::Exact),
    );
    out += &format!("\n{}\n", tables::equal([verdicts]));
    section(&mut out, "Noise: the base compared with itself", &tables::noise(verdicts));
    if let Some(said) = words::noise(comparison) {
        out.push('\n');
        paragraphs(&mut out, [said]);
    }
    bullets(&mut out, "How verdicts are made", words::method(comparison));
    if !comparison.command.is_empty() {
        out += &format!(
            "\nRepeat: {}\n",
            crate::words::shell(&crate::words::repeatable(&comparison.command), WIDTH - 8)
        );
    }
    out
}
