//! What a comparison found: written, printed, and told as an exit code.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::value::RawValue;
use tracerig_reports::{Comparison, comparison, write_whole};

use crate::cli::Code;
use crate::cli::output::{self, Format};
use crate::compare::Compared;

const FILE: &str = "comparison.json";

/// The comparison of one run.
pub(super) struct Result {
    /// The name of the run.
    pub(super) name: String,
    pub(super) comparison: Comparison,
}

/// All of them, as JSON.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u64,
    exit_code: u8,
    interrupted: bool,
    runs: Vec<DocumentRun<'a>>,
}

#[derive(Serialize)]
struct DocumentRun<'a> {
    name: &'a str,
    comparison: Box<RawValue>,
}

/// Makes sure before anything is measured that results can be written after it, and overwrite none.
pub(super) fn prepare(out: &Path) -> anyhow::Result<()> {
    let file = out.join(FILE);
    if file.exists() {
        bail!("{}: a comparison is there already; choose another --out, or remove it", file.display());
    }
    std::fs::create_dir_all(out)
        .and_then(|()| tempfile::tempfile_in(out).map(drop))
        .with_context(|| format!("{}: cannot be written to; choose another --out", out.display()))
}

/// Writes every raw sample of a comparison, and the order in which they were taken.
pub(super) fn write_samples(out: &Path, compared: &Compared) -> anyhow::Result<()> {
    let folder = out.join(&compared.name);
    std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be created", folder.display()))?;
    for (name, record) in &compared.records {
        record.write(&folder.join(name).with_extension("json"))?;
    }
    let order = serde_json::to_vec(&compared.taken)?;
    write_whole(&folder.join("order.json"), &order)?;
    Ok(())
}

/// Writes and prints the comparisons. Returns the gravest of their exit codes.
pub(super) fn give(
    results: &[Result],
    interrupted: bool,
    out: Option<&Path>,
    format: Format,
) -> anyhow::Result<Code> {
    let mut code = if interrupted { Code::INTERRUPTED } else { Code::FINE };
    for result in results {
        code = code.graver(Code(result.comparison.gate().exit_code()));
    }
    let mut runs = Vec::new();
    let (mut table, mut markdown) = (String::new(), String::new());
    for Result { name, comparison } in results {
        runs.push(DocumentRun { name, comparison: RawValue::from_string(comparison::json(comparison)?)? });
        if !table.is_empty() {
            table.push('\n');
            markdown.push('\n');
        }
        table += &comparison::terminal(comparison);
        markdown += &comparison::markdown(comparison);
    }
    let document =
        Document { schema: "tracerig.comparisons", version: 1, exit_code: code.0, interrupted, runs };
    if let Some(out) = out {
        let mut text = serde_json::to_vec_pretty(&document)?;
        text.push(b'\n');
        write_whole(&out.join(FILE), &text)?;
        write_whole(&out.join("comparison.md"), markdown.as_bytes())?;
    }
    match format {
        Format::Table => output::print_verdict(&table)?,
        Format::Json => output::print_verdict(&output::json(&document)?)?,
    }
    if let Some(out) = out {
        output::say(&format!("\ncomparison and raw samples: {}", out.display()));
    }
    Ok(code)
}
