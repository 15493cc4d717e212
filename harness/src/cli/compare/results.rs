//! The result of a comparison: written, printed, and turned into an exit code.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tracerig_reports::comparison::{self, Comparisons, Run};
use tracerig_reports::record::{Partial, Sample};
use tracerig_reports::{Record, foreign, write_whole};

use crate::cli::output::{self, Format, Output};
use crate::cli::{Code, kept};
use crate::compare::Compared;

/// The file of the comparisons in a folder of results.
pub(in crate::cli) const FILE: &str = "comparison.json";
/// The folder in it of the samples of a run that is not over.
pub(in crate::cli) const UNFINISHED: &str = "unfinished";

/// Makes sure before anything is measured that results can be written after it, and overwrite none.
pub(in crate::cli) fn prepare(out: &Path) -> anyhow::Result<()> {
    kept::prepare(out, &[(FILE, "a comparison"), (UNFINISHED, "a comparison that is not over")])
}

/// The samples of a run that is not over, kept as they come.
pub(super) struct Unfinished {
    folder: PathBuf,
    partials: Vec<(&'static str, Partial)>,
}

impl Unfinished {
    pub(super) fn of(out: &Path) -> Self {
        Self { folder: out.join(UNFINISHED), partials: Vec::new() }
    }

    /// A run begins; these will be its records.
    pub(super) fn begin(&mut self, records: &[(&'static str, Record)]) -> anyhow::Result<()> {
        for (name, record) in records {
            let folder = self.folder.join(name);
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("{}: cannot be created", folder.display()))?;
            self.partials.push((name, Partial::begin(&folder, record)?));
        }
        Ok(())
    }

    pub(super) fn add(&mut self, name: &str, sample: &Sample) -> anyhow::Result<()> {
        let partial = self.partials.iter_mut().find(|(known, _)| *known == name);
        partial.map_or(Ok(()), |(_, partial)| Ok(partial.add(sample)?))
    }

    /// Samples are not kept as they come any more.
    pub(super) fn give_up(&mut self, error: &anyhow::Error) {
        self.partials.clear();
        output::say(&format!(
            "tracerig: samples are kept at the end of each run only: {}",
            output::told(error)
        ));
    }

    /// Its results have the samples now, or it has none.
    pub(super) fn end(&mut self) -> anyhow::Result<()> {
        self.partials.clear();
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{}: cannot be removed", self.folder.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Writes every raw sample of a comparison, and the order in which they were taken.
pub(super) fn write_samples(out: &Path, compared: &Compared) -> anyhow::Result<()> {
    let folder = out.join(&compared.name);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{}: cannot be created", folder.display()))?;
    for (name, record) in &compared.records {
        record.write(&folder.join(name).with_extension("json"))?;
    }
    let order = serde_json::to_vec(&compared.taken)?;
    write_whole(&folder.join("order.json"), &order)?;
    Ok(())
}

/// Writes and prints the comparisons. Returns the gravest of their exit codes and of `ended`.
pub(super) fn give(
    runs: Vec<Run>,
    ended: Code,
    out: Option<&Path>,
    Output { format, details }: Output,
) -> anyhow::Result<Code> {
    let comparisons = gathered(runs, ended);
    let code = Code(comparisons.exit_code);
    let written = out.map_or(Ok(()), |out| write(&comparisons, out));
    let is_written = written.is_ok();
    let printed = output::print(&match format {
        Format::Table if details => each(&comparisons, comparison::details),
        Format::Table => {
            let cut = comparisons.cut_short().map(|said| said + "\n");
            comparison::terminal(&comparisons.runs) + &cut.unwrap_or_default()
        }
        Format::Json => foreign::json(&comparisons.to_json()?),
    });
    // Reported after the result: what cannot be kept can still be read.
    let code = code.after(printed).after(written);
    if let Some(out) = out.filter(|_| is_written) {
        output::say(&format!("\nfull report: {}/comparison.md", out.display()));
    }
    Ok(code)
}

/// The comparisons with the gravest of their exit codes and of `ended`.
pub(in crate::cli) fn gathered(runs: Vec<Run>, ended: Code) -> Comparisons {
    let codes = runs.iter().map(|run| Code(run.comparison.gate().exit_code()));
    let code = codes.fold(ended, Code::graver);
    Comparisons { exit_code: code.0, interrupted: ended == Code::INTERRUPTED, runs }
}

/// Writes the comparisons, for programs and for people.
pub(in crate::cli) fn write(comparisons: &Comparisons, out: &Path) -> anyhow::Result<()> {
    comparisons.write(&out.join(FILE))?;
    write_whole(&out.join("comparison.md"), each(comparisons, comparison::markdown).as_bytes())?;
    Ok(())
}

fn each(comparisons: &Comparisons, text: fn(&comparison::Comparison) -> String) -> String {
    let each = comparisons.runs.iter().map(|run| text(&run.comparison));
    // Last, where it stays visible: an interrupted comparison must not look complete.
    let cut = comparisons.cut_short().map(|said| said + "\n");
    each.chain(cut).collect::<Vec<String>>().join("\n")
}
