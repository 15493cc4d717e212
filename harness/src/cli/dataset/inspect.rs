//! `tracerig dataset inspect`: what a dataset contains.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tracerig_datasets::{Cache, Dataset, Manifest};
use tracerig_reports::{ByteSize, units};

use super::{Named, archive, fact, folder_name};
use crate::cli::Code;
use crate::cli::output::{self, Format, MOST_COLUMNS, one_line, padded};

pub(super) fn main(arguments: &Named) -> anyhow::Result<Code> {
    if let Some((name, manifest)) = Cache::default()?.inspect_archive(&arguments.name)? {
        archive::inspect(&manifest, &name, arguments.output.format)?;
        return Ok(Code::FINE);
    }
    let dataset = Cache::default()?.inspect(&arguments.name)?;
    match arguments.output.format {
        Format::Json => output::print_json(&dataset.manifest)?,
        Format::Table => output::show(&inspection(&dataset, arguments.output.details))?,
    }
    Ok(Code::FINE)
}

fn inspection(dataset: &Dataset, details: bool) -> String {
    let manifest = &dataset.manifest;
    let pages = manifest.pages;
    let mut text = String::new();
    let mut line = |name: &str, value: String| text += &fact(name, &value);
    line("dataset", folder_name(dataset));
    line("database", dataset.database.display().to_string());
    line("recipe", format!("{}, seed {}, scale {}", manifest.name, manifest.seed, manifest.scale));
    line("generator", format!("version {}", manifest.generator_version));
    line(
        "rows",
        format!(
            "{} of {} inserted; highest id {}",
            units::count(manifest.rows),
            units::count(manifest.inserted_rows),
            units::count(manifest.max_id.unsigned_abs())
        ),
    );
    line(
        "file",
        format!(
            "{} bytes: {} pages of {} bytes, {} free, {} of the table",
            units::count(manifest.file_bytes),
            units::count(pages.total),
            pages.page_size,
            units::count(pages.free),
            units::count(pages.logs)
        ),
    );
    line("file sha", manifest.file_digest.clone());
    line("rows sha", manifest.rows_digest.clone());
    let truth = &manifest.truth;
    line(
        "facts",
        format!(
            "{}: {} completions, {} requests, {} submissions, {} settings, {} tags",
            units::count(truth.facts()),
            truth.completions,
            truth.requests,
            truth.submissions,
            truth.settings,
            truth.tags
        ),
    );
    line(
        "turns",
        format!(
            "{} at priority; {} more were deleted by retention",
            truth.turns.len(),
            truth.pruned_turns.len()
        ),
    );
    if details {
        text.push_str(&kinds(manifest));
    } else {
        let _ = writeln!(text, "kinds      {} kinds of rows; see --details", manifest.kinds.len());
    }
    text
}

fn kinds(manifest: &Manifest) -> String {
    let mut text =
        String::from("\nrows by kind                        rows     bodies   mean body\n");
    let sorted: BTreeMap<_, _> = manifest.kinds.iter().collect();
    for (kind, count) in sorted {
        let _ = writeln!(
            text,
            "  {} {:>12} {:>10} {:>11}",
            padded(&one_line(kind, MOST_COLUMNS), 26),
            units::count(count.rows),
            ByteSize(count.body_bytes).to_string(),
            ByteSize(count.body_bytes / count.rows.max(1)).to_string()
        );
    }
    text
}
